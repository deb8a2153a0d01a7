"""What other systems may say: each wrong thing is refused with its path."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.intake import model
from chalicelib.intake.model import Event, Kind, Purchase, read
from chalicelib.shared.errors import InvalidInput
from tests.reaction_builders import NOW

EVENT: dict[str, Any] = {"event_id": "E-1", "user_id": "U1", "type": "custom:booked", "props": {"n": 1}}
ORDER: dict[str, Any] = {
    "order_id": "o-1",
    "user_id": "U1",
    "at": "2026-11-22T12:00:00+09:00",
    "amount": 5500,
    "items": [{"product": "化粧水", "category": "skin", "quantity": 1, "amount": 5500}],
}


def refused(kind: Kind, raw: Any) -> list[str]:
    with pytest.raises(InvalidInput) as error:
        read(kind, raw, "events[3]")
    return [detail.path for detail in error.value.details]


def test_an_event_keeps_its_text() -> None:
    """Times become UTC text; without ``at`` it happened now."""
    event = read(Event, EVENT | {"at": "2026-11-22T12:00:00+09:00"}).friend_event("shop", "U1", NOW, "JPY")
    assert (event.event_id, event.type, event.at, event.props, event.source) == (
        "E-1", "custom:booked", "2026-11-22T03:00:00.000Z", {"n": 1}, "api",
    )  # fmt: skip
    assert read(Event, EVENT).friend_event("shop", "U1", NOW, "JPY").at == "2026-11-22T03:00:00.000Z"


def test_an_order_is_one_event_however_often_it_is_reported() -> None:
    """Its id is the order's; the props are what rules and figures look at."""
    event = read(Purchase, ORDER).friend_event("shop", "U1", NOW, "JPY")
    assert (event.event_id, event.type) == ("order:o-1", "purchased")
    assert event.props["amount"] == 5500
    assert event.props["currency"] == "JPY"
    assert event.props["items"][0]["category"] == "skin"
    assert "user_id" not in event.props


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"event_id": ""}, "events[3].event_id"),
        ({"event_id": 5}, "events[3].event_id"),
        ({"event_id": "x" * 129}, "events[3].event_id"),
        ({"event_id": "a\nb"}, "events[3].event_id"),
        ({"event_id": "a "}, "events[3].event_id"),
        ({"user_id": "-"}, "events[3].user_id"),
        ({"user_id": None}, "events[3]"),
        ({"member_id": "m"}, "events[3]"),
        ({"type": "followed"}, "events[3].type"),
        ({"type": "custom:"}, "events[3].type"),
        ({"type": "booked"}, "events[3].type"),
        ({"at": "yesterday"}, "events[3].at"),
        ({"at": "2026-11-22T12:00:00"}, "events[3].at"),
        ({"props": []}, "events[3].props"),
        ({"props": {"x": "y" * 60_001}}, "events[3].props"),
        ({"props": {"x": 10**50}}, "events[3].props"),
        ({"extra": 1}, "events[3].extra"),
        ({"type": "purchased"}, "events[3].props.order_id"),
        ({"type": "refunded", "props": {"order_id": "r", "amount": 1}}, "events[3].props.refund_of"),
        ({"type": "purchased", "props": {"order_id": "o", "amount": -1}}, "events[3].props.amount"),
    ],
)
def test_wrong_events_are_refused_with_a_path(change: dict[str, Any], path: str) -> None:
    """Shape, type and range; the path begins where the item stood."""
    assert refused(Event, EVENT | change)[0] == path


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"at": None}, "events[3].at"),
        ({"amount": "5500"}, "events[3].amount"),
        ({"amount": -1}, "events[3].amount"),
        ({"currency": "yen"}, "events[3].currency"),
        ({"amount": 0.00001}, "events[3].amount"),
        ({"amount": 12345678901.23456}, "events[3].amount"),
        ({"amount": 10**400}, "events[3].amount"),
        ({"amount": 1_000_000_000_001}, "events[3].amount"),
        ({"refund_of": "o-1"}, "events[3]"),
        ({"fire": "no"}, "events[3].fire"),
        ({"items": [{"category": "x"}]}, "events[3].items[0].product"),
        ({"order_id": None}, "events[3].order_id"),
        ({"order_id": "o-1 "}, "events[3].order_id"),
        ({"order_id": "\u3000o-1"}, "events[3].order_id"),
    ],
)
def test_wrong_orders_are_refused_with_a_path(change: dict[str, Any], path: str) -> None:
    """As for events."""
    assert refused(Purchase, ORDER | change)[0] == path


@pytest.mark.parametrize("raw", [None, [], "x", 5])
def test_what_is_no_object_is_refused(raw: Any) -> None:
    """The item itself is named."""
    assert refused(Event, raw) == ["events[3]"]


def test_times_to_come() -> None:
    """Far ahead is refused with its path; ahead is taken with a doubt, unless something is reserved."""
    now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)

    def report(kind: str, **ahead: float) -> model.Report:
        at = (now + timedelta(**ahead)).isoformat()
        return model.read(model.Event, {"event_id": "e", "user_id": "U1", "type": kind, "at": at})

    with pytest.raises(InvalidInput) as refused:
        model.refuse_far_future(report("reserved", days=732), now, "events[3]")
    assert refused.value.details[0].path == "events[3].at"
    for kind, ahead, doubted in (("custom:x", 9, True), ("reserved", 9, False), ("custom:x", 0.05, False)):
        event = report(kind, hours=ahead)
        model.refuse_far_future(event, now)
        assert bool(model.doubt(event, now)) is doubted
