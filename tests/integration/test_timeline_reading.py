"""The timeline: two sorted ways lead to a friend's activities, and pages of both are one list."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.deliveries import receipts
from chalicelib.gateways import seam
from chalicelib.messages import sent
from chalicelib.shared.times import iso
from chalicelib.timeline import sent_once
from chalicelib.timeline import service as activities
from tests.meter import Meter

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
FLEX = [{"type": "flex", "altText": "冬の新作", "contents": {"type": "bubble", "note": "あ" * 800}}]


def an_event(n: int, at: datetime) -> dict[str, Any]:
    """Something that a friend did."""
    common = {"account": "shop", "user_id": "U1", "type": "messaged", "props": {}, "rules": [], "effects": []}
    return {**common, "event_id": f"e{n}", "at": iso(at)}


def a_manifest(n: int, put_at: datetime, users: int = 1) -> dict[str, Any]:
    """A chunk of a broadcast to U1 and others."""
    return {
        "account": "shop",
        "run": "r1",
        "chunk": f"a-{n}",
        "at": iso(put_at),
        "recipients": [f"U{n}" for n in range(1, users + 1)],
        "messages": [{"type": "text", "text": "冬の新作です"}],
        "cause": {"broadcast": "news", "message": "news"},
    }


def a_line(n: int, put_at: datetime, took: timedelta) -> dict[str, Any]:
    """What U1 was sent by a chunk that came to its end so long after it was put."""
    outcome = {"user_id": "U1", "status": "accepted", "at": iso(put_at + took)}
    return receipts.line(a_manifest(n, put_at), outcome)


def in_pages(limit: int, **how: Any) -> list[tuple[str, str]]:
    """The whole timeline, read page by page."""
    found: list[tuple[str, str]] = []
    cursor: dict[str, Any] | None = None
    while True:
        page, cursor = activities.recent("shop", "U1", limit, cursor, **how)
        assert len(page) == limit or cursor is None
        found += [(one["at"], one["event_id"]) for one in page]
        if cursor is None:
            return found


@pytest.mark.parametrize("seed", range(2))
def test_pages_of_any_size_are_one_sorted_list(cloud: None, seed: int) -> None:
    """Events and lines, prompt and late ones, several at one moment: each once, the newest first."""
    dice = random.Random(seed)

    def random_time() -> datetime:
        return NOW + timedelta(minutes=dice.randrange(0, 300, 15))

    took = [0, 1, 55 * 60, 60 * 60, 60 * 60 + 1, 5 * 60 * 60]
    events = [an_event(n, random_time()) for n in range(14)]
    lines = [a_line(n, random_time(), timedelta(seconds=dice.choice(took))) for n in range(14)]
    activities.put_all([*events, *lines])
    every = sorted(((one["at"], one["event_id"]) for one in [*events, *lines]), reverse=True)
    for limit in (1, 5, 28):
        assert in_pages(limit) == every, (seed, limit)
    of_events = sorted(((one["at"], one["event_id"]) for one in events), reverse=True)
    assert in_pages(5, lines=False, consistent=True) == of_events


def test_a_line_is_what_it_was_when_it_was_put(cloud: None) -> None:
    """Soon or late, in the timeline and among what erasing sees."""
    lines = [a_line(n, NOW, took) for n, took in enumerate([timedelta(seconds=2), timedelta(hours=9)])]
    activities.put_all(lines)
    assert activities.recent("shop", "U1", 10)[0] == lines[::-1]
    (page,) = activities.pages("shop", "U1")
    assert sorted((one["event_id"], one["at"]) for one in page) == sorted(
        (one["event_id"], one["at"]) for one in lines
    )
    activities.delete([("shop", "U1", activities.sort_key(one)) for one in page])
    assert activities.recent("shop", "U1", 10) == ([], None)


def test_a_line_costs_one_write_unit_whatever_was_sent(cloud: None) -> None:
    """A large message that many got alike stands once; who got it alone, or late, has it in the line."""
    manifest = a_manifest(1, NOW, users=50) | {"messages": FLEX}
    outcomes = [
        {"user_id": user, "status": "accepted", "at": iso(NOW + timedelta(seconds=3))}
        for user in manifest["recipients"]
    ]
    meter = Meter()
    with seam.guarded(meter.guard):
        sent_once.put("shop", "r1", "a-1", sent.kept(FLEX))
        activities.put_all([receipts.line(manifest, outcome, alike=True) for outcome in outcomes])
    assert meter.writes["activities"] == 50 + 3
    (line,), _ = activities.recent("shop", "U7", 5)
    (effect,) = line["effects"]
    assert effect["messages"] == FLEX
    assert "sent_in" not in effect
    alone = manifest | {"recipients": ["U1"]}
    assert receipts._sent_alike(manifest)
    assert not receipts._sent_alike(alone)
    alone = receipts.line(alone, outcomes[0])
    assert alone["effects"][0]["messages"] == FLEX
