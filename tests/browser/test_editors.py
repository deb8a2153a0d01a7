"""What every editor promises: nobody's work is written over unseen, what a page does not show is not lost."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import A, Open, Shop, named, user
from tests.browser.look import becomes, button, field, heading, link, pick_friend, role, see, state, text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
HELLO = [{"type": "text", "text": "こんにちは"}]


def overwritten(page: Any, theirs: str) -> None:
    """The dialog shows what somebody else saved, and one's own is written."""
    dialog = page.get_by_role("dialog")
    see(text(dialog, re.compile(theirs)))
    button(dialog, "自分の内容で上書きする").click()


def test_nobody_s_work_is_written_over_unseen(shop: Shop, open_page: Open) -> None:
    """Somebody saves while the page is open: segment, rule, tag and a broadcast's draft all ask."""
    everyone = {"everyone": True}
    shop.api.put(f"{A}/segments/both", {"name": "元の人", "condition": everyone})
    page = open_page("admin", "segments/both", allowed=("409",))
    here = page.url.partition("#")[0]
    field(page, "セグメント名").fill("自分の人")
    shop.api.put(f"{A}/segments/both", {"name": "相手の人", "condition": everyone})
    button(page, "保存").click()
    overwritten(page, "相手の人")
    see(heading(page, "セグメント"))
    becomes(lambda: shop.api.get(f"{A}/segments/both")["name"], "自分の人")

    rule = {"name": "元の規則", "enabled": False, "when": {"event": "followed"}, "then": [{"add_tag": "vip"}]}
    shop.api.put(f"{A}/rules/both", rule)
    page.goto(f"{here}#/shop/rules/both")
    field(page, "ルール名").fill("自分の規則")
    shop.api.put(f"{A}/rules/both", {**rule, "name": "相手の規則"})
    button(page, "保存").click()
    overwritten(page, "相手の規則")
    see(heading(page, "自動化"))
    becomes(lambda: shop.api.get(f"{A}/rules/both")["name"], "自分の規則")

    shop.api.put(f"{A}/tags/both", {"name": "元のタグ"})
    page.goto(f"{here}#/shop/labels/tags")
    button(page, "編集: 元のタグ").click()
    field(page.get_by_role("dialog"), "名前").fill("自分のタグ")
    shop.api.put(f"{A}/tags/both", {"name": "相手のタグ"})
    button(page.get_by_role("dialog"), "保存").click()
    overwritten(page, "相手のタグ")
    becomes(lambda: shop.api.get(f"{A}/tags/both")["name"], "自分のタグ")

    draft = {"name": "元の配信", "audience": everyone, "message": "hours"}
    shop.api.put(f"{A}/broadcasts/both", draft)
    page.goto(f"{here}#/shop/broadcasts/both/edit")
    field(page, "配信名").fill("自分の配信")
    shop.api.put(f"{A}/broadcasts/both", {**draft, "name": "相手の配信"})
    button(page, "下書きを保存").click()
    see(text(page.get_by_role("dialog"), re.compile("相手の配信")))
    becomes(lambda: shop.api.get(f"{A}/messages/hours")["name"], "営業時間")
    button(page.get_by_role("dialog"), "自分の内容で上書きする").click()
    becomes(lambda: shop.api.get(f"{A}/broadcasts/both")["name"], "自分の配信")
    shop.api.call("DELETE", f"{A}/broadcasts/both")


def test_a_draft_of_an_older_revision_is_compared(shop: Shop, open_page: Open) -> None:
    """Written, reloaded after somebody else saved, saved: the draft knows which revision it began with."""
    shop.api.put(f"{A}/messages/older", {"name": "はじめ", "messages": HELLO})
    page = open_page("editor", "messages/older", allowed=("409",))
    field(page, "メッセージ名").fill("自分の続き")
    shop.api.put(f"{A}/messages/older", {"name": "相手の続き", "messages": HELLO})
    page.reload()
    state(page)
    becomes(field(page, "メッセージ名").input_value, "自分の続き")
    button(page, "保存").click()
    see(text(page.get_by_role("dialog"), re.compile("相手の続き")))
    button(page, "相手の内容を使う").click()
    state(page)
    becomes(field(page, "メッセージ名").input_value, "相手の続き")


