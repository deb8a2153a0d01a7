"""Links by LINE Login and LIFF, against the simulated LINE: the true way, and everything that only looks like
it.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from chalicelib.accounts import service as accounts
from chalicelib.gateways import clock, seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.liff import id_tokens
from chalicelib.links import site_tokens
from chalicelib.local.line.app import application
from chalicelib.local.line.endpoints import serve
from chalicelib.local.line.httpd import Request, Server
from chalicelib.local.line.login import oauth as line_login
from chalicelib.local.line.simulator import Simulator
from chalicelib.members import store
from chalicelib.shared.settings import settings
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.integration.test_members import sheet, work_off

BASE = "/v1/accounts/shop"
ANNA, BEN = "U" + "a" * 32, "U" + "b" * 32
CHANNEL, SECRET = "1234567890", "0123456789abcdef0123456789abcdef"
SITE = "https://shop.example"


class World:
    """The application, LINE, and browsers that keep their cookies."""

    def __init__(self, api: Api, sim: Simulator) -> None:
        self.api, self.sim = api, sim

    def sim_request(self, method: str, path: str, body: Any = None) -> Any:
        raw = json.dumps(body or {}).encode()
        answer = serve(self.sim, Request(method, f"/_sim/{path}", {}, {}, raw))
        assert answer.status < 300, (path, answer.body)
        return answer.body

    def url(self, member: str = "m1", back: str = f"{SITE}/account?tab=line") -> str:
        url: str = self.api.ok("POST", f"{BASE}/members/{member}/login", {"return_url": back})["url"]
        return url[url.index("/link/") :]

    def opens(self, path: str, cookie: str = "", **headers: str) -> Any:
        return Api(None).call("GET", path, cookie=cookie, **headers)

    def starts(self, path: str) -> tuple[str, str]:
        """A browser begins: where LINE is, and the cookie it got."""
        answer = self.opens(path)
        assert answer.status_code == 302, answer.body
        return answer.headers["Location"], answer.headers["Set-Cookie"].partition(";")[0]

    def agrees(self, where: str, user: str = ANNA, **more: Any) -> str:
        """The friend agrees at LINE: where the browser comes back, as a path."""
        url: str = self.sim_request("POST", f"friends/{user}/login", {"url": where, **more})["redirect_url"]
        return url[url.index("/link/") :]

    def linked(self) -> list[str]:
        users: list[str] = self.api.ok("GET", f"{BASE}/members/m1")["user_ids"]
        return users

    def liff_token(self) -> str:
        token: str = self.api.ok("POST", f"{BASE}/members/m1/login", {"liff": True})["t"]
        return token

    def liff(self, id_token: str, t: str, **headers: str) -> Any:
        return Api(None).call("POST", "/link/shop/liff", {"id_token": id_token, "t": t}, **headers)


@pytest.fixture
def world(cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    sim = Simulator(tmp_path, "http://127.0.0.1:9")
    server = Server(0, application(sim))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    monkeypatch.setenv("TODOKU_LINE_API_URL", f"http://127.0.0.1:{server.server_port}")
    settings.cache_clear()
    id_tokens.forget_keys()
    api = an_api()
    fields = {"login_channel_id": CHANNEL, "login_channel_secret": SECRET, "liff_id": "1-abc"}
    an_account(api, shards=4, member_site_origins=[SITE], **fields)
    api.ok("PUT", f"{BASE}/members/m1", {"rank": "gold"})
    there = World(api, sim)
    there.sim_request(
        "PUT", "channels/shop", {"channel_secret": "s", "channel_access_token": "token", "name": "店"}
    )
    login = {"channel_id": CHANNEL, "channel_secret": SECRET, "liff_id": "1-abc"}
    there.sim_request("PUT", "login/shop", {**login, "liff_endpoint": f"{SITE}/liff"})
    there.sim_request(
        "POST", "friends", {"account": "shop", "friends": [{"user_id": ANNA}, {"user_id": BEN}]}
    )
    yield there
    server.shutdown()
    server.server_close()
    sim.courier._http.clear()
    sim.close()
    monkeypatch.undo()
    settings.cache_clear()
    id_tokens.forget_keys()


def query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def test_a_member_signs_in_with_line_and_is_linked(world: World) -> None:
    """State, nonce, PKCE and the cookie go along; only LINE's ``sub`` says who it is; the site hears
    linked=1.
    """
    where, cookie = world.starts(world.url())
    asked = query(where)
    assert asked["scope"].split()[0] == "openid"
    assert (asked["code_challenge_method"], asked["bot_prompt"]) == ("S256", "normal")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 22
    answer = world.opens(world.agrees(where), cookie)
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{SITE}/account?tab=line&linked=1"
    assert world.linked() == [ANNA]
    work_off()
    assert sheet(ANNA)["member"]["rank"] == "gold"
    kept = store.find_links("shop", [ANNA])[ANNA]
    assert kept.grant
    assert "refresh" not in kept.grant


def test_when_the_link_ends_the_grant_is_withdrawn_at_line(world: World) -> None:
    """By operator or friend, also while LINE does not answer at first; and when another login takes its
    place.
    """
    for _ in range(2):
        where, cookie = world.starts(world.url())
        world.opens(world.agrees(where), cookie)
    world.api.ok("DELETE", f"{BASE}/members/m1/link", {"user_id": ANNA})

    def silent(name: str, _detail: Any, call: Any) -> Any:
        if name == "line:login_deauthorize":
            from chalicelib.gateways.line_login import NoAnswer

            raise NoAnswer("timeout")
        return call()

    with seam.guarded(silent):
        for body in drain("bulk"):
            JOBS[body["job"]].run(body, 1)
    assert [grant["gone"] for grant in world.sim_request("GET", "login/grants")["items"]] == [0, 0]
    JOBS["withdraw_grants"].run({"job": "withdraw_grants", "account": "shop", "user": ANNA}, 1)
    assert [grant["gone"] for grant in world.sim_request("GET", "login/grants")["items"]] == [1, 1]
    assert store.find_links("shop", [ANNA])[ANNA].withdraw == ()


def test_a_friend_who_declines_goes_back_with_the_reason(world: World) -> None:
    """Nothing is linked, and the same address links nobody later."""
    where, cookie = world.starts(world.url())
    back = world.opens(world.agrees(where, decline=True), cookie)
    assert query(back.headers["Location"]) == {"tab": "line", "error": "access_denied"}
    assert world.opens(world.agrees(where), cookie).status_code == 400
    assert world.linked() == []


def test_whoever_is_no_friend_may_become_one(world: World) -> None:
    """``bot_prompt``: the newcomer is linked, whether they add the account or not."""
    newcomer = "U" + "c" * 32
    where, cookie = world.starts(world.url())
    path = world.agrees(where, newcomer, add_friend=True)
    assert query(path)["friendship_status_changed"] == "true"
    assert query(world.opens(path, cookie).headers["Location"])["linked"] == "1"
    assert world.linked() == [newcomer]


def test_what_cannot_be_linked_is_explained_on_a_page(world: World) -> None:
    """Japanese, or English where it is asked for; nothing of what came is repeated; no script, no frame."""
    path = "/link/shop/start?t=<script>"
    page = world.opens(path)
    text = page.body.decode()
    assert page.status_code == 400
    assert "連携できませんでした" in text
    assert "<script>" not in text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "Could not be linked" in world.opens(f"{path}&lang=en").body.decode()
    assert "Could not be linked" in world.opens(path, accept_language="en").body.decode()
    assert world.opens("/link/nobody/start?t=x").status_code == 404


def test_no_login_of_somebody_else_links(world: World) -> None:
    """0 of 100: made-up, swapped and used states, another browser, codes of others, old addresses."""
    tries: list[Any] = []
    begun = [world.starts(world.url()) for _ in range(4)]
    back = [world.agrees(where, BEN) for where, _ in begun]
    for n in range(20):
        mine, cookie = query(back[n % 2]), begun[n % 2][1]
        other = begun[2 + n % 2][1]
        tries.append(
            world.opens(f"/link/shop/callback?code={mine['code']}&state={secrets.token_hex(16)}", cookie)
        )
        tries.append(world.opens(f"/link/shop/callback?code={mine['code']}&state={mine['state']}", other))
        tries.append(world.opens(f"/link/shop/callback?code={mine['code']}&state={mine['state']}"))
        tries.append(world.opens(f"/link/shop/callback?code={mine['code']}", cookie))
        tries.append(world.opens(world.url()[:-1]))
    assert {answer.status_code for answer in tries} == {400}
    assert world.linked() == []
    # A code of another attempt: its verifier is another, and LINE refuses; the state is taken all the same.
    code, state = query(back[2])["code"], query(back[3])["state"]
    swapped = world.opens(f"/link/shop/callback?code={code}&state={state}", begun[3][1])
    assert query(swapped.headers["Location"])["error"] == "link_refused_by_line"
    assert world.linked() == []
    where, cookie = world.starts(world.url())
    path = world.agrees(where, BEN)
    assert world.opens(path, cookie).status_code == 302
    for _ in range(10):
        assert world.opens(path, cookie).status_code == 400
    assert world.linked() == [BEN]


def test_an_address_ends_after_ten_minutes(world: World) -> None:
    """To begin with, and to come back to."""
    path = world.url()
    where, cookie = world.starts(path)
    back = world.agrees(where)
    later = clock.now() + timedelta(minutes=10, seconds=1)
    with seam.guarded(lambda name, _detail, call: later if name == "clock:now" else call()):
        assert "有効期限" in world.opens(path).body.decode()
        assert "有効期限" in world.opens(back, cookie).body.decode()
    assert world.linked() == []


def test_an_id_token_with_another_nonce_links_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """LINE's answer holds a token of another attempt (or of another channel, or signed by somebody else)."""
    row = {"channel": CHANNEL, "secret": SECRET}
    real = line_login.web_token
    for wrong in (
        lambda _sim, _channel, user, _nonce: real(world.sim, row, user, "another"),
        lambda _sim, _channel, user, _nonce: real(world.sim, row, user, None),
        lambda _sim, _channel, user, nonce: real(world.sim, row | {"channel": "999"}, user, nonce),
        lambda _sim, _channel, user, nonce: real(world.sim, row | {"secret": "f" * 32}, user, nonce),
    ):
        monkeypatch.setattr(line_login, "web_token", wrong)
        where, cookie = world.starts(world.url())
        back = world.opens(world.agrees(where), cookie)
        assert query(back.headers["Location"])["error"] == "link_bad_token"
    assert world.linked() == []


