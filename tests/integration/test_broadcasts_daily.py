"""Daily handling of broadcasts: whole messages, once more, the rest, months, the calendar, what overlaps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.broadcasts import documents, listing
from chalicelib.broadcasts import service as broadcasts
from chalicelib.gateways import line
from chalicelib.shared.errors import Conflict, InvalidInput, RuleViolation
from chalicelib.shared.times import iso
from tests.deliveries_builders import FEW, World, a_friend, a_world

EVERYBODY: dict[str, Any] = {"name": "お知らせ", "audience": {"everyone": True}}
TEXT = [{"type": "text", "text": "今日だけ"}]
LATER = timedelta(minutes=15)


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world("U1", "U2", account=FEW) as found:
        yield found


def put(name: str, **fields: Any) -> None:
    broadcasts.put("shop", name, {**EVERYBODY, **fields}, None, "test")


def send(world: World, name: str, **asked: Any) -> dict[str, Any]:
    broadcasts.send("shop", name, "test", documents.Send(**asked))
    world.run(until=timedelta(minutes=1))
    return broadcasts.get("shop", name)


def test_a_whole_message(world: World) -> None:
    """Checked like a message document, sent, and tested; with its own category and topic."""
    put("b", messages=TEXT, category="transactional")
    assert broadcasts.preview("shop", "b")["samples"][0]["messages"] == TEXT
    assert send(world, "b")["progress"]["accepted"] == 2
    assert world.line.messages["U1"] == TEXT
    for wrong in (
        {"messages": TEXT, "message": "news"},
        {},
        {"message": "news", "category": "marketing"},
        {"messages": [{"type": "text", "text": ""}]},
    ):
        with pytest.raises(InvalidInput):
            put("c", **wrong)
    for wrong in (
        {"messages": TEXT, "topic": "none"},
        {"messages": [{"type": "text", "text": "{{ attribute.x }}"}]},
    ):
        with pytest.raises(RuleViolation):
            put("c", **wrong)


def test_once_more_and_to_the_rest(world: World) -> None:
    """What was sent is sent anew only when somebody says so: to everybody, or to those whom a run missed."""
    refused = line.Answer(400, "bad", details=[{"message": "bad", "property": "to[1]"}])
    world.line.fault = lambda kind, body, n: refused if n == 1 else None
    put("b", message="news")
    first = send(world, "b")
    assert (first["progress"]["accepted"], first["progress"]["skipped"]) == (1, {"invalid_recipient": 1})
    with pytest.raises(Conflict):
        broadcasts.send("shop", "b", "test")
    world.now += LATER
    a_friend("U3", FEW)
    with pytest.raises(RuleViolation):
        send(world, "b", again=True, rest_of="nothing")
    rest = send(world, "b", again=True, rest_of=first["run"])
    assert (rest["run"] != first["run"], rest["progress"]["planned"]) == (True, 2)
    assert sorted(world.line.got.values()) == [1, 1, 1]
    world.now += LATER
    assert send(world, "b", again=True)["progress"]["accepted"] == 3
    assert len(broadcasts.runs("shop", "b", 10, None)[0]) == 3


def test_the_calendar(world: World) -> None:
    """Runs, what is scheduled, and each occurrence to come, in the order of their time."""
    put("a", message="news")
    send(world, "a")
    put("b", message="other")
    broadcasts.set_schedule("shop", "b", documents.Schedule(at=world.now + timedelta(hours=2)), "test")
    put("c", message="dear")
    every = documents.Every(time="09:00", days_of_month=[21, 22, 23])
    broadcasts.set_schedule("shop", "c", documents.Schedule(every=every), "test")
    end = world.now + timedelta(days=3)
    found = listing.calendar("shop", world.now - timedelta(hours=1), end)
    assert [(one["broadcast"], one["kind"]) for one in found["items"]] == [
        ("a", "run"),
        ("b", "scheduled"),
        *[("c", "recurring")] * 3,
    ]
    assert found["cut"] is False
    with pytest.raises(InvalidInput):
        listing.calendar("shop", world.now, world.now + timedelta(days=93))
    month = listing.calendar("shop", world.now - timedelta(hours=1), None)
    assert month["items"][:5] == found["items"]


def test_what_overlaps_within_a_day(world: World) -> None:
    """The preview says how many of its friends just got something, and who else will tell them."""
    world.receipts = True
    a_friend("U3", FEW, tags=["vip"])
    put("a", message="news", audience={"not": {"tag": "vip"}})
    send(world, "a")
    put("b", message="other", audience={"tag": "vip"})
    at = world.now + timedelta(hours=2)
    broadcasts.set_schedule("shop", "b", documents.Schedule(at=at), "test")
    put("c", message="dear")
    scheduled = [{"broadcast": "b", "at": iso(at.astimezone(UTC)), "friends": 1}]
    assert broadcasts.preview("shop", "c")["overlap"] == {"received": 2, "scheduled": scheduled}
    assert isinstance(at, datetime)
