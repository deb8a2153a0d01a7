"""LINE's side of LIFF and line.me: who opens what, with and without a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from chalicelib.local.line.app import application
from chalicelib.local.line.httpd import Application, Request, Response
from chalicelib.local.line.login import oauth
from chalicelib.local.line.people import basic_id_of
from chalicelib.local.line.simulator import Simulator

ANNA, CLEO = "U" + "a" * 32, "U" + "c" * 32
PAGE = "https://todoku.example/liff/shop"


@pytest.fixture
def sim(tmp_path: Path) -> Iterator[Simulator]:
    made = Simulator(tmp_path, "http://127.0.0.1:9")
    simulator = application(made)
    login = b'{"channel_id": "1", "channel_secret": "0123456789abcdef", "liff_id": "1-a", "liff_page": "%s"}'
    simulator(Request("PUT", "/_sim/login/shop", {}, {}, login % PAGE.encode()))
    channel = b'{"channel_secret": "s", "channel_access_token": "t", "name": "shop"}'
    simulator(Request("PUT", "/_sim/channels/shop", {}, {}, channel))
    friends = b'{"account": "shop", "friends": [{"user_id": "%s"}]}' % ANNA.encode()
    simulator(Request("POST", "/_sim/friends", {}, {}, friends))
    yield made
    made.close()


@pytest.fixture
def app(sim: Simulator) -> Application:
    return application(sim)


def ask(app: Application, method: str, url: str, who: str = "", **form: str) -> Response:
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    headers = {"cookie": f"sim_user={who}"} if who else {}
    return app(Request(method, parts.path, query, headers, urlencode(form).encode(), parts.query))


def test_a_phone_opens_the_page_with_its_token(app: Application) -> None:
    """What stands behind the LIFF address is ``liff.state``; the token is behind ``#``."""
    answer = ask(app, "GET", "/liff/1-a/q/poster?utm_source=x", ANNA)
    where = urlsplit(answer.headers["Location"])
    assert (answer.status, f"{where.scheme}://{where.netloc}{where.path}") == (302, PAGE)
    assert parse_qs(where.query) == {"liff.state": ["/q/poster?utm_source=x"]}
    fragment = parse_qs(where.fragment)
    assert (fragment["in_client"], fragment["id_token"][0].count(".")) == (["1"], 2)


def test_who_is_no_friend_is_asked_first(app: Application, sim: Simulator) -> None:
    """And may add the account then; whoever adds it is a friend before the page opens."""
    page = ask(app, "GET", "/liff/1-a/q/poster", CLEO)
    assert (page.status, page.body.decode().count(CLEO), ANNA in page.body.decode()) == (200, 1, False)
    declined = ask(app, "POST", "/liff/1-a/q/poster", decline="1")
    assert "キャンセル" in declined.body.decode()
    assert sim.people.status("shop", CLEO) is None
    answer = ask(app, "POST", "/liff/1-a/q/poster", user=CLEO, add_friend="1")
    assert answer.headers["Location"].startswith(f"{PAGE}?liff.state=%2Fq%2Fposter#")
    assert f"sim_user={CLEO}" in answer.headers["Set-Cookie"]
    assert sim.people.status("shop", CLEO) == "following"


def test_a_browser_outside_of_line_gets_no_token(app: Application) -> None:
    """It goes through the SDK's ``login``, which leads back to the app's own address alone."""
    assert "LINE の外" in ask(app, "GET", "/liff/1-a/p").body.decode()
    answer = ask(app, "POST", "/liff/1-a/p", outside="1")
    assert answer.headers["Location"] == f"{PAGE}?liff.state=%2Fp"
    login = f"/liff-login?liff_id=1-a&redirect_uri={quote(PAGE + '/p?a=b', safe='')}"
    assert ask(app, "GET", login).status == 200
    back = ask(app, "POST", login, user=ANNA).headers["Location"]
    assert back.startswith(f"{PAGE}/p?a=b#id_token=")
    assert "in_client" not in back
    evil = f"/liff-login?liff_id=1-a&redirect_uri={quote('https://evil.example', safe='')}"
    assert ask(app, "POST", evil, user=ANNA).status == 400