def test_a_return_address_of_somebody_else_is_refused(world: World) -> None:
    """Only registered origins; tricks with users, hosts and schemes are other origins."""
    for url in (
        *("https://evil.example/", "https://shop.example.evil.example/", "http://shop.example/"),
        *("https://shop.example@evil.example/", "https://shop.example:8443/", "https://evil@shop.example/"),
    ):
        world.api.refused(422, "POST", f"{BASE}/members/m1/login", {"return_url": url})
    for body in ({"return_url": "javascript:alert(1)"}, {}, {"liff": True, "return_url": SITE}):
        world.api.refused(400, "POST", f"{BASE}/members/m1/login", body)
    world.api.refused(404, "POST", f"{BASE}/members/nobody/login", {"liff": True})


def test_a_liff_page_links_by_its_id_token(world: World) -> None:
    """With ES256, from the site's origin, once; LINE's new keys are read when they are needed."""
    made = world.api.ok("POST", f"{BASE}/members/m1/login", {"liff": True})
    assert made["url"].endswith(f"/liff/1-abc?t={made['t']}")
    token = world.sim_request("POST", f"friends/{ANNA}/id_token")["id_token"]
    answer = world.liff(token, made["t"], origin=SITE)
    assert (answer.status_code, answer.json_body) == (200, {"linked": True})
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    assert world.linked() == [ANNA]
    assert world.liff(token, made["t"]).status_code == 400
    world.sim_request("POST", "login/keys")
    id_tokens._keys["asked"] = time.monotonic() - 61
    token = world.sim_request("POST", f"friends/{BEN}/id_token")["id_token"]
    assert world.liff(token, world.liff_token()).status_code == 200
    preflight = Api(None).call("OPTIONS", "/link/shop/liff", origin=SITE)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Methods"]) == (
        204,
        "POST, OPTIONS",
    )
    assert world.liff(token, world.liff_token(), origin="https://evil.example").status_code == 403


