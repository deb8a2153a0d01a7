"""At which node a friend stands: the enrollment says it, and whoever asks of a sheet is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.conditions import language
from chalicelib.friends import beside, nodes, store
from chalicelib.gateways import aws, clock
from chalicelib.segments import audience
from chalicelib.segments import service as segments
from chalicelib.shared.settings import settings
from tests.scenario_world import (
    SHOP,
    Crashed,
    World,
    a_usual_world,
    enroll,
    message,
    publish,
    put_friends,
    put_sheet,
    wait,
    where,
)

AT_PAUSE = {"scenario": {"id": "welcome", "state": "active", "node": "pause"}}
AT_FIRST = {"scenario": {"id": "welcome", "state": "active", "node": "first"}}
STEPS: dict[str, Any] = {
    "start": "first",
    "nodes": {
        "first": wait("2s", "hello"),
        "hello": message("m1", "pause"),
        "pause": wait("65s", "second"),
        "second": message("m2"),
    },
}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        yield found


def stored(user: str) -> dict[str, Any]:
    """The sheet alone, as it stands in the table."""
    key = store.key(SHOP, 4, user)
    item = aws.client("dynamodb").get_item(TableName=settings().table("friends"), Key=key)["Item"]
    return store.to_sheet(item)


def at_pause(world: World) -> None:
    """u1 waits at ``pause``, u2 is in no scenario."""
    put_friends("u1", "u2")
    publish(**STEPS)
    assert enroll("u1") == [None]
    world.run(10)
    assert where("u1").node == "pause"


def test_a_step_writes_no_sheet_and_nothing_beside_it(world: World) -> None:
    """Of the way from node to node only the enrollment tells."""
    at_pause(world)
    assert stored("u1")["scenarios"]["welcome"]["node"] == "first"
    items = aws.client("dynamodb").scan(TableName=settings().table("friends"))["Items"]
    assert not [name for item in items if beside.is_beside(item) for name in item if name.startswith("s:")]


def test_every_reader_of_sheets_finds_the_node(world: World) -> None:
    """One sheet, many, a shard by the page, an export."""
    at_pause(world)
    one, many = store.load(SHOP, 4, "u1"), store.load_many(SHOP, 4, ["u1", "u2"])
    pages = [
        sheet
        for shard in range(4)
        for needs in (None, {"scenarios", nodes.need("welcome")})
        for sheets in audience.walk_shard(SHOP, shard, needs=needs)
        for sheet in sheets
    ]
    exported = [sheet for shard in range(4) for sheet in store.read_all(SHOP, shard)]
    found = [
        sheet for sheet in [one, *many.values(), *pages, *exported] if sheet and sheet["user_id"] == "u1"
    ]
    assert [sheet["scenarios"]["welcome"]["node"] for sheet in found] == ["pause"] * 5


def test_who_does_not_ask_reads_no_enrollment(world: World) -> None:
    """Only of those scenarios of which a node is asked, and nothing of a condition that names none."""
    at_pause(world)
    for asked, node in (((), "first"), (("other",), "first"), (("welcome",), "pause")):
        sheet = store.load(SHOP, 4, "u1", nodes_of=asked)
        assert sheet is not None
        assert sheet["scenarios"]["welcome"]["node"] == node
    snapshot = catalog.snapshot(SHOP)
    assert language.needs({"scenario": {"id": "welcome", "state": "active"}}, snapshot) == {"scenarios"}
    assert language.needs({"not": AT_PAUSE}, snapshot) == {"scenarios", nodes.need("welcome")}


def test_counts_and_explanations_know_the_node(world: World) -> None:
    """A condition that names one is judged by where friends stand now."""
    at_pause(world)

    for condition, friends_there in ((AT_PAUSE, 1), (AT_FIRST, 0)):
        found = segments.count(SHOP, condition, clock.now())
        assert (found.low, found.high, found.exact) == (friends_there, friends_there, True)
    for condition, expected in ((AT_PAUSE, True), (AT_FIRST, False)):
        assert segments.explain(SHOP, condition, "u1", clock.now())["matches"] is expected


def test_documents_name_nodes_wherever_their_conditions_are(world: World) -> None:
    """In a segment, in a branch that is published, in none."""
    assert language.nodes_named(catalog.snapshot(SHOP)) == frozenset()
    put_friends("u1")
    publish(**STEPS)
    assert language.nodes_named(catalog.snapshot(SHOP)) == frozenset()
    segment = {"name": "waits", "condition": {"any": [{"not": AT_PAUSE}]}}
    catalog.save(SHOP, [Write("segments", "waits", segment)], lambda _: None, "test")
    assert language.nodes_named(catalog.snapshot(SHOP)) == {"welcome"}


def test_another_scenario_branches_by_the_node(world: World) -> None:
    """Decided in earnest, by the node of that moment, before and after."""
    at_pause(world)
    program = {
        "look": {"type": "branch", "cases": [{"if": AT_PAUSE, "next": "yes"}], "else": "no"},
        "yes": message("m3", "again"),
        "again": wait("120s", "look2"),
        "look2": {"type": "branch", "cases": [{"if": AT_PAUSE, "next": "yes"}], "else": "no"},
        "no": {"type": "exit", "reason": "elsewhere"},
    }
    publish("other", start="look", nodes=program)
    assert enroll("u1", scenario="other") == [None]
    world.run(300)
    assert world.received("u1") == ["one", "three", "two"]
    assert (where("u1", "other").state, where("u1", "other").reason) == ("exited", "elsewhere")


def test_an_earlier_life_is_not_shown(world: World) -> None:
    """An enrollment of before an erasure says nothing of who came back."""
    at_pause(world)
    put_sheet("u1", erased_at="2027-01-01T00:00:00Z")
    sheet = store.load(SHOP, 4, "u1")
    assert sheet is not None
    assert sheet["scenarios"]["welcome"]["node"] == "first"


def test_who_has_moved_on_before_the_sheet_knew_is_shown_when_entering_is_tried_again(world: World) -> None:
    """Whoever enters friends dies before the sheet says so, and the friend's first step is faster."""
    put_friends("u1")
    publish(**STEPS)
    for crossing in range(1, 40):
        restore = world.keep()
        world.crossings, world.crash_at = 0, crossing
        try:
            enroll("u1")
            world.crash_at = None
            restore()
            break
        except Crashed:
            world.run(30)
            assert enroll("u1") == [None]
            sheet = store.load(get_account(SHOP).id, 4, "u1")
            assert sheet is not None
            assert sheet["scenarios"]["welcome"]["state"] == "active", crossing
            assert stored("u1")["scenarios"]["welcome"]["state"] == "active", crossing
            world.run(300)
            assert world.received("u1") == ["one", "two"], crossing
            restore()
    else:
        raise AssertionError("never without a crash")
    assert crossing > 3
