"""A company's books: friends, members and orders as it writes them down itself, in SQLite and in files.

Nothing here comes from Todoku: what a condition means is said in SQL over these tables (``questions.py``).
"""

from __future__ import annotations

import csv
import io
import random
import sqlite3
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from tests.e2e.trial import user

TAGS = ("vip", "news", "store-tokyo", "sample", "乾燥")
TAG_IDS = ("vip", "news", "store-tokyo", "sample", "dry")
SKINS = ("dry", "oily", "normal")
WISHES = ("red", "blue", "green", "white")
CATEGORIES = ("lotion", "milk", "soap")
PRODUCTS = tuple(f"{category}-{n}" for category in CATEGORIES for n in range(3))
RANKS = ("gold", "silver", "bronze")
_NAMES = ("佐藤花子", "鈴木一郎", "高橋ｱｷﾗ", "田中 美咲", "伊藤,健", '渡辺"Q"', "山本さくら")
_TABLES = """
CREATE TABLE friends (user TEXT PRIMARY KEY, status TEXT, followed_at INTEGER, skin TEXT, age INTEGER,
                      birthday INTEGER, interest INTEGER, member TEXT, wrote INTEGER DEFAULT 0);
CREATE TABLE tags (user TEXT, tag TEXT, since INTEGER, PRIMARY KEY (user, tag));
CREATE TABLE wishes (user TEXT, wish TEXT, PRIMARY KEY (user, wish));
CREATE TABLE members (member TEXT PRIMARY KEY, rank TEXT);
CREATE TABLE items (order_id TEXT, user TEXT, at INTEGER, product TEXT, category TEXT, amount INTEGER,
                    left_over INTEGER, PRIMARY KEY (order_id, product));
CREATE INDEX items_of ON items (user);
"""


def ms(at: datetime) -> int:
    """Milliseconds since 1970."""
    return round(at.timestamp() * 1000)


