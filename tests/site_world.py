"""A shop with a site: browsers that send what the tag sends, friends, and the workers behind."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.friends import store as friends
from chalicelib.gateways import clock
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain

BASE = "/v1/accounts/shop"
ORIGIN = "https://shop.example"
SECRET = "5" * 32
_NUMBERS = itertools.count()


def a_site(**fields: Any) -> Api:
    """The account with its site, pages, a link to it, and a friend."""
    api = an_api()
    for account in ("shop", "other"):
        site = {"site_origins": [ORIGIN], "site": {"events": ["sized"]}, **fields}
        login = {"login_channel_id": "1234567890", "login_channel_secret": SECRET}
        an_account(api, account, **site, **login)
    api.ok("PUT", f"{BASE}/pages/products", {"name": "商品", "pattern": "/products/*"})
    api.ok("PUT", f"{BASE}/links/spring", {"url": f"{ORIGIN}/products/1?x=1"})
    api.ok("PUT", f"{BASE}/tags/keen", {"name": "keen"})
    for user in ("U1", "U2"):
        reaction.react(FriendEvent(f"follow-{user}", "shop", user, "followed", iso(clock.now())))
    return api


def open_link(user: str = "U1", delivery: str = "", run: str = "", link: str = "spring") -> str:
    """The site token that a tracked link of a friend leads to the site with; the click waits in the inbox."""
    token = friend_tokens.make("shop", FriendToken(user, delivery, run))
    answer = Api(None).call("GET", f"/r/shop.{link}?t={token}", user_agent="Mozilla/5.0 Line/14")
    assert answer.status_code == 302
    location = urlsplit(answer.headers["Location"])
    assert (location.netloc, location.path) == ("shop.example", "/products/1")
    return parse_qs(location.query)["todoku"][0]


class Browser:
    """One browser: a name, and what it sends."""

    def __init__(self, account: str = "shop") -> None:
        self.account = account
        self.visitor = f"visitor-{next(_NUMBERS):016d}"

    def call(self, *events: dict[str, Any], origin: str | None = ORIGIN, **more: Any) -> Any:
        """One request; its answer."""
        body = {"visitor": self.visitor, "events": list(events), **more}
        headers = {"origin": origin} if origin else {}
        return Api(None).call("POST", f"/t/{self.account}", body, content_type="text/plain", **headers)

    def send(self, *events: dict[str, Any], **more: Any) -> Any:
        """One request that is taken; what became of its events."""
        answer = self.call(*events, **more)
        assert answer.status_code == 200, answer.body
        return answer.json_body


def page(path: str = "/products/1", **more: Any) -> dict[str, Any]:
    """A view of a page, under a new id."""
    return {"event": "page", "id": f"event-{next(_NUMBERS):06d}", "url": ORIGIN + path, **more}


def bought(order: str = "o1", value: float = 3000, **more: Any) -> dict[str, Any]:
    """An order."""
    return {
        "event": "purchase",
        "id": f"event-{next(_NUMBERS):06d}",
        "order_id": order,
        "value": value,
        **more,
    }


def cart(value: float = 1000, **more: Any) -> dict[str, Any]:
    """What is in the cart."""
    return {"event": "cart", "id": f"event-{next(_NUMBERS):06d}", "value": value, **more}


def work_off() -> None:
    """Let the reaction and the jobs do what waits, what comes of it, and what comes later."""
    for _ in range(10):
        waiting = drain("inbox")
        for message in waiting:
            reaction.react(FriendEvent.from_message(message))
        jobs = drain("bulk")
        for body in jobs:
            JOBS[body["job"]].run(body, 1)
        if not waiting and not jobs:
            return


def sheet(user: str = "U1") -> dict[str, Any]:
    """The friend's sheet."""
    found = friends.load("shop", 64, user)
    assert found is not None
    return found


def views(user: str = "U1", page_id: str = "products") -> int:
    """How many views of a page are counted for a friend."""
    fact = sheet(user)["facts"].get(f"page_viewed:{page_id}", {})
    return int(fact.get("count", 0))


A_WHILE = timedelta(minutes=20)
