"""Friends open LIFF addresses: the page with LINE's script runs, and leads on, in LINE and outside of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import Shop, user
from tests.browser.look import MAYBE, becomes, button, see, text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

A = "/v1/accounts/liff"
LIFF = "2000000009-page"
NEWCOMER, FRIEND = user(901), user(902)
TARGET = "https://shop.example/spring"


@pytest.fixture(scope="module")
def there(shop: Shop) -> Shop:
    """An account with a LIFF app, a route and a link."""
    channel = {"channel_secret": "liff-secret", "channel_access_token": "liff-token"}
    login = {"login_channel_id": "2000000009", "login_channel_secret": "6" * 32, "liff_id": LIFF}
    shop.api.put(A, {"name": "LIFF の店", **channel, **login})
    for tag in ("new", "present"):
        shop.api.put(f"{A}/tags/{tag}", {"name": tag})
    then = {"then": [{"add_tag": "new"}], "then_existing": [{"add_tag": "present"}]}
    shop.api.put(f"{A}/routes/poster", {"name": "ポスター", **then})
    shop.api.put(f"{A}/links/spring", {"url": TARGET})
    people = [{"user_id": FRIEND, "display_name": "友子"}]
    people.append({"user_id": NEWCOMER, "display_name": "新子", "status": "stranger"})
    shop.sim.post("/_sim/friends", {"account": "liff", "friends": people})
    shop.sim.post(f"/_sim/friends/{FRIEND}/message", {"account": "liff", "text": "こんにちは"})
    return shop


@pytest.fixture
def phone(browser: Any) -> Iterator[Any]:
    """A page on a narrow screen that may not complain of anything."""
    context = browser.new_context(viewport={"width": 375, "height": 700}, locale="ja-JP")
    context.route(re.compile(r"^https://shop\.example/"), lambda route: route.fulfill(body="spring"))
    page, faults = context.new_page(), []
    page.set_default_timeout(MAYBE)
    # A refusal of ours (404) is one that the page speaks of.
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" and "404" not in m.text else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


def tags(there: Shop, friend: str) -> list[str]:
    """What a friend has by now."""
    found = there.api.raw("GET", f"{A}/friends/{friend}", None)
    return sorted(there.api.get(f"{A}/friends/{friend}")["tags"]) if found[0] == 200 else []


def address(there: Shop, path: str) -> str:
    return f"http://127.0.0.1:{there.platform.port}{path}"


def liff(there: Shop, path: str) -> str:
    return f"http://127.0.0.1:{there.platform.sim_port}/liff/{LIFF}{path}"


def test_a_newcomer_scans_a_poster(there: Shop, phone: Any) -> None:
    """LINE asks whether they add the account, the page leads to its profile, and the route did its part."""
    phone.goto(address(there, "/q/liff/poster?gclid=g1"))
    button(phone, re.compile("新子 として許可する")).click()
    see(text(phone, "友だちです。トーク画面に戻ってください。"))
    assert "/R/ti/p/%40" in phone.url
    becomes(lambda: tags(there, NEWCOMER), ["new"])
    activities = there.api.items(f"{A}/friends/{NEWCOMER}/activities")
    entered = next(one for one in activities if one["type"] == "route_entered")
    assert entered["props"]["ads"] == {"gclid": "g1"}
    phone.goto(address(there, "/q/liff/poster"))
    see(text(phone, "友だちです。トーク画面に戻ってください。"))
    becomes(lambda: tags(there, NEWCOMER), ["new", "present"])


def test_a_link_is_opened_outside_of_line(there: Shop, phone: Any) -> None:
    """Through LINE Login, to the registered address; the click is the friend's."""
    phone.goto(liff(there, "/r/liff.spring"))
    button(phone, "LINE の外のブラウザで開く").click()
    button(phone, re.compile("友子 として許可する")).click()
    phone.wait_for_url(TARGET)
    counted = "link_clicked:spring"
    becomes(lambda: counted in there.api.get(f"{A}/friends/{FRIEND}")["facts"], True)


def test_what_does_not_work_is_shown(there: Shop, phone: Any) -> None:
    """In the friend's language, with a button to try again."""
    phone.goto(liff(there, "/r/liff.spring"))
    there.api.call("DELETE", f"{A}/links/spring")
    button(phone, re.compile("友子 として許可する")).click()
    see(text(phone, "このリンクはありません"))
    assert phone.evaluate("document.documentElement.scrollWidth") <= 375
    there.api.put(f"{A}/links/spring", {"url": TARGET})
    button(phone, re.compile("もう一度")).click()
    phone.wait_for_url(TARGET)