class Company:
    """The books, and the files that come of them. Times are whole seconds, so that files can say them."""

    def __init__(self, friends: int, seed: int) -> None:
        self.dice = random.Random(seed)
        self.db = sqlite3.connect(":memory:")
        self.db.executescript(_TABLES)
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.users = [user(n) for n in range(friends)]
        self.orders = 0
        for number, who in enumerate(self.users):
            self._friend(number, who)

    # Writing down

    def _friend(self, number: int, who: str) -> None:
        dice = self.dice
        status = "blocked" if dice.random() < 0.1 else "following"
        followed = self.ago(days=dice.uniform(1, 700))
        skin, age = dice.choice((*SKINS, None)), dice.choice((None, *range(15, 80)))
        born = dice.choice((None, date(1950, 1, 1) + timedelta(days=dice.randrange(20_000))))
        day = (born - date(1970, 1, 1)).days if born else None
        interest = dice.choice((None, *range(-5, 60)))
        member = f"m{number}" if dice.random() < 0.4 else None
        row = (who, status, ms(followed), skin, age, day, interest, member, 0)
        self.db.execute("INSERT INTO friends VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        for tag in dice.sample(TAG_IDS, dice.randrange(4)):
            self.tag(who, tag, self.ago(days=dice.uniform(0, 400)))
        for wish in dice.sample(WISHES, dice.randrange(3)):
            self.db.execute("INSERT INTO wishes VALUES (?, ?)", (who, wish))
        if member:
            self.db.execute("INSERT INTO members VALUES (?, ?)", (member, dice.choice((*RANKS, None))))
        for _ in range(dice.choice((0, 0, 0, 1, 1, 2, 4))):
            self.order(who, self.ago(days=dice.uniform(0, 500)))

    def ago(self, **span: float) -> datetime:
        """So long before the books were begun, to the second."""
        return (self.now - timedelta(**span)).replace(microsecond=0)

    def tag(self, who: str, tag: str, since: datetime) -> None:
        """The friend has the tag, since then unless they had it."""
        self.db.execute("INSERT OR IGNORE INTO tags VALUES (?, ?, ?)", (who, tag, ms(since)))

    def order(self, who: str, at: datetime) -> str:
        """An order of one to three products; returns its id."""
        self.orders += 1
        name = f"o{self.orders}"
        for product in self.dice.sample(PRODUCTS, self.dice.randrange(1, 4)):
            amount = self.dice.randrange(1, 90) * 100
            row = (name, who, ms(at), product, product.partition("-")[0], amount, amount)
            self.db.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        return name

    def refund(self, order: str, *, whole: bool) -> list[tuple[str, str, int]]:
        """Take an order back, or half of one of its products: ``(product, category, amount)``."""
        rows = self.db.execute(
            "SELECT product, category, left_over FROM items WHERE order_id = ? AND left_over > 0", (order,)
        ).fetchall()
        back = rows if whole else [(p, c, max(1, left // 2)) for p, c, left in rows[:1]]
        for product, _, amount in back:
            self.db.execute(
                "UPDATE items SET left_over = left_over - ? WHERE order_id = ? AND product = ?",
                (amount, order, product),
            )
        return back

    def erase(self, who: str) -> None:
        """Nobody knows the friend any more."""
        for table in ("friends", "tags", "wishes", "items"):
            self.db.execute(f"DELETE FROM {table} WHERE user = ?", (who,))

    # Files

    def friends_csv(self) -> bytes:
        """The list of friends as a Japanese office has it."""
        header = "user_id,display_name,followed_at,status,tags,score.interest"
        lines = [[*header.split(","), *(f"attribute.{name}" for name in ("skin", "age", "birthday", "wish"))]]
        for row in self.db.execute("SELECT * FROM friends").fetchall():
            who, status, followed, skin, age, birthday, interest, _, _ = row
            tags = self.db.execute("SELECT tag, since FROM tags WHERE user = ?", (who,)).fetchall()
            wishes = [w for (w,) in self.db.execute("SELECT wish FROM wishes WHERE user = ?", (who,))]
            born = date(1970, 1, 1) + timedelta(days=birthday) if birthday is not None else None
            lines.append(
                [
                    *(who, self.dice.choice(_NAMES), _iso(followed), status),
                    "|".join(f"{tag}@{_iso(since)}" for tag, since in tags),
                    *(_cell(interest), _cell(skin), _cell(age), f"{born:%Y/%m/%d}" if born else ""),
                    "|".join(wishes),
                ]
            )
        return _text(lines).encode("cp932")

    def members_csv(self) -> bytes:
        """Members with their rank, and the friend who each of them is; with Excel's mark."""
        rows = self.db.execute("SELECT member, rank, user FROM members JOIN friends USING (member)")
        return _text([["member_id", "rank", "user_id"], *([m, _cell(r), u] for m, r, u in rows)]).encode(
            "utf-8-sig"
        )

    def order_files(self) -> list[bytes]:
        """Three files in an order that helps nobody: refunds, members' orders, other orders."""
        refunds = [["order_id", "refund_of", "user_id", "at", "product", "category", "item_amount"]]
        found = self.db.execute("SELECT DISTINCT order_id, user, at FROM items").fetchall()
        for number, (order, who, at) in enumerate(self.dice.sample(found, len(found) // 6)):
            for product, category, amount in self.refund(order, whole=self.dice.random() < 0.5):
                later = _iso(at + 60_000)
                refunds.append([f"r{number}", order, who, later, product, category, str(amount)])
        query = """SELECT order_id, {whose}, at, product, category, amount
                   FROM items JOIN friends USING (user) WHERE member IS {no} NULL"""
        lines = [["order_id", "user_id", "at", "product", "category", "item_amount"]]
        of_members = [["order_id", "member_id", *lines[0][2:]]]
        for rows, whose, no in ((lines, "user", ""), (of_members, "member", "NOT")):
            for order, who, at, *item, amount in self.db.execute(query.format(whose=whose, no=no)):
                rows.append([order, who, _iso(at), *item, f"¥{amount:,}"])
        return [
            _text(refunds).encode("utf-8"),
            _text(of_members).encode("utf-16"),
            _text(lines).encode("cp932"),
        ]


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(rows: Iterable[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().replace("¥", "")
