"""Effects that call other systems: left to the queue ``bulk``, whose job signs and repeats them.

They are ``done`` once the queue has them; what comes of the call corrects them (``outcomes``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.engine.errand import Errand, run_id
from chalicelib.gateways import queues


def call_webhook(errand: Errand, effect: dict[str, Any]) -> tuple[str, str | None]:
    """Tell another system of the event and the friend."""
    event, sheet = errand.event, errand.sheet
    payload = {
        "account": errand.account.id,
        "rule": effect["rule"],
        "event": {
            "event_id": event.event_id,
            "type": event.type,
            "at": event.at,
            "props": {k: v for k, v in event.props.items() if k not in {"raw", "then"}},
        },
        "friend": {
            "user_id": event.user_id,
            "display_name": sheet.get("display_name"),
            "status": sheet.get("status"),
            "member_id": sheet.get("member_id"),
            "tags": sorted(sheet.get("tags") or {}),
            "attributes": sheet.get("attributes") or {},
        },
    }
    post(errand, effect, str(effect["url"]), payload)
    effect.pop("secret", None)
    return "done", None


def post(errand: Errand, effect: Mapping[str, Any], url: str, payload: dict[str, Any]) -> None:
    """Leave the call to the queue, which retries it; the receiver sees one delivery id however often."""
    event = errand.event
    body = {
        "job": "post",
        "account": errand.account.id,
        "delivery": run_id(event.account_id, event.user_id, event.event_id, effect),
        "event_id": event.event_id,
        "rule": effect["rule"],
        "index": effect["index"],
        "user": event.user_id,
        "url": url,
        "secret": effect.get("secret"),
        "payload": payload,
    }
    queues.send("bulk", body)
