"""Scenarios as a marketer makes them: by mouse on the canvas, by keyboard in the outline; then rehearsed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import A, Open, Shop, named, user
from tests.browser.look import becomes, button, field, heading, link, role, see, state, text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def kind(page: Any, name: str) -> Any:
    """What may be put in, by the beginning of its name."""
    return page.locator(".kind").filter(has=page.locator("b", has_text=re.compile(f"^{name}$")))


def chosen(page: Any) -> Any:
    """The panel of what is chosen."""
    return page.locator("aside.side")


def shape(shop: Shop, name: str) -> list[str]:
    """The kinds of a scenario's steps, as friends meet them by their first ways."""
    body, found = named(shop, "scenarios", name), []
    at = body["start"]
    while at:
        node = body["nodes"][at]
        found.append(node["type"])
        at = node["cases"][0].get("next") if node["type"] == "branch" else node.get("next")
    return found


FOUR = ["message", "wait", "branch", "message"]


def test_a_scenario_by_mouse_from_nothing_to_a_live_edit(shop: Shop, open_page: Open) -> None:
    """Four steps, published; a friend enters and waits; a longer wait says what becomes of them."""
    page = open_page("publisher", "scenarios/new")
    field(page, "シナリオ名").fill("ご来店後")
    button(page, "保存").click()
    see(text(page, re.compile("ステップを1つ以上追加してください")))
    button(page, "「開始」の後に追加").click()
    kind(page, "メッセージ").click()
    field(page, "送るメッセージ").select_option(label="営業時間")
    button(page, "「1. メッセージ」の後に追加").click()
    kind(page, "待つ").click()
    field(page, "待つ時間").fill("2")
    button(page, "「2. 待つ」の後に追加").click()
    kind(page, "条件で分ける").click()
    button(page, "グループ1に条件を追加").click()
    button(page.get_by_role("dialog"), "タグ").click()
    button(chosen(page), "決定").click()
    button(page, "「3. 条件で分ける (はい)」の後に追加").click()
    kind(page, "メッセージ").click()
    field(page, "送るメッセージ").select_option(label="営業時間")
    button(page, "元に戻す").first.click()
    see(text(page, "メッセージを選んでください"))
    button(page, "やり直す").first.click()
    button(page, "保存").click()
    see(heading(page, "ご来店後"))
    becomes(lambda: shape(shop, "ご来店後"), FOUR)
    scenario = named(shop, "scenarios", "ご来店後")["id"]
    says = {"event": "messaged", "match": {"text": "来店しました"}}
    rule = {"name": "来店", "when": says, "then": [{"enter_scenario": scenario}]}
    button(page, "公開する…").click()
    see(text(page, "始めるきっかけがまだありません。公開しても誰も始まりません。"))
    button(page, "公開する").click()
    see(text(page, "v1 を公開しました。"))
    shop.api.put(f"{A}/rules/visited", rule)
    message = {"account": "shop", "message": {"type": "text", "text": "来店しました"}}
    shop.sim.post(f"/_sim/friends/{user(6)}/message", message)
    waiting = f"{A}/scenarios/{scenario}/waiting"
    becomes(lambda: [one["user_id"] for one in shop.api.get(waiting)["items"]], [user(6)])
    page.reload()
    state(page, "ready")
    role(page, "button", re.compile(r"^2\. 待つ")).click()
    see(link(chosen(page), "Emma"))
    field(page, "待つ時間").fill("5")
    page.reload()  # the draft is still there
    see(text(page, re.compile("前回の続きの下書き")))
    button(page, "公開する…").click()
    row = page.get_by_role("row").filter(has_text="2. 待つ")
    see(text(row, re.compile("待ち時間が長くなります")))
    assert row.get_by_role("cell").first.inner_text() == "1"
    button(page, "公開する").click()
    see(text(page, "v2 を公開しました。"))
    rehearse(page)


def rehearse(page: Any) -> None:
    """Dots at the steps, and the end of the time on the phone."""
    link(page, "リハーサル").click()
    button(page, "リハーサルを始める").click()
    see(page.locator(".dot"))
    slider = role(page, "slider", "時間を動かす")
    slider.press("End")
    see(text(page.locator(".phone"), "10時からです"))
    see(text(page, re.compile("最後まで進みました")))


def test_the_same_by_keyboard_in_the_outline(shop: Shop, open_page: Open) -> None:
    """No pointer: steps are put in, edited and taken out with Enter; what somebody else saved is compared."""
    page = open_page("editor", "scenarios/new", width=375, allowed=("409",))
    field(page, "シナリオ名").fill("鍵盤だけ")
    add(page, "「開始」の後に追加", "メッセージ")
    pick(page, "営業時間")
    add(page, "「1. メッセージ」の後に追加", "待つ")
    button(page.get_by_role("dialog"), "決定").press("Enter")
    add(page, "「2. 待つ」の後に追加", "条件で分ける")
    button(page, "グループ1に条件を追加").press("Enter")
    button(page.get_by_role("dialog").last, "タグ").press("Enter")
    button(page.get_by_role("dialog"), "決定").last.press("Enter")
    add(page, "「3. 条件で分ける (はい)」の後に追加", "メッセージ")
    pick(page, "営業時間")
    add(page, "「3. 条件で分ける (それ以外)」の後に追加", "終了する")
    button(page, "このステップを取り除く").press("Enter")
    button(page.get_by_role("dialog").last, "このステップを取り除く").press("Enter")
    button(page, "保存").press("Enter")
    see(heading(page, "鍵盤だけ"))
    becomes(lambda: shape(shop, "鍵盤だけ"), FOUR)
    scenario = named(shop, "scenarios", "鍵盤だけ")
    body = {name: scenario[name] for name in ("start", "nodes")}
    shop.api.put(f"{A}/scenarios/{scenario['id']}", {"name": "ほかの人", **body})
    field(page, "シナリオ名").fill("鍵盤の続き")
    button(page, "保存").press("Enter")
    button(page.get_by_role("dialog"), "自分の内容で上書きする").press("Enter")
    becomes(lambda: shop.api.get(f"{A}/scenarios/{scenario['id']}")["name"], "鍵盤の続き")


def add(page: Any, place: str, what: str) -> None:
    """Put a step in, by keyboard."""
    button(page, place).press("Enter")
    kind(page, what).press("Enter")


def pick(page: Any, message: str) -> None:
    """Choose the message, and be done."""
    field(page, "送るメッセージ").select_option(label=message)
    button(page.get_by_role("dialog"), "決定").press("Enter")
