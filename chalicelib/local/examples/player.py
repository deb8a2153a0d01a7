"""Plays an example like any outside program: HTTP to Todoku, taps and words on the simulated LINE's phones.

A play is a list of steps, each with one key; ``STEPS`` says what each does. A number that is not as expected
is shown and remembered, and the play goes on: whoever looks sees all of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import yaml

from chalicelib.gateways import clock
from chalicelib.local.client import Client
from chalicelib.local.examples.example import Example, timestamp
from chalicelib.shared.times import iso, parse_duration, parse_iso

TOKYO = ZoneInfo("Asia/Tokyo")
_QUEUES = ("inbox", "bulk", "sends", "due")
_OVER = {"done", "failed", "cancelled", "missed"}
_SLACK = timedelta(seconds=20)
LOGIN_CHANNEL = "1234567890"
LOGIN_SECRET = "5" * 32
"""Of the LINE Login channel that the simulator plays."""
_SHARDS = 4
"""A dozen friends need no more."""
Step = Any


class Until(Protocol):
    """Waits until a check answers something true; raises TimeoutError."""

    def __call__(self, what: str, check: Callable[[], Any], timeout_s: float) -> Any:
        """The answer of the check."""


class Player:
    """One play, and whether every number was as expected."""

    def __init__(
        self, example: Example, api: Client, phones: Client, out: Callable[[str], None], until: Until
    ) -> None:
        self.example, self.api, self.phones, self.out, self.until = example, api, phones, out, until
        self.account = f"/v1/accounts/{example.name}"
        self.liff_id = f"{LOGIN_CHANNEL}-{example.name}"[:19]
        self.good = True
        self._numbered = 0

    def play(self) -> bool:
        """The whole play; returns whether every number was as expected."""
        self.out(f"{self.example.name}: {self.example.title}")
        for step in self.example.steps:
            ((kind, given),) = step.items()
            STEPS[kind](self, given)
        self.out(f"  {self.example.name}: {'all as expected' if self.good else 'NOT as expected'}")
        return self.good

    # what every step uses

    def compare(self, what: str, look: Callable[[], Any], wanted: Any, timeout_s: float = 30) -> None:
        """Look until it is as wanted, or time is over; say the number."""
        seen: Any = None

        def is_so() -> bool:
            nonlocal seen
            seen = look()
            return bool(seen == wanted)

        try:
            self.until(what, is_so, timeout_s)
            self.out(f"  ✓ {what}: {_short(seen)}")
        except TimeoutError:
            self.good = False
            self.out(f"  ✗ {what}: {_short(seen)}, expected {_short(wanted)}")

    def settle(self) -> None:
        """Wait until nothing is moving."""
        self.until("the queues are empty", self._idle, 90)

    def _idle(self) -> bool:
        status = self.api.get("/v1/status")
        return not any(status[queue][count] for queue in _QUEUES for count in ("waiting", "in_flight"))

    def named(self, users: list[str]) -> list[str]:
        """Friends by name, in the order of names; who is unknown keeps the id."""
        names = {self.example.user_id(name): name for name in self._everybody()}
        return sorted(names.get(user, user) for user in users)

    def _everybody(self) -> set[str]:
        """Every name that the CSV, the staff and the steps have."""
        spoken = {one["of"] for step in self.example.steps for one in _things(step) if "of" in one}
        return {*self.example.known, *spoken}

    def sent(self, text: str) -> list[str]:
        """The names of those whom LINE has brought a message with these words, as often as it has."""
        items = self.phones.get(f"/_sim/messages?since=0&account={self.example.name}")["items"]
        got = [item for item in items if item["status"] == 200 and text in _text(item["messages"])]
        return self.named([user for item in got for user in item["to"]])

    def number(self, what: str) -> str:
        """An id of its own for an order or an event."""
        self._numbered += 1
        return f"{what}-{self._numbered}"


def _things(step: Step) -> list[dict[str, Any]]:
    """The things of a step that has a list of them."""
    (given,) = step.values()
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    return value if isinstance(value, str) else _text(value)


def _matches(seen: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there: of objects the named fields, of lists each entry in its place."""
    if isinstance(wanted, dict):
        return isinstance(seen, dict) and all(_matches(seen.get(name), wanted[name]) for name in wanted)
    if isinstance(wanted, list):
        return isinstance(seen, list) and len(seen) == len(wanted) and all(map(_matches, seen, wanted))
    return bool(seen == wanted)


def _part(seen: Any, wanted: Any) -> Any:
    """What is seen, without the fields of objects that nobody asked for."""
    if isinstance(wanted, dict) and isinstance(seen, dict):
        return {name: _part(seen.get(name), wanted[name]) for name in wanted}
    if isinstance(wanted, list) and isinstance(seen, list) and len(seen) == len(wanted):
        return [_part(one, other) for one, other in zip(seen, wanted, strict=True)]
    return seen


