"""What the site tag sends: bounded, from registered origins, and a friend's only by a token of theirs."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.liff.places import Visit
from chalicelib.links import opening, site_tokens
from chalicelib.shared.reasons import Reason
from chalicelib.site import visits, watching
from tests.api_client import Api
from tests.conftest import drain
from tests.reaction_world import World, world
from tests.site_world import (
    A_WHILE,
    BASE,
    ORIGIN,
    Browser,
    a_site,
    bought,
    cart,
    open_link,
    page,
    sheet,
    views,
    work_off,
)

__all__ = ["world"]


@pytest.fixture
def api(world: World) -> Api:
    return a_site()


def test_the_tag_is_small_and_needs_nothing(api: Api) -> None:
    """Less than 5 KB, for any page, kept for minutes; without sites there is none."""
    answer = Api(None).call("GET", "/t/shop.js")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "Set-Cookie" not in answer.headers
    assert len(gzip.compress(answer.body)) < 5_000
    assert b"__CONSENT__" not in answer.body
    assert b"cookie" not in answer.body.replace(b"no cookie", b"")
    for path in ("/t/shop", "/t/nowhere.js", "/t/No!.js", "/t/.js"):
        Api(None).refused(404, "GET", path)


def test_a_friend_who_comes_by_a_link_is_known(api: Api) -> None:
    """The redirect adds who it is, for the account's own sites alone; views count, and rules see them."""
    then = {"name": "keen", "when": {"event": "page_viewed", "match": {"page": "products"}}}
    three = {"event": {"type": "page_viewed", "key": "products", "count": {"gte": 3}, "within": "7d"}}
    api.ok("PUT", f"{BASE}/rules/keen", then | {"if": three, "then": [{"add_tag": "keen"}]})
    browser = Browser()
    view = page()
    answer = browser.send(view, t=open_link())
    assert answer == {"known": True, "results": [{"id": view["id"], "status": "accepted"}]}
    work_off()
    assert views() == 1
    answer = browser.send(page("/products/2?mail=x@y.example"), page("/about"), page("/products/3"))
    assert [one["status"] for one in answer["results"]] == ["accepted", "ignored", "accepted"]
    work_off()
    assert views() == 3
    assert sheet()["tags"]["keen"]["by"] == "rule:keen"
    activities = api.ok("GET", f"{BASE}/friends/U1/activities")["items"]
    seen = [one for one in activities if one["type"] == "page_viewed"]
    assert {one["props"]["path"] for one in seen} == {"/products/1", "/products/2", "/products/3"}
    assert "x@y.example" not in str(activities)


def test_links_elsewhere_carry_no_token(api: Api) -> None:
    """A registered address on somebody else's site, or on none of the account's origins."""
    for url in ("https://elsewhere.example/", "http://shop.example/", "https://shop.example:8443/"):
        api.ok("PUT", f"{BASE}/links/spring", {"url": url})
        answer = Api(None).call("GET", "/r/shop.spring?t=x.y", user_agent="Mozilla/5.0")
        assert "todoku" not in answer.headers["Location"]
        with pytest.raises(AssertionError):
            open_link()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "null", "", None])
def test_other_origins_are_refused(api: Api, origin: str | None) -> None:
    """Other people's pages, and whoever names none."""
    assert Browser().call(page(), origin=origin).status_code == 403
    answer = Browser().call(page())
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert Api(None).call("OPTIONS", "/t/shop", origin=ORIGIN).status_code == 204
    assert Api(None).call("OPTIONS", "/t/shop", origin="https://evil.example").status_code == 403
    assert Browser("nowhere").call(page()).status_code == 404


def hostile() -> list[dict[str, Any]]:
    return [
        {},
        {"event": "page"},
        page(id="short"),
        page(id="x" * 65),
        page(age=-1),
        page(age=8 * 86_400_000),
        page(age="1"),
        page(url="https://elsewhere.example/products/1"),
        page(url="javascript:alert(1)"),
        page(page="unknown"),
        page(more=1),
        cart("1000"),
        cart(-1),
        cart(1e13),
        cart(currency="USD"),
        cart(items=[{"product": "x"}] * 51),
        bought(order=""),
        bought(order="x" * 121),
        bought(value=None),
        {"event": "custom", "id": "event-xx", "name": "unnamed"},
        {"event": "custom", "id": "event-xx", "name": "sized", "props": {"x": "y" * 5000}},
        {"event": "custom", "id": "event-xx", "name": "sized", "props": {"": 1}},
        {"event": "followed", "id": "event-xx"},
        {"event": "purchased", "id": "event-xx", "order_id": "o", "amount": 1},
    ]


def test_what_is_wrong_is_refused_by_itself(api: Api) -> None:
    """One bad event does not take the good ones with it; each says where and why."""
    browser = Browser()
    wrong = hostile()
    for start in range(0, len(wrong), 19):
        some = wrong[start : start + 19]
        answer = browser.send(*some, page(), t=open_link())["results"]
        assert [one["status"] for one in answer] == ["rejected"] * len(some) + ["accepted"], answer
        paths = [one["error"]["details"][0]["path"] for one in answer[:-1]]
        assert [path for n, path in enumerate(paths) if not path.startswith(f"events[{n}]")] == []


