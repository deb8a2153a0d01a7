"""What an admin settles: when nothing is sent, keys, everything as one document; and who did what."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.browser.conftest import A, Open, Shop
from tests.browser.look import becomes, button, field, link, role, see, state, text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def policies(shop: Shop) -> dict[str, Any]:
    """The account's policies, as they are kept."""
    found = shop.api.get(f"{A}/policies/default")
    return {name: found[name] for name in ("quiet_hours", "caps") if name in found}


def test_what_the_page_does_not_show_of_an_account_stays(shop: Shop, open_page: Open) -> None:
    """Another name and a LIFF id; the origins of the member site and the time for news are as before."""
    secret = {"channel_secret": "secret", "channel_access_token": "token"}
    kept = {"member_site_origins": ["https://shop.example.jp"], "react_within": "2d"}
    before = shop.api.get(A)
    shop.api.put(A, {"name": before["name"], **secret, **kept})
    try:
        page = open_page("admin", "settings/account")
        field(page, "アカウント名").fill("お店🌸")
        field(page, "LIFF ID").fill("1234567890-abcdefgh")
        button(page, "保存").click()
        see(text(page, "保存しました。"))
        wanted = {"name": "お店🌸", "liff_id": "1234567890-abcdefgh", **kept}
        becomes(lambda: {name: shop.api.get(A)[name] for name in wanted}, wanted)
    finally:
        shop.api.put(A, {"name": before["name"], **secret})


def test_quiet_hours_and_caps_are_kept(shop: Shop, open_page: Open) -> None:
    """As a week, at once; a limit of messages beside it. What somebody else kept meanwhile is shown first."""
    page = open_page("admin", "settings/policies", allowed=("409",))
    before = shop.api.items(f"{A}/policies")
    try:
        field(page, "配信しない時間帯を使う").check()
        field(page, "開始").fill("22:00")
        field(page, "終了").fill("08:30")
        see(role(page, "img", re.compile("22:00")))
        button(page, "上限を追加").click()
        field(page, "通数").fill("2")
        button(page, "保存").click()
        see(text(page, "保存しました。"))
        quiet = {"from": "22:00", "to": "08:30", "then": "defer"}
        caps = [{"category": "marketing", "max": 2, "per": "day"}]
        becomes(lambda: policies(shop), {"quiet_hours": quiet, "caps": caps})
        page.reload()
        see(field(page, "終了"))
        shop.api.put(f"{A}/policies/default", {"quiet_hours": {**quiet, "from": "21:15"}})
        field(page, "終了").fill("09:00")
        button(page, "保存").click()
        dialog = page.get_by_role("dialog")
        see(text(dialog, re.compile("21:15")))
        button(dialog, "自分の内容で上書きする").click()
        becomes(lambda: policies(shop), {"quiet_hours": {**quiet, "to": "09:00"}, "caps": caps})
    finally:
        if before:
            shop.api.put(f"{A}/policies/default", {})
        else:
            shop.api.call("DELETE", f"{A}/policies/default")


def test_a_key_is_shown_once_and_taken_away(shop: Shop, open_page: Open) -> None:
    """Whoever has it may work until it is deleted; the log of what was done is beside."""
    page = open_page("admin", "settings/keys")
    field(page, "キーの名前").fill("受付のタブレット")
    button(page, "キーを発行").click()
    key = see(page.get_by_role("status").locator("code")).inner_text()
    assert key.startswith("tdk_")
    button(page, "キーを削除: 受付のタブレット").click()
    button(page.get_by_role("dialog"), re.compile("削除")).click()
    becomes(lambda: [one for one in shop.api.items("/v1/keys") if one["name"] == "受付のタブレット"], [])
    page.reload()
    state(page)
    assert role(page, "rowheader", "受付のタブレット").count() == 0
    shop.api.put(f"{A}/tags/written-down", {"name": "記録されるタグ"})
    link(page, "操作の記録").click()
    see(text(page, re.compile("written-down|記録されるタグ")))


def test_everything_is_one_document(shop: Shop, open_page: Open) -> None:
    """Read, changed, compared and put in force."""
    page = open_page("admin", "settings/yaml")
    button(page, "いまの設定を読み込む").click()
    box = field(page, "設定の内容")
    becomes(lambda: "vip" in box.input_value(), True)
    bundle = {"tags": {"yaml-tag": {"name": "一括のタグ"}}}
    box.fill(json.dumps(bundle, ensure_ascii=False))
    button(page, "変更点を確かめる").click()
    see(text(page, re.compile("yaml-tag")))
    button(page, "反映する").click()
    see(text(page, "保存しました。"))
    becomes(lambda: shop.api.get(f"{A}/tags/yaml-tag")["name"], "一括のタグ")
