"""Where friends meet the shop: routes, forms on the web, the site tag, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import A, Open, Shop, named, user
from tests.browser.look import MAYBE, becomes, button, field, heading, link, reads, role, see, text
from tests.browser.test_media import file
from tests.media_builders import a_picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def test_a_route_has_its_qr_code(shop: Shop, open_page: Open) -> None:
    """Made by name and actions alone; its code is drawn and kept; deleted after a word."""
    page = open_page("publisher", "routes/new")
    field(page, "経路名").fill("店頭ポスター🌸")
    field(page, "フォルダ").fill("店舗")
    button(page, "することを追加").first.click()
    field(page, "1. タグを付ける").select_option(label="大切なお客様")
    button(page, "保存").click()
    drawn = see(role(page, "img", "店頭ポスター🌸のQRコード"))
    becomes(lambda: drawn.evaluate("image => image.naturalWidth > 100"), True)
    route = named(shop, "routes", "店頭ポスター🌸")
    assert (route["folder"], route["then"]) == ("店舗", [{"add_tag": "vip"}])
    assert field(page, "経路のURL").input_value() == route["url"]
    with page.expect_download() as kept:
        button(page, "PNGで保存").click()
    assert Path(kept.value.path()).read_bytes().startswith(b"\x89PNG")
    field(page, "読み取ると開くもの").select_option(label="トーク(送る言葉を入れておく)")
    field(page, "トークに入れておく言葉").fill("店頭を見ました🌸&?")
    see(page.locator("img[src*='%26%3F&format=svg']"))
    becomes(lambda: page.locator(".qr img").evaluate("image => image.naturalWidth > 100"), True)
    see(text(page, "0回・0人"))
    link(page, "← 流入経路").click()
    see(role(page, "table", "流入経路"))
    link(page, "店頭ポスター🌸").click()
    button(page, "削除").click()
    button(page.get_by_role("dialog"), "削除する").click()
    becomes(lambda: [one["id"] for one in shop.api.items(f"{A}/routes") if one["id"] == route["id"]], [])


def test_a_diagnosis_is_built_tried_and_answered(shop: Shop, open_page: Open) -> None:
    """Three questions and two kinds of people: tried on its page, answered by a friend, then counted."""
    page = open_page("publisher", "forms/new")
    field(page, "フォーム名").fill("朝型・夜型診断")
    field(page, "質問1の文").fill("朝は?")
    field(page, "質問1の選択肢1").fill("早起き")
    field(page, "質問1の選択肢2").fill("ゆっくり")
    for n, type_ in ((2, "段階評価"), (3, "自由記述")):
        button(page, "質問を追加").click()
        field(page, f"質問{n}の文").fill(f"{type_}の質問")
        field(page, f"質問{n}の答え方").select_option(label=type_)
    field(page, "タイプ診断(いちばん点の多いタイプが結果)").check()
    for n, title in ((1, "太陽タイプ"), (2, "月タイプ")):
        field(page, f"結果{n}の見出し").fill(title)
        field(page, f"結果{n}の説明").fill(f"あなたは{title}です")
    field(page, "質問1の選択肢1で「太陽タイプ」に加える点").fill("2")
    field(page, "質問1の選択肢2で「月タイプ」に加える点").fill("2")
    field(page, "Webページでも答えられるようにする").check()
    button(page, "Webページ").click()
    button(page, "最初から試す").click()
    tried = page.frame_locator("iframe")
    text(tried, "ゆっくり").click()
    button(tried, "次へ").click()
    text(tried, "4").click()
    button(tried, "次へ").click()
    button(tried, "送信する").click()
    see(text(page, "結果:月タイプ"))
    button(page, "保存").click()
    see(link(page, "回答"))
    form = named(shop, "forms", "朝型・夜型診断")["id"]
    link(page, "回答").click()
    see(text(page, "まだ回答はありません"))
    answer_on_the_web(shop, page.context.new_page(), form)
    becomes(lambda: shop.api.get(f"{A}/reports/forms/{form}")["total"]["answered"], 1, MAYBE / 1000)
    button(page, "更新").click()
    shares = see(role(page, "table", "結果の割合"))
    reads(role(shares, "row", "太陽タイプ 1 100%"), "太陽タイプ\n\t1\t100%")
    times = role(page, "table", "回答の一覧")
    for cell in ("早起き", "Web", "太陽タイプ", "また来ます😊"):
        see(role(times, "cell", cell))
    with page.expect_download() as kept:
        button(page, "CSVで書き出す").click()
    assert "また来ます😊" in Path(kept.value.path()).read_text("utf-8-sig")


def answer_on_the_web(shop: Shop, phone: Any, form: str) -> None:
    """As a friend does it who opens the link of a message, page by page."""
    link_of_form = {"type": "text", "text": f'{{{{ form("{form}") }}}}'}
    shop.api.put(f"{A}/messages/to-form", {"name": "診断へ", "messages": [link_of_form]})
    sent = [{"send": {"message": "to-form"}}]
    shop.api.post(f"{A}/friends/bulk", {"user_ids": [user(3)], "then": sent})
    becomes(lambda: len(shop.heard(user(3))), 1)
    phone.goto(shop.heard(user(3))[0]["text"])
    for answer in ("早起き", "5"):
        text(phone, answer).click()
        button(phone, "次へ").click()
    role(phone, "textbox", "自由記述の質問").fill("また来ます😊")
    button(phone, "送信する").click()
    see(heading(phone, "太陽タイプ"))
    phone.close()


def test_the_tag_is_copied_and_a_page_named(shop: Shop, open_page: Open) -> None:
    """The lines as they are; the site registered; a pattern that cannot be is said beside its field."""
    page = open_page("admin", "site", allowed=("400",))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button(page, "サイトに貼るタグをコピー").click()
    see(text(page, "コピーしました"))
    snippet = shop.api.get(f"{A}/site")["snippet"]
    becomes(lambda: page.evaluate("navigator.clipboard.readText()"), snippet)
    field(page, "サイトのURL").fill("https://shop.example/")
    button(page, "サイトの設定を保存").click()
    becomes(lambda: shop.api.get(A)["site_origins"], ["https://shop.example"])
    see(text(page, "待っています。タグを貼ったページを開いてみてください。"))
    button(page, "ページを登録").click()
    dialog = page.get_by_role("dialog")
    field(dialog, "名前").fill("商品ページ")
    field(dialog, "URLの形").fill("products")
    button(dialog, "保存").click()
    see(dialog.get_by_role("alert"))
    field(dialog, "URLの形").fill("/products/*")
    button(dialog, "保存").click()
    see(role(role(page, "table", "計測するページ"), "row", "商品ページ /products/* 編集: 商品ページ"))


def test_a_file_is_added_and_deleted(shop: Shop, open_page: Open) -> None:
    """Several at once, with what LINE does not take named; one that nothing shows is deleted after a word."""
    page = open_page("editor", "media", allowed=("400",))
    before = len(shop.api.get(f"{A}/media")["items"])
    good, bad = file("spring.jpg", a_picture(300, 200)), file("not.jpg", b"GIF89a")
    field(page, "ファイルを追加").set_input_files([good, bad])
    see(text(page, "✓ 1件を追加しました"))
    see(text(page, "not.jpg"))
    shelf = see(role(page, "list", "メディア"))
    shelf.get_by_role("button").first.click()
    dialog = page.get_by_role("dialog")
    button(dialog, "削除").click()
    button(page.get_by_role("dialog").last, "削除する").click()
    becomes(lambda: len(shop.api.get(f"{A}/media")["items"]), before)