@pytest.mark.parametrize(
    "more",
    [
        {"visitor": "short"},
        {"visitor": "x" * 65},
        {"visitor": "x" * 19 + "!"},
        {"events": [1]},
        {"events": [page()] * 21},
        {"user_id": "U1"},
        {"t": 1},
        {"consent": "yes"},
    ],
)
def test_what_is_no_visit_is_refused(api: Api, more: dict[str, Any]) -> None:
    """Whole, with its path; the page may read why."""
    body = {"visitor": "x" * 24, "events": []} | more
    answer = Api(None).call("POST", "/t/shop", body, origin=ORIGIN)
    assert answer.status_code == 400
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    long = {"visitor": "x" * 24, "events": [page(url=ORIGIN + "/" + "x" * 33_000)]}
    assert Api(None).call("POST", "/t/shop", long, origin=ORIGIN).status_code == 413


def test_a_hundred_wrong_tokens_are_nobody(api: Api, world: World) -> None:
    """Forged, over, of another account or purpose, of somebody unknown: the visit stays a stranger's."""
    good = open_link()
    before = sheet()["facts"]
    over = open_link(link="spring", delivery="old")
    world.now += A_WHILE
    wrong = [good[:n] + ("A" if good[n] != "A" else "B") + good[n + 1 :] for n in range(len(good) - 1)]
    unknown = FriendTokens.of_nobody()
    wrong += [over, good, unknown, FriendTokens.of_other(), FriendTokens.click(), "x", "a.b", "x" * 1000]
    assert len(wrong) >= 100
    drain("inbox")
    for text in wrong:
        assert Browser().send(page(), t=text)["known"] is False
    work_off()
    assert sheet()["facts"] == before
    Browser("other").send(page(), t=open_link())
    assert views() == 0


class FriendTokens:
    """Tokens that are signed, and say nothing here."""

    @staticmethod
    def of_nobody() -> str:
        return site_tokens.page_tokens.make("shop", "site", "U-unknown", timedelta(hours=1), "a" * 32)

    @staticmethod
    def of_other() -> str:
        return site_tokens.page_tokens.make("other", "site", "U1", timedelta(hours=1), "a" * 32)

    @staticmethod
    def click() -> str:
        from chalicelib.accounts import friend_tokens

        return friend_tokens.make("shop", friend_tokens.FriendToken("U1", "site", "2030-01-01", "x"))


def test_an_address_makes_one_browser_known(api: Api, world: World) -> None:
    """Passed on, logged or replayed: the second browser is a stranger, by the same token and by a new one of
    the same address. The first may come again.
    """
    first, second = Browser(), Browser()
    token = open_link(delivery="d", run="r")
    assert first.send(page(), t=token)["known"] is True
    assert first.send(page(), t=token)["known"] is True
    for again in (token, open_link(delivery="d", run="r")):
        assert second.send(page(), t=again)["known"] is False
    assert second.send(t=open_link(delivery="d", run="r2"))["known"] is True
    work_off()
    assert views() == 4


def test_another_friend_takes_another_name(api: Api) -> None:
    """What was done before stays with whom it was done as; nothing of a refused request is taken."""
    browser = Browser()
    browser.send(page(), t=open_link("U1"))
    token = open_link("U2")
    assert browser.call(page(), t=token).status_code == 409
    browser.send(page())
    new = Browser()
    assert new.send(page(), t=token)["known"] is True
    work_off()
    assert (views("U1"), views("U2")) == (2, 1)


def test_a_link_behind_liff_makes_its_friend_known(api: Api) -> None:
    """LINE says who it is; each sign-in for one browser."""
    visit = Visit(get_account("shop"), "U1", "shop.spring", {}, "ticket")
    token = parse_qs(urlsplit(opening.by_visit(visit)).query)["todoku"][0]
    assert Browser().send(page(), t=token)["known"] is True
    assert Browser().send(page(), t=token)["known"] is False
    again = opening.by_visit(replace(visit, ticket="another"))
    assert Browser().send(page(), t=parse_qs(urlsplit(again).query)["todoku"][0])["known"] is True
    work_off()
    assert views() == 2


def test_who_opens_a_used_link_of_another_stays_who_they_are(api: Api) -> None:
    """A friend who is sent on what another friend has opened."""
    first, second = Browser(), Browser()
    token = open_link("U2")
    first.send(t=token)
    second.send(t=open_link("U1"))
    assert second.send(page(), t=open_link("U2"))["known"] is True
    work_off()
    assert (views("U1"), views("U2")) == (1, 0)


