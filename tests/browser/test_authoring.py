"""What staff author: tags, attributes, messages, rules; looked at through the API and by the engine."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import A, Open, Shop, named, user
from tests.browser.look import becomes, button, field, heading, link, pick_friend, role, see, text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_a_message_and_a_rule_answer_a_keyword(shop: Shop, open_page: Open) -> None:
    """Written, tried on a friend, put in force, and carried out by the engine."""
    page = open_page("publisher", "messages/new")
    field(page, "メッセージ名").fill("クーポンのご案内")
    field(page, "メッセージ1の本文").fill("10%引きです")
    text(page, "クイックリプライ(0)").click()
    button(page, "クイックリプライを追加").click()
    field(page, "クイックリプライ1").fill("使う")
    button(page, "保存").click()
    see(heading(page, "クーポンのご案内"))
    wanted = {"type": "message", "label": "使う", "text": "使う"}
    quick = {"items": [{"type": "action", "action": wanted}]}
    becomes(lambda: named(shop, "messages", "クーポンのご案内")["messages"][0]["quickReply"], quick)
    link(page, "自動化").click()
    see(link(page, "ルールを作る")).first.click()
    field(page, "ルール名").fill("クーポンの返信")
    field(page, "このルールを有効にする").check()
    field(page, "キーワード").fill("クーポン")
    field(page, "すること").select_option(label="返信する")
    button(page, "することを追加").click()
    field(page, "1. 返信する").select_option(label="クーポンのご案内")
    see(text(page, "「クーポン」を含むメッセージが届いたとき、「クーポンのご案内」を返信する"))
    pick_friend(page, "友だちで確かめる", "Emma")
    field(page, "届いたメッセージ").fill("クーポンください")
    button(page, "試してみる").click()
    see(text(page, re.compile("✓ 反応します")))
    button(page, "保存").click()
    see(heading(page, "クーポンの返信"))
    message = {"account": "shop", "message": {"type": "text", "text": "クーポンください"}}
    shop.sim.post(f"/_sim/friends/{user(6)}/message", message)
    becomes(lambda: [m["text"] for m in shop.heard(user(6))], ["10%引きです"])


def test_tags_and_attributes_are_made_and_changed(shop: Shop, open_page: Open) -> None:
    """By name alone: nobody types an id."""
    page = open_page("editor", "labels")
    dialog = page.get_by_role("dialog")
    button(page, "タグを作る").click()
    field(dialog, "名前").fill("再来店")
    button(dialog, "保存").click()
    see(button(page, "編集: 再来店")).click()
    field(dialog, "フォルダ").fill("来店")
    button(dialog, "保存").click()
    see(role(page, "cell", "来店"))
    becomes(lambda: named(shop, "tags", "再来店")["folder"], "来店")
    link(page, "属性").click()
    button(page, "属性を作る").click()
    field(dialog, "名前").fill("髪質")
    field(dialog, "型").select_option(label="選択(1つ)")
    field(dialog, "選択肢").fill("硬い\n柔らかい")
    button(dialog, "保存").click()
    see(text(page, re.compile("硬い, 柔らかい")))
    becomes(lambda: named(shop, "attributes", "髪質")["choices"], ["硬い", "柔らかい"])


def test_a_form_asks_and_keeps_the_answer(shop: Shop, open_page: Open) -> None:
    """Questions as a list, an answer that is a tag and an attribute; asked in the chat, answered by a tap."""
    page = open_page("publisher", "forms/new")
    field(page, "フォーム名").fill("肌診断")
    field(page, "質問1の文").fill("お肌のタイプは?")
    field(page, "質問1の選択肢1").fill("乾燥肌")
    field(page, "質問1の選択肢2").fill("普通肌")
    field(page, "質問1の選択肢1で付けるタグ").select_option(label="大切なお客様")
    field(page, "質問1の答えを残す属性").select_option(label="肌質")
    see(text(page.locator(".phone"), "お肌のタイプは?"))
    button(page, "質問を追加").click()
    field(page, "質問2の文").fill("ご希望の日は?")
    field(page, "質問2の答え方").select_option(label="日付")
    button(page, "質問2を上へ").click()
    becomes(field(page, "質問1の文").input_value, "ご希望の日は?")
    button(page, "質問1を下へ").click()
    becomes(field(page, "質問1の文").input_value, "お肌のタイプは?")
    button(page, "保存").click()
    see(heading(page, "肌診断"))
    form = named(shop, "forms", "肌診断")
    assert [(one["type"], one["text"]) for one in form["questions"]] == [
        ("choice", "お肌のタイプは?"),
        ("date", "ご希望の日は?"),
    ]
    shop.sim.call("DELETE", "/_sim/messages")
    body = {"user_ids": [user(5)], "then": [{"start_form": form["id"]}]}
    shop.api.post(f"{A}/friends/bulk", body)
    becomes(lambda: shop.heard(user(5))[-1]["text"], "お肌のタイプは?")
    buttons = [item["action"] for item in shop.heard(user(5))[-1]["quickReply"]["items"]]
    tap = next(one for one in buttons if one["label"] == "普通肌")
    shop.sim.post(f"/_sim/friends/{user(5)}/postback", {"account": "shop", "data": tap["data"]})
    becomes(lambda: shop.api.get(f"{A}/friends/{user(5)}")["attributes"]["skin"], "普通肌")
