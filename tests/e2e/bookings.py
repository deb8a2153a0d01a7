"""A trial by hand: friends with reservations that are moved and cancelled by chance, in real time.

    python -m tests.e2e.bookings [--friends 200] [--kills 1] [--seed 1]

Each friend has one to four reservations of the next minutes. What is said of them comes late and out of
order, as from a booking system; a reminder goes out 60 s before each, and another 20 s before. Each must be
sent once, to whom a bookkeeping of its own (``tests/bookkeeping.py``) says, within 3 s of its moment (where
nobody was killed). Then the exit status is 0. It takes some six minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from chalicelib.shared.times import iso, parse_iso
from tests.bookkeeping import Reminder, Word, predicted
from tests.e2e.trial import Trial, run, user

SPAN_S, CLEAR_S, AWAY_S, LATE_S = 240, 5, 60, 3.0
"""Reservations take place within that time; what is said comes so long before a reminder, or after it, and
not while the platform is away.
"""
_BEFORE = {"first": 60, "second": 20}
_TEXT = '{{ reservation.id }} {{ reservation.at | date("%H:%M:%S") }}'
_NODES: dict[str, Any] = {
    "one": {
        "type": "wait",
        "until": {"event": "reserved", "offset": "-60s"},
        "next": "first",
        "on_past": "two",
    },
    "first": {"type": "message", "message": "first", "next": "two"},
    "two": {
        "type": "wait",
        "until": {"event": "reserved", "offset": "-20s"},
        "next": "second",
        "on_past": "over",
    },
    "second": {"type": "message", "message": "second", "next": "over"},
    "over": {"type": "exit", "reason": "over"},
}


def due(stage: str, at: datetime) -> datetime:
    """When a reminder goes out."""
    return at - timedelta(seconds=_BEFORE[stage])


def text(stage: str, one: Word) -> str:
    """What the friend reads."""
    return f"{stage} {one.reservation} {one.at + timedelta(hours=9):%H:%M:%S}"


def clear_of(at: datetime, kills: list[datetime]) -> datetime:
    """That moment, or when the platform is surely back."""
    for kill in kills:
        if -CLEAR_S <= (at - kill).total_seconds() < AWAY_S:
            after = AWAY_S + (at - kill).total_seconds() / 4
            return (kill + timedelta(seconds=after)).replace(microsecond=0)
    return at


def words_of(dice: Random, start: datetime, who: str, reservation: str, kills: list[datetime]) -> list[Word]:
    """Booked, perhaps moved and cancelled, never in doubt whether before or after a reminder."""
    while True:
        reported_at, found = start + timedelta(seconds=dice.randrange(60)), list[Word]()
        states = ["booked", *["moved"] * dice.choice([0, 0, 1, 1, 2])]
        states += ["cancelled"] if dice.random() < 0.3 else []
        for status in states:
            at = reported_at + timedelta(seconds=dice.randrange(30, SPAN_S))
            heard = clear_of(reported_at + timedelta(seconds=dice.choice([0, 0, 0, 2, 30])), kills)
            found.append(Word(heard, reported_at, who, reservation, at, status))
            reported_at += timedelta(seconds=dice.choice([1, 15, 60, 90]))
        due_times = [due(stage, one.at) for one in found for stage in _BEFORE]
        gaps = [abs((one.heard - due_at).total_seconds()) for one in found for due_at in due_times]
        heard_apart = {round(one.heard.timestamp()) for one in found}
        if min(gaps) > CLEAR_S and len(heard_apart) == len(found):
            return found


def _open(trial: Trial, friends: int) -> str:
    bodies = {
        name: {"messages": [{"type": "text", "text": f"{name} {_TEXT}"}], "category": "transactional"}
        for name in _BEFORE
    }
    shop = trial.open("salon", messages__first=bodies["first"], messages__second=bodies["second"])
    trial.import_lines(shop, friends)
    remind = {"name": "remind", "entry": {"per": "reservation_id"}, "start": "one", "nodes": _NODES}
    trial.api.put(f"{shop}/scenarios/remind", remind)
    trial.api.post(f"{shop}/scenarios/remind/publish", {})
    rule = {"name": "booked", "when": {"event": "reserved"}, "then": [{"enter_scenario": "remind"}]}
    trial.api.put(f"{shop}/rules/booked", rule)
    return shop


def _event(number: int, one: Word) -> dict[str, Any]:
    props = {"reservation_id": one.reservation, "status": one.status, "updated_at": iso(one.reported_at)}
    event = {"event_id": f"e{number}", "user_id": one.user, "type": "reserved", "at": iso(one.at)}
    return {**event, "props": props}


def compare(trial: Trial, wanted: list[Reminder], *, killed: bool) -> None:
    """What LINE accepted against what had to be sent, each once and in time."""
    sent = [
        Reminder(parse_iso(item["at"]), who, item["messages"][0]["text"])
        for item in trial.sent()
        for who in (item["to"] if isinstance(item["to"], list) else [item["to"]])
    ]
    got, expected = (Counter((one.user, one.text) for one in some) for some in (sent, wanted))
    missing, extra = expected - got, got - expected
    found = {"missing": sorted(missing)[:9], "too many": sorted(extra)[:9]}
    assert not missing, f"{missing.total()} missing, {extra.total()} too many: {found}"
    assert not extra, f"{extra.total()} too many: {found}"
    due_times = {(one.user, one.text): one.at for one in wanted}
    late = sorted((one.at - due_times[one.user, one.text]).total_seconds() for one in sent)
    print(f"{len(sent)} reminders, each once; {late[0]:.1f} to {late[-1]:.1f} s after their moments")
    assert late[0] >= 0, "too early"
    assert killed or late[-1] <= LATE_S, "too late"


def main() -> int:
    """Everything, in real time."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.bookings")
    parser.add_argument("--friends", type=int, default=200)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=15)
    asked = parser.parse_args()

    def work(trial: Trial) -> None:
        shop, dice = _open(trial, asked.friends), Random(asked.seed)
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
        kills = [start + timedelta(seconds=170 * (n + 1)) for n in range(asked.kills)]
        words_by_reservation = {
            (n, m): words_of(dice, start, user(n), f"r{n}-{m}", kills)
            for n in range(asked.friends)
            for m in range(dice.randint(1, 4))
        }
        words = sorted(one for some in words_by_reservation.values() for one in some)
        wanted = [
            reminder for some in words_by_reservation.values() for reminder in predicted(some, due, text)
        ]
        print(
            f"{len(words_by_reservation)} reservations, {len(words)} words, {len(wanted)} reminders",
            flush=True,
        )
        ends = max(one.at for one in words) + timedelta(seconds=20)
        trial.play(shop, [(one.heard, _event(n, one)) for n, one in enumerate(words)], kills)
        trial.until("the last reservation", lambda: datetime.now(UTC) > ends)
        trial.until("rest", trial.idle)
        compare(trial, wanted, killed=bool(kills))

    return run(work, asked.minutes)


if __name__ == "__main__":
    sys.exit(main())
