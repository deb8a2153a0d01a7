"""Node by node: who passed and by which way, who left, how long they stayed, and how a split's arms did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.enrollments import service
from chalicelib.enrollments.model import Enrollment, Position, passed_by
from chalicelib.enrollments.standing.passing import Passing
from chalicelib.gateways import queues
from chalicelib.scenarios import publishing
from chalicelib.segments import by_shard
from chalicelib.shared.times import iso
from tests.api_client import an_api
from tests.integration.test_enrollments_many import no_time, work_off
from tests.scenario_world import (
    SHOP,
    START,
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

USERS = [f"u{n}" for n in range(12)]
HOUR = timedelta(hours=1)
VIP = {"vip": {"since": iso(START), "by": "x", "at": iso(START)}}
DEFINITION: dict[str, Any] = {
    "start": "first",
    "goals": [{"if": {"tag": "bought"}}],
    "nodes": {
        "first": message("m1", "pause"),
        "pause": wait("1h", "who"),
        "who": {"type": "branch", "cases": [{"if": {"tag": "vip"}, "next": "test"}], "else": "out"},
        "out": {"type": "exit", "reason": "no_vip"},
        "test": {"type": "split", "arms": [{"weight": 1, "next": "a"}, {"weight": 1, "next": "b"}]},
        "a": message("m2", "later"),
        "b": message("m3", "later"),
        "later": {"type": "wait_for", "event": "messaged", "timeout": "2h", "on_timeout": "last"},
        "last": message("m1"),
    },
}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        put_friends(*USERS[:2])
        put_friends(*USERS[2:], tags=VIP)
        publish(**DEFINITION)
        enroll(*USERS)
        found.run(HOUR + timedelta(minutes=1), sweep=False)
        yield found


def nodes() -> dict[str, Any]:
    answer = an_api().ok("GET", f"/v1/accounts/{SHOP}/scenarios/welcome/funnel?nodes=true")
    assert [one["node"] for one in answer["nodes"]] == list(DEFINITION["nodes"])
    return {**answer, "nodes": {one["node"]: one for one in answer["nodes"]}}


def test_passed_left_and_time_between(world: World) -> None:
    """Each node with its ways and the median of the time that was spent there."""
    answer = nodes()
    assert (answer["entered"], answer["active"]) == (12, {"later": 10})
    rows = answer["nodes"]
    assert rows["first"]["ways"] == {"next": 12}
    assert (rows["pause"]["passed"], rows["pause"]["median_s"]) == (12, 3600)
    assert rows["who"]["ways"] == {"case 1": 10, "else": 2}
    assert (rows["out"]["passed"], rows["out"]["left"]) == (0, 2)
    assert sum(rows["test"]["ways"].values()) == 10
    assert rows["a"]["passed"] + rows["b"]["passed"] == rows["later"]["waiting"] == 10
    assert (rows["later"]["passed"], rows["later"]["median_s"]) == (0, None)


def test_arms_are_compared_by_who_came_to_the_goal(world: World) -> None:
    """Everybody of one arm buys, nobody of the other: the shares, their intervals, and how sure it is."""
    of_arm = {user: where(user).passed[-2].rsplit(":", 1)[1] for user in USERS[2:]}
    for user, arm in of_arm.items():
        if arm == "arm 2":
            put_sheet(user, tags={**VIP, "bought": VIP["vip"]})
    world.run(3 * HOUR, sweep=False)
    answer = nodes()
    first, second = answer["splits"]["test"]
    counts = [list(of_arm.values()).count(arm) for arm in ("arm 1", "arm 2")]
    assert [first["runs"], second["runs"]] == counts
    assert ([first["rate"], second["rate"]], second["successes"]) == ([0.0, 1.0], counts[1])
    assert (first["p"], second["lift"], second["significant"]) == (None, None, True)
    assert 0 < second["p"] < 0.05
    assert first["low"] == 0.0 < first["high"] < second["low"] < second["high"] == 1.0
    row = answer["nodes"]["later"]
    assert (row["ways"], row["left"], row["median_s"]) == ({"timeout": 10}, 0, 7200)
    last = answer["nodes"]["last"]
    assert (answer["finished"], last["passed"], last["left"]) == (counts[0], counts[0], counts[1])


def test_several_arms_share_the_chance_of_an_error() -> None:
    """Two comparisons have half of the five percent each; a p of 3 % is not enough then."""
    counts = {"ended#s#arm 1#goal": 30, "ended#s#arm 1#other": 70}
    counts |= {"ended#s#arm 2#goal": 45, "ended#s#arm 2#active": 55}
    two = Passing(counts).split("s", ["goal"])[1]
    third = {"ended#s#arm 3#goal": 30, "ended#s#arm 3#finished": 70}
    three = Passing(counts | third).split("s", ["goal"])
    assert (two["p"], two["significant"], two["lift"]) == (0.02846, True, 0.5)
    assert [one["significant"] for one in three] == [None, False, False]


def test_each_value_s_run_is_counted(world: World) -> None:
    """Of a scenario that runs for each cart, each run; who enters anew begins with nothing passed."""
    publish("carts", entry={"per": "cart", "re_entry": "restart"}, start="p", nodes={"p": wait("1h", None)})
    for cart in ("a", "b"):
        entry = service.Entry(cart, {"per": "cart", "event": "", "at": "", "reported": ""})
        service.enroll(SHOP, ["u0"], "carts", world.now, cart, entry=entry)
    world.run(2 * HOUR, sweep=False)
    assert publishing.passing_by_node(SHOP, "carts")["nodes"][0]["passed"] == 2
    entry = service.Entry("b", {"per": "cart", "event": "", "at": "", "reported": ""})
    service.enroll(SHOP, ["u0"], "carts", world.now, "again", entry=entry)
    (row,) = publishing.passing_by_node(SHOP, "carts")["nodes"]
    assert (row["passed"], row["waiting"]) == (1, 1)


def test_more_than_fit_are_estimated_and_counted_by_a_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once from some of the shards, then exactly."""
    exact = publishing.passing_by_node(SHOP, "welcome")
    monkeypatch.setattr(by_shard, "within", no_time)
    monkeypatch.setattr(by_shard, "_THREADS", 1)
    first = publishing.passing_by_node(SHOP, "welcome")
    assert (first["exact"], isinstance(first["job_id"], str)) == (False, True)
    work_off(world)
    assert publishing.passing_by_node(SHOP, "welcome") == exact


