"""What a booking system writes down itself: what it said of reservations, and the messages that must follow.

``predicted`` is for two reminders of each, ``Walk`` for a scenario with every kind of node. Neither knows
anything of Todoku.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

TOKYO = timezone(timedelta(hours=9))


class Word(NamedTuple):
    """What the booking system says of a reservation, when, and when we hear of it."""

    heard: datetime
    reported_at: datetime
    user: str
    reservation: str
    at: datetime
    status: str


class Reminder(NamedTuple):
    at: datetime
    user: str
    text: str


Due = Callable[[str, datetime], datetime]
"""When the reminder of a stage is due of a reservation at that time."""


def predicted(words: list[Word], due: Due, text: Callable[[str, Word], str]) -> list[Reminder]:
    """One reservation's reminders, by what was heard: an event for every word, one for every wait's end.

    The stages are ``first`` and ``second``. A wait whose moment is past when it is begun says nothing.
    """
    order = itertools.count()
    agenda = [(one.heard, next(order), one) for one in words]
    heapq.heapify(agenda)
    best: Word | None = None
    stage, sent = "none", list[Reminder]()
    since = min(one.heard for one in words)
    while agenda:
        now, _, one = heapq.heappop(agenda)
        if one is not None and (best is None or one.reported_at >= best.reported_at):
            best = one
        assert best is not None
        if best.status == "cancelled":
            stage = "over" if stage != "none" else stage
            continue
        if stage == "none":
            stage, since = "first", now
        while stage != "over" and due(stage, best.at) <= now:
            if due(stage, best.at) > since:
                sent.append(Reminder(now, best.user, text(stage, best)))
            stage, since = ("second" if stage == "first" else "over"), now
        if stage != "over":
            heapq.heappush(agenda, (due(stage, best.at), next(order), None))
    return sent


class Pace(NamedTuple):
    """How long a walk waits: for an answer, until the two moments before a reservation, and at its end."""

    answer: timedelta
    eve: Callable[[datetime], datetime]
    soon: timedelta
    rest: timedelta


def walk_nodes(answer: str, eve: dict[str, Any], soon: str, rest: str) -> dict[str, Any]:
    """The scenario that ``Walk`` predicts, by the words of its waits. It has every kind of node."""

    def until(anchor: dict[str, Any], to: str, past: str) -> dict[str, Any]:
        return {"type": "wait", "until": {"event": "reserved", **anchor}, "next": to, "on_past": past}

    def message(name: str, to: str) -> dict[str, Any]:
        return {"type": "message", "message": name, "next": to}

    half = {"random": {"salt": "s", "from": 0, "to": 50}}
    ear = {"type": "wait_for", "event": "custom:ok", "timeout": answer, "next": "note", "on_timeout": "eve"}
    return {
        "who": {"type": "branch", "cases": [{"if": half, "next": "hello-a"}], "else": "hello-b"},
        "hello-a": message("hello-a", "hear"),
        "hello-b": message("hello-b", "hear"),
        "hear": ear,
        "note": {"type": "action", "then": [{"add_tag": "answered"}], "next": "eve"},
        "eve": until(eve, "toss", "soon"),
        "toss": {"type": "split", "arms": [{"weight": 1, "next": "eve-1"}, {"weight": 2, "next": "eve-2"}]},
        "eve-1": message("eve-1", "soon"),
        "eve-2": message("eve-2", "soon"),
        "soon": until({"offset": soon}, "hours", "rest"),
        "hours": message("hours", "rest"),
        "rest": {"type": "wait", "after": rest, "next": "bye"},
        "bye": {"type": "exit", "reason": "over"},
    }


def chance(text: str) -> float:
    """A number from 0 to 1 that the text decides."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32


class Walk:
    """What one reservation's run of the scenario ``remind`` does.

    It is led by what is heard of the reservation, by the moments at which its friend answers, and ends at the
    first turn after the friend has reached the goal.
    """

    def __init__(
        self, words: Sequence[Word], answers: Sequence[datetime], pace: Pace, goal: datetime | None = None
    ) -> None:
        self.pace, self.goal = pace, goal
        self.sent: list[Reminder] = []
        self.due_times: list[datetime] = []
        """When time alone led on, also where something else had done so before."""
        self.stage, self.since = "none", min(one.heard for one in words)
        order = itertools.count()
        agenda: list[tuple[datetime, int, Word | str]] = [(one.heard, next(order), one) for one in words]
        agenda += [(at, next(order), "ok") for at in answers]
        heapq.heapify(agenda)
        self.best: Word | None = None
        while agenda:
            now, _, what = heapq.heappop(agenda)
            if isinstance(what, Word) and (self.best is None or what.reported_at >= self.best.reported_at):
                self.best = what
            if self.best is None:
                continue
            if self.best.status == "cancelled":
                self.stage = "over" if self.stage != "none" else self.stage
                continue
            self._turn(now, what)
            if self.stage in {"hear", "eve", "soon", "rest"}:
                self.due_times.append(self._due())
                heapq.heappush(agenda, (self._due(), next(order), "time"))

    def _turn(self, now: datetime, what: Word | str) -> None:
        assert self.best is not None
        user, name = self.best.user, self.best.reservation
        if self.stage == "none" and isinstance(what, Word):
            self._enter(now, "hear")
            self._send(now, "hello-a" if chance(f"s:{user}") < 0.5 else "hello-b")
        elif self.stage == "hear" and (what == "ok" or self._due() <= now):
            self._enter(now, "eve")
        while self.stage in {"eve", "soon"} and self._due() <= now:
            before, is_eve = self._due() > self.since, self.stage == "eve"
            self._enter(now, "soon" if is_eve else "rest")
            if before:
                arm = "eve-1" if chance(f"remind:toss:1:{user}:{name}") < 1 / 3 else "eve-2"
                self._send(now, arm if is_eve else "hours")
        if self.stage == "rest" and self._due() <= now:
            self._enter(now, "over")

    def _enter(self, now: datetime, stage: str) -> None:
        reached = self.goal is not None and self.goal <= now
        self.stage, self.since = ("over" if reached else stage), now

    def _due(self) -> datetime:
        assert self.best is not None
        if self.stage == "eve":
            return self.pace.eve(self.best.at)
        if self.stage == "soon":
            return self.best.at - self.pace.soon
        return self.since + (self.pace.answer if self.stage == "hear" else self.pace.rest)

    def _send(self, now: datetime, what: str) -> None:
        assert self.best is not None
        if self.stage != "over":
            text = f"{what} {self.best.reservation} {self.best.at.astimezone(TOKYO):%H:%M:%S}"
            self.sent.append(Reminder(now, self.best.user, text))
