"""Customers and what worked: every leaf of the builder, reports, reservations, members, what comes round."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.browser.conftest import NAMES, A, Open, Shop, named, user
from tests.browser.look import becomes, button, field, heading, link, pick_friend, reads, role, see, text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@pytest.fixture(scope="module", autouse=True)
def known(shop: Shop) -> None:
    """Something of every kind that a condition may name."""
    question = {
        "id": "q1",
        "type": "choice",
        "text": "肌質は?",
        "choices": [{"value": "乾燥", "label": "乾燥"}],
    }
    wait = {"type": "wait", "after": "7d", "next": "end"}
    for path, body in {
        "forms/skin-check": {"name": "肌診断", "questions": [question]},
        "routes/poster": {"name": "店頭ポスター"},
        "links/spring": {"name": "春のご案内", "url": "https://example.com/spring"},
        "pages/top": {"name": "トップ", "pattern": "/"},
        "topics/news": {"name": "新商品のお知らせ"},
        "segments/everyone": {"name": "みんな", "condition": {"everyone": True}},
        "scenarios/hello": {
            "name": "あいさつ",
            "start": "pause",
            "nodes": {"pause": wait, "end": {"type": "exit", "reason": "done"}},
        },
    }.items():
        shop.api.put(f"{A}/{path}", body)


def test_every_leaf_is_picked_filled_and_counted(shop: Shop, open_page: Open) -> None:
    """Each entry of the picker begins as a condition that the API takes, and its fields show it."""
    page = open_page("editor", "segments/new")
    button(page, "グループ1に条件を追加").click()
    dialog = page.get_by_role("dialog")
    becomes(lambda: dialog.locator(".picker button:disabled").count(), 0)  # what there is has been read
    kinds = [one for one in dialog.locator(".picker button:enabled").all_inner_texts() if one]
    assert len(kinds) >= 29
    for at, kind in enumerate(kinds):
        if at:
            button(page, "グループ1に条件を追加").click()
        button(dialog, kind).click()
        if kind == "会員ランク":
            field(page, "値").fill("ゴールド")
        button(page, "決定").click()
    rows = page.locator(".leaf-text")
    assert rows.count() == len(kinds)
    kept = page.evaluate("localStorage.getItem('todoku.draft.doc.segments.shop.new')")
    conditions = [child["condition"] for child in json.loads(kept)["draft"]["root"]["children"]]
    found = shop.api.post(f"{A}/segments/count", {"condition": {"any": conditions}})
    assert found["exact"] is True
    assert not any("{" in text for text in rows.all_inner_texts())


def test_a_report_leads_to_its_friends(shop: Shop, open_page: Open) -> None:
    """From a number to who is behind it: by the report, and by a condition in the list of friends."""
    page = open_page("viewer", "reports/conversions?by=day")
    row = role(page, "row", re.compile("合計"))
    link(see(row), "¥3,000").click()
    see(heading(page, "売上の内訳"))
    see(link(page, NAMES[0]))
    link(page, "コンバージョン").click()
    see(link(page, "購入ステージ")).click()
    link(see(role(page, "row", re.compile("^初回購入"))), "1").first.click()
    see(heading(page, "友だち"))
    see(button(page, re.compile("購入ステージが初回購入")))
    becomes(lambda: role(page, "row", re.compile(".")).count(), 2)
    see(link(page, NAMES[0]))
    page.goto(page.url.partition("#")[0] + "#/shop/reports/stages")
    address = see(link(page, "CSVで保存")).get_attribute("href")
    csv = page.context.request.get(page.url.partition("/console")[0] + address)
    assert csv.text().startswith("\ufeffstage,")


def test_a_reservation_is_made_and_cancelled(shop: Shop, open_page: Open) -> None:
    """By day; what is changed here is what a booking system would say."""
    page = open_page("publisher", "reservations")
    button(page, "予約を登録").click()
    pick_friend(page, "友だち", "Emma")
    at = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT10:00")
    field(page, "日時").fill(at)
    field(page, "内容").fill("カット")
    button(page, "保存").click()
    state = see(role(page, "combobox", "10:00 Emmaの予約の状態"))
    see(text(page, "カット"))
    state.select_option(label="キャンセル")

    def statuses() -> list[str]:
        kept = shop.api.get(f"{A}/friends/{user(6)}")["reservations"]
        return [one["status"] for one in kept.values()]

    becomes(statuses, ["cancelled"])
    becomes(lambda: state.input_value(), "cancelled")


def test_a_member_is_linked_and_exported(shop: Shop, open_page: Open) -> None:
    """Made by number, linked by name; the friend's row shows it, and is exported alone."""
    page = open_page("publisher", "members", allowed=("404",))  # nobody has this number yet
    button(page, "会員を登録").first.click()
    field(page, "会員ID").fill("A-1001/東京")
    field(page, "ランク").fill("ゴールド")
    button(page, "保存").click()
    see(heading(page, "A-1001/東京"))
    pick_friend(page, "つなげる友だち", "健")
    button(page, "つなげる").click()
    see(role(page, "button", "健の連携を解除"))
    becomes(lambda: shop.api.get(f"{A}/friends/{user(7)}")["rank"], "ゴールド")
    link(page, "友だち").first.click()
    see(role(page, "checkbox", "健を選択")).check()
    button(page, "選んだ1人をCSVで書き出す").click()
    address = see(link(page, "CSVをダウンロード")).get_attribute("href")
    lines = page.context.request.get(address).text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [user(7)]


