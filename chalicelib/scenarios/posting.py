"""The simulated clock of a rehearsal, and the delivery policies under it. Nothing is sent."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.deliveries import policies
from chalicelib.friends.model import Sheet
from chalicelib.scenarios.story import Story
from chalicelib.shared.times import iso

CAUSE = "rehearsal"


class Agenda:
    """What is still to come: everything at its moment, and what was put first before what was put later."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._order = itertools.count()
        self._waiting: list[tuple[datetime, int, Callable[[Any], None], Any]] = []

    def put(self, at: datetime, work: Callable[[Any], None], what: Any) -> None:
        """Have this done then; at once, if that is past."""
        heapq.heappush(self._waiting, (max(at, self.now), next(self._order), work, what))

    def next(self, end: datetime) -> Callable[[], None] | None:
        """What comes next before the end; the clock stands at its moment then."""
        if not self._waiting or self._waiting[0][0] >= end:
            return None
        self.now, _, work, what = heapq.heappop(self._waiting)
        return lambda: work(what)


@dataclass(frozen=True)
class Message:
    """A message to the friend: the node or rule (``by``) that sends it, and the ledger's run of a node's."""

    node: str | None
    message: str | None
    category: str
    by: str | None = None
    run: str | None = None


@dataclass(frozen=True)
class _Reserved:
    """A message on its way, with the places that it takes under caps."""

    what: Message
    keys: tuple[str, ...]
    token: str


class Post:
    """Sends, holds back or skips messages as the policies have it; a scenario's message leaves a receipt."""

    def __init__(
        self,
        policy: policies.Policy,
        agenda: Agenda,
        story: Story,
        sheet: Callable[[], Sheet],
        scenario: str,
    ) -> None:
        self._policy, self._agenda, self._story = policy, agenda, story
        self._sheet, self._scenario = sheet, scenario
        self._tokens = itertools.count()

    def send(self, what: Message) -> None:
        """Take a place under every cap, and try."""
        sheet, now = self._sheet(), self._agenda.now
        if policies.is_full(self._policy, what.category, sheet, now):
            self._story.skipped(now, what.node, "cap", message=what.message, by=what.by)
            return
        keys = tuple(key for key, _ in policies.cap_keys(self._policy, what.category, now))
        token = f"{CAUSE}/{next(self._tokens)}"
        for key in keys:
            sheet[key] = {*(sheet.get(key) or ()), token}
        self._try(_Reserved(what, keys, token))

    def _try(self, reserved: _Reserved) -> None:
        what, now = reserved.what, self._agenda.now
        ruling = policies.decide(self._policy, what.category, now)
        told = {"message": what.message, "by": what.by}
        if ruling.kind == "go":
            self._story.sent(now, what.node, **told)
            if what.run is not None:
                self._agenda.put(now, self._taken, what)
        elif ruling.kind == "hold":
            self._story.deferred(now, what.node, ruling.reason, ruling.until, **told)
            self._agenda.put(ruling.until, self._try, reserved)
        else:
            self._story.skipped(now, what.node, ruling.reason, **told)
            sheet = self._sheet()
            for key in reserved.keys:
                sheet[key] = set(sheet.get(key) or ()) - {reserved.token}

    def _taken(self, what: Message) -> None:
        # The receipt is written by a job of its own, after whatever was put in queues meanwhile.
        self._agenda.put(self._agenda.now, self._receive, what)

    def _receive(self, what: Message) -> None:
        received = self._sheet().setdefault("received", {})
        received[self._scenario] = {"at": iso(self._agenda.now), "run": what.run}
