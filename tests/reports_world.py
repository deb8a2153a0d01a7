"""A fortnight of a shop, and the books that somebody else keeps of it.

Some forty friends come, block, come back, get six broadcasts, open their links and buy. ``Books`` writes down
what it sees from outside, and counts it in its own way: list by list, friend by friend.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.accounts.model import Account
from chalicelib.broadcasts import service as broadcasts
from chalicelib.deliveries import service as deliveries
from chalicelib.links import service as links
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.deliveries_builders import START, World

SHOP = Account("shop", "Shop", "Asia/Tokyo", 2)
TOKYO = ZoneInfo("Asia/Tokyo")
DAYS = 14
USERS = [f"U{n:02}" for n in range(40)]
LINKS = ("spring", "sale")


@dataclass
class Sent:
    """A broadcast: when it began, and who got which variant when."""

    id: str
    at: datetime
    run: str
    segment: str | None
    got: dict[str, tuple[datetime, str]]


@dataclass
class Books:
    """What happened, as lists of plain tuples."""

    follows: list[tuple[datetime, str, str]] = field(default_factory=list)
    clicks: list[tuple[datetime, str, str, str, str]] = field(default_factory=list)
    """Moment, friend, link, delivery (or ""), variant."""
    orders: dict[str, tuple[datetime, str, int]] = field(default_factory=dict)
    refunds: Counter[str] = field(default_factory=Counter)
    sent: list[Sent] = field(default_factory=list)

    def day(self, at: datetime) -> str:
        return at.astimezone(TOKYO).date().isoformat()

    def of_day(self, day: str, what: str) -> list[str]:
        return [user for at, user, kind in self.follows if kind == what and self.day(at) == day]

    def following_after(self, day: str) -> set[str]:
        known: dict[str, str] = {}
        for at, user, kind in sorted(self.follows):
            if self.day(at) <= day:
                known[user] = kind
        return {user for user, kind in known.items() if kind != "unfollowed"}

    def credited(self) -> dict[str, tuple[str, str, int]]:
        """Of each order that is one: the delivery, its variant, and what is left of the amount."""
        found = {}
        for order, (at, user, amount) in self.orders.items():
            clicks = [c for c in self.clicks if c[1] == user and c[3] and c[0] <= at]
            left = amount - self.refunds[order]
            if clicks and left > 0 and at - max(clicks)[0] <= timedelta(days=7):
                *_, delivery, variant = max(clicks)
                found[order] = (delivery, variant, left)
        return found

    def blocked_after(self, sent: Sent) -> set[str]:
        return {
            user
            for at, user, kind in self.follows
            if kind == "unfollowed"
            and user in sent.got
            and timedelta(0) < at - sent.got[user][0] <= timedelta(hours=72)
        }


class Shop:
    """The shop as it runs, with its books beside it."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.dice, self.books = world, random.Random(seed), Books()
        self.following: set[str] = set()
        self._number = 0

    def fortnight(self) -> None:
        for day in range(DAYS):
            self.world.now = START + timedelta(days=day, hours=self.dice.randrange(20))
            self.something()
            if day % 2 == 1 and len(self.books.sent) < 6:
                self.broadcast(len(self.books.sent))
        self.world.now = START + timedelta(days=DAYS)

    def something(self) -> None:
        newcomers = [user for user in USERS if not any(user == one for _, one, _ in self.books.follows)]
        for user in newcomers[:8]:
            self.follow(user, "followed")
        for user in sorted(self.following):
            chance = self.dice.random()
            if chance < 0.2:
                self.click(user)
            elif chance < 0.36:
                self.order(user)
            elif chance < 0.41:
                self.follow(user, "unfollowed")
        for user in sorted(set(USERS) - self.following - set(newcomers)):
            if self.dice.random() < 0.2:
                self.follow(user, "unblocked")

    def tick(self) -> datetime:
        self.world.now += timedelta(seconds=20)
        return self.world.now

    def follow(self, user: str, kind: str) -> None:
        at = self.tick()
        self.books.follows.append((at, user, kind))
        props = {} if kind == "unfollowed" else {"is_unblocked": kind == "unblocked"}
        self.happens(user, "unfollowed" if kind == "unfollowed" else "followed", at, props)
        if kind == "followed" and int(user[1:]) % 2 == 0:
            self.happens(user, "console_edit", at, {"tags": {"add": ["even"]}, "by": "test"})
        self.following = self.following - {user} if kind == "unfollowed" else self.following | {user}

    def click(self, user: str) -> None:
        at, link = self.tick(), self.dice.choice(LINKS)
        got = [sent for sent in self.books.sent if user in sent.got]
        sent = self.dice.choice([*got, None])
        variant = sent.got[user][1] if sent else ""
        token = FriendToken(user, sent.id, sent.run, variant) if sent else FriendToken(user)
        self.books.clicks.append((at, user, link, sent.id if sent else "", variant))
        self.react(links.clicked("shop", link, token, iso(at)))

    def order(self, user: str) -> None:
        now = self.tick()
        at = now - timedelta(hours=self.dice.choice([0, 0, 1, 30]))  # a shop reports some of them late
        order, amount = f"o{len(self.books.orders)}", self.dice.randrange(1, 90) * 100
        self.books.orders[order] = (at, user, amount)
        self.happens(user, "purchased", at, {"order_id": order, "amount": amount}, f"order:{order}")
        if self.dice.random() < 0.3:
            back = self.dice.choice([amount, amount // 2])
            self.books.refunds[order] += back
            props = {"order_id": f"{order}-r", "refund_of": order, "amount": back}
            self.happens(user, "refunded", self.tick(), props, f"order:{order}-r")

    def broadcast(self, number: int) -> None:
        name = f"b{number}"
        body: dict[str, Any] = {"name": f"No. {number}", "audience": {"everyone": True}}
        if number == 2:
            body["audience"] = {"segment": "even"}
        if number == 3:
            arms = {"a": "news", "b": "other"}
            body["variants"] = [{"id": arm, "weight": 1, "message": text} for arm, text in arms.items()]
        else:
            body["messages"] = [{"type": "text", "text": f"news {number}"}]
        broadcasts.put("shop", name, body, None, "test")
        began = self.tick()
        run = broadcasts.send("shop", name, "test")["run"]
        self.world.run(until=timedelta(minutes=30))
        lines, _ = deliveries.recipients("shop", run, "accepted", 200, None)
        got = {line["user_id"]: (began, line.get("variant", "")) for line in lines}
        wanted = {u for u in self.following if number != 2 or int(u[1:]) % 2 == 0}
        assert got.keys() == wanted
        self.books.sent.append(Sent(name, began, run, "even" if number == 2 else None, got))

    def happens(self, user: str, kind: str, at: datetime, props: dict[str, Any], name: str = "") -> None:
        self._number += 1
        name = name or f"e{self._number}"
        self.react(FriendEvent(name, "shop", user, kind, iso(at), props=props, source="line"))

    def react(self, event: FriendEvent) -> None:
        """Every third event comes twice."""
        for _ in range(2 if self._number % 3 == 0 else 1):
            reaction.react(event)


def by(rows: list[dict[str, Any]], name: str) -> dict[str, dict[str, Any]]:
    """The rows of a report by one of their fields."""
    return {row[name]: row for row in rows}


def grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    """The second of pairs, by the first."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found
