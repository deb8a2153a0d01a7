"""Work that the reaction leaves behind: profiles, calls to other systems, late unsends, batches of events."""

from __future__ import annotations

import functools
import hashlib
import hmac
import json
from typing import Any

from chalicelib.accounts.service import get_account
from chalicelib.catalog import sealing
from chalicelib.engine import forgetting, health, outcomes, service
from chalicelib.friends import contents, erasing, profiles
from chalicelib.gateways import clock, line, queues, secrets, web
from chalicelib.scenarios import service as scenarios
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.observability import logger
from chalicelib.shared.origins import BadAddress, origin_of

_POST_ATTEMPTS = 8
_CONTENT_ATTEMPTS = 12
_LEDGER_ATTEMPTS = 2_000
"""With 15 minutes between them three weeks: longer than anything stays paused without anybody looking."""
_TELL_ATTEMPTS = 12
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
    """An unsent message that was being worked on when the unsending came."""
    forgetting.hide_message(body["account"], body["user"], body["message_id"], body["since"], body["at"])


def forget_said(body: dict[str, Any], _received: int) -> None:
    """What was unsent, or said to a friend who was erased, is taken out of the ledger, once it has ended."""
    left = forgetting.forget_said(body)
    if left is not None:
        _later(left, _LEDGER_ATTEMPTS, "chunks of the ledger do not come to their end")


def erase(body: dict[str, Any], _received: int) -> None:
    """A friend was erased a while ago: nothing that was being worked on then stays either."""
    scenarios.forget(body["account"], body["user"], body["at"])
    erasing.finish(get_account(body["account"]), body["user"])


def post(body: dict[str, Any], _received: int) -> None:
    """Call another system. Refused for good: told. No answer: again, later and later, eight times in all.

    Signed by ``X-Todoku-Signature: sha256=<hex HMAC-SHA256(secret, timestamp + "." + body)>``.
    """
    raw = json.dumps(body["payload"], ensure_ascii=False, separators=(",", ":")).encode()
    try:
        status = web.post(body["url"], raw, _headers(body, raw))
    except (web.Refused, _NoSecret) as error:
        _fail(body, str(error))
        return
    except web.NoAnswer as error:
        _again(body, f"no answer ({error})")
        return
    if 200 <= status < 300:
        if body.get("buried"):
            _tell(body, "done", "put back from the dead letters")
    elif status in {408, 425, 429} or status >= 500:
        _again(body, f"answered {status}")
    else:
        _fail(body, f"answered {status}")


def call_outcome(body: dict[str, Any], _received: int) -> None:
    """What came of a call, told on the friend's activity as soon as that stands, and on the rule."""
    told = {"status": body["status"], "why": body["why"]}
    try:
        outcomes.tell_call(body["account"], body["user"], body, told)
    except Unavailable as error:
        if int(body.get("attempt", 1)) < _TELL_ATTEMPTS and not isinstance(error, outcomes.Gone):
            _later(body, _TELL_ATTEMPTS, str(error))
        elif told["status"] == "failed":
            # The friend was erased, or the event is among the dead letters: the rule counts it all the same.
            health.note(body["account"], body["rule"], "failed", body["why"])


def outcome(body: dict[str, Any], _received: int) -> None:
    """What came of a push, likewise; of one that came to nothing only."""
    last = int(body.get("attempt", 1)) >= _TELL_ATTEMPTS
    try:
        outcomes.tell(body["account"], body["run"], body["chunk"], last=last)
    except Unavailable as error:
        _later(body, _TELL_ATTEMPTS, str(error))


class _NoSecret(Exception):
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
            raise _NoSecret("its secret is not in the secret store: save the document with the secret again")
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


def _again(body: dict[str, Any], why: str) -> None:
    """Later; after the last attempt to the dead letters at once. Redriven, it has all attempts anew."""
    if int(body.get("attempt", 1)) < _POST_ATTEMPTS:
        _later(body, _POST_ATTEMPTS, why)
        return
    _fail(body, f"{why}, {_POST_ATTEMPTS} times")
    queues.bury("bulk", {name: part for name, part in body.items() if name != "attempt"} | {"buried": True})


def _later(body: dict[str, Any], attempts: int, why: str) -> None:
    """Put a job back with a longer delay each time; after the last attempt it goes to the dead letters."""
    attempt = int(body.get("attempt", 1))
    if attempt >= attempts:
        raise NotDone(why)
    delay = min(queues.MAX_DELAY_S, _FIRST_DELAY_S * 2 ** (attempt - 1))
    queues.send("bulk", body | {"attempt": attempt + 1}, delay_s=delay)


def _fail(body: dict[str, Any], why: str) -> None:
    logger.warning("a call to another system failed", extra={"rule": body["rule"], "why": why})
    _tell(body, "failed", why)


def _tell(body: dict[str, Any], status: str, why: str) -> None:
    """Leave the telling to a job of its own: whatever becomes of it, the call is not made again for it.

    Only the host is named: the rest of the address may hold what the friend said.
    """
    try:
        called = str(origin_of(body["url"]))
    except BadAddress:
        called = "the address"
    cause = {name: body[name] for name in ("account", "user", "event_id", "rule", "index")}
    queues.send("bulk", {"job": "call_outcome", **cause, "status": status, "why": f"{called}: {why}"[:300]})
