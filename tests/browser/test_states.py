"""Screens that are empty, refused or broken, and what opens over them: nothing serious is wrong there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.conftest import CHANNEL, A, Open, Shop, user
from tests.browser.look import becomes, button, field, link, see, state

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LISTS = ("friends", "chat", "segments", "broadcasts", "messages", "labels", "rules", "scenarios", "forms")
REFUSED = {"broadcasts/new": "編集", "rules/keyword": "編集", "settings/keys": "管理者"}


def serious(page: Any) -> list[Any]:
    """What axe finds serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"][:160] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize(("language", "width"), [("ja", 1280), ("en", 375)])
def test_an_empty_account_teaches_the_next_step(
    shop: Shop, open_page: Open, language: str, width: int
) -> None:
    """Every list of a new account says what to do next, and shuts nobody out."""
    shop.api.put("/v1/accounts/empty", {"name": "新しいお店", **CHANNEL})
    page = open_page("admin", "home", language=language, width=width)
    here, wrong = page.url.partition("#")[0], []
    for screen in ("home", *LISTS):
        page.goto(f"{here}#/empty/{screen}")
        state(page, "empty")
        assert page.locator("main .empty").inner_text().strip() != "", screen
        wrong += [(screen, *one) for one in serious(page)]
    assert wrong == []


def test_who_is_refused_reads_the_role(open_page: Open) -> None:
    """A viewer, at what an editor or an admin may do."""
    page = open_page("viewer", "home", allowed=("403",))
    here, wrong = page.url.partition("#")[0], []
    for screen, needed in REFUSED.items():
        page.goto(f"{here}#/shop/{screen}")
        state(page, "forbidden")
        assert f"「{needed}」の権限が必要です" in page.get_by_role("alert").inner_text()
        wrong += [(screen, *one) for one in serious(page)]
    assert wrong == []


def test_what_cannot_be_read_says_so(open_page: Open) -> None:
    """The API is away: each list is in the state error, with another try."""
    page = open_page("viewer", "home", allowed=("503",))
    busy = {"error": {"code": "unavailable", "message": "later", "details": []}}
    here, wrong = page.url.partition("#")[0], []
    for screen, path in (("segments", "segments"), ("rules", "rules"), ("friends", "friends/search")):
        page.route(f"**/v1/accounts/shop/{path}*", lambda route: route.fulfill(status=503, json=busy))
        page.goto(f"{here}#/shop/{screen}")
        state(page, "error")
        see(button(page, "もう一度試す"))
        wrong += [(screen, *one) for one in serious(page)]
    assert wrong == []


def _write(page: Any) -> None:
    field(page, "配信名").fill("確かめるだけ")
    field(page, "メッセージ1の本文").fill("送りません")
    button(page, "内容を確認する").click()


OPENED: dict[str, tuple[str, str | re.Pattern[str], Callable[[Any], None] | None]] = {
    "columns": ("friends", "表示する列", None),
    "filter": ("friends", "条件で絞り込む", None),
    "condition": ("segments/new", "グループ1に条件を追加", None),
    "edit": (f"friends/{user(1)}", "編集", None),
    "erase": (f"friends/{user(1)}", "この友だちのデータを消去", None),
    "tag": ("labels", "タグを作る", None),
    "remove": ("messages/hours", "削除", None),
    "send": ("broadcasts/new", re.compile("人に今すぐ送る"), _write),
    "account": ("settings/account", "アカウントを追加", None),
}
"""The screen, the button that opens a dialog over it, and what comes before."""


@pytest.mark.parametrize("width", [1280, 375])
def test_what_opens_over_a_screen_shuts_nobody_out(shop: Shop, open_page: Open, width: int) -> None:
    """Each dialog by axe; Escape closes it, and the focus is back where it was."""
    page = open_page("admin", "home", width=width)
    here, wrong = page.url.partition("#")[0], []
    for name, (screen, opener, before) in OPENED.items():
        page.goto(f"{here}#/shop/{screen}")
        state(page)
        if before:
            before(page)
        button(page, opener).click()
        see(page.get_by_role("dialog"))
        wrong += [(name, *one) for one in serious(page)]
        page.keyboard.press("Escape")
        page.get_by_role("dialog").wait_for(state="hidden")
    assert wrong == []
    becomes(lambda: shop.api.get(f"{A}/messages/hours")["name"], "営業時間")


def test_a_new_account_is_begun_from_nothing(open_page: Open) -> None:
    """The way out of an empty list is on it."""
    page = open_page("admin", "home")
    page.goto(page.url.partition("#")[0] + "#/empty/segments")
    state(page, "empty")
    see(link(page, "セグメントを作る")).first.click()
    see(button(page, "グループ1に条件を追加"))
