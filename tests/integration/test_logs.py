"""What a day of a shop leaves in the logs: nobody's id, no secret, nothing that was said."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from chalicelib.gateways import line, seam
from chalicelib.shared.text.redaction import friend_hash
from tests import shop

ANNA = "U" + "a1" * 16
SECRET = "合言葉は桜です"
QUIETLY = "my-password-is-tulip"


def a_webhook(*texts: str) -> bytes:
    events: list[dict[str, Any]] = [
        {
            "type": "message",
            "mode": "active",
            "timestamp": 1763791598000 + number,
            "webhookEventId": f"01LOG{number:021d}",
            "replyToken": f"reply-token-{number:028d}",
            "source": {"type": "user", "userId": ANNA},
            "deliveryContext": {"isRedelivery": False},
            "message": {"id": f"7{number}", "type": "text", "text": text, "quoteToken": "q"},
        }
        for number, text in enumerate(texts)
    ]
    return json.dumps({"destination": "U" + "0" * 32, "events": events}).encode()


@pytest.fixture
def lines(cloud: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line that the functions' logger writes."""
    found: list[str] = []
    handler = logging.getLogger("todoku").handlers[0]
    monkeypatch.setattr(handler, "emit", lambda record: found.append(handler.format(record)))
    monkeypatch.setattr(logging.getLogger("todoku"), "level", logging.INFO)
    return found


def test_a_day_of_trouble_reports_nothing_of_friends(lines: list[str]) -> None:
    """Messages, requests and failures of every kind: each line is JSON with its request id, and holds no text
    of anybody, no id, no secret and no token; the friend is found by the hash.
    """

    def outside(name: str, detail: Any, call: Any) -> Any:
        if name == "line:push":
            return line.Answer(400, f"'{SECRET}' cannot be sent to {ANNA}")
        if name == "dynamodb:PutItem" and "test-activities" in detail["TableName"]:
            raise RuntimeError(f"cannot keep '{QUIETLY}' of {ANNA}: {SECRET}")
        return shop.outside(name, detail, call)

    with shop.a_shop():
        lines.clear()
        with seam.guarded(outside):
            body = a_webhook(SECRET, QUIETLY)
            assert shop.ask("POST", "/webhook/shop", body, shop.signed(body)).status == 200
            assert shop.ask("POST", "/webhook/shop", body, {"x-line-signature": "A" * 43 + "="}).status == 401
            assert shop.ask("GET", f"{shop.BASE}/friends/{ANNA}").status == 404
            assert len(shop.work_off()) == 2, "both events end as dead letters"
    entries = [json.loads(text) for text in lines]
    assert all(found["function_request_id"] for found in entries)
    failures = [found for found in entries if found["message"] == "an event failed"]
    assert {found["friend"] for found in failures} == {friend_hash(ANNA)}
    assert {found["event"] for found in failures} == {f"01LOG{n:021d}" for n in range(2)}
    assert {found["account"] for found in failures} == {"shop"}
    invocations = [found for found in entries if found["message"] == "invocation"]
    assert {"react", "api"} <= {found["handler"] for found in invocations}
    (asked,) = [f for f in invocations if f.get("resource", "").endswith("/friends/{user}")]
    assert (asked["status"], asked["friend"]) == (404, friend_hash(ANNA))
    everything = "\n".join(lines)
    for secret in (ANNA, SECRET, QUIETLY, "tulip", shop.SECRET, shop.KEY, "reply-token-", "Bearer"):
        assert secret not in everything, secret
