"""The shop's own bookkeeping: who came, got, opened, bought and blocked. It knows nothing of Todoku."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tests.e2e.trial import user

TOKYO = ZoneInfo("Asia/Tokyo")
AREAS, RANKS = ("tokyo", "osaka"), ("gold", "silver")
FOLLOWED, UNBLOCKED, UNFOLLOWED = "followed", "unblocked", "unfollowed"


def day(at: datetime) -> str:
    """The local day of a moment."""
    return at.astimezone(TOKYO).date().isoformat()


class Click(NamedTuple):
    """An address that a friend opened, and whose message it was in: a broadcast's, a scenario's (and its
    ``node``'s), or one like ``rule:hello``.
    """

    at: datetime
    link: str
    delivery: str
    variant: str
    node: str = ""


@dataclass
class Order:
    """What a friend bought, and how much of it went back."""

    at: datetime
    amount: int
    back: int = 0

    @property
    def left(self) -> int:
        """What it comes to."""
        return self.amount - self.back


@dataclass
class Person:
    """A friend: ``moves`` are follows and blocks that LINE told of."""

    id: str
    area: str | None
    age: int | None
    ranks: list[str]
    is_out: bool = False
    is_foreign: bool = False
    status: str = "following"
    followed_at: datetime | None = None
    moves: list[tuple[datetime, str]] = field(default_factory=list)
    touches: list[tuple[datetime, str]] = field(default_factory=list)
    clicks: list[Click] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)

    def move(self, at: datetime, kind: str) -> None:
        """They follow or block."""
        self.moves.append((at, kind))
        self.status = "blocked" if kind == UNFOLLOWED else "following"

    @property
    def kept(self) -> list[Order]:
        """The orders that were not given back whole."""
        return [order for order in self.orders.values() if order.left > 0]

    def route(self, which: int) -> str:
        """The route of the first (0) or the latest (-1) touch, ``-`` of none."""
        return sorted(self.touches)[which][1] if self.touches else "-"

    def click_before(self, at: datetime, *, of_delivery: bool) -> Click | None:
        """The last click of the week before a moment."""
        week = [c for c in self.clicks if at - timedelta(days=7) <= c.at <= at]
        return max((c for c in week if c.delivery or not of_delivery), default=None)


@dataclass
class Sent:
    """A broadcast, or what a node of a scenario, a rule or a schedule sent: whom it meant, who got it, when.

    ``begins_with``: how its text begins. ``is_reply``: it went by reply tokens.
    """

    id: str
    at: datetime
    node: str = ""
    segment: str = ""
    got: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    invalid: int = 0
    opted_out: int = 0
    begins_with: str = ""
    is_reply: bool = False

    @property
    def kind(self) -> str:
        """What kind of delivery it is."""
        return "scenario" if self.node else self.id.partition(":")[0] if ":" in self.id else "broadcast"

    @property
    def label(self) -> str:
        """With what its text begins."""
        return self.begins_with or (f"{self.id}-{self.node}" if self.node else self.id)

    @property
    def planned(self) -> int:
        """Everybody who was meant."""
        return len(self.got) + self.invalid + self.opted_out


@dataclass
class Run:
    """What became of who entered a scenario."""

    entered: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    exited: dict[str, set[str]] = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)


class Books:
    """Everything that is written down, and a die."""

    def __init__(self, friends: int, seed: int) -> None:
        self.dice, self.now = Random(seed), datetime.now(TOKYO).replace(microsecond=0)
        self.people = {one.id: one for one in (self._person(n) for n in range(friends))}
        self.sent: list[Sent] = []
        self.runs: dict[str, Run] = {}
        self._orders = 0

    def _person(self, number: int) -> Person:
        dice = self.dice
        area, age = dice.choice((*AREAS, None)), dice.choice((None, *range(18, 70)))
        one = Person(user(number), area, age, [rank for rank in RANKS if dice.random() < 0.3])
        one.is_out, one.is_foreign = dice.random() < 0.08, number % 100 == 40
        if number % 2 == 0:  # by the list of friends: no event tells of it
            one.followed_at = self.ago(days=dice.uniform(2, 400))
            one.status = "blocked" if dice.random() < 0.05 and not one.is_foreign else "following"
            return one
        at = self.ago(days=dice.uniform(14, 27))
        one.followed_at = at
        one.move(at, FOLLOWED)
        for kind, chance in ((UNFOLLOWED, 0.2), (UNBLOCKED, 0.5), (UNFOLLOWED, 0.3)):
            if dice.random() >= chance:
                break
            at += timedelta(hours=dice.randrange(1, 100))
            one.move(at, kind)
        return one

    def ago(self, **span: float) -> datetime:
        """So long before the books were begun, to the second."""
        return (self.now - timedelta(**span)).replace(microsecond=0)

    def following(self) -> list[Person]:
        """Who follows now."""
        return [one for one in self.people.values() if one.status == "following"]

    def order(self, one: Person, at: datetime) -> str:
        """A friend buys; returns the order's id."""
        self._orders += 1
        name = f"o{self._orders}"
        one.orders[name] = Order(at, self.dice.randrange(1, 90) * 100)
        return name

    def moves(self) -> Iterator[tuple[datetime, str, Person]]:
        """All follows and blocks."""
        for one in self.people.values():
            yield from ((at, kind, one) for at, kind in one.moves)

    def day_after(self, days: int) -> date:
        """So many days from today."""
        return self.now.date() + timedelta(days=days)
