"""The live-edit contract where a message is held back: the rows ``held_…`` of docs/scenarios.md."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.scenarios import edits, publishing
from chalicelib.shared.times import iso
from tests.scenario_world import (
    SHOP,
    START,
    World,
    a_usual_world,
    announced,
    enroll,
    message,
    publish,
    put_friends,
    put_messages,
    put_scenario,
    wait,
    where,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "scenarios.md"
MINUTE = 60
HALF_PAST = START.replace(minute=30, second=0)
"""Half past three in Tokyo: the end of the quiet hours."""


def nodes(after: str = "10m", last: str = "m2", **more: Any) -> dict[str, Any]:
    """first, then a wait, then second: the message that is held back."""
    first, pause = message("m1", "pause"), wait(after, "second")
    return {"start": "first", "nodes": {"first": first, "pause": pause, "second": message(last), **more}}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    """Friend u1 has the first message; the second one, due at 15:16, waits for half past."""
    with a_usual_world() as found:
        put_friends("u1")
        quiet = {"quiet_hours": {"from": "15:10", "to": "15:30"}}
        catalog.save(SHOP, [Write("policies", "default", quiet)], lambda _: None, "test")
        publish(**nodes())
        enroll("u1")
        found.run(12 * MINUTE, sweep=False)
        assert found.received("u1") == ["one"]
        assert (where("u1").node, where("u1").due_at) == ("second", iso(HALF_PAST))
        yield found


def end() -> tuple[str, str | None]:
    return where("u1").state, where("u1").reason


def sent_after_the_hold(world: World) -> list[str]:
    world.run(30 * MINUTE, sweep=False)
    assert all(at >= HALF_PAST for at, _, text in world.sends if text != "one")
    return world.received("u1")[1:]


def held_other_message(world: World) -> None:
    publish(**nodes(last="m3"))
    assert sent_after_the_hold(world) == ["three"]


def held_other_text(world: World) -> None:
    put_messages(m2="two, corrected")
    assert sent_after_the_hold(world) == ["two, corrected"]


def held_removed(world: World) -> None:
    publish(start="first", nodes={"first": message("m1")})
    assert (sent_after_the_hold(world), end()) == ([], ("exited", "changed"))


def held_redirected(world: World) -> None:
    publish(
        start="first",
        nodes={"first": message("m1", "third"), "third": message("m3")},
        redirects={"second": "third"},
    )
    assert sent_after_the_hold(world) == ["three"]


def held_became_wait(world: World) -> None:
    publish(**nodes(second=wait("20m", "third"), third=message("m3")))
    assert sent_after_the_hold(world) == ["three"]
    assert abs(world.received_at("u1")[1] - 30 * MINUTE) <= 2


def held_late_added(world: World) -> None:
    publish(**nodes(second=message("m2", late={"max": "5m", "then": "exit"})))
    assert (sent_after_the_hold(world), end()) == ([], ("exited", "late"))


def held_rearmed(world: World) -> None:
    put_scenario(**nodes("1m"))
    publishing.publish(SHOP, "welcome", "test", rearm_waiting=True)
    assert sent_after_the_hold(world) == ["two"]


def held_paused(world: World) -> None:
    publishing.pause(SHOP, "welcome", "test")
    assert sent_after_the_hold(world) == []
    publishing.resume(SHOP, "welcome", "test")
    world.run(MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two"]


def held_deleted(world: World) -> None:
    catalog.save(SHOP, [Write("scenarios", "welcome", None)], lambda _: None, "test")
    assert (sent_after_the_hold(world), end()) == ([], ("exited", "deleted"))


ROWS: list[Callable[[World], None]] = [
    held_other_message,
    held_other_text,
    held_removed,
    held_redirected,
    held_became_wait,
    held_late_added,
    held_rearmed,
    held_paused,
    held_deleted,
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_live_edit(world: World, row: Callable[[World], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the table says happens, never before the hold ends, and once; a dry run names the row."""
    named = announced(monkeypatch)
    row(world)
    assert row.__name__ in named or row.__name__ not in edits.WHAT, named


def test_the_table_has_exactly_these_rows() -> None:
    """The published table and the tests are the same list."""
    table = DOCS.read_text(encoding="utf-8").split("## Live edits")[1]
    assert re.findall(r"^\| `(held_\w+)` \|", table, re.MULTILINE) == [row.__name__ for row in ROWS]
