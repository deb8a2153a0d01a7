"""LIFF: whoever LINE has signed in goes on to a place, by LIFF or by LINE Login, and nobody else does."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from chalicelib.accounts.service import get_account
from chalicelib.gateways import clock, line_login, seam
from chalicelib.liff import login
from chalicelib.liff.places import LIFF_PLACES, LiffPlace, Visit
from chalicelib.local.line.login import oauth
from chalicelib.shared.reasons import Reason
from tests.api_client import Api, an_account
from tests.liff_world import ANNA, BEN, CHANNEL, LIFF, PUBLIC, SECRET, World, a_world, query_of

ONCE = f"https://liff.line.me/liff/{LIFF}/once/a?x=1"
MANY = f"https://liff.line.me/liff/{LIFF}/many/a"


class Guests:
    """Who came to the two places of this page."""

    def __init__(self) -> None:
        self.came: list[Visit] = []

    def enter(self, visit: Visit) -> str | Reason:
        self.came.append(visit)
        return f"https://shop.example/{visit.rest}"


@pytest.fixture
def guests(monkeypatch: pytest.MonkeyPatch) -> Guests:
    found = Guests()
    monkeypatch.setitem(LIFF_PLACES.entries, "once", LiffPlace(found.enter, is_once=True))
    monkeypatch.setitem(LIFF_PLACES.entries, "many", LiffPlace(found.enter))
    return found


@pytest.fixture
def world(cloud: None, guests: Guests, tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as there:
        yield there


def test_a_friend_goes_on_from_liff(world: World, guests: Guests) -> None:
    """The place hears who LINE says it is, what stands behind it, and the query."""
    assert world.goes(ONCE) == "https://shop.example/a"
    [visit] = guests.came
    assert (visit.account.id, visit.user_id, visit.rest, visit.query) == ("shop", ANNA, "a", {"x": "1"})


def test_the_page_runs_our_script_and_lines_alone(world: World) -> None:
    """At each of its addresses; nothing of the request stands in it; its files are kept for a year."""
    for path in (
        "/liff/shop",
        "/liff/shop?liff.state=%2Fonce%2F%3Cscript%3E",
        "/liff/shop/p",
        "/liff/shop/q/a?b=c",
    ):
        answer = world.opens(path)
        text = answer.body.decode()
        assert answer.status_code == 200
        assert f'data-liff="{LIFF}"' in text
        assert 'data-base="/liff/shop"' in text
        assert "%" not in text.replace("100%", "")
        assert "once" not in text
        assert not re.search(r"<script[^>]*>[^<]|<style| on\w+=", text)
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
    for name in re.findall(r'"(/liff-page/[^"]+)"', text):
        file = world.opens(name)
        assert (file.status_code, file.headers["Cache-Control"]) == (
            200,
            "public, max-age=31536000, immutable",
        )
    assert re.search(r'src="http://127.0.0.1:\d+/liff-sdk.js"', text)
    for wrong in ("page.js", "page.0000000000000000.js", "page.html"):
        assert Api(None).call("GET", f"/liff-page/{wrong}").status_code == 404
    assert world.opens("/liff/nobody").status_code == 404


def test_without_a_liff_app_the_page_says_so(cloud: None, tmp_path: Path) -> None:
    """In Japanese, or in English where the browser asks for it; without a script."""
    with a_world(tmp_path, liff_id=None) as world:
        page = world.opens("/liff/shop/q/a")
        assert page.status_code == 404
        assert "LIFF アプリがありません" in page.body.decode()
        assert "script-src" not in page.headers["Content-Security-Policy"]
        assert "has no LIFF app" in world.opens("/liff/shop", accept_language="en").body.decode()


def test_a_sign_in_that_is_sent_again_is_the_same(world: World, guests: Guests) -> None:
    """The place is asked again, with the same ticket; another signature of the same token is no other one."""
    sent = world.in_line(ONCE)
    for _ in range(3):
        assert world.posts(sent).status_code == 200
    assert len({visit.ticket for visit in guests.came}) == 1
    assert world.posts(world.in_line(ONCE)).status_code == 200
    assert len({visit.ticket for visit in guests.came}) == 2


def test_a_sign_in_opens_one_path_of_a_place_once(world: World, guests: Guests) -> None:
    """Whoever gets hold of a token cannot send it for something else; where it does not matter, they may."""
    sent = world.in_line(ONCE)
    assert world.posts(sent).status_code == 200
    for n in range(20):
        again = world.posts({**sent, "path": f"/once/{n}"})
        assert (again.status_code, again.json_body["error"]["reason"]["code"]) == (400, "sign_in_used")
    assert len(guests.came) == 1
    sent = world.in_line(MANY)
    assert [world.posts({**sent, "path": f"/many/{n}"}).status_code for n in range(2)] == [200, 200]


def test_bad_requests_are_refused(world: World, guests: Guests) -> None:
    """A path of no place, a user id beside, a missing token, another account's page."""
    sent = world.in_line(ONCE)
    assert world.posts({**sent, "path": "/nowhere/a"}).status_code == 404
    assert world.posts({**sent, "path": ""}).status_code == 404
    assert world.posts({**sent, "user_id": BEN}).status_code == 400
    assert world.posts({"path": "/once/a"}).status_code == 400
    assert world.posts(sent, "nobody").status_code == 404
    an_account(world.api, "other", login_channel_id="999", login_channel_secret=SECRET)
    refused = world.posts(sent, "other")
    assert (refused.status_code, refused.json_body["error"]["reason"]["code"]) == (400, "sign_in_unknown")
    an_account(world.api, "third")
    assert world.posts(sent, "third").json_body["error"]["reason"]["code"] == "no_login_channel"
    assert guests.came == []


