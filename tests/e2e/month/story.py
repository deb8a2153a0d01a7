"""What happens in the month: told to Todoku from outside, and written down beside it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlsplit

from chalicelib.local.client import Client
from tests.e2e.month import documents
from tests.e2e.month.books import FOLLOWED, UNBLOCKED, UNFOLLOWED, Books, Click, Person, Run, Sent
from tests.e2e.trial import Trial, user

_ADDRESS = re.compile(r"https?://[\w:/.?=&~-]+")
_LABEL = re.compile(r"(b\d\d|[a-f]-\w+|thanks|morning):(\w?) ")
_AT_ONCE, _SAME_CLICK_S = 6, 12


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


class Story:
    """One account and its books."""

    def __init__(self, trial: Trial, books: Books) -> None:
        self.trial, self.books = trial, books
        self.shop = documents.open_shop(trial)
        self._events = 0

    # Before

    def history(self) -> None:
        """Webhooks of weeks ago, the list of friends, orders and refunds of the last year."""
        self._send_webhooks(sorted(self.books.moves(), key=lambda one: one[0]))
        listed = [one for one in self.books.people.values() if not one.moves]
        friends = [{"user_id": one.id, "status": _of_sim(one)} for one in listed]
        for some in _batches(friends, 200):
            self.trial.sim.post("/_sim/friends", {"account": documents.SHOP, "friends": list(some)})
        self._import("friends", documents.friends_csv(self.books))
        for one in self.books.people.values():
            for _ in range(self.books.dice.choice((0, 0, 1, 1, 2, 6))):
                self.books.order(one, self.books.ago(days=self.books.dice.uniform(1, 330)))
        self._import("purchases", documents.orders_csv(self.books))
        self.refund(0.2)
        self.rest()

    def _import(self, what: str, text: str) -> None:
        self.trial.load(self.shop, what, f"import of {what}", text.encode())

    def _send_webhooks(self, moves: Iterable[tuple[datetime, str, Person]]) -> None:
        for some in _batches(moves, 100):
            events = [self._webhook(at, kind, one) for at, kind, one in some]
            answer = self.trial.sim.post(f"/_sim/webhooks/{documents.SHOP}", {"events": events})
            assert answer["webhook"]["status"] == 200, answer
        self.rest()

    def _webhook(self, at: datetime, kind: str, one: Person) -> dict[str, Any]:
        self._events += 1
        found = {
            "type": "unfollow" if kind == UNFOLLOWED else "follow",
            "webhookEventId": f"01MONTH{self._events:019d}",
            "timestamp": round(at.timestamp() * 1000),
            "source": {"type": "user", "userId": one.id},
            "mode": "active",
            "deliveryContext": {"isRedelivery": False},
        }
        more = {"replyToken": f"r{self._events}", "follow": {"isUnblocked": kind == UNBLOCKED}}
        return found if kind == UNFOLLOWED else found | more

    def rest(self) -> None:
        """Until everything that was told has been reacted to, twice looked at."""

        def look() -> bool:
            before = self.trial.platform.idle()
            time.sleep(0.5)
            return before and self.trial.platform.idle()

        self.trial.until("rest", look, every_s=0.2)

    # Orders

    def buy(self, orders: Iterable[tuple[Person, str]]) -> None:
        """Report orders one by one as the shop's till does; ``fire`` false: they are news to nobody."""
        purchases = [
            {
                "order_id": name,
                "user_id": who.id,
                "at": _iso(who.orders[name].at),
                "amount": who.orders[name].amount,
            }
            for who, name in orders
        ]
        self._report("purchases", purchases)

    def refund(self, part: float) -> None:
        """Give back a part of all orders of the past, whole or by half."""
        dice, purchases = self.books.dice, list[dict[str, Any]]()
        for who in self.books.people.values():
            for name, order in who.orders.items():
                if order.back or dice.random() > part:
                    continue
                order.back = dice.choice((order.amount, order.amount // 2))
                purchases.append(
                    {
                        "order_id": f"{name}-back",
                        "refund_of": name,
                        "user_id": who.id,
                        "at": _iso(order.at + timedelta(hours=1)),
                        "amount": order.back,
                    }
                )
        self._report("purchases", purchases)

    def _report(self, what: str, purchases: list[dict[str, Any]]) -> None:
        for some in _batches(purchases, 500):
            answer = self.trial.api.post(f"{self.shop}/{what}", {what: list(some), "fire": False})
            assert all(one["status"] == "accepted" for one in answer["results"]), answer

    # Routes

    def touch(self, newcomers: int) -> None:
        """Friends open routes, some of them twice; newcomers add the account by one."""
        dice, routes = self.books.dice, documents.ROUTES
        old = dice.sample([one for one in self.books.following() if not one.is_foreign], newcomers * 2)
        new = [Person(user(10**6 + n), None, None, []) for n in range(newcomers)]
        self.books.people |= {one.id: one for one in new}
        plan = [(one, dice.choices(routes, k=dice.choice((1, 1, 2)))) for one in [*old, *new]]
        self._each(plan, self._touches)
        self.rest()
        for one in new:
            one.move(one.touches[0][0], FOLLOWED)

    def _touches(self, api: Client, sim: Client, todo: Any) -> None:
        one, routes = todo
        for route in routes:
            at = datetime.now(UTC)
            self._by_liff(api, sim, one.id, f"/q/{route}", "", add=not one.moves and not one.followed_at)
            one.touches.append((at, route))

    def _by_liff(self, api: Client, sim: Client, who: str, path: str, query: str, *, add: bool) -> None:
        url = f"http://127.0.0.1:{self.trial.platform.sim_port}/liff/{documents.LIFF}{path}?{query}"
        act = {"account": documents.SHOP, "url": url, "add_friend": add}
        token = sim.post(f"/_sim/friends/{who}/liff", act)["id_token"]
        answer = api.post(f"/liff/{documents.SHOP}", {"id_token": token, "path": path, "query": query})
        assert answer["go"], answer

    def _each(self, todo: Iterable[Any], do: Callable[[Client, Client, Any], None]) -> None:
        todo = list(todo)

        def some(mine: list[Any]) -> None:
            api = Client(f"http://127.0.0.1:{self.trial.platform.port}")
            sim = Client(f"http://127.0.0.1:{self.trial.platform.sim_port}")
            for one in mine:
                do(api, sim, one)
            api.close()
            sim.close()

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(some, [todo[n::_AT_ONCE] for n in range(_AT_ONCE)]))

    # Deliveries

    def broadcast(self, numbers: range) -> None:
        """Send these, and write down whom they meant."""
        for number in numbers:
            one, body, meant = documents.broadcast(self.books, number)
            for name, message in documents.variants(number).items() if "variants" in body else ():
                self.trial.api.put(f"{self.shop}/messages/{name}", {"name": name, **message})
            self.trial.api.put(f"{self.shop}/broadcasts/{one.id}", body)
            one.at = datetime.now(UTC)
            self.trial.api.post(f"{self.shop}/broadcasts/{one.id}/send", {})
            one.invalid = sum(who.is_foreign for who in meant)
            self.books.sent.append(one)
            one.got = {who.id: (one.at, "") for who in meant if not who.is_foreign}
        names = [f"b{number:02}" for number in numbers]
        self.trial.until(f"{len(names)} broadcasts", lambda: all(map(self._is_done, names)), every_s=2)

    def schedule(self) -> None:
        """Something for some friends, at the next minute but one."""
        at = (datetime.now(UTC) + timedelta(minutes=2)).replace(second=0, microsecond=0)
        one, body = documents.morning(self.books, at)
        self.trial.api.put(f"{self.shop}/schedules/morning", body)
        self.books.sent.append(one)

        def is_done() -> bool:
            runs = self.trial.api.get(f"{self.shop}/schedules/morning/runs")["items"]
            return bool(runs and runs[0]["state"] == "done")

        self.trial.until("the schedule", is_done, every_s=2)
        self.rest()

    def _is_done(self, name: str) -> bool:
        found = self.trial.api.get(f"{self.shop}/broadcasts/{name}")
        self.trial.last = f"{name} {found['status']}: {found['progress']}"
        return bool(found["status"] == "done")

    def read(self) -> dict[str, dict[str, str]]:
        """What LINE has accepted is whom the books mean; the addresses in it, by delivery and friend."""
        seen, addresses = dict[str, dict[str, str]](), dict[str, dict[str, str]]()
        for item in self.trial.sent():
            text = item["messages"][0].get("text", "")
            if item["kind"] not in {"push", "multicast"} or not (label := _LABEL.match(text)):
                continue
            for who in item["to"] if isinstance(item["to"], list) else [item["to"]]:
                assert who not in seen.setdefault(label[1], {}), (who, text)
                seen[label[1]][who] = label[2]
                for address in _ADDRESS.findall(text)[:1]:
                    addresses.setdefault(label[1], {})[who] = address
        for one in (one for one in self.books.sent if not one.is_reply):
            found = seen.get(one.label, {})
            assert found.keys() == one.got.keys(), (one.id, one.node, len(found), len(one.got))
            one.got = {who: (at, found[who]) for who, (at, _) in one.got.items()}
        return addresses

    # Clicks

    def click(self, addresses: dict[str, dict[str, str]], part: float, *, anew: bool = False) -> list[Person]:
        """A part of the recipients opens what they got, at once twice (one click); returns who did. ``anew``:
        they may have opened it before.
        """
        chosen: dict[str, list[tuple[str, str]]] = {}
        for delivery, of in sorted(addresses.items()):
            for who, address in sorted(of.items()):
                if self.books.dice.random() < part:
                    chosen.setdefault(who, []).append((delivery, address))
        time.sleep(_SAME_CLICK_S if anew else 0)
        self._each(sorted(chosen.items()), self._opens)
        self.rest()
        return [self.books.people[who] for who in sorted(chosen)]

    def _opens(self, api: Client, sim: Client, todo: tuple[str, list[tuple[str, str]]]) -> None:
        who, found = todo
        for label, address in found:
            parts = urlsplit(address)
            path = parts.path.removeprefix("/liff").removeprefix(f"/{documents.LIFF}")
            link = path.rpartition(".")[2]
            at = datetime.now(UTC)
            for _ in range(2):
                if path == parts.path:
                    status, _body = api.raw("GET", f"{path}?{parts.query}")
                    assert status == 302, (status, address)
                else:
                    self._by_liff(api, sim, who, path, parts.query, add=False)
            assert datetime.now(UTC) - at < timedelta(seconds=8), "too slow for one click"
            one = self.books.people[who]
            sent = next(s for s in self.books.sent if s.label == label and who in s.got)
            one.clicks.append(Click(at, link, sent.id, sent.got[who][1], sent.node))

    def ask_for_links(self, people: list[Person]) -> dict[str, dict[str, str]]:
        """They write, and get a link in the reply; the addresses."""
        at = datetime.now(UTC)
        got = {one.id: (at, "") for one in people}
        self.books.sent.append(Sent("rule:hello", at, begins_with="hello", got=got, is_reply=True))
        for one in people:
            self.trial.sim.post(
                f"/_sim/friends/{one.id}/message", {"account": documents.SHOP, "text": "案内"}
            )
        self.rest()
        timelines = {
            one.id: self.trial.sim.get(f"/_sim/friends/{one.id}/timeline?account={documents.SHOP}")
            for one in people
        }
        return {
            "hello": {
                who: _ADDRESS.findall(str(label))[-1].rstrip("'\"}],") for who, label in timelines.items()
            }
        }

    # Blocks

    def block(self, people: list[Person], later: timedelta | None = None) -> None:
        """They block the account, now or (as LINE says) some days ahead."""
        at = datetime.now(UTC).replace(microsecond=0) + (later or timedelta(0))
        for one in people:
            one.move(at, UNFOLLOWED)
            for run in (run for run in self.books.runs.values() if one.id in run.waiting):
                run.waiting.remove(one.id)
                run.exited.setdefault("blocked", set()).add(one.id)
        self._send_webhooks((at, UNFOLLOWED, one) for one in people)

    # Scenarios

    def enter(self, size: int) -> None:
        """Six scenarios with friends of their own each."""
        known = [one for one in self.books.following() if not one.is_foreign and one.followed_at]
        drawn = iter(self.books.dice.sample(known, size * 6))
        for scenario in documents.SCENARIOS:
            who = [next(drawn) for _ in range(size)]
            at, path = datetime.now(UTC), f"{self.shop}/scenarios/{scenario}"
            answer = self.trial.api.post(f"{path}/enroll", {"user_ids": [one.id for one in who]})
            assert answer["accepted"] == size, answer
            run = self.books.runs[scenario] = Run({one.id for one in who})
            documents.begun(self.books, scenario, run, at)
        self.trial.until("first steps", self._have_stepped)

    def _have_stepped(self) -> bool:
        found = {name: self.trial.api.get(f"{self.shop}/scenarios/{name}/funnel") for name in self.books.runs}
        self.trial.last = str({name: one["active"] for name, one in found.items()})
        waiting = {name: sum(one["active"].values()) for name, one in found.items()}
        self.trial.last += f", in the books {[len(run.waiting) for run in self.books.runs.values()]}"
        return waiting == {name: len(run.waiting) for name, run in self.books.runs.items()}

    def end(self) -> None:
        """Of who waits, some reach the goal, are taken out, or have blocked; others go on."""
        documents.goal_of_d(self)
        documents.exit_of_e(self)
        documents.answer_of_f(self)
        self.trial.until("last steps", self._have_stepped)
        self.rest()

    def says(self, what: str, people: Iterable[str]) -> None:
        """A custom event of each, now."""
        self._events += 1
        events = [
            {
                "event_id": f"{what}-{self._events}-{who}",
                "user_id": who,
                "type": f"custom:{what}",
                "props": {},
            }
            for who in people
        ]
        for some in _batches(events, 500):
            answer = self.trial.api.post(f"{self.shop}/events", {"events": list(some)})
            assert all(one["status"] == "accepted" for one in answer["results"]), answer
        self.rest()


def _of_sim(one: Person) -> str:
    return "foreign" if one.is_foreign else one.status


_T = TypeVar("_T")


def _batches(things: Iterable[_T], size: int) -> Iterator[list[_T]]:
    rest = iter(things)
    while some := list(islice(rest, size)):
        yield some