# the steps ------------------------------------------------------------------------------------------------


def say(player: Player, words: str) -> None:
    """A heading."""
    player.out(words)


def apply(player: Player, file: str) -> None:
    """The account, and the documents of the bundle, scenarios put in force."""
    name, bundle = player.example.name, player.example.text(file)
    channel = {"channel_secret": f"{name}-secret", "channel_access_token": f"{name}-token"}
    login = {
        "login_channel_id": LOGIN_CHANNEL,
        "login_channel_secret": LOGIN_SECRET,
        "liff_id": player.liff_id,
    }
    player.api.put(player.account, {"name": player.example.title, **channel, **login, "shards": _SHARDS})
    for who, user in player.example.staff.items():
        player.phones.post("/_sim/friends", {"account": name, "user_id": user, "display_name": who})
    path = f"{player.account}/catalog/apply?publish=true"
    player.api.call("POST", path, bundle, content_type="application/yaml")
    parts = [f"{len(documents)} {kind}" for kind, documents in yaml.safe_load(bundle).items()]
    player.out(f"  ✓ {file}: {', '.join(parts)}")


def friends(player: Player, file: str) -> None:
    """Friends who are there already, from a CSV."""
    rows = player.example.rows(file)
    people = [{"user_id": row["user_id"], "display_name": row["display_name"]} for row in rows]
    player.phones.post("/_sim/friends", {"account": player.example.name, "friends": people})
    csv = player.example.text(file)
    job = player.api.call("POST", f"{player.account}/friends/import", csv, content_type="text/csv")["job_id"]

    def how() -> Any:
        state = player.api.get(f"{player.account}/jobs/{job}")
        return [state["state"], state["done"], state["errors"]]

    player.compare("friends imported", how, ["done", len(rows), []], 60)


def chat(player: Player, given: list[Step]) -> None:
    """What friends do on their phones, one after the other: they scan, follow, write, tap, watch, block."""
    answered: Counter[int] = Counter()
    for one in given:
        if "scans" in one:
            answered[_scan(player, one["of"], one["scans"])] += 1
            continue
        ((verb, body),) = (_phone(name, value) for name, value in one.items() if name != "of")
        path = f"/_sim/friends/{player.example.user_id(one['of'])}/{verb}"
        person = {"account": player.example.name, **body}
        if verb == "follow":
            person["display_name"] = one["of"]
        answered[player.phones.post(path, person)["webhook"]["status"]] += 1
    player.compare("phones answered 200", lambda: answered[200], len(given))
    player.settle()


def _scan(player: Player, friend: str, route: str) -> int:
    """A route's QR code is scanned: LINE opens the LIFF page and adds the account; the page says who came."""
    url = f"https://liff.line.me/liff/{player.liff_id}/q/{route}"
    body = {"account": player.example.name, "url": url, "add_friend": True}
    opened = player.phones.post(f"/_sim/friends/{player.example.user_id(friend)}/liff", body)
    state = dict(parse_qsl(urlsplit(opened["redirect_url"]).query))["liff.state"]
    path, _, query = state.partition("?")
    page = {"id_token": opened["id_token"], "path": path, "query": query}
    sent = json.dumps(page).encode()
    return player.api.raw("POST", f"/liff/{player.example.name}", sent, {"Content-Type": "application/json"})[
        0
    ]


def _phone(name: str, value: Any) -> tuple[str, dict[str, Any]]:
    return {
        "follows": ("follow", {}),
        "says": ("message", {"text": value}),
        "taps": ("postback", {"data": value}),
        "watches": ("video_complete", {"tracking_id": value}),
        "blocks": ("block", {}),
    }[name]


def orders(player: Player, given: list[Step]) -> None:
    """Orders that the shop's system reports; old ones are history and wake nothing."""
    now = clock.now()
    purchases = [
        {
            "order_id": player.number("order"),
            "user_id": player.example.user_id(one["of"]),
            "at": timestamp(now, one),
            "amount": sum(item["amount"] * item.get("quantity", 1) for item in one["items"]),
            "items": [{"quantity": 1, **item} for item in one["items"]],
        }
        for one in given
    ]
    _accepted(player, "orders", f"{player.account}/purchases", {"purchases": purchases})


def events(player: Player, given: list[Step]) -> None:
    """What other systems report: a cart, a page, a reservation."""
    now = clock.now()
    reported = [
        {
            "event_id": player.number("event"),
            "user_id": player.example.user_id(one["of"]),
            "type": one["type"],
            "at": timestamp(now, one),
            "props": one.get("props", {}),
        }
        for one in given
    ]
    _accepted(player, "events", f"{player.account}/events", {"events": reported})


def _accepted(player: Player, what: str, path: str, body: dict[str, Any]) -> None:
    results = player.api.post(path, body)["results"]
    refused = [one for one in results if one["status"] != "accepted"]
    player.compare(f"{what} accepted", lambda: refused or len(results), len(results))
    player.settle()


