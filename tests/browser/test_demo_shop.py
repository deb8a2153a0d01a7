"""The demo shop in a real browser: a friend opens a link, looks around and orders; a stranger becomes one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.local.client import until
from chalicelib.local.demo_shop import shop as demo_shop
from chalicelib.local.sites import start
from tests.browser.conftest import Shop
from tests.e2e.platform import KEY

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Line/14.0.0"
HANA, TARO = "U" + "a" * 32, "U" + "b" * 32
A = demo_shop.A


@pytest.fixture(scope="module")
def site(shop: Shop) -> Iterator[demo_shop.Shop]:
    made = demo_shop.Shop(f"http://127.0.0.1:{shop.platform.port}", KEY)
    server = start.serve(made, 0)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def phone(browser: Any) -> Iterator[Callable[[], Any]]:
    """Makes a page of a fresh browser of a phone; nothing may complain in it."""
    contexts, faults = [], []

    def make() -> Any:
        context = browser.new_context(
            user_agent=PHONE, viewport={"width": 375, "height": 700}, locale="ja-JP"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.set_default_timeout(20_000)
        return page

    yield make
    for context in contexts:
        context.close()
    assert [fault for fault in faults if "ERR_INTERNET_DISCONNECTED" not in fault] == []


def link_of(shop: Shop, user: str) -> str:
    """The tracked address that a friend gets for writing お店."""
    shop.sim.post(f"/_sim/friends/{user}/follow", {"account": demo_shop.ACCOUNT, "display_name": "花子"})
    shop.sim.post(f"/_sim/friends/{user}/message", {"account": demo_shop.ACCOUNT, "text": "お店"})

    def find() -> str | None:
        items = shop.sim.get(f"/_sim/messages?account={demo_shop.ACCOUNT}&limit=200")["items"]
        for item in reversed(items):
            for message in item["messages"]:
                found = re.search(r"http\S+/r/\S+", message.get("text", ""))
                if found and user in item["to"]:
                    return found[0]
        return None

    found: str = until("the link", find)
    return found


def fact(shop: Shop, user: str, name: str) -> int:
    return int(shop.api.get(f"{A}/friends/{user}")["facts"].get(name, {}).get("count", 0))


def is_sent(page: Any) -> bool | None:
    """Whether all that the tag has to say has arrived."""
    return page.evaluate("JSON.parse(localStorage['todoku.demo-shop']).q.length") == 0 or None


def test_a_friend_orders(shop: Shop, site: demo_shop.Shop, phone: Callable[[], Any]) -> None:
    """The address is clean at once; what is looked at, put in the cart and ordered is the friend's."""
    page, address = phone(), link_of(shop, HANA)
    page.goto(address)
    page.wait_for_url(f"{site.url}/products/serum")
    until("the view", lambda: fact(shop, HANA, "page_viewed:products") == 1 or None)
    page.locator("button", has_text="カートに入れる").click()
    page.wait_for_url(f"{site.url}/cart")
    until("the cart", lambda: fact(shop, HANA, "cart_changed") == 1 or None)
    page.locator("button", has_text="注文する").click()
    page.wait_for_url(f"{site.url}/order")
    until("the order", lambda: fact(shop, HANA, "converted") == 1 or None)
    assert page.evaluate("document.cookie") == ""
    report = shop.api.get(f"{A}/reports/conversions?group_by=link")["total"]
    assert (report["conversions"], report["revenue"]) == (1, 3000)
    page.goto(f"{site.url}/privacy")
    assert "外部に送信" in page.inner_text("main")

    # Passed on to somebody else's phone the address leads to the same page, and makes nobody known.
    other = phone()
    other.goto(address)
    other.wait_for_url(f"{site.url}/products/serum")
    until("the other's view", lambda: is_sent(other))
    assert fact(shop, HANA, "page_viewed:products") == 1


def test_a_stranger_who_turns_out_to_be_a_friend(
    shop: Shop, site: demo_shop.Shop, phone: Callable[[], Any]
) -> None:
    """Views of before, of a single-page app too; what the network lost comes with the next page."""
    page = phone()
    page.goto(f"{site.url}/products/soap")
    page.evaluate("history.pushState(null, '', '/products/cream')")
    until("both views", lambda: is_sent(page))
    page.context.set_offline(offline=True)
    page.evaluate("history.pushState(null, '', '/products/serum')")
    page.wait_for_timeout(700)
    page.context.set_offline(offline=False)
    page.goto(link_of(shop, TARO))
    page.wait_for_url(f"{site.url}/products/serum")
    until("the views", lambda: fact(shop, TARO, "page_viewed:products") == 4 or None, 60)
    until("the tag", lambda: "keen" in shop.api.get(f"{A}/friends/{TARO}")["tags"] or None)