def queued(world: World) -> list[Any]:
    return [entry for entry in world.queue if entry[2] == "bulk"]


def test_a_count_whose_asker_died_is_begun_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the job and its messages; once they are queued nobody queues them again."""
    exact = publishing.passing_by_node(SHOP, "welcome")
    monkeypatch.setattr(by_shard, "within", no_time)
    monkeypatch.setattr(by_shard, "_THREADS", 1)

    def dies(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), patch.object(queues, "send_all", dies):
        publishing.passing_by_node(SHOP, "welcome")
    assert not publishing.passing_by_node(SHOP, "welcome")["exact"]
    assert not queued(world)
    monkeypatch.setattr(by_shard, "_BEGUN_WITHIN", timedelta(seconds=-1))
    publishing.passing_by_node(SHOP, "welcome")
    publishing.passing_by_node(SHOP, "welcome")
    assert len(queued(world)) == get_account(SHOP).shards
    work_off(world)
    assert publishing.passing_by_node(SHOP, "welcome") == exact


def test_a_run_remembers_each_node_once_and_no_more_than_a_hundred() -> None:
    """Going round and round takes no room without end."""
    item = Enrollment(SHOP, "u", "s", "active", 1, 1, "n0", iso(START), iso(START))
    for n in range(150):
        position = Position("active", f"n{n + 1}", passed=((f"n{n}", "next"), ("round", "else")))
        passed = passed_by(item, position, iso(START + timedelta(seconds=5)))
        item = Enrollment(SHOP, "u", "s", "active", 1, n, f"n{n + 1}", iso(START), iso(START), passed=passed)
    assert len(item.passed) == 100
    assert item.passed[-2:] == ["n149:5", "round:0:else"]
    assert sum(line.startswith("round") for line in item.passed) == 1
