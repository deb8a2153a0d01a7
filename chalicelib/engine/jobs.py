"""Work that the reaction leaves behind: profiles, calls to other systems, late unsends, batches of events."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from typing import Any

from chalicelib.catalog import sealing
from chalicelib.engine import health, service
from chalicelib.friends import activities, contents, profiles
from chalicelib.gateways import clock, line, queues, secrets, web
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.observability import logger

_POST_ATTEMPTS = 8
_CONTENT_ATTEMPTS = 12
_FIRST_DELAY_S = 10

LAST_RECEIVE = 10
"""The ``maxReceiveCount`` of ``bulk``."""


class NotDone(Exception):
    """The job, or a part of it, has to come again."""


def events(body: dict[str, Any], received: int) -> None:
    """``{"events": [message, …]}``: react to each. Those that fail do not hold up the others: they come
    again by themselves, later and later; the last attempt leaves a ``failed`` activity of each before the
    message goes to the dead letters.
    """
    failed: list[dict[str, Any]] = []
    failures: list[str] = []
    attempt = int(body.get("attempt", 1))
    last = max(attempt, received) >= LAST_RECEIVE
    for message in body["events"]:
        event = FriendEvent.from_message(message)
        try:
            service.react(event)
        except Exception as error:  # noqa: BLE001 (the message as a whole fails below)
            logger.exception("an event of a batch failed", extra={"event": event.event_id})
            failed.append(message)
            failures.append(f"{event.event_id}: {error}")
            if last:
                service.give_up(event, f"{type(error).__name__}: {error}")
    if failed:
        _later(body | {"events": failed}, attempt if last else LAST_RECEIVE, "; ".join(failures)[:500])


def profile(body: dict[str, Any], _received: int) -> None:
    """Fetch a friend's name and language from LINE and keep them. A friend LINE does not show stays as is."""
    profiles.fetch(body["account"], body["user"])


def content(body: dict[str, Any], _received: int) -> None:
    """Fetch a picture, video, sound or file. LINE may still be preparing it: again, later and later."""
    try:
        settled = contents.fetch(body["account"], body["user"], body["message_id"], body["kind"])
    except line.NoAnswer:
        settled = False
    if not settled:
        _later(body, _CONTENT_ATTEMPTS, f"LINE does not give the content of message {body['message_id']}")


def forget_content(body: dict[str, Any], _received: int) -> None:
    """What was unsent is not kept."""
    contents.forget(body["account"], body["user"], body["message_id"])


def hide_message(body: dict[str, Any], _received: int) -> None:
    """An unsent message whose own event came late."""
    activities.hide_message(body["account"], body["user"], body["message_id"], body["since"], body["at"])


def post(body: dict[str, Any], _received: int) -> None:
    """Call another system. Refused for good: noted on the rule. No answer: again, later and later.

    Signed by ``X-Todoku-Signature: sha256=<hex HMAC-SHA256(secret, timestamp + "." + body)>``.
    """
    raw = json.dumps(body["payload"], ensure_ascii=False, separators=(",", ":")).encode()
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
            _note(body, "its secret is not in the secret store: save the document with the secret again")
            return
        mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + raw, hashlib.sha256)
        headers["X-Todoku-Signature"] = f"sha256={mac.hexdigest()}"
    try:
        status = web.post(body["url"], raw, headers)
    except web.Refused as error:
        _note(body, str(error))
        return
    except web.NoAnswer as error:
        _again(body, f"no answer ({error})")
        return
    if 200 <= status < 300:
        return
    if status in {408, 425, 429} or status >= 500:
        _again(body, f"answered {status}")
    else:
        _note(body, f"answered {status}")


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


def _again(body: dict[str, Any], why: str) -> None:
    if int(body.get("attempt", 1)) == _POST_ATTEMPTS:
        _note(body, why)
    _later(body, _POST_ATTEMPTS, why)


def _later(body: dict[str, Any], attempts: int, why: str) -> None:
    """Put a job back with a longer delay each time; after the last attempt it goes to the dead letters."""
    attempt = int(body.get("attempt", 1))
    if attempt >= attempts:
        raise NotDone(why)
    delay = min(queues.MAX_DELAY_S, _FIRST_DELAY_S * 2 ** (attempt - 1))
    queues.send("bulk", body | {"attempt": attempt + 1}, delay_s=delay)


def _note(body: dict[str, Any], why: str) -> None:
    logger.warning("a call to another system failed", extra={"rule": body["rule"], "why": why})
    health.note(body["account"], body["rule"], "failed", f"{body['url']}: {why}"[:300], body["user"], 1)
