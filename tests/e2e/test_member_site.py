"""A newcomer registers at the demo's member site, links in all three ways, and sees the rank in the chat."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from chalicelib.local.client import Client, until
from chalicelib.local.member_site import site as member_site
from chalicelib.local.sites import start
from tests.e2e.platform import KEY, Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

HANA, TARO = "U" + "1" * 32, "U" + "2" * 32


class Browser:
    """Follows redirects and keeps cookies by host, as browsers do."""

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}

    def ask(self, method: str, url: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """One request; returns the status, where it leads, and the page."""
        parts = urlsplit(url)
        kept = self.cookies.setdefault(parts.netloc, {})
        headers = {"Cookie": "; ".join(f"{n}={v}" for n, v in kept.items())}
        body = urlencode(form).encode() if form is not None else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        connection.request(method, parts._replace(scheme="", netloc="", fragment="").geturl(), body, headers)
        answer = connection.getresponse()
        page = answer.read().decode("utf-8", "replace")
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            kept[name] = value
        connection.close()
        return answer.status, answer.headers.get("Location") or "", page

    def goes(self, method: str, url: str, form: dict[str, str] | None = None) -> tuple[str, str]:
        """Until a page or a form comes; returns its address and text."""
        for _ in range(6):
            status, where, page = self.ask(method, url, form)
            if status not in {302, 303}:
                return url, page
            url = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}{where}" if where[:1] == "/" else where
            method, form = "GET", None
        raise AssertionError("redirects without end")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[tuple[Platform, member_site.Site]]:
    platform = Platform(tmp_path)
    platform.start()
    site = member_site.Site(
        f"http://127.0.0.1:{platform.port}", f"http://127.0.0.1:{platform.sim_port}", KEY, tmp_path
    )
    server = start.serve(site, 0)
    yield platform, site
    server.shutdown()
    server.server_close()
    platform.stop()


@pytest.mark.timeout(240)
def test_a_newcomer_links_in_every_way(there: tuple[Platform, member_site.Site]) -> None:
    """By the chat, by LINE Login, by LIFF; a change of the rank follows; the end of a link withdraws the
    grant.
    """
    platform, site = there
    api, sim = platform.api, Client(f"http://127.0.0.1:{platform.sim_port}")
    a, browser = member_site.A, Browser()

    def says(text: str, user: str = HANA) -> None:
        sim.post(f"/_sim/friends/{user}/message", {"account": "members", "text": text})

    def heard(word: str) -> str:
        def find() -> str | None:
            for item in reversed(sim.get("/_sim/messages?account=members&limit=200")["items"]):
                for message in item["messages"]:
                    if word in message.get("text", ""):
                        return str(message["text"])
            return None

        found: str = until(word, find)
        return found

    for user in (HANA, TARO):
        sim.post(f"/_sim/friends/{user}/follow", {"account": "members", "display_name": user[:2]})
    says("連携")
    invited = heard("linkToken=")
    address = invited[invited.index("http") :]
    _, page = browser.goes("GET", address)
    assert "会員登録" in page
    token = parse_qs(urlsplit(address).query)["linkToken"][0]
    form = {"member": "花子", "password": "himitsu", "link_token": token}
    _, page = browser.goes("POST", f"{site.url}/register", form)
    assert "連携しました" in page
    assert "レギュラー" in heard("会員ランクは")
    browser.goes("POST", f"{site.url}/rank", {"rank": "ゴールド"})
    until("the rank", lambda: api.get(f"{a}/friends/{HANA}")["rank"] == "ゴールド")
    says("ランク")
    assert "ゴールド" in heard("ゴールド")
    _, page = browser.goes("GET", address.replace(token, token))
    assert browser.goes("POST", f"{site.url}/connect", {"link_token": token})[1].count("連携できません")

    # LINE Login, as another friend of the same member.
    where, page = browser.goes("POST", f"{site.url}/line", {})
    assert "LINE ログイン" in page
    where, page = browser.goes("POST", where, {"user": TARO})
    assert "LINE と連携しました" in page
    assert api.get(f"{a}/members/%E8%8A%B1%E5%AD%90")["user_ids"] == [HANA, TARO]
    until("the rank of another", lambda: api.get(f"{a}/friends/{TARO}")["rank"] == "ゴールド")
    browser.goes("POST", f"{site.url}/unlink", {})
    until("the withdrawal", lambda: sim.get("/_sim/login/grants")["items"][0]["gone"] == 1)
    heard("解除しました")

    # LIFF: the page gets the ID token behind #, and its script sends it on.
    where, page = browser.goes("POST", f"{site.url}/liff-link", {})
    status, back, _ = browser.ask("POST", where, {"user": HANA})
    assert status == 302
    assert 'data-endpoint="' in browser.goes("GET", back)[1]
    query, fragment = parse_qs(urlsplit(back).query), parse_qs(urlsplit(back).fragment)
    sent = json.dumps({"id_token": fragment["id_token"][0], "t": query["t"][0]}).encode()
    headers = {"Content-Type": "application/json", "Origin": site.url}
    assert api.raw("OPTIONS", "/link/members/liff", None, {"Origin": site.url})[0] == 204
    assert api.raw("POST", "/link/members/liff", sent, headers) == (200, b'{"linked":true}')
    assert api.raw("POST", "/link/members/liff", sent, headers)[0] == 400
    assert api.get(f"{a}/members/%E8%8A%B1%E5%AD%90")["user_ids"] == [HANA]
    sim.close()
    api.close()
