"""Whoever was erased stays erased: nothing from before comes back, in whatever order things happen."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.catalog import service as catalog
from chalicelib.conversations import contents
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store
from chalicelib.gateways import aws, queues
from chalicelib.jobs import service as jobs
from chalicelib.jobs.kinds import JOBS
from chalicelib.privacy import erasure
from chalicelib.reaction import service
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from chalicelib.transfers import imports
from tests.conftest import drain
from tests.laptop import both_stores, laptop_store
from tests.reaction_builders import NOW, a_rule, an_event
from tests.reaction_world import Crash, World, author, batch, friend, world

__all__ = ["both_stores", "laptop_store", "world"]

SECRET = "山田秘密子9871"
KEEPS = a_rule(then=[{"set_attribute": {"attribute": "memo", "value": "{{ event.text }}"}}])


def everything() -> str:
    """Every item of every table that names friends, as text."""
    tables = ["friends", "activities", "ledger", "metrics", "broadcasts", "enrollments", "timers"]
    items = [aws.client("dynamodb").scan(TableName=settings().table(name))["Items"] for name in tables]
    return json.dumps(items, ensure_ascii=False, default=str)


def erase(world: World, minutes: float = 10) -> None:
    """The friend is erased so many minutes after the beginning."""
    world.now = NOW + timedelta(minutes=minutes)
    assert erasure.erase(get_account("shop"), "U1", iso(world.now))


def times() -> list[str]:
    """The names of the events on the timeline, the newest first."""
    return [one["event_id"] for one in activities.recent("shop", "U1", 50)[0]]


@pytest.mark.parametrize("minutes", [1, 10])
@pytest.mark.parametrize("kind", ["messaged", "unknown:memory", "custom:reported"])
def test_what_happened_before_an_erasure_is_nobodys(world: World, minutes: float, kind: str) -> None:
    """Redriven from the dead letters after the friend came back: dropped, and so is a later failure of it."""
    author({"keeps": KEEPS})
    batch(an_event("followed", id="f1"))
    old = an_event(kind, id="dead", minutes=minutes, text=SECRET)
    erase(world)
    service.react(old)
    assert times() == []
    batch(an_event("followed", id="f2", minutes=20))
    before = friend()
    assert before["erased_at"] == iso(world.now)
    service.react(old)
    service.give_up(old, "poison")
    assert SECRET not in everything()
    assert times() == ["f2"]
    assert friend() == before
    service.react(an_event(id="new", minutes=21, text="あたらしい"))
    assert friend()["attributes"] == {"memo": "あたらしい"}


def test_an_import_from_before_an_erasure_does_not_bring_it_back(world: World) -> None:
    """Its rows are refused for a friend who came back since."""
    author({})
    batch(an_event("followed", id="f1"))
    params = {"header": ["user_id", "attribute.memo"], "fire": False}
    jobs.create("shop", "import", by="t", total=1, chunks=1, params=params, job_id="j1")
    erase(world)
    batch(an_event("followed", id="f2", minutes=20))
    imports.apply_rows({"account": "shop", "id": "j1", "chunk": "1", "rows": [[2, ["U1", SECRET]]]})
    assert SECRET not in everything()
    assert friend()["attributes"] == {}


SAYS = a_rule(then=[{"send": {"message": "secret"}}], match={"text": "x"})


def cut_off(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reaction has sent something of the friend's own and dies before its activity stands."""
    author({"says": SAYS})
    message = {"type": "text", "text": "{{ attribute.memo }}さん"}
    body = {"name": "secret", "category": "transactional", "messages": [message]}
    catalog.save("shop", [catalog.Write("messages", "secret", body)], lambda _: None, "t")
    batch(an_event("followed", id="f1"))
    store.update_paths("shop", 64, "U1", [(("attributes", "memo"), SECRET)])
    with monkeypatch.context() as cut:
        cut.setattr(activities, "replace_failed", lambda _: (_ for _ in ()).throw(RuntimeError("cut off")))
        with pytest.raises(RuntimeError):
            service.react(an_event(id="e5", minutes=1, text="x"))
    for body in drain("sends"):
        deliveries.send_now(body["account"], body["run"], body["chunk"])
    drain("bulk")


def later(world: World) -> None:
    """The jobs that an erasure leaves, once five minutes have passed."""
    for _ in range(3):
        for job in drain("bulk"):
            JOBS[job["job"]].run(job, 1)


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("cut_at", ["_hand_over", "sweep", "queues"])
def test_an_erasure_that_is_cut_off_is_finished(
    world: World, monkeypatch: pytest.MonkeyPatch, cut_at: str, back: bool
) -> None:
    """Killed after the tombstone: the job (or whoever asks again) forgets what was being said."""
    cut_off(world, monkeypatch)
    contents.announce("shop", "U1", "m-picture", "image")
    jobs_: list[dict[str, Any]] = []

    def dies(*_: Any, **__: Any) -> None:
        raise Crash

    world.now = NOW + timedelta(minutes=10)
    with monkeypatch.context() as cut:
        cut.setattr(queues, "send", lambda _queue, body, delay_s=0: jobs_.append(body))
        if cut_at == "queues":
            cut.setattr(queues, "send", dies)
        else:
            cut.setattr(erasure, cut_at, dies)
        with pytest.raises(Crash):
            erasure.erase(get_account("shop"), "U1", iso(world.now))
    assert SECRET in everything()
    if back:
        batch(an_event("followed", id="f2", minutes=20))
    if cut_at == "queues":
        cut_at = "asked again"
        erase(world, 30)
    for job in jobs_:
        JOBS[job["job"]].run(job, 1)
    later(world)
    assert SECRET not in everything()
    assert "handing_over" not in friend()
    assert times() == (["f2"] if back and cut_at != "asked again" else [])
    assert contents.everything("shop", "U1") == []


def test_who_came_back_keeps_what_is_new(world: World) -> None:
    """The second look takes neither the line nor the picture from after the erasure; an old one is gone."""
    author({})
    batch(an_event("followed", id="f1"))
    contents.announce("shop", "U1", "m-old", "image")
    erase(world)
    world.now = NOW + timedelta(minutes=20)
    batch(an_event("followed", id="f2", minutes=20))
    contents.announce("shop", "U1", "m-new", "image")
    erasure.finish(get_account("shop"), "U1")
    assert times() == ["f2"]
    assert [record["message_id"] for record in contents.everything("shop", "U1")] == ["m-new"]
    assert contents.fetch("shop", "U1", "m-old", "image")
    assert [record["message_id"] for record in contents.everything("shop", "U1")] == ["m-new"]
