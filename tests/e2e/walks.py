"""A trial by hand: a scenario with every kind of node, run for each of many reservations, in real time.

    python -m tests.e2e.walks [--friends 500] [--kills 3] [--seed 1]

Each friend has one to three reservations, told late and out of order, moved and cancelled; some friends
answer, some reach the goal. The platform is killed in between. Everybody gets exactly what an interpreter of
its own (``tests/bookkeeping.py``) predicts, each message once and within 3 s of its moment (where nobody was
killed). Then the exit status is 0. It takes some eight minutes.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from chalicelib.shared.times import iso
from tests.bookkeeping import Pace, Reminder, Walk, Word, walk_nodes
from tests.e2e.bookings import CLEAR_S, clear_of, compare
from tests.e2e.trial import Trial, run, user

SPAN_S = 240
"""They take place within that time."""
_PACE = Pace(
    answer=timedelta(seconds=40),
    eve=lambda at: at - timedelta(seconds=75),
    soon=timedelta(seconds=25),
    rest=timedelta(seconds=15),
)
_NODES = walk_nodes("40s", {"offset": "-75s"}, "-25s", "15s")
_MESSAGES = ("hello-a", "hello-b", "eve-1", "eve-2", "hours")
_TEXT = '{{ reservation.id }} {{ reservation.at | date("%H:%M:%S") }}'


class Heard(NamedTuple):
    """An event that the platform hears at a moment."""

    at: datetime
    event: dict[str, Any]


class Life(NamedTuple):
    """What is told of one friend, and what they must get."""

    heard: list[Heard]
    wanted: list[Reminder]


def _words(dice: Random, start: datetime, name: tuple[str, str], kills: list[datetime]) -> list[Word]:
    reported_at, found = start + timedelta(seconds=dice.randrange(120)), list[Word]()
    states = ["booked", *["moved"] * dice.choice([0, 0, 1, 1, 2])]
    for status in states + (["cancelled"] if dice.random() < 0.3 else []):
        at = reported_at + timedelta(seconds=dice.randrange(30, SPAN_S))
        heard = clear_of(reported_at + timedelta(seconds=dice.choice([0, 0, 0, 2, 30])), kills)
        found.append(Word(heard.replace(microsecond=0), reported_at, *name, at, status))
        reported_at += timedelta(seconds=dice.choice([3, 15, 60, 90]))
    return found


def _reserved(one: Word, number: int) -> Heard:
    props = {"reservation_id": one.reservation, "status": one.status, "updated_at": iso(one.reported_at)}
    name = f"{one.reservation}-{number}"
    return Heard(one.heard, {"event_id": name, "type": "reserved", "at": iso(one.at), "props": props})


def _custom(at: datetime, name: str, event_id: str) -> Heard:
    return Heard(at, {"event_id": event_id, "type": f"custom:{name}", "at": iso(at)})


def life(dice: Random, start: datetime, number: int, kills: list[datetime]) -> Life:
    """A friend's, drawn until nothing in it is in doubt: what is heard is clear of every moment and kill, and
    a run's moments of each other.
    """
    who, runs_n, answers_n, has_goal = user(number), dice.randint(1, 3), dice.choice([0, 1, 3]), dice.random()

    def some() -> datetime:
        return clear_of(start + timedelta(seconds=dice.randrange(350)), kills).replace(microsecond=0)

    while True:
        runs = [_words(dice, start, (who, f"r{number}-{n}"), kills) for n in range(runs_n)]
        answers = sorted(some() for _ in range(answers_n))
        goal = some() if has_goal < 0.2 else None
        walks = [Walk(words, answers, _PACE, goal) for words in runs]
        heard = [_reserved(one, n) for words in runs for n, one in enumerate(words)]
        heard += [_custom(at, "ok", f"ok{number}-{n}") for n, at in enumerate(answers)]
        heard += [_custom(goal, "bought", f"goal{number}")] if goal else []
        heard.sort(key=lambda one: one.at)
        due_times = [at for walk in walks for at in walk.due_times]
        gaps = [abs((one.at - at).total_seconds()) for one in heard for at in due_times]
        turns = [sorted(set(walk.due_times)) for walk in walks]
        alike = [(b - a).total_seconds() for own in turns for a, b in pairwise(own)]
        alike += [(b.at - a.at).total_seconds() for a, b in pairwise(heard)]
        if min(alike, default=CLEAR_S + 1) > CLEAR_S and min(gaps, default=CLEAR_S + 1) > CLEAR_S:
            events = [one._replace(event={**one.event, "user_id": who}) for one in heard]
            return Life(events, [sent for walk in walks for sent in walk.sent])


def _open(trial: Trial, friends: int) -> str:
    bodies = {
        f"messages__{name}": {
            "messages": [{"type": "text", "text": f"{name} {_TEXT}"}],
            "category": "transactional",
        }
        for name in _MESSAGES
    }
    tags = {f"tags__{name}": dict[str, Any]() for name in ("answered", "bought")}
    shop = trial.open("salon", **tags, **bodies)
    trial.import_lines(shop, friends)
    remind = {
        "name": "remind",
        "entry": {"per": "reservation_id"},
        "goals": [{"if": {"tag": "bought"}}],
        "start": "who",
        "nodes": _NODES,
    }
    trial.api.put(f"{shop}/scenarios/remind", remind)
    trial.api.post(f"{shop}/scenarios/remind/publish", {})
    comes = {"event": "reserved", "match": {"status": {"in": ["booked", "moved"]}}}
    for name, when, then in (
        ("reserved", comes, {"enter_scenario": "remind"}),
        ("bought", {"event": "custom:bought"}, {"add_tag": "bought"}),
    ):
        trial.api.put(f"{shop}/rules/{name}", {"name": name, "when": when, "then": [then]})
    return shop


def main() -> int:
    """Everything, in real time."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.walks")
    parser.add_argument("--friends", type=int, default=500)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=20)
    asked = parser.parse_args()

    def work(trial: Trial) -> None:
        shop, dice = _open(trial, asked.friends), Random(asked.seed)
        start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=45)
        kills = [start + timedelta(seconds=90 * (n + 1)) for n in range(asked.kills)]
        lives = [life(dice, start, n, kills) for n in range(asked.friends)]
        heard = sorted((one for found in lives for one in found.heard), key=lambda one: one.at)
        wanted = [one for found in lives for one in found.wanted]
        print(f"{len(heard)} events, {len(wanted)} messages", flush=True)
        assert heard[0].at > datetime.now(UTC), "drawing lasted too long"
        ends = max([one.at for one in wanted] + [one.at for one in heard]) + timedelta(seconds=30)
        trial.play(shop, heard, kills)
        trial.until("the last message", lambda: datetime.now(UTC) > ends)
        trial.until("rest", trial.idle)
        compare(trial, wanted, killed=bool(kills))

    return run(work, asked.minutes)


if __name__ == "__main__":
    sys.exit(main())
