"""The webhook itself: one function from a request to an answer, and the Lambda around it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Blueprint

from chalicelib.gateways import clock, inbox
from chalicelib.shared.errors import (
    InvalidInput,
    NotFound,
    TodokuError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.metrics import count
from chalicelib.shared.observability import log_fields, logger, note, observed
from chalicelib.shared.reasons import Reason
from chalicelib.webhook import parse, relays
from chalicelib.webhook.known import Known, Secret

bp = Blueprint(__name__)

MAX_BODY = 1_000_000
MAX_EVENTS = 1_000
"""LINE sends about a hundred at most; so many are in the inbox long before the function's time is over."""


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status and JSON body."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


_REFUSED: dict[type[TodokuError], str] = {
    NotFound: "WebhookUnknownAccount",
    Unauthenticated: "WebhookRejected",
    InvalidInput: "WebhookRejected",
    TooLarge: "WebhookRejected",
}
"""By what is wrong with a request: the metric that counts it."""

_known = Known()


def receive(
    account: str, body: bytes, signature: str | None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Take one webhook request. 200: every event of it is in the inbox; any other: LINE keeps them.

    ``headers``: the request's, by their names in small letters; some are forwarded with it.
    """
    named = account if ID_PATTERN.match(account) else "-"
    with log_fields(account=named):
        try:
            note(events=_accept(account, body, signature, headers or {}))
            answer = Answer(200)
        except TodokuError as error:
            count(_REFUSED.get(type(error), "WebhookUnavailable"))
            answer = Answer(error.status, error.body())
        note(account=named, status=answer.status)
        return answer


def forget_secrets() -> None:
    """Forget the secrets this process has read (tests)."""
    global _known
    _known = Known()


def _accept(account: str, body: bytes, signature: str | None, headers: Mapping[str, str]) -> int:
    """How many events are in the inbox now: all of the request's."""
    if len(body) > MAX_BODY:
        raise TooLarge(Reason("webhook_too_large"))
    now = clock.now()
    if not ID_PATTERN.match(account):
        raise NotFound(Reason("no_account", id=repr(account[:64])))
    secret = _checked(account, body, signature or "", now)
    try:
        events = parse.parse(body, account, now, at_most=MAX_EVENTS)
    except (InvalidInput, TooLarge) as error:
        logger.warning("webhook body not understood", extra={"why": error.message})
        raise
    if not events:
        return 0
    try:
        refused = inbox.put(events)
    except (BotoCoreError, ClientError) as error:
        logger.exception("the inbox did not answer")
        raise Unavailable(Reason("inbox_busy")) from error
    if refused:
        logger.error("the inbox refused events", extra={"refused": len(refused)})
        raise Unavailable(Reason("inbox_busy"))
    if secret.relayed:
        relays.leave(account, body, signature or "", headers)
    return len(events)


def _checked(account: str, body: bytes, signature: str, now: datetime) -> Secret:
    """The secret by which the signature is right. Raises Unauthenticated, NotFound, Unavailable."""
    if not parse.may_be_signature(signature):
        raise Unauthenticated(Reason("signature_missing"))
    secret = _known.get(account, now)
    if parse.signed(body, signature, secret.value):
        return secret
    newer = _known.reread(account, now)
    if newer is None or not parse.signed(body, signature, newer.value):
        raise Unauthenticated(Reason("signature_wrong"))
    return newer


@bp.lambda_function(name="webhook")
@observed
def webhook(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The deployed front: an API Gateway proxy request."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    account = (event.get("pathParameters") or {}).get("account") or ""
    answer = receive(account, _raw_body(event), headers.get("x-line-signature"), headers)
    return {
        "statusCode": answer.status,
        "headers": {"Content-Type": "application/json"},
        "body": json.dumps(answer.body),
    }


def _raw_body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            return base64.b64decode(body)
        except binascii.Error:
            return b""
    return str(body).encode("utf-8", "surrogatepass")
