"""Files chosen on this computer become messages: in a broadcast's message, and in the chat."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Open, Shop, named, user
from tests.browser.look import becomes, button, field, role, see, text
from tests.media_builders import a_movie, a_noisy_picture, a_picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


def file(name: str, data: bytes) -> dict[str, Any]:
    """A file as somebody chooses it."""
    kinds = {"jpg": "image/jpeg", "png": "image/png", "mp4": "video/mp4"}
    return {"name": name, "mimeType": kinds[name.rpartition(".")[2]], "buffer": data}


def test_pictures_and_films_are_chosen_not_typed(shop: Shop, open_page: Open) -> None:
    """A thumbnail shows what was chosen, the phone what friends see; limits are said beside the field."""
    page = open_page("editor", "messages/new", allowed=("400",))
    field(page, "メッセージ名").fill("写真つき")
    field(page, "追加する種類").select_option(label="画像")
    button(page, "メッセージを追加").click()
    button(page, "メッセージ1を取り除く").click()
    chosen = field(page, "メッセージ1の画像")
    chosen.set_input_files(file("not.jpg", b"GIF89a"))
    see(text(page, "JPEG・PNG の画像、MP4 の動画、MP3・M4A の音声のいずれでもありません"))
    chosen.set_input_files(file("spring.jpg", a_picture(1200, 800)))
    thumbnail = see(role(page, "img", "選んだファイルの見本"))
    becomes(lambda: thumbnail.evaluate("image => [image.naturalWidth, image.naturalHeight]"), [720, 480])
    becomes(lambda: page.locator(".phone .picture img").evaluate("image => image.naturalWidth"), 720)
    field(page, "追加する種類").select_option(label="動画")
    button(page, "メッセージを追加").click()
    field(page, "メッセージ2の動画").set_input_files(file("film.mp4", a_movie(640, 360, 2_000)))
    becomes(role(page, "img", "選んだファイルの見本").count, 2)
    button(page, "保存").click()
    see(role(page, "heading", "写真つき"))
    becomes(
        lambda: [one["type"] for one in named(shop, "messages", "写真つき")["messages"]], ["image", "video"]
    )


def test_a_large_picture_goes_by_the_object_store(open_page: Open) -> None:
    """What does not fit into one request on AWS is put at a signed address first."""
    page = open_page("editor", "messages/new", allowed=("400",))
    field(page, "追加する種類").select_option(label="イメージマップ")
    button(page, "メッセージを追加").click()
    data = a_noisy_picture(2400, 2000)
    assert len(data) > 4_000_000
    field(page, "メッセージ2の画像(幅1040以上)").set_input_files(file("map.png", data))
    thumbnail = see(role(page, "img", "選んだファイルの見本"))
    becomes(lambda: thumbnail.evaluate("image => image.naturalWidth"), 460)
    field(page, "画像の分け方").select_option(label="横2 × 縦1")
    see(field(page, "場所2のリンク"))


def test_staff_send_a_picture_in_the_chat(shop: Shop, open_page: Open) -> None:
    """With words beside it; both arrive, and the conversation shows the picture."""
    page = open_page("publisher", f"chat/{user(9)}")
    button(page, "画像を添える").click()
    field(page, "送る画像").set_input_files(file("menu.jpg", a_picture(900, 900)))
    see(role(page, "img", "選んだファイルの見本"))
    field(page, "返信").fill("メニューです")
    button(page, "送信").click()
    becomes(lambda: [one["type"] for one in shop.heard(user(9))], ["image", "text"])
    shown = see(role(page, "img", "送られた画像"))
    becomes(lambda: shown.first.evaluate("image => image.naturalWidth"), 720)
