"""The simulated clock of a rehearsal, and the delivery policies under it. Nothing is sent."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from chalicelib.actions.model import Effect
from chalicelib.deliveries import policies
from chalicelib.deliveries.lately import brake
from chalicelib.events.sheet import Sheet
from chalicelib.rehearsals.story import Story
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Kept
from chalicelib.shared.times import iso, to_ms

CAUSE = "rehearsal"
Words = Sequence[Mapping[str, Any]]


class Agenda:
    """What is still to come: everything at its due time, and what was put first before what was put later."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._order = itertools.count()
        self._waiting: list[tuple[datetime, int, Callable[[Any], None], Any]] = []

    def put(self, at: datetime, work: Callable[[Any], None], what: Any) -> None:
        """Have this done then; at once, if that is past."""
        heapq.heappush(self._waiting, (max(at, self.now), next(self._order), work, what))

    def next(self, end: datetime) -> Callable[[], None] | None:
        """What comes next before the end; the clock shows its due time then."""
        if not self._waiting or self._waiting[0][0] >= end:
            return None
        self.now, _, work, what = heapq.heappop(self._waiting)
        return lambda: work(what)


@dataclass(frozen=True)
class Message:
    """A message to the friend: the node or rule (``by``) that sends it, the ledger's run of a node's and for
    which value its run is; of a rule's, the effect of that event. ``words``: a node's; None: made later.
    ``repeats``: the same may be sent again at once.
    """

    node: str | None
    message: str | None
    category: str
    by: str | None = None
    run: str | None = None
    effect: Effect | None = None
    event: FriendEvent | None = None
    value: str | None = None
    words: Words | None = None
    repeats: bool = False


@dataclass(frozen=True)
class Sent:
    """A message that goes out: when, from which node (None: a rule's), in which words."""

    at: datetime
    node: str | None
    message: str | None
    words: Words


@dataclass(frozen=True)
class Anew:
    """How the reaction judges what a rule sends when a hold has ended: whether its condition is asked again,
    and why it is not sent then; and the ``words`` in which it is sent (None: they cannot be made).
    """

    asks_again: Callable[[Effect, Sheet, datetime], bool]
    why_not: Callable[[Message, Sheet, datetime], Kept | None]
    words: Callable[[Message, Sheet, datetime], Words | None]


class Post:
    """Sends, holds back or skips messages as policies and the brake have it; a scenario's message leaves a
    receipt. What the friend was sent before the rehearsal is not counted by the brake.
    """

    def __init__(
        self,
        policy: policies.Policy,
        agenda: Agenda,
        story: Story,
        sheet: Callable[[], Sheet],
        scenario: str,
        anew: Anew,
    ) -> None:
        self._policy, self._agenda, self._story = policy, agenda, story
        self._sheet, self._scenario, self._anew = sheet, scenario, anew
        self._tokens = itertools.count()
        self._log: list[brake.Entry] = []
        self.sent: list[Sent] | None = None
        """Everything that goes out, for who asks for it by a list."""

    def send(self, what: Message) -> None:
        """Send it, or have it wait until policies allow it: it is judged anew then."""
        now = self._agenda.now
        ruling = policies.decide(self._policy, what.category, now)
        if ruling.kind == "go":
            self._go(what)
        elif ruling.kind == "skip":
            self._skip(what, ruling.reason)
        else:
            details = {"message": what.message, "by": what.by, "value": what.value}
            self._story.deferred(now, what.node, ruling.reason, ruling.until, **details)
            effect = what.effect
            if effect is not None and self._anew.asks_again(effect, self._sheet(), now):
                effect = effect | {"asks_again": True}
            self._agenda.put(ruling.until, self._hold_ends, replace(what, effect=effect))

    def _hold_ends(self, what: Message) -> None:
        # By way of the inbox, behind what is due at the same time.
        self._agenda.put(self._agenda.now, self._again, what)

    def _again(self, what: Message) -> None:
        now = self._agenda.now
        if policies.decide(self._policy, what.category, now).kind != "go":
            self.send(what)
        elif why := self._anew.why_not(what, self._sheet(), now):
            self._skip(what, why)
        else:
            self._go(what)

    def _skip(self, what: Message, why: Kept) -> None:
        self._story.skipped(
            self._agenda.now, what.node, why, message=what.message, by=what.by, value=what.value
        )

    def _go(self, what: Message) -> None:
        """Take a place under every cap, and send."""
        sheet, now = self._sheet(), self._agenda.now
        if policies.is_full(self._policy, what.category, sheet, now):
            self._skip(what, "cap")
            return
        token = f"{CAUSE}/{next(self._tokens)}"
        words = what.words if what.words is not None else self._anew.words(what, sheet, now)
        if not self._is_let_through(what, words, brake.name_of(token)):
            self._skip(what, "runaway")
            return
        if self.sent is not None and words is not None:
            self.sent.append(Sent(now, what.node, what.message, words))
        for key, _ in policies.cap_keys(self._policy, what.category, now):
            counters = cast("dict[str, Any]", sheet)
            counters[key] = {*(counters.get(key) or ()), token}
        self._story.sent(now, what.node, message=what.message, by=what.by, value=what.value)
        if what.run is not None:
            self._agenda.put(now, self._taken, what)

    def _is_let_through(self, what: Message, words: Words | None, by: str) -> bool:
        """Whether the brake lets it go; then it is in the friend's log."""
        limits, now = self._policy.brake, self._agenda.now
        if limits is None:
            return True
        content = None if what.repeats or words is None else brake.content_of(words)
        if brake.counted_in_log(self._log, content, by, limits, now).is_too_much(limits):
            return False
        own = brake.Entry(to_ms(now), content or brake.NO_CONTENT, by)
        self._log = brake.entered(self._log, own, now)
        return True

    def _taken(self, what: Message) -> None:
        # The receipt is written by a job of its own, after whatever was put in queues meanwhile.
        self._agenda.put(self._agenda.now, self._receive, what)

    def _receive(self, _what: Message) -> None:
        received = self._sheet().setdefault("received", {})
        received[self._scenario] = {"at": iso(self._agenda.now)}
