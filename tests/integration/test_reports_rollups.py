"""Rollups: every report is what it is from lines alone, whenever these were folded and whatever dies."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.gateways import clock
from chalicelib.reports import conversions, friends, journal, links, reading, scenarios, store
from chalicelib.reports.delivered import outcomes
from chalicelib.reports.lines import Line
from chalicelib.reports.numbers import Lines, Measurement, Tally
from chalicelib.reports.periods import Span
from chalicelib.reports.rollups import folding, marks, rollup
from chalicelib.reports.rollups import store as rollups
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import iso
from tests.api_client import an_account, an_api

NOW = datetime(2026, 11, 5, 7, 45, tzinfo=UTC)
USERS = ["U1", "U2", "U5", "U9"]
KINDS = ["clicked", "clicked", "followed", "unfollowed", "purchased", "refunded", "entered"]
WEEK = timedelta(days=7)


def some_lines(seed: int, count: int = 60) -> list[Line]:
    """Of all kinds, in five days until now, some at the very edges of hours."""
    dice = random.Random(seed)
    found = []
    for n in range(count):
        at = NOW - timedelta(minutes=dice.randrange(7200), milliseconds=dice.randrange(1000))
        at = at.replace(minute=0, second=0, microsecond=0) if dice.random() < 0.2 else at
        kind = dice.choice(
            ["clicked", "clicked", "followed", "unfollowed", "purchased", "refunded", "entered"]
        )
        props: dict[str, Any] = {
            "clicked": {"link": dice.choice("ab"), "delivery": "sale", "run": "r"},
            "purchased": {"order_id": f"o{n}", "amount": 100.5},
            "refunded": {"refund_of": f"o{n - 1}", "amount": 50},
            "entered": {"scenario": "welcome"},
        }.get(kind, {})
        found.append(Line(iso(at), dice.choice(USERS), f"{n:016x}", kind, props))
    return sorted(found, key=lambda line: (line.at, line.user, line.name))


def asked(span: Span) -> list[Measurement]:
    """One measurement of each report."""
    outcome = outcomes.fold(lambda one, at: one.id if span.holds(at) else None, WEEK, lambda *_: ())
    return [
        Measurement(friends.fold(span, "day"), span.since, journal.END),
        Measurement(links.fold(span, "link", {}), span.since, span.until, links.DISTINCT),
        Measurement(links.fold(span, "day", {"link": "a"}), span.since, span.until, links.DISTINCT),
        Measurement(outcome, span.since, journal.END, outcomes.DISTINCT),
        conversions.asked(span, "link", WEEK, lambda _: {}),
        scenarios.asked(span),
    ]


def numbers(tally: Tally) -> dict[Any, Any]:
    return {(row, name): tally.of(row, name) for row in {*tally.rows, ""} for name in tally.numbers(row)}


def from_lines(one: Measurement) -> dict[Any, Any]:
    """The same, without any rollup."""
    found = Tally(one.distinct)
    for part in range(journal.PARTS):
        found.add(one.fold(Lines(list(journal.lines("shop", part, one.since, one.until)))))
    return numbers(found)


def check(zone: str = "Asia/Tokyo") -> None:
    """Every report of a span is what its lines are."""
    for one in asked(Span(date(2026, 11, 2), date(2026, 11, 4), ZoneInfo(zone))):
        assert numbers(reading.tally("shop", one)) == from_lines(one)


def kept() -> list[tuple[str, str]]:
    """The times of all rollups."""
    parts = range(journal.PARTS)
    return [(one.since, one.until) for part in parts for one in rollups.between("shop", part, "", "~")]


@pytest.fixture
def shop(cloud: None) -> Iterator[list[datetime]]:
    """A shop with lines, in two parts; its clock stands where the list says."""
    now = [NOW]
    an_account(an_api(), shards=2)
    with patch.object(store, "PARTS", 2), patch.object(journal, "PARTS", 2):
        store.put_all("shop", some_lines(1))
        with patch.object(clock, "now", lambda: now[0]):
            yield now


def fold() -> None:
    folding.work({"account": "shop"})


def test_every_report_is_what_its_lines_are(shop: list[datetime]) -> None:
    """At once, an hour and a day later, with lines that come late; only what is new is read from lines."""
    check()
    fold()
    check()
    assert max(until for _, until in kept()) == "2026-11-05T07:00:00.000Z"
    for line in some_lines(2, 12):
        marks.before_writing("shop", store.part_of(line.user), [line])
        store.put("shop", line)
    check()
    shop[0] += timedelta(hours=1)
    fold()
    check()
    assert not any(rollups.marks("shop", part) for part in range(journal.PARTS))
    shop[0] += timedelta(days=1)
    fold()
    check()
    days = [since for since, until in kept() if until[11:] == since[11:] == "15:00:00.000Z"]
    assert {since[:10] for since in days} >= {"2026-11-03", "2026-11-04"}
    whole = Span(date(2026, 11, 1), date(2026, 11, 5), ZoneInfo("Asia/Tokyo"))
    with patch.object(store, "pages", side_effect=AssertionError("lines are read")):
        for one in asked(whole)[1:3]:
            reading.tally("shop", Measurement(one.fold, "2026-11-02T15:00:00.000Z", one.until))


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_days_of_other_zones(shop: list[datetime], zone: str) -> None:
    """With half hours, and a day of 25 hours; what was folded by another zone's days is not used."""
    fold()
    an_account(an_api(), time_zone=zone)
    shop[0] += timedelta(seconds=11)  # until the account is read again
    for later in (timedelta(), timedelta(days=1)):
        shop[0] += later
        check(zone)
        fold()
        check(zone)


