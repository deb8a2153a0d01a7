"""A friend's way through everything: a poster, a greeting, a quiz, a broadcast, the shop, thanks, a menu.

In a real browser, with the effects looked at outside of it: what LINE was asked to show, and the API.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.client import Client
from chalicelib.shared.times import iso
from tests.browser.conftest import Shop, user
from tests.browser.look import MAYBE, becomes, button, field, see, text
from tests.media_builders import a_picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

A = "/v1/accounts/journey"
LIFF = "2000000010-page"
FRIEND = user(951)
PAGE = """<!doctype html><meta charset="utf-8"><title>shop</title><link rel="icon" href="data:,">
<p>赤いワンピース</p>
<script>window.todoku = window.todoku || function () { (todoku.q = todoku.q || []).push(arguments) }</script>
<script async src="%s/t/journey.js"></script>"""
SIZE = {"width": 800, "height": 540}


def text_message(words: str) -> dict[str, Any]:
    """A message of this text."""
    return {"messages": [{"type": "text", "text": words}], "category": "transactional"}


def a_menu(there: Shop, name: str, **show: Any) -> dict[str, Any]:
    """A menu with a picture of its own."""
    picture = a_picture(SIZE["width"], SIZE["height"])
    headers = {"Content-Type": "image/jpeg", "Authorization": f"Bearer {there.api.api_key}"}
    status, answer = there.api.raw("POST", f"{A}/media", picture, headers)
    assert status == 201, answer
    image = re.search(rb'"id": ?"([^"]+)"', answer)
    assert image is not None
    area = {"bounds": {"x": 0, "y": 0, **SIZE}, "action": {"type": "postback", "data": f"menu={name}"}}
    menu = {"size": SIZE, "selected": True, "chatBarText": name, "areas": [area]}
    return {"name": name, "image": image[1].decode(), "rich_menu": menu, "show": show}


SCENARIO = {
    "start": "quiet",
    "nodes": {
        "quiet": {
            "type": "wait_for",
            "event": "purchased",
            "timeout": "4s",
            "next": "bought",
            "on_timeout": "remind",
        },
        "remind": {"type": "message", "message": "cart-waits", "next": None},
        "bought": {"type": "exit", "reason": "bought"},
    },
}


@pytest.fixture(scope="module")
def site(shop: Shop) -> Iterator[str]:
    """The shop's own site, whose every page has the tag; returns its origin."""
    page = (PAGE % f"http://127.0.0.1:{shop.platform.port}").encode()

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def there(shop: Shop, site: str) -> Shop:
    """An account that has all of it."""
    api = shop.api
    channel = {"channel_secret": "journey-secret", "channel_access_token": "journey-token"}
    login = {"login_channel_id": "2000000010", "login_channel_secret": "7" * 32, "liff_id": LIFF}
    api.put(A, {"name": "旅の店", **channel, **login, "site_origins": [site]})
    documents: dict[str, Any] = {
        **{f"tags/{tag}": {} for tag in ("from-poster", "dry", "oily", "customer")},
        "links/dress": {"url": f"{site}/products/dress"},
        "pages/products": {"pattern": "/products/*"},
        "messages/cart-waits": text_message("カートに商品が残っています"),
        "messages/thanks": text_message("ご購入ありがとうございます"),
        "messages/news": {"messages": [{"type": "text", "text": '新作です {{ link("dress") }}'}]},
        "forms/skin": {
            "web": True,
            "questions": [
                {
                    "id": "skin",
                    "text": "お肌は？",
                    "type": "choice",
                    "choices": [
                        {"value": "dry", "label": "乾燥肌", "points": {"dry": 2}},
                        {"value": "oily", "label": "脂性肌", "points": {"oily": 2}},
                    ],
                }
            ],
            "results": [
                {"id": skin, "title": title, "text": f"{title}タイプです", "then": [{"add_tag": skin}]}
                for skin, title in (("dry", "乾燥肌"), ("oily", "脂性肌"))
            ],
        },
        "messages/welcome": text_message('{{ friend.display_name }}さん、ようこそ。診断: {{ form("skin") }}'),
        "routes/poster": {
            "then": [{"add_tag": "from-poster"}, {"send": {"message": "welcome"}}],
            "then_existing": [],
        },
        "scenarios/cart": SCENARIO,
        "rules/cart": {"when": {"event": "cart_changed"}, "then": [{"enter_scenario": "cart"}]},
        "rules/thanks": {
            "when": {"event": "purchased"},
            "then": [{"add_tag": "customer"}, {"send": {"message": "thanks"}}],
        },
        "segments/customers": {"condition": {"tag": "customer"}},
    }
    for path, body in documents.items():
        api.put(f"{A}/{path}", {"name": path.partition("/")[2], **body})
    api.post(f"{A}/scenarios/cart/publish", {})
    menus = {"everybody": {"priority": 0}, "customers": {"if": {"tag": "customer"}, "priority": 5}}
    for name, show in menus.items():
        api.put(f"{A}/rich-menus/{name}", a_menu(shop, name, **show))
    job = api.post(f"{A}/rich-menus/publish", {})["job_id"]
    becomes(lambda: api.get(f"{A}/jobs/{job}")["state"], "done")
    people = [{"user_id": FRIEND, "display_name": "旅子", "status": "stranger"}]
    shop.sim.post("/_sim/friends", {"account": "journey", "friends": people})
    return shop


