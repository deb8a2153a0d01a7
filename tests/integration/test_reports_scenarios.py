"""The report of a scenario: what was sent and passed at each node, who left and why, how long it took."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from chalicelib.accounts import friend_tokens
from chalicelib.deliveries import chunk_counts
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.model import Status
from chalicelib.gateways import aws
from chalicelib.jobs.kinds import JOBS
from chalicelib.links import service as links
from chalicelib.reaction import service as reaction
from chalicelib.reports.delivered.outcomes import NUMBERS
from chalicelib.reports.lines import Line
from chalicelib.reports.numbers import Lines
from chalicelib.reports.periods import Span
from chalicelib.reports.scenarios import fold
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from tests import scenario_world as w
from tests.api_client import Api, an_api
from tests.integration.test_reaction_held import put

A = "/v1/accounts/shop/reports"
USERS = [f"U{n}" for n in range(10)]
CAME = (*NUMBERS, "click_rate")


@pytest.fixture
def world(cloud: None) -> Iterator[w.World]:
    """Ten friends of a scenario of two messages: three reach its goal between them, one blocks, two have no
    name, which the second message asks for.
    """
    with w.a_usual_world() as world:
        handle = world.handle

        def with_receipts(queue: str, body: dict[str, Any], received: int = 1) -> None:
            if queue == "bulk" and body["job"] == "receipts":
                deliveries.write_receipts(body["account"], body["run"], body["chunk"])
            handle(queue, body, received)

        with patch.object(world, "handle", with_receipts):
            play(world)
        yield world


def play(world: w.World) -> None:
    w.put_friends(*USERS[:8], display_name="花子")
    w.put_friends(*USERS[8:])
    nodes = {
        "first": w.message("m1", "pause"),
        "pause": w.wait("65s", "second"),
        "second": w.message("hello"),
    }
    w.publish(start="first", goals=[{"if": {"tag": "bought"}}], nodes=nodes)
    w.enroll(*USERS)
    world.run(30)
    for user in USERS[:3]:
        w.put_sheet(user, tags={"bought": {"since": iso(world.now), "by": "x", "at": iso(world.now)}})
    w.put_sheet("U3", status="blocked")
    world.run(300)
    for event in list(world.facts.values()):
        reaction.react(event)


def report(api: Api, **query: str) -> dict[str, Any]:
    found: dict[str, Any] = api.ok("GET", f"{A}/scenarios/welcome?{'&'.join(map('='.join, query.items()))}")
    return found | {"as_of": ""}


def test_each_node_and_the_whole(world: w.World) -> None:
    """The numbers are those of the story; the people behind them its friends; other days have none."""
    api = an_api()
    found = report(api)
    first, pause, second = found["items"]
    assert {name: value for name, value in first.items() if name not in CAME} | {"exited": 0} == {
        "row": "scenario:welcome:first",
        "node": "first",
        "type": "message",
        "entered": 10,
        "waiting": 0,
        "sent": 10,
        "unknown": 0,
        "skipped": {},
        "failed": {},
        "exited": 0,
    }
    assert (pause["entered"], pause["waiting"], pause["sent"]) == (None, 0, 0)
    assert (second["entered"], second["sent"], sum(second["skipped"].values())) == (6, 4, 2)
    total = found["total"]
    assert (total["entered"], total["finished"], total["goal_rate"]) == (10, 6, 0.3)
    assert total["exited"] == {"blocked": 1, "goal": 3}
    assert 60 <= total["median_s"] <= 75
    for number, users in {"goal": USERS[:3], "exited": USERS[:4], "finished": USERS[4:]}.items():
        asked = f"{A}/people?report=scenarios&row=welcome&number={number}"
        assert sorted(one["user_id"] for one in api.ok("GET", asked)["items"]) == sorted(users)
    assert report(api, **{"from": "2026-10-01", "to": "2026-10-31"})["total"]["entered"] == 0
    api.refused(404, "GET", f"{A}/scenarios/nobody")


def test_a_scenario_among_deliveries(world: w.World) -> None:
    """By step, by scenario and by day: the same messages."""
    api = an_api()
    steps = api.ok("GET", f"{A}/deliveries?kind=scenario&group_by=step")
    assert [(row["step"], row["planned"], row["accepted"]) for row in steps["items"]] == [
        ("first", 10, 10),
        ("second", 4, 4),
    ]
    assert (steps["items"][0]["clicks"], steps["total"]["cost_yen"]) == (0, 42)
    people = f"{A}/people?report=deliveries&group_by=step&kind=scenario&row=scenario:welcome"
    for step, number, limit, who in (
        ("first", "accepted", 3, USERS),
        ("first", "accepted", 5, USERS),
        ("second", "planned", 3, USERS[4:8]),
        ("x", "accepted", 3, []),
    ):
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = api.ok("GET", f"{people}:{step}&number={number}&limit={limit}&cursor={cursor}")
            found, cursor = found + [one["user_id"] for one in page["items"]], page["next_cursor"]
        assert sorted(found) == sorted(who)
    for group in ("day", "delivery"):
        [row] = api.ok("GET", f"{A}/deliveries?group_by={group}")["items"]
        assert (row["accepted"], row["clicks"], row["blocked_after"]) == (14, 0, 0)
    assert (row["row"], row["kind"]) == ("scenario:welcome", "scenario")
    assert api.ok("GET", f"{A}/deliveries?kind=broadcast")["items"] == []
    assert api.paths(400, "GET", f"{A}/deliveries?kind=letter") == ["kind"]


def test_what_came_of_each_step(cloud: None) -> None:
    """The same link in two steps, opened at once one after the other: each click and order is its step's."""
    with w.a_usual_world() as world:
        put("links", "spring", {"name": "spring", "url": "https://shop.example/spring"})
        w.put_messages(m1='one {{ link("spring") }}', m2='two {{ link("spring") }}')
        w.put_friends("U1", "U2", "U3")
        w.publish(**w.TWO_STEPS)
        w.enroll("U1", "U2", "U3")
        world.run(300)
        tokens = {(user, text.split()[0]): text.partition("?t=")[2] for _, user, text in world.sends}
        opened = [("U1", "one"), ("U1", "two"), ("U2", "one"), ("U1", "two")]
        for n, key in enumerate(opened):
            token = friend_tokens.read("shop", tokens[key])
            assert token is not None
            at = iso(world.now + timedelta(seconds=n * 4))
            reaction.react(links.clicked("shop", "spring", token, at))
        at = iso(world.now + timedelta(seconds=60))
        for user, amount in (("U1", 300), ("U2", 500), ("U3", 700)):
            props = {"order_id": f"o-{user}", "amount": amount}
            reaction.react(FriendEvent(f"order:{user}", "shop", user, "purchased", at, props=props))
        api = an_api()
        first, _, second = report(api)["items"]
        numbers = ("clicks", "clickers", "conversions", "converters", "revenue")
        assert [first[name] for name in numbers] == [2, 2, 1, 1, 500]
        assert [second[name] for name in numbers] == [1, 1, 1, 1, 300]
        assert [report(api)["total"][name] for name in numbers] == [3, 2, 2, 2, 800]
        steps = api.ok("GET", f"{A}/deliveries?group_by=step")["items"]
        assert [(row["step"], row["clickers"], row["revenue"]) for row in steps] == [
            ("first", 2, 500),
            ("second", 1, 300),
        ]
        people = f"{A}/people?report=deliveries&group_by=step&row={first['row']}&number=clickers"
        assert [one["user_id"] for one in api.ok("GET", people)["items"]] == ["U1", "U2"]