def test_no_forged_token_enters(world: World, guests: Guests) -> None:
    """0 of 100: unsigned, signed by others, for others, over, of nobody, cut, with changed claims."""
    key, mine, now = oauth._key(world.sim), ECKey.generate_key("P-256"), int(time.time())
    good = {"iss": oauth.ISSUER, "sub": ANNA, "aud": CHANNEL, "exp": now + 600, "iat": now}

    def signed(claims: dict[str, Any], by: Any = key, kid: str = key.kid) -> str:
        return jwt.encode({"alg": "ES256", "kid": kid}, claims, by)

    true = signed(good)
    head, body, signature = true.split(".")
    other = signed(good | {"sub": BEN}).split(".")
    forged = [
        f"eyJhbGciOiJub25lIn0.{body}.",
        f"{head}.{other[1]}.{signature}",
        f"{head}.{body}.{signature[:-6]}AAAAAA",
        f"{head}.{body}",
        true[:-1],
        signed(good, mine),
        signed(good, mine, "another"),
        signed(good | {"aud": "999"}),
        signed(good | {"aud": [CHANNEL, "999"]}),
        signed(good | {"iss": "https://evil.example"}),
        signed(good | {"exp": now - 61}),
        signed(good | {"sub": "U1 U2"}),
        jwt.encode({"alg": "HS256"}, good, OctKey.import_key("f" * 32)),
        "x.y.z",
    ]
    forged += [f"{head}.{body}.{secrets.token_urlsafe(64)}" for _ in range(100 - len(forged))]
    for token in forged:
        answer = world.posts({"id_token": token, "path": "/once/a"})
        assert (answer.status_code, answer.json_body["error"]["reason"]["code"]) == (400, "sign_in_unknown")
    assert guests.came == []
    assert world.posts({"id_token": true, "path": "/once/a"}).status_code == 200


def begun(path: str = "/once/a", query: str = "x=1") -> tuple[str, str]:
    started = login.begin(get_account("shop"), path, query)
    return started.url, started.cookie.partition(";")[0]