def test_whoever_is_erased_is_in_no_rollup(shop: list[datetime]) -> None:
    """At once, and in no number either."""
    fold()
    journal.forget(get_account("shop"), "U1", iso(NOW))
    for part in range(journal.PARTS):
        for one in rollups.between("shop", part, "", "~"):
            kinds = {line.kind for line in some_lines(1)}
            assert "U1" not in {line.user for line in one.lines(kinds)}
    check()
    shop[0] += timedelta(hours=1)
    fold()
    check()


def test_a_crash_anywhere_and_time_that_ends_leave_nothing_wrong(shop: list[datetime]) -> None:
    """Killed before any call, cut off after any piece, done by two: what is read is what the lines are."""
    some = [line for line in some_lines(1) if line.user == "U1"]
    part = store.part_of("U1")
    calls = [0]
    dice = random.Random(5)

    class Killed(BaseException):
        pass

    def look(*_: Any, **__: Any) -> None:
        calls[0] += 1
        if dice.random() < 0.03:
            raise Killed

    for turn in range(8):
        try:
            with (
                patch.object(rollups, "put", _dying(rollups.put, look)),
                patch.object(rollups, "delete", _dying(rollups.delete, look)),
                patch.object(rollups, "put_folded", _dying(rollups.put_folded, look)),
            ):
                folding.work({"account": "shop", "part": part})
        except Killed:
            pass
        late = some[turn % len(some)]
        line = Line(late.at, "U1", f"late{turn}", "clicked", {"link": "a"})
        marks.before_writing("shop", part, [line])
        store.put("shop", line)
        check()
        shop[0] += timedelta(minutes=40)
    assert calls[0] > 20


def _dying(call: Any, look: Any) -> Any:
    def wrapped(*args: Any) -> Any:
        look()
        return call(*args)

    return wrapped


def test_what_there_is_no_time_for_is_gone_on_with(shop: list[datetime]) -> None:
    """The job leaves a message that begins with the part at which it stopped."""
    sent: list[Any] = []
    with patch("chalicelib.gateways.queues.send", lambda queue, body: sent.append((queue, body))):
        folding.work({"account": "shop"}, TimeLeft(lambda: 0))
    assert sent == [("bulk", {"account": "shop", "part": 0})]


def test_years_that_come_at_once_are_read_once(shop: list[datetime]) -> None:
    """Days are folded by one reading of each part; hours that came late have their day made once."""
    years = [
        Line(
            iso(NOW - timedelta(days=20 * n, hours=n % 24)), f"U{n % 9}", f"old{n}", "clicked", {"link": "a"}
        )
        for n in range(1, 36)
    ]
    store.put_all("shop", years)
    reads: list[tuple[str, str]] = []

    def pages(account: str, part: int, since: str, until: str) -> Any:
        reads.append((since, until))
        return _PAGES(account, part, since, until)

    with patch.object(store, "pages", pages):
        fold()
        first = len(reads)
        for part in range(journal.PARTS):
            some = [line for line in years if store.part_of(line.user) == part]
            late = [
                Line(f"{line.at[:11]}{hour:02}:30:00.000Z", line.user, "late", "clicked", {"link": "a"})
                for line in some
                for hour in (16, 17, 18)
            ]
            marks.before_writing("shop", part, late)
            store.put_all("shop", late)
        shop[0] += timedelta(hours=1)
        fold()
    check()
    assert first < journal.PARTS * 20, "a day at a time"
    assert len(reads) - first < journal.PARTS * 4 + len(years) * 1.1, "an hour at a time"


_PAGES = store.pages


def test_what_is_too_large_is_several(shop: list[datetime]) -> None:
    """One after the other, each in its own time; together all lines."""
    with patch.object(rollup, "LARGEST", 400):
        fold()
        check()
    assert len(kept()) > len({since[:10] for since, _ in kept()})


def test_a_cover_is_the_whole_time_once() -> None:
    """Of any rollups, also such that lie in each other: no moment is missing, and none is there twice."""
    dice = random.Random(3)
    times = [f"2026-11-0{day}T{hour:02}:00:00.000Z" for day in (1, 2) for hour in range(24)]
    for _ in range(300):
        pairs = [sorted(dice.sample(times, 2)) for _ in range(6)]
        some = [rollup.Rollup(since, until, "UTC", {}) for since, until in pairs]
        since, until = sorted(dice.sample(times, 2))
        marked = {dice.choice(times)[:13]}
        reached = since
        for one in rollup.cover(since, until, some, marked):
            begins, ends = (one.since, one.until) if isinstance(one, rollup.Rollup) else one
            assert begins == reached < ends
            assert not (isinstance(one, rollup.Rollup) and any(rollup.touches(one, hour) for hour in marked))
            reached = ends
        assert reached == until