def count(player: Player, given: Step) -> None:
    """How many friends a condition means, or who they are (``who``)."""
    condition = given["condition"]
    if "who" in given:
        path = f"{player.account}/friends/search"

        def found() -> list[str]:
            page = player.api.post(path, {"condition": condition, "limit": 100})
            return player.named([friend["user_id"] for friend in page["items"]])

        player.compare(given["what"], found, sorted(given["who"]))
        return
    path = f"{player.account}/segments/count"
    player.compare(
        given["what"], lambda: player.api.post(path, {"condition": condition})["count"], given["is"]
    )


def heard(player: Player, given: Step) -> None:
    """Who has got a message with these words, each as often as the list says."""
    what = given.get("what", f"got 「{given['text']}」")
    player.compare(what, lambda: player.sent(given["text"]), sorted(given["by"]))


def broadcast(player: Player, given: Step) -> None:
    """A broadcast, sent now; what came of it."""
    path = f"{player.account}/broadcasts/{given['id']}"
    player.api.put(path, given["document"])
    player.api.post(f"{path}/send", {})
    seen = player.until("the broadcast", lambda: _over(player.api.get(path)), 90)
    player.compare(given["what"], lambda: _part(seen["progress"], given["progress"]), given["progress"])


def _over(state: Any) -> Any:
    return state if state["status"] in _OVER else None


def ask(player: Player, given: Step) -> None:
    """An answer of the API, or the row of it that ``where`` means, holds what ``has`` says."""
    method, path, body = "GET", given.get("get"), None
    if "explain" in given:
        asked = given["explain"]
        method, path = "POST", "/segments/explain"
        body = {"condition": asked["condition"], "user_id": player.example.user_id(asked["of"])}

    def seen() -> Any:
        answer = player.api.call(method, f"{player.account}{path}", body)
        rows = [row for row in answer.get("items", []) if _matches(row, given.get("where"))]
        found = (rows[0] if rows else None) if "where" in given else answer
        return _part(found, given["has"])

    player.compare(given["what"], seen, given["has"])


def rehearse(player: Player, given: Step) -> None:
    """Weeks of a scenario under a simulated clock, from tomorrow 10:00 on: which message comes when."""
    tomorrow = clock.now().astimezone(TOKYO) + timedelta(days=1)
    start = tomorrow.replace(hour=10, minute=0, second=0, microsecond=0)
    users = {name: player.example.user_id(name) for name in given["sent"]}
    body = {
        "friends": {"user_ids": list(users.values())},
        "start": iso(start),
        "days": given["days"],
        "events": [_rehearsed(player, start, one) for one in given.get("events", [])],
    }
    played = player.api.post(f"{player.account}/scenarios/{given['scenario']}/rehearse", body)
    for name, user in users.items():
        messages = [_line(start, entry) for entry in played["timelines"][user] if entry["what"] == "sent"]
        player.compare(f"{given['what']}, {name}", partial(list, messages), given["sent"][name])


def _rehearsed(player: Player, start: datetime, one: Step) -> dict[str, Any]:
    at, props = iso(start + parse_duration(one["after"])), one.get("props", {})
    event = {"at": at, "type": one["type"], "props": props}
    if "takes_place" in one:
        event["takes_place"] = iso(start + parse_duration(one["takes_place"]))
    return event | ({"user_id": player.example.user_id(one["of"])} if "of" in one else {})


def _line(start: datetime, entry: dict[str, Any]) -> str:
    """``day 3 18:00 tomorrow``: local days after the start, the local time, the message."""
    at = parse_iso(entry["at"]).astimezone(TOKYO)
    return f"day {(at.date() - start.date()).days} {at:%H:%M} {entry['message']}"


def schedule(player: Player, given: Step) -> None:
    """A schedule is set to one of the next minutes, comes round, and says whom it reached."""
    path = f"{player.account}/schedules/{given['id']}"
    document = player.api.get(path)
    at = (clock.now() + _SLACK + timedelta(minutes=1)).astimezone(TOKYO).replace(second=0, microsecond=0)
    body = {name: document[name] for name in ("name", "audience", "once_per", "then")}
    player.api.put(path, body | {"every": {"time": f"{at:%H:%M}"}})

    def last() -> Any:
        runs = player.api.get(f"{path}/runs")["items"]
        return _part(runs[0], given["run"]) if runs else None

    player.compare(f"{given['what']} (at {at:%H:%M})", last, given["run"], 150)
    player.settle()


STEPS: dict[str, Callable[[Player, Step], None]] = {
    step.__name__: step
    for step in (
        say,
        apply,
        friends,
        chat,
        orders,
        events,
        count,
        heard,
        broadcast,
        ask,
        rehearse,
        schedule,
    )
}
