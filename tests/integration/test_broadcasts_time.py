"""A broadcast larger than one invocation: every handler has time for one piece of work, and it is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts.model import Account
from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts.plans import plan, planning
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from tests.deliveries_builders import World, a_friend, an_account, forget
from tests.few_looks import FewLooks
from tests.integration.test_broadcasts_run import FRIENDS, NEWS, balances, put, world

__all__ = ["world"]


@pytest.fixture(autouse=True)
def _small_pieces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of one sheet, chunks of two or three recipients, parts of two: and no time for more than one."""
    monkeypatch.setattr(planning, "SLICE_SHEETS", 1)
    monkeypatch.setattr(plan, "PUSH_MAX", 2)
    monkeypatch.setattr(plan, "MULTICAST_MAX", 3)
    monkeypatch.setattr(plan, "PART_RECIPIENTS", 2)
    world.context = lambda: FewLooks(0)


def chunks(run: str, account: str = "shop") -> dict[str, list[str]]:
    """The recipients of each chunk of a run."""
    names = deliveries.chunk_names(account, run)
    found = {name: deliveries.read_manifest(account, run, name) for name in names}
    return {name: manifest["recipients"] for name, manifest in sorted(found.items()) if manifest}


@pytest.mark.parametrize(("message", "size"), [("news", 3), ("dear", 2)])
def test_it_is_carried_on_to_its_end(world: World, message: str, size: int) -> None:
    """Shards are judged slice by slice and packed chunk by chunk, each by another invocation; the chunks are
    as few as there can be, and the numbers balance after every message.
    """
    put(message=message)
    seen: list[dict[str, Any]] = []
    deliver = world.deliver
    world.deliver = lambda queue, body: (seen.append(body), deliver(queue, body))  # type: ignore[method-assign, func-returns-value]
    world.after_each = lambda: balances(world)
    run = broadcasts.send("shop", "b", "test")["run"]
    world.run(until=timedelta(minutes=3))
    found = broadcasts.get("shop", "b")
    assert (found["status"], found["progress"]["accepted"]) == ("done", len(FRIENDS))
    assert world.line.got == dict.fromkeys(FRIENDS, 1)
    cut = chunks(run)
    assert [len(users) for users in cut.values()] == [size] * (len(FRIENDS) // size) + [1]
    assert len([body for body in seen if "since" in body]) >= len(FRIENDS) - 2
    assert len([body for body in seen if "part" in body]) > 2
    for user in FRIENDS:
        assert broadcasts.why("shop", "b", user)["outcome"]["chunk"] in cut


def test_caps_are_reserved_once_for_each(world: World) -> None:
    """Whoever goes on with a shard goes on with its caps: one place each, and nobody without."""
    an_account(Account("shop", "Shop", "Asia/Tokyo", 2), policies=CAPS)
    for name in ("b", "c"):
        put(name)
        broadcasts.send("shop", name, "test")
        world.run(until=timedelta(minutes=3))
    assert broadcasts.get("shop", "b")["progress"]["accepted"] == len(FRIENDS)
    assert broadcasts.get("shop", "c")["progress"]["skipped"] == {"cap": len(FRIENDS)}
    for user in FRIENDS:
        sheet = friends.load("shop", 2, user) or {}
        assert sum(len(value) for name, value in sheet.items() if name.startswith("cap_")) == 1


CAPS = {"caps": [{"category": "marketing", "max": 1, "per": "month"}]}


@pytest.mark.parametrize("part", range(3))
def test_a_crash_anywhere_sends_to_everybody_once(world: World, part: int) -> None:
    """With no time for more than one piece, the process dies before every tenth change as well."""
    small = Account("small", "Small", "Asia/Tokyo", 2)
    an_account(small)
    for user in FRIENDS[:4]:
        a_friend(user, small)
    number, crossings = part * 3 + 6, 1_000
    while number < crossings:
        number += 10
        forget("broadcasts", "ledger")
        name = f"b{number}"
        world.line.got.clear()
        broadcasts.put("small", name, {**NEWS, "message": "dear"}, None, "test")
        before = world.crossings
        broadcasts.send("small", name, "test")
        world.crash_at = max(before + number, world.crossings + 1)
        world.run(until=timedelta(minutes=40))
        if world.crossings < world.crash_at:
            crossings = 0  # it was through before it could die
        world.crash_at = None
        found = broadcasts.get("small", name)
        assert (found["status"], found["progress"]["accepted"]) == ("done", 4), number
        assert world.line.got == dict.fromkeys(FRIENDS[:4], 1), number
        world.machines.clear()
        world.agenda.clear()
    assert number > 40
