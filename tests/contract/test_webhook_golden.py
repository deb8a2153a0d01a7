"""LINE's documented event shapes, one file each, against what they become here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.shared.times import from_ms, iso
from chalicelib.webhook.parse import parse

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
ARRIVED = datetime(2026, 11, 22, 6, tzinfo=UTC)

LINE_TYPES = {
    "message", "messageEdited", "unsend", "follow", "unfollow", "join", "leave", "memberJoined", "memberLeft",
    "postback", "videoPlayComplete", "beacon", "accountLink", "membership", "delivery", "module", "activated",
    "deactivated", "botSuspended", "botResumed",
}  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return golden


@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_a_golden_event_becomes_what_its_file_says(path: Path) -> None:
    """Type, friend, key, props and reply token are as written; id and time are LINE's own."""
    golden = load(path)
    line, expect = golden["event"], golden["expect"]
    (event,) = parse(json.dumps({"destination": "U1", "events": [line]}).encode(), "shop", ARRIVED)
    assert event.event_id == line["webhookEventId"]
    assert event.at == iso(from_ms(line["timestamp"]))
    assert event.account_id == "shop"
    assert event.user_id == expect.get("user_id", line.get("source", {}).get("userId", event.user_id))
    assert event.type == expect["type"]
    assert event.key == expect.get("key")
    assert expect.get("props", {}).items() <= event.props.items()
    recorded = event.type.startswith("group:")
    assert event.reply_token == expect.get("reply_token", None if recorded else line.get("replyToken"))


def test_every_documented_type_has_a_golden_event() -> None:
    """No event type of LINE's reference is without a file."""
    assert {load(path)["event"]["type"] for path in GOLDEN} >= LINE_TYPES
