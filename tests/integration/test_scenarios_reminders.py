"""Every kind of node in one scenario, run for each reservation: booked, moved, cancelled, told in any order;
friends who answer or do not; processes that die. Everybody gets exactly what an interpreter of its own
predicts, each message within three seconds of its moment.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.bookkeeping import Reminder, Word
from tests.integration.test_reservations_many import TOKYO, words_of
from tests.reservation_world import a_salon, word
from tests.scenario_world import SHOP, START, Crashed, World, message, publish, put_messages, put_tags, where

SPAN = timedelta(days=12)
WITHIN = timedelta(seconds=3)


def until(offset: str, to: str, past: str, **more: Any) -> dict[str, Any]:
    moment = {"event": "reserved", "offset": offset, **more}
    return {"type": "wait", "until": moment, "next": to, "on_past": past}


NODES: dict[str, Any] = {
    "who": {
        "type": "branch",
        "cases": [{"if": {"random": {"salt": "s", "from": 0, "to": 50}}, "next": "hello-a"}],
        "else": "hello-b",
    },
    "hello-a": message("hello-a", "hear"),
    "hello-b": message("hello-b", "hear"),
    "hear": {"type": "wait_for", "event": "custom:ok", "timeout": "3h", "next": "note", "on_timeout": "eve"},
    "note": {"type": "action", "then": [{"add_tag": "answered"}], "next": "eve"},
    "eve": until("-1d", "toss", "soon", time="18:00"),
    "toss": {"type": "split", "arms": [{"weight": 1, "next": "eve-1"}, {"weight": 2, "next": "eve-2"}]},
    "eve-1": message("eve-1", "soon"),
    "eve-2": message("eve-2", "soon"),
    "soon": until("-2h", "hours", "rest"),
    "hours": message("hours", "rest"),
    "rest": {"type": "wait", "after": "45m", "next": "bye"},
    "bye": {"type": "exit", "reason": "over"},
}
WORDS = '{{ reservation.id }} {{ reservation.at | date("%-m/%-d %H:%M") }}'


def chance(text: str) -> float:
    """A number from 0 to 1 that the text decides."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


class Prediction:
    """What one reservation's run does, by what is heard of it and the moments at which its friend answers."""

    def __init__(self, words: Sequence[Word], answers: Sequence[datetime]) -> None:
        self.sent: list[Reminder] = []
        self.stage, self.since = "none", START
        order = itertools.count()
        agenda: list[tuple[datetime, int, Word | str]] = [(one.heard, next(order), one) for one in words]
        agenda += [(at, next(order), "ok") for at in answers]
        heapq.heapify(agenda)
        self.best: Word | None = None
        while agenda:
            now, _, what = heapq.heappop(agenda)
            if isinstance(what, Word) and (self.best is None or what.said >= self.best.said):
                self.best = what
            if self.best is None:
                continue
            if self.best.status == "cancelled":
                self.stage = "over" if self.stage != "none" else self.stage
                continue
            self._turn(now, what)
            if self.stage in {"hear", "eve", "soon", "rest"}:
                heapq.heappush(agenda, (self._due(), next(order), "time"))

    def _turn(self, now: datetime, what: Word | str) -> None:
        assert self.best is not None
        user, name = self.best.user, self.best.reservation
        if self.stage == "none" and isinstance(what, Word):
            self._send(now, "hello-a" if chance(f"s:{user}") < 0.5 else "hello-b")
            self.stage, self.since = "hear", now
        elif self.stage == "hear" and (what == "ok" or self._due() <= now):
            self.stage, self.since = "eve", now
        while self.stage in {"eve", "soon"} and self._due() <= now:
            if self._due() > self.since:
                arm = "eve-1" if chance(f"remind:toss:1:{user}:{name}") < 1 / 3 else "eve-2"
                self._send(now, arm if self.stage == "eve" else "hours")
            self.stage, self.since = ("soon" if self.stage == "eve" else "rest"), now
        if self.stage == "rest" and self._due() <= now:
            self.stage = "over"

    def _due(self) -> datetime:
        assert self.best is not None
        if self.stage == "eve":
            eve = (self.best.at - timedelta(days=1)).astimezone(TOKYO)
            return eve.replace(hour=18, minute=0, second=0, microsecond=0)
        if self.stage == "soon":
            return self.best.at - timedelta(hours=2)
        return self.since + (timedelta(hours=3) if self.stage == "hear" else timedelta(minutes=45))

    def _send(self, now: datetime, what: str) -> None:
        assert self.best is not None
        local = self.best.at.astimezone(TOKYO)
        text = f"{what} {self.best.reservation} {local.month}/{local.day} {local:%H:%M}"
        self.sent.append(Reminder(now, self.best.user, text))


