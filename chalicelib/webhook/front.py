"""The webhook itself: one function from a request to an answer, and the Lambda around it."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Blueprint

from chalicelib.gateways import clock, inbox, secrets
from chalicelib.shared.errors import (
    InvalidInput,
    NotFound,
    TodokuError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.observability import logger
from chalicelib.webhook import parse

bp = Blueprint(__name__)

MAX_BODY = 1_000_000
_SECRET_LIFE = timedelta(minutes=5)
_REREADS = 5  # at once after quiet; then one per pause, so that forged requests cannot exhaust SSM
_REREAD_PAUSE_S = 3.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer: status and JSON body."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


@dataclass
class _Known:
    secret: str
    read_at: datetime
    rereads: float = _REREADS
    mismatch_at: datetime | None = None

    def may_reread(self, now: datetime) -> bool:
        quiet_s = (now - (self.mismatch_at or now)).total_seconds()
        self.rereads = min(_REREADS, self.rereads + quiet_s / _REREAD_PAUSE_S)
        self.mismatch_at = now
        if self.rereads < 1:
            return False
        self.rereads -= 1
        return True


_secrets: dict[str, _Known] = {}


def receive(account: str, body: bytes, signature: str | None) -> Answer:
    """Take one webhook request. 200: every event of it is in the inbox; any other: LINE keeps them."""
    try:
        return Answer(_accept(account, body, signature))
    except TodokuError as error:
        return Answer(error.status, error.body())


def forget_secrets() -> None:
    """Forget the secrets this process has read (tests)."""
    _secrets.clear()


def _accept(account: str, body: bytes, signature: str | None) -> int:
    if len(body) > MAX_BODY:
        raise TooLarge("the body is larger than 1 MB")
    now = clock.now()
    if not ID_PATTERN.match(account):
        raise NotFound(f"there is no account {account[:64]!r}")
    _check_signature(account, body, signature or "", now)
    try:
        events = parse.parse(body, account, now)
    except InvalidInput as error:
        logger.warning("webhook body not understood", extra={"account": account, "why": error.message})
        raise
    if not events:
        return 200
    try:
        refused = inbox.put(events)
    except (BotoCoreError, ClientError) as error:
        logger.exception("the inbox did not answer", extra={"account": account})
        raise Unavailable("the inbox cannot take the events now") from error
    if refused:
        logger.error("the inbox refused events", extra={"account": account, "refused": len(refused)})
        raise Unavailable("the inbox cannot take the events now")
    return 200


def _check_signature(account: str, body: bytes, signature: str, now: datetime) -> None:
    known = _secrets.get(account)
    if known is None or now - known.read_at >= _SECRET_LIFE:
        known = _read(account, now)
    if parse.signed(body, signature, known.secret):
        return
    # A secret reissued in LINE's console is in force at once, so a mismatch may mean that ours is old.
    if (
        known.read_at < now
        and known.may_reread(now)
        and parse.signed(body, signature, _read(account, now).secret)
    ):
        return
    raise Unauthenticated("x-line-signature does not match")


def _read(account: str, now: datetime) -> _Known:
    try:
        credentials = secrets.find_line_credentials(account)
    except (BotoCoreError, ClientError) as error:
        if account in _secrets:
            logger.exception("the secret store did not answer", extra={"account": account})
            return _secrets[account]
        raise Unavailable("the secret store does not answer") from error
    if credentials is None:
        _secrets.pop(account, None)
        raise NotFound(f"there is no account {account!r}")
    known = _secrets.setdefault(account, _Known("", now))
    known.secret, known.read_at = credentials["channel_secret"], now
    return known


@bp.lambda_function(name="webhook")
def webhook(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """The deployed front: an API Gateway proxy request."""
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    account = (event.get("pathParameters") or {}).get("account") or ""
    answer = receive(account, _raw_body(event), headers.get("x-line-signature"))
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
