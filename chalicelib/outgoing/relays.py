"""Forwarding LINE's webhooks to the account's ``relay_urls``: bytes and signature header as they came.

Whoever gets them verifies them as LINE's. Each address has its own message, is called at most eight times
within some twenty minutes, and rests for a while in a process in which it did not answer, so that a dead one
costs the queue little. What comes of it is counted (docs/operations/metrics.md), and kept nowhere.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts.service import find_account
from chalicelib.gateways import clock, queues, web
from chalicelib.jobs import kinds
from chalicelib.shared.metrics import count
from chalicelib.shared.observability import logger
from chalicelib.shared.origins import BadAddress, origin_of

SECONDS = 5.0
"""LINE itself gives a receiver two."""
PASSED_ON = "X-Todoku-Relayed"
_REST = timedelta(seconds=30)
_MOST_RESTING = 1_000
_resting: dict[str, datetime] = {}
"""Until when addresses are not called here."""


def forward(body: Mapping[str, Any]) -> None:
    """The job ``relay``: to each address by a message of its own; to one, now or later."""
    wanted = _addresses(body["account"])
    if "url" in body:
        if body["url"] in wanted:  # else somebody has taken it away since
            _to(dict(body))
        return
    messages = [queues.Message({**body, "url": url}) for url in wanted[1:]]
    if messages and queues.send_all(kinds.QUEUE, messages):
        raise kinds.NotDone("the queue refused to take a webhook for others")
    if wanted:
        _to({**body, "url": wanted[0]})


def _addresses(account_id: str) -> list[str]:
    """Where the account's webhooks go; that they go somewhere may be news of the last seconds."""
    account = find_account(account_id)
    if account is not None and not account.relay_urls:
        account = find_account(account_id, fresh=True)
    return account.relay_urls if account else []


def _to(body: dict[str, Any]) -> None:
    url, now = body["url"], clock.now()
    if now < _resting.get(url, now):
        _again(body, "resting")
        return
    try:
        status = web.post(url, _raw(body), {**body["headers"], PASSED_ON: body["account"]}, SECONDS)
    except web.Refused as error:
        _give_up(body, error.reason.code)
    except web.NoAnswer as error:
        if len(_resting) >= _MOST_RESTING:
            _resting.clear()
        _resting[url] = clock.now() + _REST
        _again(body, error.reason.code)
    else:
        _resting.pop(url, None)
        _answered(body, status)


def _answered(body: dict[str, Any], status: int) -> None:
    if 200 <= status < 300:
        count("RelayDelivered", account=body["account"])
    elif status in {408, 425, 429} or status >= 500:
        _again(body, str(status))
    else:
        _give_up(body, str(status))


def _raw(body: Mapping[str, Any]) -> bytes:
    """The bytes that LINE sent (``webhook/relays.py``)."""
    if "text" in body:
        return str(body["text"]).encode()
    return zlib.decompress(base64.b85decode(body["packed"]))


def _again(body: dict[str, Any], why: str) -> None:
    if kinds.is_last(body):
        _give_up(body, why)
        return
    count("RelayRetried", account=body["account"])
    kinds.retry_later(body, why)


def _give_up(body: Mapping[str, Any], why: str) -> None:
    count("RelayGivenUp", account=body["account"])
    try:
        to = str(origin_of(body["url"]))
    except BadAddress:
        to = "?"
    logger.warning("a webhook was not forwarded", extra={"account": body["account"], "to": to, "why": why})