def test_the_sdk_is_served(app: Application) -> None:
    """As a script; an app that is not there is not."""
    sdk = ask(app, "GET", "/liff-sdk.js")
    assert (sdk.status, sdk.content_type) == (200, "text/javascript; charset=utf-8")
    assert ask(app, "GET", "/liff/2-b/q/poster").status == 404


def test_the_profile_and_the_chat_at_line_me(app: Application, sim: Simulator) -> None:
    """Newcomers add the account there; a text that is there already is sent by a tap."""
    at = quote(basic_id_of(sim.people.channel("shop")), safe="")
    assert "友だちです" in ask(app, "GET", f"/R/ti/p/{at}", ANNA).body.decode()
    assert "友だち追加" in ask(app, "GET", f"/R/ti/p/{at}", CLEO).body.decode()
    ask(app, "POST", f"/R/ti/p/{at}", user=CLEO)
    assert sim.people.status("shop", CLEO) == "following"
    text = quote("予約したい <3 a=b")
    assert "予約したい &lt;3 a=b" in ask(app, "GET", f"/R/oaMessage/{at}/?{text}", ANNA).body.decode()
    ask(app, "POST", f"/R/oaMessage/{at}/?{text}", user=ANNA)
    last = sim.store.one("SELECT event FROM events WHERE chat = ? ORDER BY seq DESC", ANNA)
    assert last is not None
    assert "予約したい <3 a=b" in last["event"]
    assert ask(app, "GET", "/R/ti/p/%40nobody").status == 404


def test_first_sign_ins_at_once_are_signed_with_one_key(sim: Simulator) -> None:
    """None makes the key unknown with which another was signed."""
    channel = {"channel": "1"}
    with ThreadPoolExecutor(8) as threads:
        tokens = list(threads.map(lambda n: oauth.liff_token(sim, channel, f"U{n:032x}"), range(16)))
    assert {oauth.read_token(sim, token) for token in tokens} == {("shop", f"U{n:032x}") for n in range(16)}


def call(app: Application, what: str, sim: Simulator, user: str, **body: Any) -> Response:
    """What the SDK asks of LINE for the friend's page."""
    row = sim.store.one("SELECT * FROM login_channels WHERE liff = '1-a'")
    assert row is not None
    asked = {"token": oauth.liff_token(sim, dict(row), user), **body}
    return app(Request("POST", f"/{what}", {}, {}, json.dumps(asked).encode()))


def reported(sim: Simulator) -> list[dict[str, Any]]:
    """The events that the account was told of."""
    return [json.loads(row["event"]) for row in sim.store.all("SELECT event FROM events ORDER BY seq")]


def test_a_page_says_something_as_the_friend(app: Application, sim: Simulator) -> None:
    """As if they had written it; a picture of the web stays there; Flex is not told."""
    url = "https://shop.example/a.jpg"
    messages = [
        {"type": "text", "text": "申し込みました"},
        {"type": "image", "originalContentUrl": url, "previewImageUrl": url},
        {"type": "flex", "altText": "x", "contents": {}},
    ]
    assert call(app, "liff-messages", sim, ANNA, messages=messages).status == 200
    text, image = reported(sim)
    assert (text["message"]["text"], text["source"]["userId"]) == ("申し込みました", ANNA)
    assert image["message"]["contentProvider"]["originalContentUrl"] == url
    for wrong in ([], messages * 2, ["x"], [{"type": "text", "text": ""}], [{"type": "nope"}]):
        assert call(app, "liff-messages", sim, ANNA, messages=wrong).status == 400
    assert call(app, "liff-messages", sim, CLEO, messages=messages).status == 403
    forged = app(Request("POST", "/liff-messages", {}, {}, b'{"token": "x.y.z", "messages": []}'))
    assert forged.status == 401
    assert len(reported(sim)) == 2


def test_a_page_asks_for_friendship(app: Application, sim: Simulator) -> None:
    """Who agrees is a friend, and a follow is told once."""
    for _ in range(2):
        assert call(app, "liff-friendship", sim, CLEO).status == 200
    assert sim.people.status("shop", CLEO) == "following"
    assert [event["type"] for event in reported(sim)] == ["follow"]