def test_no_forged_id_token_links(world: World) -> None:
    """0 of 100: unsigned, signed by others, with the public key as a secret, for others, over, of no user,
    and with a user id beside it."""
    key = line_login._key(world.sim)
    public = key.as_dict(private=False)
    mine = ECKey.generate_key("P-256")
    now = int(time.time())
    good = {"iss": line_login.ISSUER, "sub": ANNA, "aud": CHANNEL, "exp": now + 600, "iat": now}
    row = {"channel": CHANNEL, "secret": SECRET}
    es256 = {"alg": "ES256", "kid": key.kid}

    def signed(claims: dict[str, Any], header: Any = None, by: Any = None) -> str:
        return jwt.encode(header or es256, claims, by or key)

    def unsigned() -> str:
        head, body, _ = signed(good).split(".")
        none = OctKey.import_key(b"x" * 32)
        return jwt.encode({"alg": "HS256"}, good, none).rpartition(".")[0] + "." + body[:0] + head[:0]

    true = line_login.liff_token(world.sim, row, ANNA)
    head, body, signature = true.split(".")
    forged = [
        unsigned(),
        f"eyJhbGciOiJub25lIn0.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{line_login.web_token(world.sim, row, BEN, None).split('.')[1]}.{signature}",
        signed(good, by=mine),
        signed(good, {"alg": "ES256", "kid": "another"}, mine),
        signed(good, {"alg": "ES256"}),
        jwt.encode({"alg": "HS256", "kid": key.kid}, good, OctKey.import_key(json.dumps(public).encode())),
        jwt.encode({"alg": "HS256"}, good, OctKey.import_key("f" * 32)),
        signed(good | {"aud": "999"}),
        signed(good | {"aud": [CHANNEL, "999"]}),
        signed(good | {"iss": "https://evil.example"}),
        signed(good | {"exp": now - 61}),
        signed({n: v for n, v in good.items() if n != "exp"}),
        signed({n: v for n, v in good.items() if n != "sub"}),
        signed(good | {"sub": ""}),
        signed(good | {"sub": 7}),
        "",
        "a.b.c",
        "x" * 7999,
    ]
    tries = 0
    for _ in range(5):
        t = world.liff_token()
        for token in forged:
            tries += 1
            assert world.liff(token, t).status_code == 400, token
    assert tries == 100
    visit = {"id_token": true, "t": world.liff_token(), "user_id": BEN}
    assert Api(None).call("POST", "/link/shop/liff", visit).status_code == 400
    assert world.liff(true, secrets.token_urlsafe(32)).status_code == 400
    web = world.url().partition("t=")[2]
    assert world.liff(true, web).status_code == 400, "a token of a web login is none of LIFF's"
    assert world.linked() == []


def test_the_site_s_tag_hears_who_has_signed_in(world: World) -> None:
    """Where the member site is one of the account's sites, the browser brings a site token back."""
    fields = {"login_channel_id": CHANNEL, "member_site_origins": [SITE], "site_origins": [SITE]}
    world.api.ok("PUT", BASE, {"name": "shop", "liff_id": "1-abc", **fields})
    accounts._cache.clear()
    where, cookie = world.starts(world.url())
    back = query(world.opens(world.agrees(where), cookie).headers["Location"])
    assert (back["tab"], back["linked"]) == ("line", "1")
    token = site_tokens.read("shop", back["todoku"])
    assert token is not None
    assert token.user_id == ANNA
