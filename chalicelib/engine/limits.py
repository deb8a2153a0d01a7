"""When a rule may run: its limit (kept on the friend's sheet) and its window of validity. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.shared.times import iso, parse_duration, parse_iso

DAYS_REMEMBERED = 31
"""Of so many days, the newest, a sheet remembers what they have used; an older one counts as used up."""
RUNS_REMEMBERED = 10
"""Of so many runs, the newest, a sheet remembers the moments for a cooldown; nothing runs before them."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Limit:
    """How often a rule runs for one friend; exactly one of the fields is set."""

    once: bool = False
    cooldown: timedelta | None = None
    every: int | None = None
    per_day: int | None = None


@dataclass(frozen=True)
class Window:
    """When a rule is in force, by the event's own time; hours and weekdays are the account's local ones."""

    since: str | None = None
    until: str | None = None
    weekdays: frozenset[int] = frozenset()
    hours: tuple[str, str] | None = None

    def closed(self, moment: datetime, zone: ZoneInfo) -> str | None:
        """None when open at a moment, else why it is closed."""
        at, local = iso(moment), moment.astimezone(zone)
        if self.since is not None and at < self.since:
            return f"valid from {self.since}"
        if self.until is not None and at >= self.until:
            return f"valid until {self.until}"
        if self.weekdays and local.weekday() not in self.weekdays:
            return f"not on a {WEEKDAYS[local.weekday()]}"
        if self.hours is not None and not _between(f"{local:%H:%M}", *self.hours):
            return f"not at {local:%H:%M}"
        return None


def read_limit(raw: Any) -> Limit | None:
    """The limit of a rule's checked body."""
    if raw is None:
        return None
    if raw == "once":
        return Limit(once=True)
    if raw.get("cooldown") is not None:
        return Limit(cooldown=parse_duration(raw["cooldown"]))
    return Limit(every=raw.get("every"), per_day=raw.get("per_day"))


def read_window(raw: Mapping[str, Any] | None) -> Window | None:
    """The window of a rule's checked body."""
    if not raw:
        return None
    hours = raw.get("hours")
    return Window(
        since=_moment(raw.get("from")),
        until=_moment(raw.get("until")),
        weekdays=frozenset(WEEKDAYS.index(day) for day in raw.get("weekdays") or ()),
        hours=(hours["from"], hours["to"]) if hours else None,
    )


def take(
    limit: Limit, state: Mapping[str, Any] | None, at: str, zone: ZoneInfo
) -> tuple[dict[str, Any], str | None]:
    """Count one match; answers the state after and None when the rule may run, else why not.

    ``n`` counts runs (with ``every``: matches); times are the events', so a late event neither starts
    a cooldown anew nor shortens one: no two runs are closer to each other than the cooldown.
    """
    before = dict(state or {})
    runs = int(before.get("n", 0))
    if limit.every is not None:
        after = before | {"n": runs + 1}
        if (runs + 1) % limit.every:
            return after, f"limit: {runs + 1} of every {limit.every}"
        return after | {"last_at": max(at, before.get("last_at", ""))}, None
    if limit.once and runs:
        return before, f"limit: once, done at {before.get('last_at')}"
    remembered = _runs(before)
    if limit.cooldown is not None:
        why = _cooling(limit.cooldown, remembered, runs, at)
        if why is not None:
            return before, why
    after = before | {"n": runs + 1, "last_at": max(at, before.get("last_at", ""))}
    if limit.cooldown is not None:
        return after | {"runs": sorted([*remembered, at])[-RUNS_REMEMBERED:]}, None
    # Moments remembered for a cooldown that the rule has no more would not tell of this run.
    after.pop("runs", None)
    if limit.per_day is None:
        return after, None
    day = parse_iso(at).astimezone(zone).date().isoformat()
    days = before.get("days", {})
    if is_forgotten(days, day):
        return before, f"limit: {limit.per_day} per day, and {day} is longer ago than is remembered"
    today = int(days.get(day, 0))
    if today >= limit.per_day:
        return before, f"limit: {limit.per_day} per day"
    return after | {"days": with_day(days, day, today + 1)}, None


def _runs(state: Mapping[str, Any]) -> list[str]:
    """The moments of runs that are remembered, oldest first; at least the last one."""
    last = [state["last_at"]] if state.get("last_at") else []
    return list(state.get("runs") or last)


def _cooling(cooldown: timedelta, remembered: list[str], runs: int, at: str) -> str | None:
    """Why a rule must not run at a moment, earlier or later than its other runs; None when it may."""
    moment = parse_iso(at)
    for run in remembered:
        if abs(moment - parse_iso(run)) < cooldown:
            return f"limit: cooldown since {run}"
    if runs > len(remembered) and at < min(remembered, default=""):
        return f"limit: cooldown, and runs before {min(remembered)} are not remembered"
    return None


def is_forgotten(days: Mapping[str, Any], day: str) -> bool:
    """Whether a day is older than all that a full memory of days holds: what it has used is not known."""
    return len(days) >= DAYS_REMEMBERED and day < min(days)


def with_day(days: Mapping[str, Any], day: str, used: float) -> dict[str, Any]:
    """The memory with what a day has used by now; only the newest days stay."""
    return dict(sorted({**days, day: used}.items())[-DAYS_REMEMBERED:])


def _moment(text: str | None) -> str | None:
    return iso(parse_iso(text)) if text else None


def _between(now: str, start: str, end: str) -> bool:
    return start <= now < end if start <= end else now >= start or now < end
