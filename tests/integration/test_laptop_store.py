"""What DynamoDB is asked is what the laptop's own store can answer: no condition on a whole map or list."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.friends import store
from chalicelib.gateways import aws
from chalicelib.shared.settings import settings
from chalicelib.sheets.model import new_sheet
from chalicelib.timeline import service
from tests.laptop import both_stores, laptop_store

__all__ = ["both_stores", "laptop_store"]

AT = "2026-11-20T00:00:00.000Z"
ACTIVITY: dict[str, Any] = {
    "account": "shop",
    "user_id": "U1",
    "event_id": "e1",
    "type": "messaged",
    "at": AT,
    "props": {"text": "ひみつの番号", "message_id": "m1"},
    "rules": [],
    "changes": [],
    "effects": [{"action": "send", "rule": "r", "index": 0, "status": "done", "messages": ["ひみつの番号"]}],
}


@pytest.mark.parametrize("value", [{"M": {}}, {"L": [{"S": "x"}]}])
def test_a_condition_on_a_map_or_list_is_refused_in_every_test(cloud: None, value: Any) -> None:
    """Whoever writes one learns it from any test that comes by, whatever store stands behind it."""
    for part in ("ConditionExpression", "FilterExpression"):
        with pytest.raises(AssertionError, match="compares :v"):
            aws.client("dynamodb").scan(
                TableName=settings().table("friends"),
                ExpressionAttributeValues={":v": value},
                **{part: "props = :v"},
            )


def test_an_activity_that_changed_meanwhile_is_read_again(cloud: None, monkeypatch: Any) -> None:
    """An effect is corrected between the reading and the taking back: both stand."""
    service.put(ACTIVITY)
    read = service.find("shop", "U1", "e1")
    assert read is not None
    after = {"status": "failed", "why": "blocked"}
    assert service.correct_effect("shop", "U1", "e1", 0, "done", after)
    assert not service.correct_effect("shop", "U1", "e1", 0, "done", after)
    service.take_back(read, AT)
    service.take_back(read, AT)
    found = service.find("shop", "U1", "e1")
    assert found is not None
    assert "ひみつ" not in str(found)
    assert found["effects"][0]["status"] == "failed"


def test_a_failed_activity_that_was_replaced_meanwhile_is_read_again(cloud: None) -> None:
    """Redriven between the reading and the taking back: the complete line stays complete."""
    service.put(ACTIVITY | {"state": "failed", "effects": []})
    read = service.find("shop", "U1", "e1")
    assert read is not None
    assert service.replace_failed(ACTIVITY)
    service.take_back(read, AT)
    found = service.find("shop", "U1", "e1")
    assert found is not None
    assert "ひみつ" not in str(found)
    assert [effect["status"] for effect in found["effects"]] == ["done"]


def test_what_a_later_erasure_left_to_hand_over_stays(cloud: None) -> None:
    """Only the erasure that was handed over is crossed off."""
    store.create_or_update("shop", 4, "U1", None, new_sheet("shop", "U1", AT), None)
    later = "2026-11-21T00:00:00.000Z"
    for at, names in ((AT, [["e1", "send", "r", 0]]), (later, [["e2", "send", "r", 0]])):
        assert store.erase("shop", 4, "U1", at, lambda _, names=names: {"handing_over": names})
    store.note_handed_over("shop", 4, "U1", AT)
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    assert sheet["handing_over"] == [["e2", "send", "r", 0]]
    store.note_handed_over("shop", 4, "U1", later)
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    assert "handing_over" not in sheet