def test_line_login_leads_to_the_same_place(world: World, guests: Guests) -> None:
    """With state, nonce and PKCE; the attempt is in the browser's cookie, signed, for this address alone."""
    url, cookie = begun()
    asked = query_of(url)
    assert (asked["code_challenge_method"], asked["bot_prompt"]) == ("S256", "aggressive")
    assert asked["redirect_uri"] == f"{PUBLIC}/login/shop/callback"
    answer = world.signs_in(url, cookie, BEN)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/a")
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    [visit] = guests.came
    assert (visit.user_id, visit.rest, visit.query) == (BEN, "a", {"x": "1"})
    whole = login.begin(get_account("shop"), "/once/a", "").cookie
    assert "; Path=/login/shop/callback; Max-Age=600; HttpOnly; SameSite=Lax" in whole


def test_two_tabs_do_not_disturb_each_other(world: World, guests: Guests) -> None:
    """Each attempt has a cookie of its own."""
    first, second = begun("/once/a"), begun("/once/b")
    both = f"{first[1]}; {second[1]}"
    assert world.signs_in(first[0], both).headers["Location"] == "https://shop.example/a"
    assert world.signs_in(second[0], both).headers["Location"] == "https://shop.example/b"


def test_no_login_of_somebody_else_enters(world: World, guests: Guests) -> None:
    """Another browser, a made-up state, a foreign cookie, a code twice, an attempt that is over."""
    url, cookie = begun()
    back = world.sim_request("POST", f"friends/{BEN}/login", {"url": url})["redirect_url"]
    code = query_of(back)["code"]
    name, _, value = cookie.partition("=")
    payload, _, signature = value.partition(".")
    tries = [
        world.opens(back),
        world.opens(back, begun()[1]),
        world.opens(f"/login/shop/callback?code={code}&state={secrets.token_hex(16)}", cookie),
        world.opens(f"/login/shop/callback?code={code}", cookie),
        world.opens(back, f"{name}={payload[:-4]}AAAA.{signature}"),
        world.opens(back, f"{name}={payload}.{'0' * 64}"),
        world.opens(back, f"{name}="),
        world.opens(back, "@=;;\x01"),
    ]
    later = clock.now() + timedelta(minutes=10, seconds=1)
    with seam.guarded(lambda name, _detail, call: later if name == "clock:now" else call()):
        tries.append(world.opens(back, cookie))
    declined = world.signs_in(url, cookie, BEN, decline=True)
    assert "キャンセル" in declined.body.decode()
    assert {answer.status_code for answer in [*tries, declined]} == {400}
    assert guests.came == []
    assert world.opens(back, cookie).status_code == 302
    assert world.opens(back, cookie).status_code == 400, "LINE takes a code once"
    assert len(guests.came) == 1


def test_a_login_while_line_is_silent_can_be_tried_again(world: World, guests: Guests) -> None:
    """503 with a page; nothing is lost but the time."""
    url, cookie = begun()
    back = world.sim_request("POST", f"friends/{BEN}/login", {"url": url})["redirect_url"]

    def silent(name: str, _detail: Any, call: Any) -> Any:
        if name == "line:login_token":
            raise line_login.NoAnswer("timeout")
        return call()

    with seam.guarded(silent):
        refused = world.opens(back, cookie)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert world.opens(back, cookie).status_code == 302


def test_the_liff_address_itself_links_a_member(world: World) -> None:
    """Where the account's LIFF page is ours, the member site needs none of its own."""
    world.api.ok("PUT", "/v1/accounts/shop/members/m1", {"rank": "gold"})
    made = world.api.ok("POST", "/v1/accounts/shop/members/m1/login", {"liff": True})
    sent = world.in_line(made["url"])
    answer = world.posts(sent, accept_language="ja")
    assert answer.json_body == {"go": None, "notice": "連携しました。トーク画面に戻ってください。"}
    assert world.api.ok("GET", "/v1/accounts/shop/members/m1")["user_ids"] == [ANNA]
    assert world.posts(sent).status_code == 400
