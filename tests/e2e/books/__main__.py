"""A trial by hand: what Todoku counts is what a company's own books say.

    python -m tests.e2e.books [--friends 100000] [--conditions 50] [--changes 5000] [--kills 3] [--seed 1]

Loads friends (Shift_JIS), members (Excel's UTF-8), refunds, members' orders (UTF-16) and other orders
(Shift_JIS) over HTTP, the refunds before their orders and the members' orders before the members, and asks
for counts by random conditions. Then it changes friends by webhooks, PATCHes, purchases, refunds and
erasures, and asks again after each round; in some rounds the whole platform is killed in between. Every
count must be SQL's over the books at the moment that the answer names. Then the exit status is 0.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from chalicelib.local.client import Client, Refused
from chalicelib.shared.times import parse_iso
from tests.e2e.books import company, questions
from tests.e2e.books.company import Company, ms
from tests.e2e.trial import Trial, run

SECRET = "s" * 32
_ROUNDS = 20
Change = tuple[Callable[[Client], Any], Callable[[], Any]]
"""What is asked of Todoku (again after a kill, harmlessly), and what is then written into the books."""


def _documents(trial: Trial) -> str:
    attributes: dict[str, dict[str, Any]] = {
        "skin": {"type": "choice", "choices": list(company.SKINS)},
        "age": {"type": "number"},
        "birthday": {"type": "date"},
        "wish": {"type": "multi_choice", "choices": list(company.WISHES)},
    }
    shop = trial.open("shop")
    for name, body in attributes.items():
        trial.api.put(f"{shop}/attributes/{name}", {"name": name, **body})
    for tag, name in zip(company.TAG_IDS, company.TAGS, strict=True):
        trial.api.put(f"{shop}/tags/{tag}", {"name": name})
    trial.api.put(f"{shop}/scores/interest", {"name": "interest"})
    return shop


def _load(trial: Trial, shop: str, what: str, file: bytes) -> None:
    trial.load(shop, what, f"{what}: {file.count(10)} lines", file)


def _at_rest(trial: Trial) -> None:
    """Every event has been reacted to. (What is left of an erasure looks again after five minutes.)"""
    deadline = time.monotonic() + 600
    while any(trial.api.get("/v1/status")["inbox"][count] for count in ("waiting", "in_flight")):
        assert time.monotonic() < deadline, "it never came to rest"
        time.sleep(0.2)


class Asker:
    """Asks and compares; remembers how long Todoku took."""

    def __init__(self, trial: Trial, shop: str, books: Company, seed: int) -> None:
        self.trial, self.shop, self.books = trial, shop, books
        self.dice = random.Random(seed)
        self.took: list[float] = []
        self.wrong: list[str] = []
        self.sizes: list[int] = []

    def ask(self, times: int) -> None:
        """So many random conditions."""
        for _ in range(times):
            question = questions.draw(self.dice)
            began = time.monotonic()
            answer = self.trial.api.post(f"{self.shop}/segments/count", {"condition": question.condition})
            if "job_id" in answer:
                answer = self.trial.job(self.shop, "a count by a job", answer["job_id"])["result"]
            self.took.append(time.monotonic() - began)
            assert answer["exact"] is True, answer
            now = ms(parse_iso(answer["as_of"]))
            (expected,) = self.books.db.execute(question.count_sql(), {"now": now}).fetchone()
            self.sizes.append(expected)
            if answer["count"] != expected:
                self.wrong.append(f"{answer['count']} counted, {expected} in the books: {question.condition}")

    def summary(self) -> str:
        """What came of it."""
        took = sorted(self.took)
        middle = f"{1000 * took[len(took) // 2]:.0f} ms in the middle, {1000 * took[-1]:.0f} ms at most"
        return f"{len(took)} counts ({min(self.sizes)} to {max(self.sizes)} friends), {middle}"


def _a_change(books: Company, shop: str, who: str, number: int) -> Change:
    dice, friend, now = books.dice, f"{shop}/friends/{who}", datetime.now(UTC).replace(microsecond=0)
    which = dice.randrange(7)
    status, interest = books.db.execute(
        "SELECT status, interest FROM friends WHERE user = ?", (who,)
    ).fetchone()
    if which == 0 and status == "following":
        event = _message(who, number, now)
        return lambda api: _webhook(api, event), lambda: books.db.execute(
            "UPDATE friends SET wrote = wrote + 1 WHERE user = ?", (who,)
        )
    if which == 1:
        name = f"n{number}"
        at = books.ago(days=dice.uniform(0, 100))
        books.orders += 1
        order = {"order_id": name, "user_id": who, "at": at.isoformat(), "amount": 700}
        item = {"product": "soap-0", "category": "soap", "quantity": 1, "amount": 700}
        row = (name, who, ms(at), "soap-0", "soap", 700, 700)
        return lambda api: _accepted(
            api.post(f"{shop}/purchases", {**order, "items": [item]})
        ), lambda: books.db.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    if which == 2:
        return lambda api: api.call("DELETE", f"{friend}?erase=true"), lambda: books.erase(who)
    if which == 3:
        tag = dice.choice(company.TAG_IDS)
        return lambda api: _patch(api, friend, {"tags": {"remove": [tag]}}), lambda: books.db.execute(
            "DELETE FROM tags WHERE user = ? AND tag = ?", (who, tag)
        )
    if which == 4:
        skin = dice.choice((*company.SKINS, None))
        return lambda api: _patch(api, friend, {"attributes": {"skin": skin}}), lambda: books.db.execute(
            "UPDATE friends SET skin = ? WHERE user = ?", (skin, who)
        )
    if which == 5:
        score = (interest or 0) + 7
        return lambda api: _patch(
            api, friend, {"scores": {"set": {"interest": score}}}
        ), lambda: books.db.execute("UPDATE friends SET interest = ? WHERE user = ?", (score, who))
    day, text = 7000 + number % 365, f"{datetime.fromtimestamp((7000 + number % 365) * 86400, UTC):%Y-%m-%d}"
    return lambda api: _patch(api, friend, {"attributes": {"birthday": text}}), lambda: books.db.execute(
        "UPDATE friends SET birthday = ? WHERE user = ?", (day, who)
    )


def _message(who: str, number: int, at: datetime) -> dict[str, Any]:
    return {
        "type": "message",
        "webhookEventId": f"01BOOKS{number:019d}",
        "timestamp": ms(at),
        "source": {"type": "user", "userId": who},
        "replyToken": f"reply-{number}",
        "mode": "active",
        "deliveryContext": {"isRedelivery": False},
        "message": {
            "type": "text",
            "id": str(10**15 + number),
            "text": f"こんにちは {number}",
            "quoteToken": "q",
        },
    }


def _webhook(api: Client, event: dict[str, Any]) -> None:
    status = api.webhook("shop", SECRET, {"destination": "U" + "0" * 32, "events": [event]})
    assert status == 200, status


def _patch(api: Client, friend: str, body: dict[str, Any]) -> None:
    api.call("PATCH", friend, body)


def _accepted(answer: dict[str, Any]) -> None:
    (result,) = answer["results"]
    assert result["status"] in {"accepted", "duplicate"}, result


def _round(trial: Trial, books: Company, shop: str, first: int, changes: int, *, kill: bool) -> None:
    """Change different friends, four at a time. With a kill half of it is asked for once more: a change whose
    answer nobody heard may stand or not.
    """
    known = [who for (who,) in books.db.execute("SELECT user FROM friends ORDER BY user")]
    chosen = books.dice.sample(known, min(changes, len(known)))
    todo = [_a_change(books, shop, who, first + n) for n, who in enumerate(chosen)]
    _carry_out(trial, todo)
    if kill:
        trial.platform.kill()
        trial.platform.start(timeout_s=300)
        _carry_out(trial, todo[len(todo) // 2 :])
    for _, write in todo:
        write()
    _at_rest(trial)


def _carry_out(trial: Trial, changes: list[Change]) -> None:
    def work(mine: list[Change]) -> None:
        api = Client(f"http://127.0.0.1:{trial.platform.port}", trial.api.api_key)
        for do, _ in mine:
            try:
                do(api)
            except Refused as error:
                if error.status != 404:  # erased before the kill
                    raise
        api.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, [changes[n::4] for n in range(4)]))


def main() -> int:
    """Load, ask, change, ask."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.books")
    parser.add_argument("--friends", type=int, default=100_000)
    parser.add_argument("--conditions", type=int, default=50)
    parser.add_argument("--changes", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    asked = parser.parse_args()

    def work(trial: Trial) -> None:
        books, shop = Company(asked.friends, asked.seed), _documents(trial)
        _load(trial, shop, "friends", books.friends_csv())
        for file in books.order_files():
            _load(trial, shop, "purchases", file)
        _load(trial, shop, "members", books.members_csv())
        trial.until("members' own orders", trial.platform.idle)
        asker = Asker(trial, shop, books, asked.seed)
        asker.ask(asked.conditions)
        print(f"loaded: {asker.summary()}", flush=True)
        assert not asker.wrong, "\n".join(asker.wrong)
        each = asked.changes // _ROUNDS
        for number in range(_ROUNDS if each else 0):
            kill = number % max(1, _ROUNDS // max(1, asked.kills)) == 1 and number // 6 < asked.kills
            _round(trial, books, shop, number * each, each, kill=kill)
            asker.ask(5)
            print(f"round {number}{', with a kill' if kill else ''}: {asker.summary()}", flush=True)
        print(f"in all: {asker.summary()}", flush=True)
        assert not asker.wrong, "\n".join(asker.wrong)

    return run(work, asked.minutes)


if __name__ == "__main__":
    sys.exit(main())
