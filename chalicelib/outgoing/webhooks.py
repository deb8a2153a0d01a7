"""Effects that call other systems: left to the queue ``bulk``, whose job signs and repeats them.

They are ``done`` once the queue has them; what comes of the call corrects them (``outcomes``).
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from chalicelib.actions.effects import run_id
from chalicelib.actions.model import Effect, EffectContext
from chalicelib.catalog import sealing
from chalicelib.gateways import clock, queues, secrets, web
from chalicelib.jobs import kinds
from chalicelib.shared.observability import logger
from chalicelib.shared.origins import BadAddress, origin_of
from chalicelib.shared.reasons import Reason, Reasoned


def call_webhook(context: EffectContext, effect: Effect) -> tuple[str, Reason | None]:
    """Report to another system the event and the friend."""
    event, sheet = context.event, context.sheet
    payload = {
        "account": context.account.id,
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
    post(context, effect, str(effect["url"]), payload)
    effect.pop("secret", None)
    return "done", None


def post(context: EffectContext, effect: Mapping[str, Any], url: str, payload: dict[str, Any]) -> None:
    """Leave the call to the queue, which retries it; the receiver sees one delivery id however often."""
    event = context.event
    body = {
        "job": "post",
        "account": context.account.id,
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


# The job


def deliver(body: dict[str, Any]) -> None:
    """Call another system. Refused for good: reported. No answer: again, later and later, eight times in all.

    Signed by ``X-Todoku-Signature: sha256=<hex HMAC-SHA256(secret, timestamp + "." + body)>``.
    """
    raw = json.dumps(body["payload"], ensure_ascii=False, separators=(",", ":")).encode()
    try:
        status = web.post(body["url"], raw, _headers(body, raw))
    except (web.Refused, _NoSecret) as error:
        _fail(body, error.reason)
        return
    except web.NoAnswer as error:
        _again(body, Reason("call_no_answer", why=error.reason))
        return
    if 200 <= status < 300:
        if body.get("buried"):
            _report(body, "done", Reason("call_redriven"))
    elif status in {408, 425, 429} or status >= 500:
        _again(body, Reason("call_answered", status=status))
    else:
        _fail(body, Reason("call_answered", status=status))


class _NoSecret(Reasoned):
    """The call must be signed, and cannot be."""


def _headers(body: dict[str, Any], raw: bytes) -> dict[str, str]:
    timestamp = str(int(clock.now().timestamp()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Todoku",
        "X-Todoku-Delivery": body["delivery"],
        "X-Todoku-Timestamp": timestamp,
    }
    if body.get("secret"):
        secret = _secret(body["account"], body["secret"])
        if secret is None:
            raise _NoSecret(Reason("secret_missing"))
        mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + raw, hashlib.sha256)
        headers["X-Todoku-Signature"] = f"sha256={mac.hexdigest()}"
    return headers


def _secret(account: str, reference: str) -> str | None:
    try:
        return _known_secret(account, sealing.name_of(reference) or "")
    except LookupError:
        return None


@functools.lru_cache(maxsize=1000)
def _known_secret(account: str, name: str) -> str:
    """A secret by name (it never changes). Raises LookupError, which is not remembered."""
    value = secrets.find_secret(account, name) if name else None
    if value is None:
        raise LookupError(name)
    return value


def _again(body: dict[str, Any], why: Reason) -> None:
    """Later; after the last attempt to the dead letters at once. Redriven, it has all attempts anew."""
    if not kinds.is_last(body):
        kinds.retry_later(body, str(why))
        return
    _fail(body, Reason("every_time", why=why, times=kinds.attempt(body)))
    queues.dead_letter(
        kinds.QUEUE, {name: part for name, part in body.items() if name != "attempt"} | {"buried": True}
    )


def _fail(body: dict[str, Any], why: Reason) -> None:
    logger.warning("a call to another system failed", extra={"rule": body["rule"], "why": str(why)})
    _report(body, "failed", why)


def _report(body: dict[str, Any], status: str, why: Reason) -> None:
    """Leave the telling to a job of its own: whatever becomes of it, the call is not made again for it.

    Only the host is named: the rest of the address may hold what the friend said.
    """
    try:
        reason = Reason("called", to=str(origin_of(body["url"])), why=why)
    except BadAddress:
        reason = Reason("the_address", why=why)
    cause = {name: body[name] for name in ("account", "user", "event_id", "rule", "index")}
    queues.send("bulk", {"job": "call_outcome", **cause, "status": status, "why": reason.kept()})
