"""Broadcasts as a list, newest first, by status and time; and as a calendar of what was sent and will be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import store, views
from chalicelib.broadcasts.model import FINAL, Head
from chalicelib.gateways import clock
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timers import recurrence

STATUSES = (
    *("draft", "scheduled", "planning", "awaiting_approval", "sending", "paused", "settling"),
    *("done", "cancelled", "failed", "missed"),
)
"""As they are answered: on its way and paused is ``paused``."""

Place = tuple[str, str]
"""Where a list goes on: the moment and the id of the last one that was shown."""


@dataclass(frozen=True)
class Asked:
    """Which ones; None: whichever. ``since`` is the first moment, ``until`` the one before which."""

    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def page(account: str, asked: Asked, limit: int, after: Place | None) -> tuple[list[Any], Place | None]:
    """A page of broadcasts as they are answered, and where to go on; their moment is that of the newest run,
    of one that was never started that of its making.

    Reads all heads: they are stored by id, and their moments change.
    """
    found = list(islice(_found(account, asked, after), limit + 1))
    shown = found[:limit]
    return [views.view(head) for head in shown], _place(shown[-1]) if len(found) > limit else None


def bodies(account: str, since: datetime | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every broadcast's id and document; of those that are over only what was ``since`` a moment."""
    for head in store.all_heads(account):
        if head.status not in FINAL or _is_within(head, Asked(since=since)):
            yield head.id, head.body


def _found(account: str, asked: Asked, after: Place | None) -> Iterator[Head]:
    for head in sorted(store.all_heads(account), key=_place, reverse=True):
        if (after is None or _place(head) < after) and _is_within(head, asked) and _has(head, asked.status):
            yield head


def _place(head: Head) -> Place:
    return head.at or head.created_at or "", head.id


def _is_within(head: Head, asked: Asked) -> bool:
    moment, _ = _place(head)
    if asked.since is not None and moment < iso(asked.since):
        return False
    return asked.until is None or moment < iso(asked.until)


def _has(head: Head, status: str | None) -> bool:
    return status is None or views.status_of(head)[0] == status


# The calendar


USUAL, LONGEST = timedelta(days=31), timedelta(days=92)
MOST = 2_000
"""So many lines are shown; ``cut`` says that there are more."""


def calendar(account: str, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """``{"items": [{"at", "broadcast", "name", "kind", "status", "run"?, "progress"?}], "cut"}`` of a time,
    in its order. ``kind``: ``run`` (begun or over), ``scheduled``, or ``recurring`` (an occurrence to come).

    Without a first moment from now on, without a last one for 31 days. Raises InvalidInput for a time longer
    than 92 days.
    """
    since = since or clock.now()
    until = until or since + USUAL
    if until - since > LONGEST:
        raise InvalidInput.at("to", Reason("days_away", most=LONGEST.days))
    zone, found = accounts.get_account(account).zone, []
    for head in store.all_heads(account):
        found += [line for line in _of(head, zone, since, until) if iso(since) <= line["at"] < iso(until)]
    found.sort(key=lambda line: (line["at"], line["broadcast"]))
    return {"items": found[:MOST], "cut": len(found) > MOST}


def _of(head: Head, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    named = {"broadcast": head.id, "name": head.body["name"]}
    if head.run is None or head.at is None:
        return
    status, _ = views.status_of(head)
    if head.status == "scheduled":
        kind = "recurring" if head.every else "scheduled"
        yield {"at": head.at, **named, "kind": kind, "status": status}
    else:
        yield {"at": head.at, **named, "kind": "run", "status": status, "run": head.run}
    yield from _earlier(head, named, since)
    if head.every and head.status != "cancelled":
        moment = max(parse_iso(head.at), since, clock.now())
        for _ in range(MOST + 1):
            moment = recurrence.next_occurrence(head.every, zone, moment)
            if moment >= until:
                return
            yield {"at": iso(moment), **named, "kind": "recurring", "status": "scheduled"}


def _earlier(head: Head, named: dict[str, str], since: datetime) -> Iterator[dict[str, Any]]:
    """The runs before the newest one, back to a moment."""
    before: str | None = None
    while True:
        lines, before = store.runs(head.account, head.id, 50, before)
        for line in lines:
            if line["run"] != head.run and line["at"]:
                told = {name: line[name] for name in ("run", "status", "progress")}
                yield {"at": line["at"], **named, "kind": "run", **told}
        if before is None or (lines[-1]["at"] or "") < iso(since):
            return
