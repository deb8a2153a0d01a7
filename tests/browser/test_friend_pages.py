"""Pages that a friend sees on a phone: whole at 375 px, for everybody, in both languages, no script."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import A, Open, Shop, user
from tests.browser.look import MAYBE, becomes, button, field, link, role, see, text
from tests.media_builders import a_noisy_picture, a_picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

FRIEND = user(9)
CHOICES = [{"value": "a", "label": "乾燥肌", "points": {"sun": 1}}, {"value": "b", "points": {"moon": 1}}]
QUESTIONS: list[dict[str, Any]] = [
    {"id": "photo", "text": "お写真をお送りください", "type": "file", "required": True, "accept": ["image"]},
    {"id": "skin", "text": "お肌のタイプは？", "type": "choice", "required": True, "choices": CHOICES},
    {"id": "care", "text": "お使いのものは？", "type": "multi_choice", "choices": ["水", "クリーム"]},
    {"id": "stars", "text": "満足度は？", "type": "rating", "scale": 10},
    {"id": "visit", "text": "ご来店の希望日は？", "type": "date"},
    {"id": "age", "text": "ご年齢は？", "type": "number"},
    {"id": "why", "text": "お悩みは？"},
    {"id": "terms", "text": "個人情報の取り扱いに同意しますか？", "type": "consent", "required": True},
]
RESULTS = [
    {"id": "sun", "title": "太陽タイプ", "text": "朝から元気なあなた。"},
    {"id": "moon", "title": "月タイプ", "text": "夜に力が出るあなた。"},
]


@pytest.fixture(scope="module")
def addresses(shop: Shop) -> dict[str, str]:
    """The friend's own addresses, as a message of staff brings them."""
    form = {"name": "肌質診断とお申込み", "web": True, "questions": QUESTIONS, "results": RESULTS}
    shop.api.put(f"{A}/forms/phone-form", form)
    shop.api.put(f"{A}/topics/phone-news", {"name": "新作のお知らせ"})
    words = '{{ form("phone-form") }} {{ preferences_url }}'
    message = {"messages": [{"type": "text", "text": words}]}
    shop.api.post(f"{A}/friends/{FRIEND}/messages", message)
    becomes(lambda: any("/f/shop/phone-form" in one.get("text", "") for one in shop.heard(FRIEND)), True)
    found = next(one["text"] for one in shop.heard(FRIEND) if "/f/shop/phone-form" in one.get("text", ""))
    form_at, page_at = found.split()
    return {"form": form_at, "preferences": page_at}


@pytest.fixture(params=["ja", "en"])
def phone(request: pytest.FixtureRequest, browser: Any) -> Iterator[tuple[Any, str]]:
    """A narrow browser that runs no script of a page, and its language."""
    options = {"viewport": {"width": 375, "height": 760}, "locale": f"{request.param}-JP"}
    context = browser.new_context(**options, java_script_enabled=True)
    page = context.new_page()
    page.set_default_timeout(MAYBE)
    yield page, request.param
    context.close()


def looked_at(page: Any, name: str, scripts: int = 0) -> None:
    """Nothing wider than the phone, nothing that shuts anybody out, no script but that of files."""
    from axe_playwright_python.sync_playwright import Axe

    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375, name
    assert page.evaluate("document.scripts.length") == scripts, name
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == [], name


