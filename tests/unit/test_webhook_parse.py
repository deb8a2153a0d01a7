"""The webhook parser never loses an event and never fails on one it does not know."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.gateways.dynamo import to_av
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.events import FriendEvent, inbox_message
from chalicelib.webhook.parse import parse, signed

ARRIVED = datetime(2026, 11, 22, 6, tzinfo=UTC)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
odd_events = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["message", "postback", "follow", "accountLink", "x" * 200]) | json_values,
        "source": st.fixed_dictionaries(
            {}, optional={"type": json_values, "userId": json_values, "groupId": json_values}
        )
        | json_values,
        "mode": st.sampled_from(["active", "standby", "half"]) | json_values,
        "timestamp": json_values,
        "webhookEventId": json_values,
        "replyToken": json_values,
        "message": json_values,
        "postback": json_values,
        "follow": json_values,
        "link": json_values,
        "deliveryContext": json_values,
    },
)


def body(*events: Any) -> bytes:
    return json.dumps({"destination": "U1", "events": list(events)}).encode()


def one(event: Any) -> FriendEvent:
    (found,) = parse(body(event), "shop", ARRIVED)
    return found


@given(st.lists(odd_events | json_values, max_size=5))
def test_whatever_line_sends_becomes_storable_events(events: list[Any]) -> None:
    """One event in is one event out, with ids SQS and DynamoDB take and content that can be stored."""
    parsed = parse(body(*events), "shop", ARRIVED)
    assert len(parsed) == len(events)
    for event in parsed:
        assert 1 <= len(event.user_id) <= 128
        assert 1 <= len(event.event_id) <= 128
        assert FriendEvent.from_message(json.loads(json.dumps(event.to_message()))) == event
        to_av(event.props)
        json.dumps(event.to_message(), ensure_ascii=False).encode()
        assert len(inbox_message(event).group) <= 128


def test_a_missing_id_is_derived_from_the_content() -> None:
    """The same event redelivered without an id gets the same id; another event gets another."""
    event = {"type": "follow", "timestamp": 1, "source": {"type": "user", "userId": "U1"}}
    again = event | {"deliveryContext": {"isRedelivery": True}}
    first = event | {"deliveryContext": {"isRedelivery": False}}
    assert one(first).event_id == one(again).event_id
    assert one(event | {"timestamp": 2}).event_id != one(first).event_id


@pytest.mark.parametrize("timestamp", [None, "soon", True, -5, 0, 1e300, {}])
def test_a_missing_or_odd_timestamp_is_the_arrival(timestamp: Any) -> None:
    """An event without a usable time happened when it came."""
    assert one({"type": "follow", "timestamp": timestamp}).at == "2026-11-22T06:00:00.000Z"


def test_an_event_without_any_id_is_kept_on_the_accounts_own_timeline() -> None:
    """Nobody's events are recorded under ``-`` and touch no friend."""
    event = one({"type": "botSuspended"})
    assert (event.user_id, event.type, event.recorded_only) == ("-", "unknown:botSuspended", True)
    assert one("not even an object").props == {"raw": "not even an object"}


def test_group_events_are_recorded_only() -> None:
    """A group event is never a friend's own, even when LINE says who wrote it."""
    event = one(
        {
            "type": "message",
            "replyToken": "t",
            "source": {"type": "group", "groupId": "C1", "userId": "U1"},
            "message": {"type": "text", "text": "hi"},
        }
    )
    assert (event.user_id, event.type, event.reply_token) == ("U1", "group:message", None)
    assert event.recorded_only
    assert event.props["chat"] == "C1"


@pytest.mark.parametrize("odd", [["x"], {"a": 1}, True, 1.5, ""])
@pytest.mark.parametrize(
    ("kind", "part", "names"),
    [
        ("accountLink", "link", {"result": "result", "nonce": "nonce"}),
        ("beacon", "beacon", {"hwid": "hwid", "type": "action", "dm": "dm"}),
        ("videoPlayComplete", "videoPlayComplete", {"trackingId": "tracking_id"}),
        ("membership", "membership", {"type": "change", "membershipId": "membership_id"}),
    ],
)
def test_what_should_be_a_text_is_one_or_nothing(
    kind: str, part: str, names: dict[str, str], odd: Any
) -> None:
    """What works on a nonce or a type later never meets a list."""
    source = {"type": "user", "userId": "U" + "1" * 32}
    good = one({"type": kind, "source": source, part: dict.fromkeys(names, "x")})
    assert {good.props[ours] for ours in names.values()} == {"x"}
    event = one({"type": kind, "source": source, part: dict.fromkeys(names, odd)})
    assert not set(names.values()) & event.props.keys()


def test_huge_content_is_cut_and_named() -> None:
    """Content beyond what an item can carry is left out, and the props say which."""
    event = one(
        {"type": "message", "message": {"type": "hologram", "blob": "x" * 300_000, "text": "y" * 20_000}}
    )
    assert event.props["trimmed"] == ["raw", "text"]
    assert len(event.props["text"]) == 10_000


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'{"events": {}}', b"\xff\xfe", b"[" * 200_000, b'{"destination": "U"}'],
)
def test_what_is_no_webhook_body_is_refused(raw: bytes) -> None:
    """Broken JSON and other shapes raise InvalidInput, nothing else."""
    with pytest.raises(InvalidInput):
        parse(raw, "shop", ARRIVED)


def test_signatures() -> None:
    """Only the exact HMAC of the exact bytes is a signature."""
    raw = body()
    good = base64.b64encode(hmac.new(b"secret", raw, hashlib.sha256).digest()).decode()
    assert signed(raw, good, "secret")
    assert not signed(raw + b" ", good, "secret")
    assert not signed(raw, good, "other")
    assert not signed(raw, "", "secret")
    assert not signed(raw, "ゴミ\ud800", "secret")


def test_long_names_stay_valid_fifo_groups() -> None:
    """A friend whose name SQS would refuse as a group still has one of their own."""
    groups = {
        inbox_message(FriendEvent("e", "shop", user, "messaged", "2026-11-22T06:00:00.000Z")).group
        for user in ("U1", "ユーザー", "ユーザ", "u" * 128, "a b")
    }
    assert len(groups) == 5
    assert all(1 <= len(group) <= 128 and group.isascii() for group in groups)
