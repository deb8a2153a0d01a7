"""What friends meet besides messages: a menu below the chat, a link whose clicks are known, a narrowcast."""

from __future__ import annotations

import re
import urllib.request
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.browser.conftest import NAMES, A, Open, Shop, named, user
from tests.browser.look import becomes, button, field, link, pick_friend, role, see, text

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_a_menu_is_drawn_by_keyboard_and_published(shop: Shop, open_page: Open) -> None:
    """Three areas, moved and sized by keys, one of which wakes a rule; then friends see it at LINE."""
    page = open_page("publisher", "menus/new")
    field(page, "リッチメニュー名").fill("春のメニュー🌸")
    field(page, "メニューバーの文字").fill("メニュー")
    button(page, "横に3分割").press("Enter")
    field(page, "エリア1で送る文字").fill("予約したい")
    area = button(page, re.compile("^エリア2\\("))
    for key in ("Control+ArrowRight", "ArrowRight", "Shift+ArrowLeft", "Shift+ArrowUp"):
        area.press(key)
    becomes(lambda: [field(page, f"エリア2の{one}").input_value() for one in ("幅", "高さ")], ["824", "833"])
    field(page, "エリア2をタップすると").select_option(label="フォーム・シナリオ・タグなどを動かす")
    button(page, "することを追加").click()
    field(page, "1. タグを付ける").select_option(label="大切なお客様")
    field(page, "エリア2のラベル").fill("会員証")
    field(page, "編集するエリア").select_option(label="エリア3")
    field(page, "エリア3をタップすると").select_option(label="URLを開く・電話をかける")
    field(page, "エリア3で開くURL").fill("tel:0312345678")
    button(page, "ラベルから画像を作る").click()
    see(text(page, re.compile("アップロードしました")))
    button(page, "保存").click()
    see(text(page, "未公開"))
    button(page, "公開内容を確認する").click()
    button(page.get_by_role("dialog"), "公開する").click()
    see(text(page, "公開しました"))
    pick_friend(page, "友だちで確かめる", "Emma")
    see(text(page, "今:春のメニュー🌸"))
    seen = shop.sim.get(f"/_sim/friends/{user(6)}/timeline?account=shop")["rich_menu"]
    left = [area["bounds"]["x"] for area in seen["areas"]]
    assert (left, seen["chatBarText"]) == ([0, 943, 1667], "メニュー")
    tap = {"account": "shop", "data": seen["areas"][1]["action"]["data"]}
    shop.sim.post(f"/_sim/friends/{user(6)}/postback", tap)
    becomes(lambda: list(shop.api.get(f"{A}/friends/{user(6)}")["tags"]), ["vip"])


class _Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """The shop's own page is nobody's here."""


def test_clicks_on_a_link_are_known(shop: Shop, open_page: Open) -> None:
    """Made by its address, sent, opened by one friend: who that was stands on its page and on the monitor."""
    page = open_page("publisher", "links/new")
    field(page, "リンク名").fill("新作のページ")
    field(page, "リンク先のURL").fill("https://shop.example/new")
    button(page, "保存").click()
    words = see(field(page, "メッセージに書く文字")).input_value()
    body = {"name": "新作のお知らせ", "audience": {"everyone": True}, "category": "marketing"}
    shop.api.put(f"{A}/broadcasts/fresh", body | {"messages": [{"type": "text", "text": f"新作 {words}"}]})
    shop.api.post(f"{A}/broadcasts/fresh/send", {})
    becomes(lambda: shop.api.get(f"{A}/broadcasts/fresh")["status"], "done")
    address = re.search(r"http\S+", shop.heard(user(7))[-1]["text"])
    assert address
    with pytest.raises(HTTPError, match="302"):
        urllib.request.build_opener(_Stays).open(address[0])
    id_ = named(shop, "links", "新作のページ")["id"]
    becomes(lambda: shop.api.get(f"{A}/reports/links?link={id_}")["total"]["clicks"], 1)
    page.reload()
    see(link(role(page, "list", "クリックした友だち"), NAMES[7]))
    see(text(page, "新作のお知らせ"))
    page.goto(page.url.partition("#")[0] + "#/shop/broadcasts/fresh")
    row = see(role(page, "table", "計測リンクのクリック")).get_by_role("row").nth(1)
    assert row.inner_text().split("\t") == ["新作のページ", "1", "1", "10%"]


def test_a_narrowcast_below_lines_minimum_is_explained(shop: Shop, open_page: Open) -> None:
    """Said before it is sent; and when LINE refuses it all the same, its monitor says why."""
    page = open_page("publisher", "narrowcasts/new")
    field(page, "配信名").fill("女性のお客様へ")
    field(page, "性別").select_option(label="女性")
    field(page, "メッセージ1の本文").fill("新作です")
    button(page, "内容を確認する").click()
    see(text(page, re.compile(r"友だちが10人で、属性で絞るためのLINEの下限\(100人\)に足りません")))
    button(page, re.compile("^10人に今すぐ送る")).click()
    button(page.get_by_role("dialog"), "送る").click()
    see(text(page, re.compile("LINE が受け付けませんでした")))
    see(text(page, "友だち全員 / 女性"))
    assert shop.heard(user(7)) == []


def test_a_coupon_is_published_and_put_into_a_message(shop: Shop, open_page: Open) -> None:
    """LINE makes it, and from then on a message takes it by its name."""
    page = open_page("publisher", "coupons/new")
    field(page, "クーポンの管理名").fill("春の500円引き")
    field(page, "クーポンのタイトル").fill("春の500円引き🌸")
    field(page, "使える期間の始まり").fill("2026-12-01T00:00")
    field(page, "使える期間の終わり").fill("2099-12-31T23:59")
    button(page, "保存").click()
    see(button(page, "クーポンを公開")).click()
    button(page.get_by_role("dialog"), "クーポンを公開を実行する").click()
    see(button(page, "クーポンを終了"))
    becomes(lambda: named(shop, "coupons", "春の500円引き")["state"], "published")
    page.goto(page.url.partition("#")[0] + "#/shop/messages/new")
    field(page, "追加する種類").select_option(label="クーポン")
    button(page, "メッセージを追加").click()
    field(page, "メッセージ2のクーポン").select_option(label="春の500円引き")
    see(text(page.locator(".phone"), re.compile("春の500円引き")))