def test_a_message_keeps_its_topic_and_what_is_not_shown(shop: Shop, open_page: Open) -> None:
    """Another name, a folder and a topic by choice; that it repeats stays as it was."""
    shop.api.put(f"{A}/topics/news", {"name": "新商品のお知らせ"})
    shop.api.put(f"{A}/messages/kept", {"name": "毎週の案内", "messages": HELLO, "repeats": True})
    page = open_page("editor", "messages/kept")
    field(page, "フォルダ").fill("定期")
    field(page, "配信トピック").select_option(label="新商品のお知らせ")
    button(page, "保存").click()
    see(role(page, "row", re.compile("毎週の案内 定期")))
    found = shop.api.get(f"{A}/messages/kept")
    assert (found["topic"], found["folder"], found["repeats"]) == ("news", "定期", True)
    field(page, "フォルダ").select_option(label="定期")
    becomes(lambda: role(page, "row", re.compile("毎週")).count(), 1)


def test_a_filter_becomes_a_segment(open_page: Open) -> None:
    """What narrows the list of friends is where the new segment begins."""
    page = open_page("editor", "friends")
    button(page, "条件で絞り込む").click()
    dialog = page.get_by_role("dialog").first
    button(dialog, "グループ1に条件を追加").click()
    button(page.get_by_role("dialog").last, "タグ").click()
    button(page, "結果を見る").click()
    link(page, "この条件をセグメントにする").click()
    see(text(page.locator("[data-testid=sentence]"), re.compile("タグ「.+」がある")))


def test_a_keyword_is_answered_after_three_fields(shop: Shop, open_page: Open) -> None:
    """Words, how they are looked for, the answer; the engine answers each of the words."""
    page = open_page("publisher", "rules")
    link(page, "キーワード返信を作る").click()
    field(page, "キーワード").fill("駐車場、パーキング")
    field(page, "返信の本文").fill("3台分あります")
    field(page, "このルールを有効にする").check()
    button(page, "保存").click()
    see(text(page, re.compile("「駐車場」 または 「パーキング」を含むメッセージが届いたとき")))
    message = {"account": "shop", "message": {"type": "text", "text": "パーキングはありますか"}}
    shop.sim.post(f"/_sim/friends/{user(9)}/message", message)
    becomes(lambda: [m["text"] for m in shop.heard(user(9))], ["3台分あります"])


def test_a_trigger_has_its_fields_and_is_tried_on_what_happened(shop: Shop, open_page: Open) -> None:
    """A tag is chosen by its name; the rule is tried on an event of the friend's timeline."""
    page = open_page("publisher", "rules/new")
    field(page, "ルール名").fill("大切な方へ")
    field(page, "きっかけ").select_option(label="タグが付いた")
    role(page, "combobox", "タグ").select_option(label="大切なお客様")
    see(text(page, re.compile("タグが付いたとき.*タグ: 「大切なお客様」")))
    field(page, "同じ人への回数").select_option(label="1人1回だけ")
    field(page, "すること").select_option(label="スコアを加える")
    button(page, "することを追加").click()
    pick_friend(page, "友だちで確かめる", "花子")
    see(field(page, "ためすできごと"))
    button(page, "試してみる").click()
    see(text(page, re.compile("✓ 反応します")))
    button(page, "保存").click()
    becomes(lambda: named(shop, "rules", "大切な方へ")["when"]["match"], {"tag": "vip"})
    becomes(lambda: named(shop, "rules", "大切な方へ")["limit"], "once")


def test_line_is_asked_whether_the_account_is_connected(shop: Shop, open_page: Open) -> None:
    """LINE's own test, shown; an account more is made by its name and secrets alone."""
    page = open_page("admin", "settings/account")
    button(page, "LINEに確かめる").click()
    see(text(page, "正しくつながっています"))
    button(page, "アカウントを追加").click()
    dialog = page.get_by_role("dialog")
    field(dialog, "アカウント名").fill("2号店")
    field(dialog, "チャネルシークレット").fill("another-secret")
    field(dialog, "チャネルアクセストークン").fill("another-token")
    button(dialog, "追加する").click()
    dialog.wait_for(state="hidden")
    becomes(lambda: field(page, "アカウント名").input_value(), "2号店")
    becomes(lambda: "2号店" in [one["name"] for one in shop.api.items("/v1/accounts")], True)
