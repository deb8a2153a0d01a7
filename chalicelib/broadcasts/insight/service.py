"""LINE's own numbers of a broadcast's run: asked for one, three and fourteen days after its end.

LINE counts what many were sent under a **unit**, a name that goes out with each request: one per run and
variant, because a channel has 1,000 names a month. LINE counts for 14 days, gives its numbers 60 times an
hour, and shows nothing below 20.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts.insight import store
from chalicelib.broadcasts.insight.store import Counted
from chalicelib.broadcasts.insight.units import JAPAN
from chalicelib.broadcasts.model import Broadcast
from chalicelib.broadcasts.narrowcasts import numbers
from chalicelib.broadcasts.plans import run_snapshots
from chalicelib.gateways import clock
from chalicelib.gateways.line import NoAnswer
from chalicelib.gateways.line_sdk import insight as at_line
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.shared.times import iso, parse_iso, to_ms
from chalicelib.timers import service as timers
from chalicelib.timers.model import Entry

KIND = "insight"
AFTER = (timedelta(days=1), timedelta(days=3), timedelta(days=14))
AGAIN = timedelta(hours=1)
"""LINE did not answer, or has answered its sixty: asked again then."""
GIVEN_UP = timedelta(days=20)
LONGEST = timedelta(days=30)
_NAMES = {"impressions": "uniqueImpression", "media_plays": "uniqueMediaPlayed", "clicks": "uniqueClick"}


def arm(broadcast: Broadcast) -> None:
    """Have LINE asked about a run that has ended. Before its end is written; again is harmless."""
    run, now = str(broadcast.run), clock.now()
    asked = _asked(broadcast, run)
    if not asked:
        return
    body = {"run": run, "first": broadcast.started_at or iso(now), "ended": iso(now), **asked}
    for after in AFTER:
        _arm(broadcast.account, run, now + after, body)


def _asked(broadcast: Broadcast, run: str) -> dict[str, Any]:
    """What LINE is asked by: the request of a narrowcast, or the units of the variants."""
    narrowcast = numbers.shown(broadcast)
    if narrowcast is not None:
        return {"request": narrowcast["request_id"]} if narrowcast["request_id"] else {}
    found = run_snapshots.find_run_snapshot(broadcast.account, broadcast.id, run)
    # Pairs, because no map in a table has an empty name.
    units = [[one.variant or "", one.unit] for one in found.arms if one.unit] if found else []
    return {"units": units} if units else {}


def _arm(account: str, run: str, due_at: datetime, body: Mapping[str, Any]) -> None:
    timers.arm(Entry(account, KIND, run, to_ms(due_at), due_at, body=dict(body)))


def is_pulled(entry: Entry) -> bool:
    """Whether LINE was asked about a run since an entry was due, or it is too late to ask."""
    found = store.find(entry.account, entry.id)
    is_late = clock.now() - parse_iso(str(entry.body.get("ended") or iso(entry.due_at))) > GIVEN_UP
    return is_late or (found is not None and found.as_of >= iso(entry.due_at))


def pull(account: str, run: str, body: Mapping[str, Any]) -> None:
    """Ask LINE about a run and keep its numbers; again in an hour when it gives none."""
    now = clock.now()
    token = accounts.line_credentials(account)["channel_access_token"]
    known = store.find(account, run)
    found: dict[str, Any] = dict(known.arms) if known else {}
    try:
        if body.get("request"):
            found[""] = _read(at_line.of_request(token, str(body["request"])))
        for variant, unit in body.get("units") or ():
            found[variant] = _read(at_line.of_unit(token, unit, *_days(str(body["first"]), now)))
    except (NoAnswer, Refused) as error:
        if isinstance(error, NoAnswer) or error.is_later:
            if now - parse_iso(str(body["ended"])) < GIVEN_UP:
                _arm(account, run, now + AGAIN, body)
            return
        found = found or {"": dict.fromkeys(_NAMES)}  # this channel gets no numbers
    store.put(account, run, Counted(found, iso(now)))


def _days(first: str, now: datetime) -> tuple[str, str]:
    """The days of Japan that LINE is asked about."""
    since = parse_iso(first)
    return tuple(f"{at.astimezone(JAPAN):%Y%m%d}" for at in (since, min(now, since + LONGEST)))  # type: ignore[return-value]


def _read(overview: Mapping[str, Any]) -> dict[str, int | None]:
    return {
        ours: int(overview[theirs]) if isinstance(overview.get(theirs), int) else None
        for ours, theirs in _NAMES.items()
    }


def counted(account: str, runs: Sequence[str]) -> dict[str, Counted]:
    """LINE's numbers of these runs, as far as they are known."""
    return store.between(account, min(runs), max(runs)) if runs else {}