def test_before_consent_nothing_is_taken(world: World) -> None:
    """Where the account asks first."""
    a_site(site={"consent": True})
    assert b"ASKS = true" in Api(None).call("GET", "/t/shop.js").body
    browser = Browser()
    token = open_link()
    answer = browser.call(page(), t=token)
    assert (answer.status_code, answer.json_body["error"]["reason"]["code"]) == (403, "site_consent")
    assert browser.send(page(), t=token, consent=True)["known"] is True
    work_off()
    assert views() == 1


def test_a_browser_sends_so_much_in_an_hour(api: Api, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then 429, until the next hour."""
    monkeypatch.setattr(visits, "MOST_PER_HOUR", 40)
    browser = Browser()
    browser.send(t=open_link())
    for _ in range(visits.MOST_PER_HOUR // 20):
        browser.send(*(page() for _ in range(20)))
    assert browser.call(page()).status_code == 429
    assert browser.send(page("/about"))["results"][0]["status"] == "ignored"
    world.now += timedelta(hours=1)
    assert browser.send(page())["results"][0]["status"] == "accepted"


def test_who_signed_in_with_line_is_known(api: Api, world: World) -> None:
    """An ID token of the account's Login channel; a forged one, or one without a channel, is nobody's."""
    from joserfc import jwt
    from joserfc.jwk import OctKey

    from tests.site_world import SECRET

    now = int(world.now.timestamp())
    claims = {"iss": "https://access.line.me", "aud": "1234567890", "sub": "U1", "exp": now + 600, "iat": now}
    good = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    bad = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("6" * 32))
    assert Browser().send(page(), id_token=bad)["known"] is False
    assert Browser().send(page(), id_token=good)["known"] is True
    assert Browser().send(page(), id_token=good)["known"] is False
    work_off()
    assert views() == 1


def test_money_is_reported_and_no_purchase(api: Api) -> None:
    """A cart and an order are events of their own; nothing is bought by a browser's word."""
    browser = Browser()
    items = [{"product": "serum", "category": "skin", "quantity": 2, "amount": 3000}]
    browser.send(cart(3000, items=items), bought("o1", 3000, items=items), t=open_link())
    named = {"event": "custom", "id": "event-sized", "name": "sized", "props": {"size": "M"}}
    browser.send(named)
    work_off()
    found = sheet()
    assert found["facts"]["cart_changed"]["count"] == 1
    assert found["facts"]["converted"]["count"] == 1
    assert found["facts"]["custom:sized"]["count"] == 1
    assert found["purchases"]["count"] == 0
    activities = api.ok("GET", f"{BASE}/friends/U1/activities")["items"]
    order = next(one for one in activities if one["type"] == "converted")
    assert order["props"] == {"order_id": "o1", "value": 3000, "currency": "JPY", "items": items}


def test_what_a_site_has_to_publish(api: Api) -> None:
    """Its lines and its text, in both languages: what is sent, to whom, what for, for how long."""
    found = api.ok("GET", f"{BASE}/site")
    assert f'<script async src="{found["script"]}"></script>' in found["snippet"]
    assert found["script"].endswith("/t/shop.js")
    assert found["origins"] == [ORIGIN]
    japanese, english = found["notice"]["ja"], found["notice"]["en"]
    for word in ("shop", "送信される情報", "送信先", "利用目的", "sized", "30 日", "127.0.0.1:8000"):
        assert word in japanese
    for word in ("What is sent", "To whom", "What for", "sized"):
        assert word in english
    assert "同意" not in japanese
    api.ok("PUT", BASE, {"name": "化粧品店", "site_origins": [ORIGIN], "site": {"consent": True}})
    later = api.ok("GET", f"{BASE}/site")
    assert later["rules"] == {"consent": True, "events": [], "purchases": False}
    assert "化粧品店" in later["notice"]["ja"]
    assert "同意をいただくまでは" in later["notice"]["ja"]
    assert "{" not in later["notice"]["ja"] + later["notice"]["en"]


def test_staff_look_on(api: Api, world: World) -> None:
    """What comes after a look is shown, with what became of it; nothing of whom, nor what is behind ``?``."""
    watching.forget()
    browser = Browser()
    browser.send(page())
    assert api.ok("GET", f"{BASE}/site/events")["items"] == []
    own = {"event": "custom", "id": "event-own1", "name": "unnamed"}
    browser.send(page("/products/2?secret=1"), page("/about"), own)
    shown = api.ok("GET", f"{BASE}/site/events")["items"]
    assert {(one["event"], one["about"], one["status"]) for one in shown} == {
        ("page", f"{ORIGIN}/products/2", "accepted"),
        ("page", f"{ORIGIN}/about", "ignored"),
        ("custom", "unnamed", "rejected"),
    }
    events = api.ok("GET", f"{BASE}/site/events?lang=ja")["items"]
    assert [one["why"] for one in events if one["why"]] == [
        Reason("site_event_unnamed", name="unnamed").text("ja")
    ]
    assert browser.visitor not in str(shown)
    world.now += timedelta(minutes=11)
    assert api.ok("GET", f"{BASE}/site/events")["items"] == []
