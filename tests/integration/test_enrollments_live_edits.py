"""The live-edit contract: every row of the table in docs/scenarios.md, carried out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.enrollments import service, store
from chalicelib.scenarios import edits, publishing
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from tests.scenario_world import (
    SHOP,
    START,
    World,
    a_world,
    announced,
    enroll,
    message,
    publish,
    put_friends,
    put_messages,
    put_scenario,
    put_sheet,
    put_tags,
    wait,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "scenarios.md"
MINUTE = 60


def nodes(after: str = "10m", last: str = "m2", **more: Any) -> dict[str, Any]:
    """first, then a wait at which everybody stands while the definition is edited, then second."""
    return {
        "start": "first",
        "nodes": {
            "first": message("m1", "pause"),
            "pause": wait(after, "second"),
            "second": message(last),
            **more,
        },
    }


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    """Friend u1 has the first message and waits ten minutes for the second."""
    with a_world(timers_shards=2) as found:
        put_messages(m1="one", m2="two", m3="three")
        put_tags("vip")
        put_friends("u1")
        publish(**nodes())
        enroll("u1")
        found.run(MINUTE, sweep=False)
        assert found.received("u1") == ["one"]
        yield found


def end(user: str = "u1") -> tuple[str, str | None]:
    found = store.find(SHOP, "welcome", user)
    assert found is not None
    return found.state, found.reason


def second_at(world: World) -> float:
    return world.received_at("u1")[1]


def longer(world: World) -> None:
    publish(**nodes("20m"))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one"]
    world.run(10 * MINUTE, sweep=False)
    assert abs(second_at(world) - 20 * MINUTE) <= 2


def shorter(world: World) -> None:
    publish(**nodes("5m"))
    world.run(15 * MINUTE, sweep=False)
    assert abs(second_at(world) - 10 * MINUTE) <= 2


def shorter_rearmed(world: World) -> None:
    put_scenario(**nodes("5m"))
    answer = publishing.publish(SHOP, "welcome", "test", rearm_waiting=True)
    assert answer["waiting"] == {"pause": 1}
    world.run(15 * MINUTE, sweep=False)
    assert abs(second_at(world) - 5 * MINUTE) <= 2
    assert world.received("u1") == ["one", "two"]


def other_message(world: World) -> None:
    publish(**nodes(last="m3"))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "three"]


def other_text(world: World) -> None:
    put_messages(m2="two, corrected")
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two, corrected"]


def inserted_after(world: World) -> None:
    publish(**nodes(pause=wait("10m", "between"), between=message("m3", "second")))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "three", "two"]


def inserted_before(world: World) -> None:
    publish(**nodes(first=message("m1", "between"), between=message("m3", "pause")))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two"]


def appended(world: World) -> None:
    world.run(15 * MINUTE, sweep=False)
    publish(**nodes(second=message("m2", "third"), third=message("m3")))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two"]
    assert end() == ("finished", None)


def removed(world: World) -> None:
    publish(start="first", nodes={"first": message("m1", "second"), "second": message("m2")})
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one"]
    assert end() == ("exited", "changed")


def redirected(world: World) -> None:
    publish(
        start="first",
        nodes={"first": message("m1", "second"), "second": message("m2")},
        redirects={"pause": "second"},
    )
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two"]
    assert abs(second_at(world) - 10 * MINUTE) <= 2


def redirected_to_the_end(world: World) -> None:
    publish(start="first", nodes={"first": message("m1")}, redirects={"pause": None})
    world.run(15 * MINUTE, sweep=False)
    assert end() == ("finished", None)


def wait_became_message(world: World) -> None:
    publish(**nodes(pause=message("m3", "second")))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "three", "two"]


def wait_until_a_time(world: World) -> None:
    # 06:06 UTC is 15:06 in Tokyo.
    publish(**nodes(pause={"type": "wait", "at": {"day": 0, "time": "15:30"}, "next": "second"}))
    world.run(40 * MINUTE, sweep=False)
    assert abs((world.sends[-1][0] - START.replace(minute=30, second=0)).total_seconds()) <= 2


def until_changed(world: World) -> None:
    catalog.save(SHOP, [Write("attributes", "visit", {"name": "v", "type": "date"})], lambda _: None, "test")
    put_sheet("u1", attributes={"visit": "2026-11-22"})
    until = {"attribute": "visit", "offset": "0s", "time": "15:30"}
    publish(**nodes(pause={"type": "wait", "until": until, "next": "second"}))
    world.run(40 * MINUTE, sweep=False)
    assert abs((world.sends[-1][0] - START.replace(minute=30, second=0)).total_seconds()) <= 2


def became_other(world: World) -> None:
    branch = {"type": "branch", "cases": [{"if": {"tag": "vip"}, "next": "second"}], "else": "other"}
    publish(**nodes(pause=branch, other=message("m3")))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "three"]


def branch_changed(world: World) -> None:
    branch = {"type": "branch", "cases": [{"if": {"tag": "vip"}, "next": "second"}], "else": "other"}
    more = {"pause": wait("10m", "who"), "other": message("m3")}
    publish(**nodes(**more, who={**branch, "else": "second"}))
    publish(**nodes(**more, who=branch))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "three"]


def goal_added(world: World) -> None:
    put_sheet("u1", tags={"vip": {"since": iso(START), "by": "x", "at": iso(START)}})
    publish(**nodes(), goals=[{"if": {"tag": "vip"}}])
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one"]
    assert end() == ("exited", "goal")


def re_entry_changed(world: World) -> None:
    world.run(15 * MINUTE, sweep=False)
    assert enroll("u1", cause="again") == ["already_entered"]
    publish(**nodes(), entry={"re_entry": "after_exit"})
    assert enroll("u1", cause="again") == [None]
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two", "one", "two"]


def draft_only(world: World) -> None:
    put_scenario(**nodes("1m", "m3"))
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two"]
    assert abs(second_at(world) - 10 * MINUTE) <= 2


def deleted(world: World) -> None:
    catalog.save(SHOP, [Write("scenarios", "welcome", None)], lambda _: None, "test")
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one"]
    assert end() == ("exited", "deleted")


def paused(world: World) -> None:
    publishing.pause(SHOP, "welcome", "test")
    world.run(15 * MINUTE, sweep=False)
    assert world.received("u1") == ["one"]
    publishing.resume(SHOP, "welcome", "test")
    world.run(MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two"]


def claimed(world: World) -> None:
    """The edit comes between the claim and the chunk."""
    from chalicelib.gateways import seam

    done = False

    def guard(name: str, detail: Any, call: Any) -> Any:
        nonlocal done
        answer = world.guard(name, detail, call)
        if not done and name == "dynamodb:UpdateItem" and "enrollments" in detail["TableName"]:
            done = True
            publish(**nodes(last="m3"))
        return answer

    with seam.guarded(guard):
        world.run(15 * MINUTE, sweep=False)
    assert done
    assert world.received("u1") == ["one", "two"]
    assert end() == ("finished", None)


def action_changed(world: World) -> None:
    def do(tag: str, to: str) -> dict[str, Any]:
        return {"type": "action", "then": [{"add_tag": tag}], "next": to}

    put_tags("old", "new")
    world.act_at_once = False
    publish(**nodes(pause=wait("10m", "do"), do=do("old", "second")))
    world.run(12 * MINUTE, sweep=False)
    publish(**nodes(pause=wait("10m", "do"), do=do("new", "other"), other=message("m3")))
    (asked,) = [fact for fact in world.facts.values() if fact.type == "scenario_action"]
    assert asked.props["then"] == [{"add_tag": "old"}]
    service.action_done(SHOP, "u1", asked)
    world.run(MINUTE, sweep=False)
    assert world.received("u1") == ["one", "three"]


def event_changed(world: World) -> None:
    def until(event: str) -> dict[str, Any]:
        return {"type": "wait_for", "event": event, "timeout": "1h", "next": "second", "on_timeout": None}

    publish(**nodes(pause=wait("10m", "hear"), hear=until("custom:a")))
    world.run(12 * MINUTE, sweep=False)
    happened = FriendEvent("e1", SHOP, "u1", "custom:b", iso(world.now))
    activities.put({"account": SHOP, **happened.to_message()} | {"rules": [], "changes": [], "effects": []})
    publish(**nodes(pause=wait("10m", "hear"), hear=until("custom:b")))
    world.run(70 * MINUTE, sweep=False)
    assert world.received("u1") == ["one", "two"]


def per_added(world: World) -> None:
    def for_each(cart: str | None, cause: str) -> str | None:
        entry = service.Entry(cart, {"per": "cart", "event": "", "at": iso(START), "reported": iso(START)})
        return service.enroll(SHOP, ["u1"], "welcome", world.now, cause, entry=entry)[0].why

    publish(**nodes(last="m3"), entry={"per": "cart"})
    assert [for_each(None, "c2"), for_each("a", "c3"), for_each("b", "c4")] == ["value_missing", None, None]
    world.run(5 * MINUTE, sweep=False)
    publish(**nodes(last="m3"))
    assert for_each("c", "c5") == "already_active"
    world.run(15 * MINUTE, sweep=False)
    assert sorted(world.received("u1")) == ["one", "one", "one", "three", "three", "three"]


ROWS: list[Callable[[World], None]] = [
    longer,
    shorter,
    shorter_rearmed,
    wait_until_a_time,
    until_changed,
    wait_became_message,
    became_other,
    other_message,
    other_text,
    claimed,
    inserted_after,
    inserted_before,
    appended,
    removed,
    redirected,
    redirected_to_the_end,
    branch_changed,
    goal_added,
    re_entry_changed,
    action_changed,
    event_changed,
    draft_only,
    paused,
    deleted,
    per_added,
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_live_edit(world: World, row: Callable[[World], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the table says happens, and nobody gets a step twice; a dry run before it names the row."""
    named = announced(monkeypatch)
    row(world)
    assert row.__name__ in named or row.__name__ not in edits.WHAT, named


def test_the_table_has_exactly_these_rows() -> None:
    """The published table and the tests are the same list."""
    table = DOCS.read_text(encoding="utf-8").split("## Live edits")[1]
    rows = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert [row for row in rows if not row.startswith("held_")] == [row.__name__ for row in ROWS]


def test_publishing_says_what_it_means(world: World) -> None:
    """Versions count up; who waits where, what changes for them and what nobody can reach is answered."""
    put_scenario(**nodes("20m", lonely=message("m3")))
    answer = publishing.publish(SHOP, "welcome", "test")
    assert (answer["version"], answer["waiting"]) == (2, {"pause": 1})
    assert [effect.split(" ")[0] for effect in answer["effects"]] == ["pause", "no"]
    assert publishing.funnel(SHOP, "welcome") == {
        "entered": 1,
        "active": {"pause": 1},
        "finished": 0,
        "exited": {},
    }
    world.run(timedelta(minutes=25), sweep=False)
    assert publishing.funnel(SHOP, "welcome")["finished"] == 1
