"""LINE's quota of the month, and what of it is reserved: what runs have still to send, what is scheduled."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.gateways import clock, line
from chalicelib.segments import service as segments
from chalicelib.shared.times import local_date, parse_iso
from chalicelib.timers import recurrence

YEN_PER_MESSAGE = 3
"""The most that a message above the free quota costs: https://www.lycbiz.com/jp/service/line-official-account/plan/"""
_WITHIN_S = 4.0
"""So long audiences of scheduled broadcasts are counted, all together."""
_MOST_OCCURRENCES = 31


def quota_of(account: str) -> dict[str, int | None]:
    """``limit``, ``used`` and ``left``; all null when LINE does not report, ``left`` null without a limit."""
    token = accounts.line_credentials(account)["channel_access_token"]
    try:
        limit, used = line.quota(token)
    except line.NoAnswer:
        return {"limit": None, "used": None, "left": None}
    return {"limit": limit, "used": used, "left": None if limit is None else max(0, limit - used)}


def with_reservations(
    account_id: str, runs: Sequence[Mapping[str, Any]], but: str | None = None
) -> dict[str, int | None]:
    """The quota with ``reserved`` and ``left`` less that. ``runs``: the broadcasts that are open, as they are
    answered; ``but``: the one that asks, whose own is not counted.
    """
    account, quota = accounts.get_account(account_id), quota_of(account_id)
    others = [one for one in runs if one["id"] != but]
    under_way = sum(int(one["progress"]["pending"]) + _of_narrowcast(one) for one in others)
    reserved = under_way + _of_scheduled(account, [one for one in others if one["status"] == "scheduled"])
    left = quota["left"]
    return {**quota, "reserved": reserved, "left": None if left is None else max(0, left - reserved)}


def _of_narrowcast(one: Mapping[str, Any]) -> int:
    """How many messages a narrowcast that LINE has not accepted yet may take, if it says so."""
    narrowcast = one.get("narrowcast") or {}
    is_accepted = (one.get("line") or {}).get("request_id") is not None
    return 0 if is_accepted else int(narrowcast.get("max") or 0)


def _of_scheduled(account: Account, scheduled: Sequence[Mapping[str, Any]]) -> int:
    """What scheduled broadcasts may take this month at most: their audiences as they are now, nobody left
    out, the upper figure where there is only an estimate, as often as they come round.
    """
    now = clock.now()
    due = [(one["audience"], _times(one, account, now)) for one in scheduled if one.get("audience")]
    asked = {json.dumps(audience, sort_keys=True): audience for audience, times in due if times}
    counts = {
        text: segments.count(account.id, audience, now, _WITHIN_S / len(asked)).high
        for text, audience in asked.items()
    }
    return sum(counts[json.dumps(audience, sort_keys=True)] * times for audience, times in due if times)


def _times(one: Mapping[str, Any], account: Account, now: datetime) -> int:
    return sum(1 for _ in _due_times(one, account, now))


def _due_times(one: Mapping[str, Any], account: Account, now: datetime) -> Iterator[datetime]:
    """When it goes out within the month that is now."""
    month, at = local_date(now, account.zone).strftime("%Y-%m"), parse_iso(one["at"])
    for _ in range(_MOST_OCCURRENCES):
        if local_date(max(at, now), account.zone).strftime("%Y-%m") != month:
            return
        yield at
        if not one.get("every"):
            return
        at = recurrence.next_occurrence(one["every"], account.zone, max(at, now - timedelta(minutes=1)))