def test_a_form_is_answered_with_a_photo(
    shop: Shop, addresses: dict[str, str], phone: tuple[Any, str], tmp_path: Path
) -> None:
    """Every kind of question, a refusal beside its field, the result; the photo is with staff then."""
    page, language = phone
    photo, wrong = tmp_path / "写真.png", tmp_path / "page.html"
    photo.write_bytes(a_noisy_picture(2600, 2000))
    assert photo.stat().st_size > 4 << 20, "the page makes it smaller"
    wrong.write_bytes(b"<html><script>alert(1)</script></html>")
    page.goto(f"{addresses['form']}&lang={language}")
    if (again := page.locator("button[value=again]")).is_visible():
        again.click()
    looked_at(page, f"form-photo-{language}", 1)
    page.locator("input[type=file]").set_input_files(wrong)
    page.locator("button[value=next]").click()
    see(page.get_by_role("alert"))
    looked_at(page, f"form-refused-{language}", 1)
    page.locator("input[type=file]").set_input_files(photo)
    for n, _ in enumerate(QUESTIONS):
        page.locator("button[value=next]").click()
        page.wait_for_load_state()
        if n == 0 or page.locator("progress").count():
            looked_at(page, f"form-{n + 1}-{language}")
        for ticked in ("input[type=radio]", "input[type=checkbox]"):
            if page.locator(ticked).count():
                page.locator(ticked).first.check()
    see(text(page, re.compile("太陽タイプ")).first)
    looked_at(page, f"form-done-{language}")
    rows = shop.api.items(f"{A}/forms/phone-form/answers")
    becomes(lambda: len(shop.api.items(f"{A}/forms/phone-form/answers")) > 0, True)
    sent = (rows or shop.api.items(f"{A}/forms/phone-form/answers"))[0]["files"]["photo"]
    assert (sent["status"], sent["kind"], sent["name"]) == ("stored", "image", "写真.jpg")


def test_the_page_of_preferences_is_for_everybody(addresses: dict[str, str], phone: tuple[Any, str]) -> None:
    page, language = phone
    page.goto(f"{addresses['preferences']}&lang={language}")
    looked_at(page, f"preferences-{language}")
    page.goto(f"{addresses['preferences'].partition('?')[0]}?t=x&lang={language}")
    looked_at(page, f"refused-{language}")


def test_staff_ask_for_a_photo_and_see_it(
    shop: Shop, addresses: dict[str, str], open_page: Open, tmp_path: Path
) -> None:
    """The editor offers the kind of question; among the answers the photo stands as a picture."""
    page = open_page("publisher", "forms/new")
    field(page, "フォーム名").fill("お写真の受付")
    field(page, "質問1の文").fill("お写真をお送りください")
    field(page, "質問1の答え方").select_option(label="ファイル")
    for kind in ("動画", "音声", "どんなファイルでも"):
        field(page, kind).uncheck()
    field(page, "Webページでも答えられるようにする").check()
    see(text(page, "カメラで撮る"))
    button(page, "保存").click()
    becomes(
        lambda: [one["name"] for one in shop.api.items(f"{A}/forms") if one["name"] == "お写真の受付"],
        ["お写真の受付"],
    )
    form = next(one for one in shop.api.items(f"{A}/forms") if one["name"] == "お写真の受付")
    assert (form["questions"][0]["type"], form["questions"][0]["accept"]) == ("file", ["image"])
    shop.api.post(
        f"{A}/friends/{FRIEND}/messages",
        {"messages": [{"type": "text", "text": f'{{{{ form("{form["id"]}") }}}}'}]},
    )
    becomes(lambda: any(form["id"] in one.get("text", "") for one in shop.heard(FRIEND)), True)
    where = next(one["text"] for one in shop.heard(FRIEND) if form["id"] in one.get("text", ""))
    photo = tmp_path / "写真.jpg"
    photo.write_bytes(a_picture(64, 48))
    phone = page.context.new_page()
    phone.goto(where)
    phone.locator("input[type=file]").set_input_files(photo)
    phone.locator("button[value=next]").click()
    becomes(lambda: len(shop.api.items(f"{A}/forms/{form['id']}/answers")), 1)
    phone.close()
    page.goto(page.url.partition("#")[0] + f"#/shop/forms/{form['id']}/answers")
    drawn = see(role(page, "img", "写真.jpg"))
    becomes(lambda: drawn.evaluate("image => image.naturalWidth"), 64)
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / "answers-with-photo.png"), full_page=True)
    page.goto(page.url.partition("#")[0] + f"#/shop/friends/{FRIEND}")
    see(text(page, "フォームの回答"))
    page.locator("summary", has_text="お写真の受付").click()
    where = see(link(page, "ファイルを開く")).get_attribute("href")
    becomes(lambda: shop.api.raw("GET", where, None)[0], 302)