def test_a_schedule_comes_round_and_a_broadcast_is_in_the_calendar(shop: Shop, open_page: Open) -> None:
    """Its times are said and listed; a month of broadcasts is a grid, on a phone a list."""
    page = open_page("publisher", "schedules/new")
    field(page, "名前").fill("毎週のごあいさつ")
    field(page, "くり返し").select_option(label="曜日を選ぶ")
    field(page, "木").check()
    field(page, "時刻").fill("18:30")
    see(text(page, re.compile("毎週月・木曜日の18:30に、友だち全員へ")))
    becomes(lambda: text(page, re.compile(r"\(.\) 18:30$")).count(), 5)
    button(page, "保存").click()
    becomes(lambda: named(shop, "schedules", "毎週のごあいさつ")["every"]["weekdays"], ["mon", "thu"])
    see(heading(page, "毎週のごあいさつ"))
    body = {"name": "朝のお知らせ", "audience": {"everyone": True}, "message": "hours"}
    shop.api.put(f"{A}/broadcasts/morning", body)
    shop.api.post(f"{A}/broadcasts/morning/schedule", {"every": {"time": "07:15"}})
    month = (datetime.now(UTC) + timedelta(days=31)).strftime("%Y-%m")
    page.goto(page.url.partition("#")[0] + f"#/shop/broadcasts/calendar?month={month}")
    becomes(lambda: role(page, "link", "朝のお知らせ").count() >= 28, True)
    assert role(page, "table", "配信カレンダー").count() == 1
    small = open_page("publisher", f"broadcasts/calendar?month={month}", width=375)
    see(link(small, "朝のお知らせ"))
    assert role(small, "table", "配信カレンダー").count() == 0
    shop.api.post(f"{A}/broadcasts/morning/unschedule", {})


def test_what_the_brake_has_paused_is_let_go_on(shop: Shop, open_page: Open) -> None:
    """It stands on the home screen with a way to it; what is let go on is asked of the API."""
    page = open_page("publisher", "messages")
    need: dict[str, Any] = {"kind": "runaway", "document": "rules", "id": "loop", "name": "くり返す返信"}
    asked: list[str] = []

    def summary(route: Any) -> None:
        found = route.fetch().json()
        needs = [] if asked else [{**need, "detail": "runaway"}]
        route.fulfill(json={**found, "needs": needs})

    def resume(route: Any) -> None:
        asked.append(route.request.method)
        route.fulfill(json={"id": "loop", "status": "active", "status_reason": None})

    page.route(re.compile(r"/summary(\?|$)"), summary)
    page.route("**/rules/loop/resume", resume)
    link(page, "ホーム").click()
    assert see(link(page, "内容を見る: くり返す返信")).get_attribute("href") == "#/shop/rules/loop"
    button(page, "再開する: くり返す返信").click()
    see(text(page, re.compile("いま対応が必要なことはありません")))
    assert asked == ["POST"]
    reads(role(page, "heading", "ホーム"), "ホーム")
