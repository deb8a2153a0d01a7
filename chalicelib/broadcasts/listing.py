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
from chalicelib.broadcasts.model import FINAL, Broadcast
from chalicelib.enrollments.standing import load
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
"""Where a list goes on: the time and the id of the last one that was shown."""


@dataclass(frozen=True)
class Asked:
    """Which ones; None: whichever. ``since`` is the first time, ``until`` the one before which."""

    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def page(account: str, asked: Asked, limit: int, after: Place | None) -> tuple[list[Any], Place | None]:
    """A page of broadcasts as they are answered, and where to go on; their time is that of the newest run,
    of one that was never started that of its making.

    Reads all of them: they are stored by id, and their times change.
    """
    found = list(islice(_found(account, asked, after), limit + 1))
    shown = found[:limit]
    return [views.view(broadcast) for broadcast in shown], _place(shown[-1]) if len(found) > limit else None


def bodies(account: str, since: datetime | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every broadcast's id and document; of those that are over only what was ``since`` a time."""
    for broadcast in store.all_broadcasts(account):
        if broadcast.status not in FINAL or _is_within(broadcast, Asked(since=since)):
            yield broadcast.id, broadcast.body


def _found(account: str, asked: Asked, after: Place | None) -> Iterator[Broadcast]:
    for broadcast in sorted(store.all_broadcasts(account), key=_place, reverse=True):
        if (
            (after is None or _place(broadcast) < after)
            and _is_within(broadcast, asked)
            and _has(broadcast, asked.status)
        ):
            yield broadcast


def _place(broadcast: Broadcast) -> Place:
    return broadcast.at or broadcast.created_at or "", broadcast.id


def _is_within(broadcast: Broadcast, asked: Asked) -> bool:
    at, _ = _place(broadcast)
    if asked.since is not None and at < iso(asked.since):
        return False
    return asked.until is None or at < iso(asked.until)


def _has(broadcast: Broadcast, status: str | None) -> bool:
    return status is None or views.status_of(broadcast)[0] == status


# The calendar


USUAL, LONGEST = timedelta(days=31), timedelta(days=92)
MOST = 2_000
"""So many lines are shown; ``cut`` says that there are more."""


def calendar(account: str, since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """``{"items": [{"at", "broadcast", "name", "kind", "status", "run"?, "progress"?}], "cut"}`` of a time,
    in its order, and ``"scenarios": [{"date", "scenario", "friends"}]``, whom of those who wait in scenarios
    which day brings on (``scenarios_exact`` false: an estimate). ``kind``: ``run`` (begun or over),
    ``scheduled``, or ``recurring`` (an occurrence to come).

    Without a first time from now on, without a last one for 31 days. Raises InvalidInput for a time longer
    than 92 days.
    """
    since = since or clock.now()
    until = until or since + USUAL
    if until - since > LONGEST:
        raise InvalidInput.at("to", Reason("days_away", most=LONGEST.days))
    of_account, found = accounts.get_account(account), list[dict[str, Any]]()
    zone = of_account.zone
    for broadcast in store.all_broadcasts(account):
        found += [
            line for line in _of(broadcast, zone, since, until) if iso(since) <= line["at"] < iso(until)
        ]
    found.sort(key=lambda line: (line["at"], line["broadcast"]))
    steps = load.of(of_account, max(since, clock.now()), until)
    scenarios = [
        {"date": date, "scenario": scenario, "friends": n}
        for (date, scenario), n in sorted(steps.days.items())
    ]
    listed = {"items": found[:MOST], "cut": len(found) > MOST}
    return listed | {"scenarios": scenarios, "scenarios_exact": steps.exact}


def _of(broadcast: Broadcast, zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    named = {"broadcast": broadcast.id, "name": broadcast.body["name"]}
    if broadcast.run is None or broadcast.at is None:
        return
    status, _ = views.status_of(broadcast)
    if broadcast.status == "scheduled":
        kind = "recurring" if broadcast.every else "scheduled"
        yield {"at": broadcast.at, **named, "kind": kind, "status": status}
    else:
        yield {"at": broadcast.at, **named, "kind": "run", "status": status, "run": broadcast.run}
    yield from _earlier(broadcast, named, since)
    if broadcast.every and broadcast.status != "cancelled":
        at = max(parse_iso(broadcast.at), since, clock.now())
        for _ in range(MOST + 1):
            at = recurrence.next_occurrence(broadcast.every, zone, at)
            if at >= until:
                return
            yield {"at": iso(at), **named, "kind": "recurring", "status": "scheduled"}


def _earlier(broadcast: Broadcast, named: dict[str, str], since: datetime) -> Iterator[dict[str, Any]]:
    """The runs before the newest one, back to a time."""
    before: str | None = None
    while True:
        lines, before = store.runs(broadcast.account, broadcast.id, 50, before)
        for line in lines:
            if line["run"] != broadcast.run and line["at"]:
                shown = {name: line[name] for name in ("run", "status", "progress")}
                yield {"at": line["at"], **named, "kind": "run", **shown}
        if before is None or (lines[-1]["at"] or "") < iso(since):
            return