def happens(world: World, events: list[tuple[datetime, FriendEvent]], crash: Random | None) -> None:
    """Time passes, and each event is reacted to when it is heard; now and then a process dies."""
    for heard, event in sorted(events, key=lambda one: (one[0], one[1].event_id)):
        world.run(heard - world.now, sweep=False)
        if crash is not None and crash.random() < 0.5:
            world.crossings, world.crash_at = 0, crash.randint(1, 15)
        try:
            reaction.react(event)
        except Crashed:
            reaction.react(event)
        if crash is None or crash.random() < 0.5:
            world.crash_at = None  # else it dies in what comes next
    world.crash_at = None
    world.run(START + SPAN - world.now, sweep=False)


@pytest.mark.parametrize(("seed", "friends", "dies"), [(1, 4, False), (2, 2, True)])
def test_everybody_gets_exactly_what_is_due(cloud: None, seed: int, friends: int, dies: bool) -> None:
    """One to three reservations each."""
    dice = Random(seed)
    users = [f"u{n}" for n in range(friends)]
    told = {
        f"{user}-r{n}": words_of(dice, user, f"{user}-r{n}")
        for user in users
        for n in range(dice.randint(1, 3))
    }
    answers = {
        user: sorted(START + timedelta(seconds=60 * dice.randint(1, 5 * 1440) + 37) for _ in range(4))
        for user in users
    }
    with a_salon(*users) as world:
        put_messages(**{name: f"{name} {WORDS}" for name in ("hello-a", "hello-b", "eve-1", "eve-2")})
        put_tags("answered")
        publish("remind", entry={"per": "reservation_id"}, start="who", nodes=NODES)
        events = [
            (one.heard, word(f"e-{name}-{n}", name, one.at, one.status, said=one.said, user=one.user))
            for name, words in told.items()
            for n, one in enumerate(words)
        ]
        events += [
            (at, FriendEvent(f"ok-{user}-{n}", SHOP, user, "custom:ok", iso(at), props={}))
            for user, found in answers.items()
            for n, at in enumerate(found)
        ]
        happens(world, events, Random(seed) if dies else None)
        texts: set[str] = set()
        for user in users:
            runs = {name: words for name, words in told.items() if words[0].user == user}
            of_run = {name: Prediction(words, answers[user]) for name, words in runs.items()}
            wanted = sorted(one for found in of_run.values() for one in found.sent)
            got = sorted(Reminder(*sent) for sent in world.sends if sent[1] == user)
            assert sorted(one.text for one in got) == sorted(one.text for one in wanted), world.story(user)
            late = [(a, b) for a, b in zip(got, wanted, strict=True) if abs(a.at - b.at) > WITHIN]
            assert dies or late == [], user
            texts |= {one.text.split()[0] for one in got}
            over = {name for name, found in of_run.items() if found.stage == "over"}
            assert all(where(user, "remind", name).state == "exited" for name in over)
        assert texts >= ({"hours"} if dies else {"hello-a", "hello-b", "eve-1", "eve-2", "hours"})
