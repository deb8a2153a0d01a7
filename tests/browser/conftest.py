"""A browser before the real platform, and a shop in it. Without Chromium the tests say so and are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.client import Client, until
from tests.browser.look import MAYBE, state
from tests.e2e.platform import KEY, Platform

ROOT = Path(__file__).parents[2]
A = "/v1/accounts/shop"
CHANNEL = {"channel_secret": "secret", "channel_access_token": "token"}
HOSTILE = '<img src=x onerror="alert(1)">'
NAMES = ["花子", "次郎", "さくら🌸", HOSTILE, "\u202e\u202e逆さま", "あ" * 200, "Emma", "健", "陽菜", "蓮"]
DRY = 6
"""So many of them have dry skin."""


def user(n: int) -> str:
    """The LINE user id of the n-th friend."""
    return f"U{n:032x}"


@dataclass
class Shop:
    """The platform, its account, keys by role, and the simulated LINE."""

    platform: Platform
    keys: dict[str, str]
    sim: Client

    @property
    def api(self) -> Client:
        """The API as an outside program speaks to it, as an admin."""
        return self.platform.api

    @property
    def url(self) -> str:
        """Where the console is."""
        return f"http://127.0.0.1:{self.platform.port}/console"

    def heard(self, friend: str) -> list[dict[str, Any]]:
        """What LINE was asked to show a friend."""
        items = self.sim.get("/_sim/messages?since=0")["items"]
        return [
            m for item in items if item["status"] == 200 and friend in item["to"] for m in item["messages"]
        ]


def named(shop: Shop, kind: str, name: str) -> dict[str, Any]:
    """The document of this name."""
    found: dict[str, Any] = next(one for one in shop.api.items(f"{A}/{kind}") if one["name"] == name)
    return found


def _required(reason: str) -> None:
    if os.environ.get("TODOKU_BROWSER") == "required":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium."""
    path = shutil.which("chromium")
    if path is None:
        _required("Chromium is not installed (Debian: apt install chromium fonts-noto-cjk)")
    if not (ROOT / "chalicelib" / "console" / "dist" / "index.html").is_file():
        _required("the console is not built: make setup")
    return str(path)


@pytest.fixture(scope="session")
def shop(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A platform with a shop and ten friends, of whom six have dry skin and one of these bought lately."""
    platform = Platform(tmp_path_factory.mktemp("browser"))
    platform.start()
    try:
        filled = _fill(platform)
        yield filled
        filled.sim.close()
    finally:
        platform.stop()


def _fill(platform: Platform) -> Shop:
    api = platform.api
    api.put(A, {"name": "サロン届", **CHANNEL})
    keys = {
        role: api.post("/v1/keys", {"name": f"{role}の鍵", "role": role, "account": "shop"})["key"]
        for role in ("viewer", "editor", "publisher")
    }
    skin = {"name": "肌質", "type": "choice", "choices": ["乾燥肌", "普通肌"]}
    api.put(f"{A}/attributes/skin", skin)
    api.put(f"{A}/tags/vip", {"name": "大切なお客様"})
    api.put(f"{A}/scores/interest", {"name": "関心度"})
    api.put(
        f"{A}/messages/hours", {"name": "営業時間", "messages": [{"type": "text", "text": "10時からです"}]}
    )
    shop = Shop(platform, keys | {"admin": KEY}, Client(f"http://127.0.0.1:{platform.sim_port}"))
    people = [{"user_id": user(n), "display_name": name} for n, name in enumerate(NAMES)]
    shop.sim.post("/_sim/friends", {"account": "shop", "friends": people})
    rows = [
        f'{user(n)},"{name.replace(chr(34), chr(34) * 2)}",{"乾燥肌" if n < DRY else "普通肌"}'
        for n, name in enumerate(NAMES)
    ]
    text = "user_id,display_name,attribute.skin\n" + "\n".join(rows)
    job = api.call("POST", f"{A}/friends/import", text, content_type="text/csv")["job_id"]
    until("the import", lambda: api.get(f"{A}/jobs/{job}")["state"] == "done" or None, 60)
    now = api.get(f"{A}/summary")["as_of"]
    order = {"order_id": "o1", "user_id": user(0), "at": now, "amount": 3000, "items": []}
    api.post(f"{A}/purchases", order)
    until("the order", lambda: api.get(f"{A}/friends/{user(0)}")["purchases"]["count"] or None, 60)
    return shop


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One Chromium for all."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@dataclass
class Seen:
    """What a page complained of."""

    faults: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()

    def note(self, text: str) -> None:
        """Remember it, unless it is expected."""
        if not any(part in text for part in self.allowed):
            self.faults.append(text)


Open = Callable[..., Any]


@pytest.fixture(scope="session")
def contexts(browser: Any, shop: Shop) -> Iterator[Callable[..., Any]]:
    """``contexts(role, width)``: who is signed in on which screen, kept for every test, files and all."""
    kept: dict[tuple[str, int], Any] = {}

    def of(role: str, width: int) -> Any:
        if (role, width) not in kept:
            context = browser.new_context(viewport={"width": width, "height": 900}, locale="ja-JP")
            address = shop.url.replace("/console", "/v1/session")
            assert context.request.post(address, data={"key": shop.keys[role]}).status == 201
            kept[role, width] = context
        return kept[role, width]

    yield of
    for context in kept.values():
        context.close()


@pytest.fixture
def open_page(browser: Any, shop: Shop, contexts: Callable[..., Any]) -> Iterator[Open]:
    """``open_page(role, route, width=, language=, allowed=)``: signed in, at a screen that is there.

    Without a role nobody is signed in, and nothing is shared. No page may complain: no error in the console,
    none that breaks the policy, save what is ``allowed``. What a page kept is forgotten at the end,
    and what LINE was asked to show before.
    """
    opened: list[tuple[Any, Seen]] = []
    alone: list[Any] = []
    shop.sim.call("DELETE", "/_sim/messages")

    def go(
        role: str | None = "admin",
        route: str = "home",
        *,
        width: int = 1280,
        language: str = "ja",
        allowed: tuple[str, ...] = (),
    ) -> Any:
        if role is None:
            context = browser.new_context(viewport={"width": width, "height": 900}, locale="ja-JP")
            alone.append(context)
        else:
            context = contexts(role, width)
        page, seen = context.new_page(), Seen(allowed=allowed)
        page.set_default_timeout(MAYBE)
        page.on("console", lambda m: seen.note(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: seen.note(str(error)))
        page.add_init_script(f"localStorage.setItem('todoku.language', '{language}')")
        opened.append((page, seen))
        if role is not None:
            page.add_init_script("localStorage.setItem('todoku.signed', '1')")
        page.goto(f"{shop.url}#/{route}" if role is None else f"{shop.url}#/shop/{route}")
        state(page)
        return page

    yield go
    faults = [fault for _, seen in opened for fault in seen.faults]
    for page, _ in opened:
        page.evaluate("localStorage.clear()")
        page.close()
    for context in alone:
        context.close()
    assert faults == []
