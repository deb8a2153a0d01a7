"""When a rule may run: its limit (kept on the friend's sheet) and its window of validity. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_duration, parse_iso
from chalicelib.sheets import limit_states

RUNS_REMEMBERED = 10
"""Of so many runs, the newest, a sheet remembers the timestamps for a cooldown; nothing runs before them."""
_ACTING_LIKE_RULES = {"form": "forms", "link": "links", "scenario": "scenarios", "schedule": "schedules"}
"""Whose documents act like rules, named ``<kind>:<id>`` or ``<kind>:<id>:<part>``."""
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
    """When a rule is in force, by the event's own time; hours and weekdays are the account's local ones.

    Hours that go past midnight belong, to their end, to the weekday on which they begin.
    """

    since: str | None = None
    until: str | None = None
    weekdays: frozenset[int] = frozenset()
    hours: tuple[str, str] | None = None

    def closed(self, timestamp: datetime, zone: ZoneInfo) -> Reason | None:
        """None when open at a moment, else why it is closed."""
        at, local = iso(timestamp), timestamp.astimezone(zone)
        if self.since is not None and at < self.since:
            return Reason("valid_from", at=self.since)
        if self.until is not None and at >= self.until:
            return Reason("valid_until", at=self.until)
        time = f"{local:%H:%M}"
        if self.hours is not None and not _between(time, *self.hours):
            return Reason("not_at", time=time)
        # The hours after midnight belong to the day on which they began.
        overnight = self.hours is not None and self.hours[0] > self.hours[1] and time < self.hours[1]
        day = (local.weekday() - overnight) % 7
        if self.weekdays and day not in self.weekdays:
            name = WEEKDAYS[day]
            return Reason("not_in_night_of", day=name) if overnight else Reason("not_on", day=name)
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
        since=_timestamp(raw.get("from")),
        until=_timestamp(raw.get("until")),
        weekdays=frozenset(WEEKDAYS.index(day) for day in raw.get("weekdays") or ()),
        hours=(hours["from"], hours["to"]) if hours else None,
    )


def take(
    limit: Limit, state: Mapping[str, Any] | None, at: str, zone: ZoneInfo
) -> tuple[dict[str, Any], Reason | None]:
    """Count one match; returns the state after and None when the rule may run, else why not.

    ``n`` counts runs (with ``every``: matches); times are the events', so a late event neither starts
    a cooldown anew nor shortens one: no two runs are closer to each other than the cooldown.
    """
    before = dict(state or {})
    if limit.cooldown is not None:
        return _take_apart(limit.cooldown, before, at)
    # The timestamps that are remembered for a cooldown would not show runs under another limit.
    before.pop("runs", None)
    if limit.per_day is None:
        before.pop("days", None)
    ran = _ran(before, at)
    if limit.every is not None:
        matches = ran["n"]
        if matches % limit.every:
            return before | {"n": matches}, Reason("limit_every", n=matches, every=limit.every)
        return ran, None
    if limit.once:
        done = Reason("limit_once", at=before.get("last_at") or "")
        return (before, done) if before.get("n") else (ran, None)
    day = parse_iso(at).astimezone(zone).date().isoformat()
    days = before.get("days", {})
    if limit_states.is_forgotten(days, day):
        return before, Reason("limit_per_day_forgotten", most=limit.per_day, day=day)
    today = int(limit_states.used(days, day))
    if today >= (limit.per_day or 0):
        return before, Reason("limit_per_day", most=limit.per_day)
    return ran | {"days": limit_states.with_used(days, day, today + 1)}, None


def give_back(
    limit: Limit, state: Mapping[str, Any], at: str, zone: ZoneInfo, why: Reason | None
) -> dict[str, Any]:
    """The state as if ``take`` had not counted the match at ``at``, of which it returned ``why`` then."""
    after = dict(state)
    n = int(after.get("n", 0))
    if limit.every is not None:
        if why is None:
            after["n"] = max(0, n - n % limit.every - 1)
        elif why.code == "limit_every":  # counted, and did not run
            after["n"] = int(why.params["n"]) - 1
        return after
    if why is not None:
        return after
    day = parse_iso(at).astimezone(zone).date().isoformat()
    used = int(limit_states.used(after.get("days", {}), day))
    runs = list(after.get("runs", ()))
    if limit.per_day is not None and used:
        after["days"] = limit_states.with_used(after["days"], day, used - 1)
    elif limit.cooldown is not None and at in runs:
        runs.remove(at)
        after["runs"] = runs
    elif after.get("last_at") != at:
        return after  # taken by another event
    after["n"] = max(0, n - 1)
    if after.get("last_at") == at and (limit.cooldown is not None or n <= 1):
        after["last_at"] = max(runs, default="")
    return after


def forget_gone(states: dict[str, Any], snapshot: Snapshot, today: date) -> None:
    """Drop what is kept for rules, forms, links and scenarios that are not in the catalog any more.

    A state that counted something yesterday or today stays: its rule may be newer than this snapshot.
    """
    rules = snapshot.all("rules")
    for name in [name for name in states if name not in rules]:
        kind, colon, rest = name.partition(":")
        id_ = rest.partition(":")[0]
        if colon and kind in _ACTING_LIKE_RULES and snapshot.find(_ACTING_LIKE_RULES[kind], id_) is not None:
            continue
        if limit_states.is_idle(states[name], today):
            del states[name]


def _ran(state: Mapping[str, Any], at: str) -> dict[str, Any]:
    return {**state, "n": int(state.get("n", 0)) + 1, "last_at": max(at, state.get("last_at", ""))}


def _take_apart(cooldown: timedelta, before: dict[str, Any], at: str) -> tuple[dict[str, Any], Reason | None]:
    """``take`` of a cooldown. A sheet of before runs were remembered has the time of the last one alone."""
    last = [before["last_at"]] if before.get("last_at") else []
    remembered: list[str] = before.get("runs") or last
    timestamp = parse_iso(at)
    for run in remembered:
        if abs(timestamp - parse_iso(run)) < cooldown:
            return before, Reason("limit_cooldown", since=run)
    if remembered and at < remembered[0] and int(before.get("n", 0)) > len(remembered):
        return before, Reason("limit_cooldown_forgotten", before=remembered[0])
    return _ran(before, at) | {"runs": sorted([*remembered, at])[-RUNS_REMEMBERED:]}, None


def _timestamp(text: str | None) -> str | None:
    return iso(parse_iso(text)) if text else None


def _between(now: str, start: str, end: str) -> bool:
    return start <= now < end if start <= end else now >= start or now < end
