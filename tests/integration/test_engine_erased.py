"""Whoever was erased stays erased: nothing from before comes back, in whatever order things happen."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.engine import service
from chalicelib.friends import activities, erasing, imports, jobs
from chalicelib.gateways import aws
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from tests.engine_builders import NOW, a_rule, an_event
from tests.integration.test_engine_react import World, author, batch, friend, world

__all__ = ["world"]

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
    assert erasing.erase(get_account("shop"), "U1", iso(world.now))


def times() -> list[str]:
    """The names of the events on the timeline, the newest first."""
    return [one["event_id"] for one in activities.recent("shop", "U1", 50)[0]]


@pytest.mark.parametrize("minutes", [1, 10])
@pytest.mark.parametrize("kind", ["messaged", "unknown:memory", "custom:told"])
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
