"""A trial by hand: a month of a shop, and every report is what the shop's own bookkeeping says.

    python -m tests.e2e.month [--friends 3000] [--broadcasts 40] [--seed 1]

Friends come by webhooks of weeks ago, by a list, by routes; orders of a year are imported, refunds follow;
broadcasts and six scenarios go out, rules reply and push, a schedule comes round, links are opened (by LIFF,
by a friend's own address, in a reply), friends buy and block. Then every report is asked for, the journal is
made anew, and all of them are asked for again. Each number must be the books'. Then the exit status is 0.

Nobody can be sent anything last week: broadcasts, scenarios, clicks and touches are of now; what may name its
own moment (follows, blocks, orders, refunds) is spread over the weeks before, and after, as far as windows of
seven days and 72 hours ask for it. So what was sent is all of one day. Not driven, since nobody outside can
without waiting for hours or days: what LINE counts itself (``line``), skips by caps, hold-outs, rollups of
hours that are over (the trial is shorter than one). Of ``median_s`` only limits are known outside. Forms and
what the site tag tells have no part in it. When a local midnight passes, it has to be begun anew.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime, timedelta

from tests.e2e.month.books import TOKYO, Books, Person
from tests.e2e.month.compare import Comparison
from tests.e2e.month.story import Story
from tests.e2e.trial import Trial, run


def _orders(story: Story, buyers: list[Person]) -> None:
    """After a click: at once, in the last hour of the week after it, or when the week is over. At once is two
    seconds: the books know when the friend clicked, Todoku when it heard of that.
    """
    dice, orders = story.books.dice, list[tuple[Person, str]]()
    time.sleep(3)
    for one in buyers:
        if dice.random() < 0.5:
            last = max(one.clicks).at.replace(microsecond=0)
            later = dice.choice(
                (timedelta(seconds=2), timedelta(days=6, hours=23), timedelta(days=7, hours=1))
            )
            orders.append((one, story.books.order(one, last + later)))
    story.buy(orders)
    story.rest()


def _play(story: Story, broadcasts: int) -> None:
    books, early = story.books, broadcasts * 3 // 4
    size = max(5, len(books.people) // 20)
    story.history()
    story.touch(size)
    story.schedule()
    story.broadcast(range(early))
    story.enter(size)
    clickers = story.click(story.read(), 0.2)
    _orders(story, clickers)
    story.click({name: of for name, of in story.read().items() if name < "b20"}, 0.1, anew=True)
    story.click(story.ask_for_links(books.dice.sample(_settled(books), 8)), 1)
    story.block(books.dice.sample(_settled(books), size))
    story.end()
    late = {name: of for name, of in story.read().items() if name in {"b-n", "f-t", "thanks", "morning"}}
    _orders(story, story.click(late, 0.5, anew=True))
    story.broadcast(range(early, broadcasts))
    story.read()
    story.block(books.dice.sample(_settled(books), 6), timedelta(hours=70))
    story.block(books.dice.sample(_settled(books), 6), timedelta(hours=80))
    story.refund(0.1)
    story.rest()


def _settled(books: Books) -> list[Person]:
    return [one for one in books.following() if not one.is_foreign]


def main() -> int:
    """Play, compare, make the journal anew, compare."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.month")
    parser.add_argument("--friends", type=int, default=3_000)
    parser.add_argument("--broadcasts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60)
    asked = parser.parse_args()

    def work(trial: Trial) -> None:
        story = Story(trial, Books(asked.friends, asked.seed))
        _play(story, asked.broadcasts)
        found = Comparison(trial, story.shop, story.books)
        found.all("before")
        job = trial.api.post(f"{story.shop}/reports/rebuild", {})["job_id"]
        trial.job(story.shop, "rebuild", job)
        found.all("after")
        assert story.books.now.date() == datetime.now(TOKYO).date(), "a midnight passed: begin again"
        assert not found.wrong, "\n".join(found.wrong)

    return run(work, asked.minutes)


if __name__ == "__main__":
    sys.exit(main())
