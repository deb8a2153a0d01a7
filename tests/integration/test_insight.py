"""LINE's own numbers: counted under one name for each run and variant, asked for later, shown in reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.broadcasts.insight import store
from chalicelib.local.line.targeting import persons
from tests.integration.test_narrowcasts import HELLO, fill, go
from tests.line_world import BASE, LineWorld, a_line_world, user

EVERYBODY: dict[str, Any] = {"name": "b", "audience": {"tag": "vip"}, "messages": HELLO}
REPORT = f"{BASE}/reports/deliveries?from=2026-11-20&to=2026-11-30&group_by=delivery"


@pytest.fixture
def world(cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LineWorld]:
    with a_line_world(tmp_path, monkeypatch) as found:
        fill(found, 60)
        yield found


def days_pass(world: LineWorld, days: int) -> None:
    world.now += timedelta(days=days)
    world.pass_time(timedelta(minutes=30))


def line_of(world: LineWorld, name: str = "b") -> dict[str, Any]:
    items = world.api.ok("GET", REPORT)["items"]
    (row,) = [item for item in items if item["delivery"] == name]
    found: dict[str, Any] = row["line"]
    return found


def units(world: LineWorld) -> list[Any]:
    import orjson

    rows = world.sim.store.all("SELECT body FROM sends WHERE kind = 'multicast' ORDER BY seq")
    return [orjson.loads(row["body"]).get("customAggregationUnits") for row in rows]


def test_line_s_numbers_come_into_the_report(world: LineWorld) -> None:
    """Nothing until LINE has counted; then who looked, and null for what is below twenty."""
    world.sim_request("PUT", "faults", {"insight": {"status": 429, "count": 1}})
    assert go(world, EVERYBODY, "b")["status"] == "done"
    ((unit,),) = units(world)
    assert line_of(world) == {"impressions": None, "media_plays": None, "clicks": None}
    days_pass(world, 1)
    assert line_of(world)["impressions"] is None, "LINE had told its sixty"
    world.pass_time(timedelta(hours=2))
    seen = sum(persons.has_seen(user(n), unit) for n in range(60))
    assert seen >= 20
    assert line_of(world) == {"impressions": seen, "media_plays": None, "clicks": None}
    days_pass(world, 3)
    days_pass(world, 14)
    assert 4 <= world.line_calls.count("line:insight_unit") <= 6, "what comes twice asks twice"


def test_a_narrowcast_is_asked_about_by_its_request(world: LineWorld) -> None:
    """LINE knows it without a unit."""
    narrow = {"name": "n", "narrowcast": {"recipient": {"segment": "vips"}}, "messages": HELLO}
    request = go(world, narrow)["line"]["request_id"]
    days_pass(world, 1)
    seen = sum(persons.has_seen(user(n), request) for n in range(60))
    assert line_of(world, "n1")["impressions"] == seen


def test_names_are_used_sparingly(world: LineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the month has no name left, messages go out without one, and LINE's numbers stay unknown."""
    monkeypatch.setattr(store, "MOST_UNITS", 1)
    for name in ("b", "c"):
        body = EVERYBODY | {"messages": [{"type": "text", "text": name}]}
        assert go(world, body, name)["status"] == "done"
    first, second = units(world)
    assert (len(first), second) == (1, None)
    days_pass(world, 1)
    assert line_of(world, "c")["impressions"] is None
