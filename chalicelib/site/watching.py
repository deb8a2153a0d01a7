"""What sites send, shown to staff who look on: for a minute after each look, kept for ten. Of nobody.

While nobody looks nothing is kept, and a process asks once in five seconds whether somebody does. What is
kept says no browser and no friend, so there is nothing to forget. A line that cannot be kept is only missing.

``<account>#SITEWATCH`` / ``WATCH``: somebody looks, until it expires; / ``E#<timestamp>#<hash>``: an event.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import batch_get, plain_item, query_page, to_av
from chalicelib.shared.ids import digest
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Kept, Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from chalicelib.site.model import Result

MOST = 50
_LOOK, _KEPT = timedelta(minutes=1), timedelta(minutes=10)
_ASKED_AGAIN_S = 5.0
_TABLE, _WATCH, _EVENT = "control", "WATCH", "E#"
_LONGEST = 300

_watched: dict[str, tuple[float, bool]] = {}


def look(account: str) -> list[dict[str, Any]]:
    """The latest events, the newest first; what comes within a minute will be kept too."""
    _put(account, _WATCH, {}, _LOOK)
    _watched.pop(account, None)
    request = {
        "TableName": settings().table(_TABLE),
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :events)",
        "ExpressionAttributeValues": {":pk": {"S": _pk(account)}, ":events": {"S": _EVENT}},
        "ScanIndexForward": False,
        "Limit": MOST,
    }
    items, _ = query_page(request)
    now = clock.now().timestamp()
    shown = [item["event"] for item in map(plain_item, items) if int(item["expires_at"]) > now]
    return [event | {"why": event["why"] and Reason.of(event["why"]).text()} for event in shown]


def note(account: str, sent: Sequence[Mapping[str, Any]], results: Sequence[Result], *, known: bool) -> None:
    """Keep what was sent and what became of it, if somebody looks."""
    try:
        if not _is_watched(account):
            return
        at = iso(clock.now())
        for raw, result in zip(sent, results, strict=True):
            event = {"at": at, "known": known, **_summary(raw), "status": result.status, "why": _why(result)}
            _put(account, f"{_EVENT}{at}#{digest(str(raw))[:12]}", {"event": event}, _KEPT)
    except (BotoCoreError, ClientError):
        logger.warning("an event of a site is not shown", exc_info=True)


def _summary(raw: Mapping[str, Any]) -> dict[str, str]:
    """What an event is and is about, without what follows ``?`` of an address."""
    names = ("name", "page", "order_id", "url")
    about = next((str(raw[name]) for name in names if raw.get(name)), "")
    return {"event": str(raw.get("event"))[:40], "about": about.partition("?")[0][:_LONGEST]}


def _why(result: Result) -> Kept | None:
    """What is wrong with an event, so that whoever looks reads it in their own language."""
    if result.error is None:
        return None
    details = result.error.get("details") or [result.error]
    return _reason(details[0]["reason"]).kept()


def _reason(answered: Mapping[str, Any]) -> Reason:
    """A reason as answers have it."""
    params = answered.get("params") or {}
    within = {name: _reason(one) if isinstance(one, dict) else one for name, one in params.items()}
    return Reason(answered["code"], **within)


def _is_watched(account: str) -> bool:
    known = _watched.get(account)
    if known is None or time.monotonic() - known[0] > _ASKED_AGAIN_S:
        found = batch_get(_TABLE, [_key(account, _WATCH)])
        now = clock.now().timestamp()
        is_on = any(int(plain_item(item)["expires_at"]) > now for item in found)
        known = _watched[account] = (time.monotonic(), is_on)
    return known[1]


def _put(account: str, sk: str, fields: Mapping[str, Any], life: timedelta) -> None:
    attributes = {**fields, "expires_at": int((clock.now() + life).timestamp())}
    item = _key(account, sk) | {name: to_av(value) for name, value in attributes.items()}
    aws.client("dynamodb").put_item(TableName=settings().table(_TABLE), Item=item)


def _pk(account: str) -> str:
    return f"{account}#SITEWATCH"


def _key(account: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": _pk(account)}, "sk": {"S": sk}}


forget = _watched.clear
"""Know nothing of who looks (a new process)."""