def test_a_rebuild_comes_to_the_same(world: w.World) -> None:
    """What was sent is counted from the ledger again, chunk by chunk."""
    api = an_api()
    before = report(api)
    for table, part in (("ledger", "#counts#"), ("metrics", "#reports#")):
        name = settings().table(table)
        for item in aws.client("dynamodb").scan(TableName=name)["Items"]:
            if part in item["pk"]["S"]:
                key = {"pk": item["pk"], "sk": item["sk"]}
                aws.client("dynamodb").delete_item(TableName=name, Key=key)
    assert report(api)["total"]["entered"] == report(api)["total"]["sent"] == 0
    job = api.ok("POST", f"{A}/rebuild")["job_id"]
    for shard in range(4):
        JOBS["rebuild_reports"].run({"account": "shop", "id": job, "shard": shard}, 1)
    assert report(api) == before


def test_an_older_look_at_a_chunk_changes_nothing(cloud: None) -> None:
    """Whoever read when more was pending keeps nothing over what was read later."""
    manifest = {
        "account": "shop",
        "run": "r",
        "chunk": "c",
        "at": "2026-11-22T00:00:00.000Z",
        "cause": {"scenario": "s", "node": "n"},
    }
    for chars in ("..", "a.", "aa", "a.", ".."):
        chunk_counts.keep(manifest, Status("c", "push", 2, chars=chars))
    [found] = chunk_counts.between("shop", "s", "2026", "2027")
    assert (found.node, found.numbers) == ("n", {"accepted": 2})


def test_runs_for_several_values_take_their_own_time() -> None:
    """Of a friend who is in a scenario twice at once, each end belongs to its own beginning."""
    rows = [("entered", "a", 0), ("entered", "b", 10), ("finished", "b", 30), ("exited", "a", 50)]
    lines = [
        Line(
            f"2026-11-22T00:00:{at:02}.000Z", "U1", f"{kind}{value}", kind, {"scenario": "s", "value": value}
        )
        for kind, value, at in rows
    ]
    day = date(2026, 11, 22)
    span = Span(day, day, ZoneInfo("Asia/Tokyo"))
    took = [entry.amount for entry in fold(span)(Lines(lines)) if entry.number == "took"]
    assert took == [20, 50]