@pytest.fixture
def phone(browser: Any) -> Iterator[Any]:
    """A narrow browser that may not complain of anything."""
    context = browser.new_context(viewport={"width": 375, "height": 700}, locale="ja-JP")
    page, faults = context.new_page(), []
    page.set_default_timeout(MAYBE)
    page.on("console", lambda m: faults.append(f"{m.text} {m.location}") if m.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


def words(there: Shop) -> list[str]:
    """What the friend was shown."""
    return [message.get("text", "") for message in there.heard(FRIEND)]


def heard(there: Shop, part: str) -> str:
    """The words with this part, once LINE was asked to show them."""
    becomes(lambda: any(part in one for one in words(there)), True)
    return next(one for one in words(there) if part in one)


def address_in(message: str) -> str:
    found = re.search(r"https?://\S+", message)
    assert found is not None, message
    return found[0]


def menu_of(there: Shop) -> str:
    """Which menu LINE shows the friend below the chat."""
    headers = {"Authorization": "Bearer journey-token"}
    status, answer = there.sim.raw("GET", f"/v2/bot/user/{FRIEND}/richmenu", None, headers)
    if status != 200:
        return "the default"
    menu = re.search(rb"richmenu-[0-9a-f-]+", answer)
    assert menu is not None
    found: str = there.sim.raw("GET", f"/v2/bot/richmenu/{menu[0].decode()}", None, headers)[1].decode()
    return found


def friend(there: Shop) -> dict[str, Any]:
    found: dict[str, Any] = there.api.get(f"{A}/friends/{FRIEND}")
    return found


def test_from_a_poster_to_a_customer(there: Shop, site: str, phone: Any) -> None:
    """Every step is seen in the next, and in the end on the timeline, in the reports and in a segment."""
    api = there.api
    phone.goto(f"http://127.0.0.1:{there.platform.port}/q/journey/poster?utm_source=store")
    button(phone, re.compile("旅子 として許可する")).click()
    see(text(phone, "友だちです。トーク画面に戻ってください。"))
    greeting = heard(there, "旅子さん、ようこそ")

    phone.goto(address_in(greeting))
    field(phone, "乾燥肌").check()
    phone.get_by_role("button").first.click()
    see(text(phone, "乾燥肌タイプです"))
    heard(there, "乾燥肌タイプです")
    becomes(lambda: {"from-poster", "dry"} <= friend(there)["tags"].keys(), True)
    assert menu_of(there) == "the default"

    api.put(f"{A}/broadcasts/news", {"name": "新作", "audience": {"tag": "dry"}, "message": "news"})
    api.post(f"{A}/broadcasts/news/send", {})
    news = heard(there, "新作です")
    assert LIFF in news
    sent = there.sim.get("/_sim/messages?since=0&account=journey")["items"]
    assert {one["kind"] for one in sent if "新作です" in str(one["messages"])} == {"multicast"}
    phone.goto(address_in(news))
    if (consent := button(phone, re.compile("旅子 として許可する"))).is_visible():
        consent.click()
    phone.wait_for_url(re.compile(rf"^{re.escape(site)}/products/dress"))
    becomes(lambda: "page_viewed:products" in friend(there)["facts"], True)
    assert "todoku=" not in phone.url

    item = {"product": "dress-red", "category": "dress", "quantity": 1, "amount": 9800}
    phone.evaluate("item => todoku('cart', {value: 9800, items: [item]})", item)
    heard(there, "カートに商品が残っています")

    phone.evaluate("item => todoku('purchase', {order_id: 'o-1', value: 9800, items: [item]})", item)
    becomes(lambda: "converted" in friend(there)["facts"], True)
    at = friend(there)["facts"]["converted"]["last_at"]
    order = {"order_id": "o-1", "user_id": FRIEND, "at": at, "amount": 9800, "items": [item]}
    assert api.post(f"{A}/purchases", order)["results"][0]["status"] == "accepted"
    heard(there, "ご購入ありがとうございます")
    becomes(lambda: "customers" in menu_of(there), True)

    types = [one["type"] for one in api.items(f"{A}/friends/{FRIEND}/activities")]
    for expected in (
        *("followed", "route_entered", "form_answered", "link_clicked", "page_viewed"),
        *("cart_changed", "scenario_finished", "converted", "purchased"),
    ):
        assert expected in types, (expected, types)
    becomes(lambda: api.get(f"{A}/broadcasts/news")["clicks"], 1)
    becomes(lambda: figures(api, "deliveries", "delivery", "news", "clicks"), 1)
    assert figures(api, "deliveries", "delivery", "news", "converters") == 1
    assert float(figures(api, "deliveries", "delivery", "news", "revenue")) == 9800
    [poster] = [one for one in api.get(f"{A}/reports/routes")["items"] if one["route"] == "poster"]
    assert (poster["friends"], poster["orders"], float(poster["revenue"])) == (1, 1, 9800)
    assert figures(api, "touches", "route", "poster", "touches") == 1
    count = api.get(f"{A}/segments/customers/count")
    assert (count["count"], count["exact"]) == (1, True)
    came = {"all": [{"source": {"first": "poster"}}, {"event": {"type": "page_viewed", "key": "products"}}]}
    assert api.post(f"{A}/segments/count", {"condition": came})["count"] == 1


def figures(api: Client, report: str, group_by: str, name: str, number: str) -> Any:
    """A number of a report's line of this name."""
    lines = api.get(f"{A}/reports/{report}?group_by={group_by}")["items"]
    found = [line for line in lines if name in line.values()]
    return found[0][number] if found else None


TRIES = 25


def test_no_token_that_is_not_theirs_attributes_anything(there: Shop) -> None:
    """Forged, expired, foreign and replayed, twenty-five times each at every place that takes one."""
    outside, signer = Client(f"http://127.0.0.1:{there.platform.port}"), Signer(there)
    opened = {"account": "journey", "url": f"http://127.0.0.1:{there.sim.port}/liff/{LIFF}/q/poster"}
    id_token = there.sim.post(f"/_sim/friends/{FRIEND}/liff", opened)["id_token"]
    form = "page token: form:skin"
    answered = signer.page(form, minutes=9)
    before = standing(there)
    for n in range(TRIES):
        bad = {
            "forged": (signer.spoilt(signer.link(), n), signer.spoilt(signer.page(form, minutes=9), n)),
            "expired": (signer.link("other"), signer.page(form, minutes=-1 - n)),
            "foreign": (signer.link("shop"), signer.page(form, minutes=9, account="shop")),
        }
        for link, page in bad.values():
            assert outside.raw("GET", f"/r/journey.dress?t={link}")[0] == 302
            assert outside.raw("GET", f"/f/journey/skin?t={page}")[0] == 401
            assert outside.raw("GET", f"/p/journey?t={page}")[0] == 401
            answer = f"t={page}&a.skin=oily".encode()
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            assert outside.raw("POST", "/f/journey/skin", answer, kind)[0] == 401
        again = json.dumps({"id_token": id_token, "path": "/q/poster", "query": f"utm_source={n}"}).encode()
        assert outside.raw("POST", "/liff/journey", again, {"Content-Type": "application/json"})[0] == 200
        spoilt = json.dumps({"id_token": signer.spoilt(id_token, n), "path": "/q/poster"}).encode()
        refused = outside.raw("POST", "/liff/journey", spoilt, {"Content-Type": "application/json"})[0]
        assert refused in {400, 401}, refused
        twice = f"t={answered}&a.skin=oily".encode()
        outside.raw("POST", "/f/journey/skin", twice, {"Content-Type": "application/x-www-form-urlencoded"})
    outside.close()
    for queue in ("waiting", "in_flight"):
        becomes(lambda queue=queue: there.api.get("/v1/status")["inbox"][queue], 0)
    after = standing(there)
    touched = after["facts"].pop("route_entered:poster")["count"]
    assert touched - before["facts"].pop("route_entered:poster")["count"] == 1, "one sign-in is one touch"
    for facts in (before["facts"], after["facts"]):
        (
            facts.pop("route_entered", None),
            facts.pop("route_joined", None),
            facts.pop("route_joined:poster", None),
        )
    assert after == before


def standing(there: Shop) -> dict[str, Any]:
    """What is known of the friend by their doing."""
    found = friend(there)
    return {name: found[name] for name in ("facts", "tags", "source", "forms")}


class Signer:
    """Makes tokens as whoever knew an account's key would: read off the laptop's store of secrets."""

    def __init__(self, there: Shop) -> None:
        kept = Path(there.platform.env["TODOKU_LOCAL_DIR"]) / "secrets.json"
        named = json.loads(kept.read_text(encoding="utf-8"))
        self._keys = {
            account: json.loads(named[f"/todoku/local/{account}/line"]["Value"])["token_key"]
            for account in ("journey", "shop")
        }
        self._keys["other"] = "0" * 64

    def link(self, account: str = "journey") -> str:
        """The friend's token of tracked links."""
        return self._sealed(f"{FRIEND}\n\n\n", "", account)

    def page(self, scope: str, *, minutes: int, account: str = "journey") -> str:
        """The friend's token of a page, for so long."""
        now = datetime.now(UTC)
        until, made = (iso(now + timedelta(minutes=one)) for one in (minutes, min(minutes, 0) - 1))
        return self._sealed(f"{FRIEND}\n{until}\n{made}", scope, account)

    def spoilt(self, token: str, n: int) -> str:
        """A token with another letter somewhere behind its last point."""
        head, _, signature = token.rpartition(".")
        at = n % (len(signature) - 2)
        return f"{head}.{signature[:at]}{'B' if signature[at] == 'A' else 'A'}{signature[at + 1 :]}"

    def _sealed(self, what: str, scope: str, account: str) -> str:
        about = f"{scope}\n{account}" if scope else account
        signed = hmac.new(self._keys[account].encode(), f"{about}\n{what}".encode(), hashlib.sha256).digest()
        parts = (base64.urlsafe_b64encode(one).decode().rstrip("=") for one in (what.encode(), signed[:16]))
        return ".".join(parts)
