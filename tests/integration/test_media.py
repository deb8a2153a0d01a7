"""Files for messages: kept with a preview at an address of their own, checked, and let go of."""

from __future__ import annotations

import io
import zlib
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from chalicelib.broadcasts import store
from chalicelib.gateways import clock, objects, seam
from chalicelib.heartbeat import workers
from chalicelib.local.api import file_answer
from chalicelib.local.http import Request
from chalicelib.media import pictures, service, tidying
from chalicelib.shared.settings import settings
from tests import hours
from tests.api_client import Api, a_key, an_account, an_api
from tests.media_builders import a_movie, a_noisy_picture, a_picture, a_sound

A = "/v1/accounts/shop"
JPEG, PNG, MP4 = ({"content_type": one} for one in ("image/jpeg", "image/png", "video/mp4"))


@pytest.fixture
def api(cloud: None) -> Api:
    api = an_api()
    an_account(api)
    return api


def read(url: str) -> tuple[int, dict[str, str], bytes]:
    """What a phone gets at an address, without a key."""
    target = url.removeprefix(settings().media_origin)
    answer = file_answer(Request("GET", target, {}, b"", lambda: True))
    return answer.status, dict(answer.headers), answer.body


def size(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size


def test_a_picture_is_kept_with_a_preview(api: Api) -> None:
    """The bytes as they came, at an address without a key; the preview fits a phone and LINE's limit."""
    data = a_noisy_picture(1500, 900)
    made = api.ok("POST", f"{A}/media", data, **PNG)
    assert (made["type"], made["width"], made["height"], made["bytes"]) == ("image", 1500, 900, len(data))
    status, headers, body = read(made["url"])
    assert (status, headers["Content-Type"], body) == (200, "image/png", data)
    assert "immutable" in headers["Cache-Control"]
    preview = read(made["preview_url"])[2]
    assert size(preview) == (720, 432)
    assert len(preview) <= 1 << 20
    message = {"type": "image", "originalContentUrl": made["url"], "previewImageUrl": made["preview_url"]}
    api.ok("PUT", f"{A}/messages/m1", {"name": "写真", "messages": [message]})


def test_a_photo_lies_on_no_side(api: Api) -> None:
    """A phone's photo says how it was held; size and preview are as people see it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    made = api.ok("POST", f"{A}/media", a_picture(800, 600, exif=exif), **JPEG)
    assert (made["width"], made["height"]) == (600, 800)
    assert size(read(made["preview_url"])[2]) == (540, 720)


def test_what_is_clear_is_put_on_white(api: Api) -> None:
    """A preview is a JPEG, which knows no transparency."""
    file = io.BytesIO()
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(file, "PNG")
    made = api.ok("POST", f"{A}/media", file.getvalue(), **PNG)
    assert Image.open(io.BytesIO(read(made["preview_url"])[2])).getpixel((10, 10)) == (255, 255, 255)


def test_a_video_has_a_picture_in_its_place(api: Api) -> None:
    """One that was uploaded before, or a calm one of the same proportions."""
    film = a_movie(1280, 720, 12_500)
    made = api.ok("POST", f"{A}/media", film, **MP4)
    assert (made["type"], made["width"], made["height"], made["duration_ms"]) == ("video", 1280, 720, 12_500)
    assert size(read(made["preview_url"])[2]) == (720, 405)
    picture = api.ok("POST", f"{A}/media", a_picture(300, 300), **JPEG)
    shown = api.ok("POST", f"{A}/media?preview={picture['id']}", film, **MP4)
    assert read(shown["preview_url"])[2] == read(picture["preview_url"])[2]
    assert (
        api.refused(400, "POST", f"{A}/media?preview=nosuch", film, **MP4)["details"][0]["path"] == "preview"
    )
    api.refused(400, "POST", f"{A}/media?preview={picture['id']}", a_picture(3, 3), **JPEG)


def test_a_part_of_a_video_is_served(api: Api) -> None:
    """Players ask for parts."""
    made = api.ok("POST", f"{A}/media", a_movie(64, 64, 100), **MP4)
    target = made["url"].removeprefix(settings().media_origin)
    part = file_answer(Request("GET", target, {"Range": "bytes=4-7"}, b"", lambda: True))
    assert (part.status, part.body) == (206, b"ftyp")
    assert file_answer(Request("POST", target, {}, b"", lambda: True)).status == 405
    assert file_answer(Request("GET", "/media/../exports/x", {}, b"", lambda: True)).status == 404


def test_a_sound_has_a_length_and_no_preview(api: Api) -> None:
    """LINE asks for the milliseconds."""
    made = api.ok("POST", f"{A}/media", a_sound(100), content_type="audio/mpeg")
    assert (made["type"], made["preview_url"], made["width"]) == ("audio", None, None)
    audio = {"type": "audio", "originalContentUrl": made["url"], "duration": made["duration_ms"]}
    api.ok("PUT", f"{A}/messages/m1", {"name": "声", "messages": [audio]})


def test_an_image_map_has_line_s_widths(api: Api) -> None:
    """1040 to 240 below one address; a narrow picture is refused."""
    made = api.ok("POST", f"{A}/media?as=imagemap", a_picture(2080, 1040), **JPEG)
    for width in pictures.IMAGEMAP_WIDTHS:
        status, headers, body = read(f"{made['url']}/{width}")
        assert (status, headers["Content-Type"], size(body)) == (200, "image/jpeg", (width, width // 2))
    api.refused(400, "POST", f"{A}/media?as=imagemap", a_picture(1039, 400), **JPEG)
    api.refused(400, "POST", f"{A}/media?as=imagemap", a_sound(10), content_type="audio/mpeg")


def test_files_come_as_a_form_and_as_an_upload(api: Api) -> None:
    """A form has one file; what is too large for one request is uploaded first."""
    data = a_picture(30, 20)
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        + data
        + b"\r\n--x--\r\n"
    )
    made = api.ok("POST", f"{A}/media", form, content_type="multipart/form-data; boundary=x")
    assert read(made["url"])[2] == data
    api.refused(400, "POST", f"{A}/media", b"--x--\r\n", content_type="multipart/form-data; boundary=x")
    upload = api.ok("POST", f"{A}/uploads")["upload_id"]
    objects.put(f"uploads/shop/{upload}", data, "image/jpeg")
    assert read(api.ok("POST", f"{A}/media", {"upload_id": upload})["url"])[2] == data


def broken(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("status", "data", "how"),
    [
        (400, b"GIF89a", JPEG),
        (400, broken(a_noisy_picture(90, 90)), PNG),
        (400, a_picture(6000, 5000, "PNG", "1"), PNG),
        (413, bytes((10 << 20) + 1), JPEG),
        (415, b"GIF89a", {"content_type": "image/gif"}),
    ],
)
def test_what_line_does_not_take_is_refused(api: Api, status: int, data: bytes, how: dict[str, str]) -> None:
    """By what it is, not by its name; nothing of it is kept."""
    api.refused(status, "POST", f"{A}/media", data, **how)
    assert list(objects.keys("media/")) == []


def test_who_may_keep_files(api: Api) -> None:
    """An editor; a viewer not, and nobody of another account."""
    assert a_key(api, "editor", "shop").call("POST", f"{A}/media", a_picture(3, 3), **JPEG).status_code == 201
    a_key(api, "viewer", "shop").refused(403, "POST", f"{A}/media", a_picture(3, 3), **JPEG)
    an_account(api, "other")
    a_key(api, "editor", "other").refused(403, "POST", f"{A}/media", a_picture(3, 3), **JPEG)


def a_message(api: Api, name: str, made: dict[str, Any]) -> None:
    image = {"type": "image", "originalContentUrl": made["url"], "previewImageUrl": made["preview_url"]}
    api.ok("PUT", f"{A}/messages/{name}", {"name": name, "messages": [image]})


def test_a_file_that_is_shown_is_not_deleted(api: Api) -> None:
    """The refusal names the message; without it the file goes, once."""
    made = api.ok("POST", f"{A}/media", a_picture(30, 20), **JPEG)
    a_message(api, "m1", made)
    refused = api.refused(422, "DELETE", f"{A}/media/{made['id']}")
    assert [detail["path"] for detail in refused["details"]] == ["messages/m1"]
    api.ok("DELETE", f"{A}/messages/m1")
    assert api.ok("DELETE", f"{A}/media/{made['id']}") == {"id": made["id"], "deleted": True}
    assert read(made["url"])[0] == 404
    api.refused(404, "DELETE", f"{A}/media/{made['id']}")


def test_the_library_lists_what_is_kept(api: Api) -> None:
    """The latest first, by kind and by pages; each with its size, and what shows it, wherever it is named."""
    made = []
    for n, data in enumerate([a_picture(30, 20), a_movie(64, 36, 1000), a_sound(1000), a_picture(1040, 600)]):
        made.append(api.ok("POST", f"{A}/media{'?as=imagemap' if n == 3 else ''}", data, **JPEG))
    objects.put("media/shop/01jdhalf/preview.jpg", b"kept halfway", "image/jpeg")
    objects.put("media/shopping/01jd/original.jpg", b"another account's", "image/jpeg")
    a_message(api, "m1", made[0])
    shown = api.ok("GET", f"{A}/media")["items"]
    assert [one["id"] for one in shown] == [one["id"] for one in reversed(made)]
    same = ("id", "type", "url", "preview_url")
    assert [{k: one[k] for k in same} for one in shown[::-1]] == [{k: one[k] for k in same} for one in made]
    assert [one["bytes"] for one in shown[1:]] == [one["bytes"] for one in made[2::-1]]
    assert [one["is_imagemap"] for one in shown] == [True, False, False, False]
    assert [one["uses"] for one in shown] == [[], [], [], [{"kind": "messages", "id": "m1", "name": "m1"}]]
    first = api.ok("GET", f"{A}/media?type=image&limit=1")
    following = api.ok("GET", f"{A}/media?type=image&limit=1&cursor={first['next_cursor']}")
    assert [first["items"][0]["id"], following["items"][0]["id"]] == [made[3]["id"], made[0]["id"]]
    assert following["next_cursor"] is None
    api.refused(400, "GET", f"{A}/media?type=pdf")
    api.refused(400, "GET", f"{A}/media?cursor={first['next_cursor']}")


def test_old_files_go_that_nothing_shows(api: Api) -> None:
    """After 400 days what no document and no recent broadcast names is deleted; the rest stays."""
    shown, loose, sent = (api.ok("POST", f"{A}/media", a_picture(30, 20), **JPEG) for _ in range(3))
    a_message(api, "m1", shown)
    image = {"type": "image", "originalContentUrl": sent["url"], "previewImageUrl": sent["preview_url"]}
    now = clock.now()
    store.create("shop", "b1", {"name": "配信", "messages": [image]}, now)
    assert tidying.tidy("shop", now + timedelta(days=399)) == 0
    assert tidying.tidy("shop", now + timedelta(days=401)) == 1
    assert [read(one["url"])[0] for one in (shown, loose, sent)] == [200, 404, 200]
    assert tidying.tidy("shop", now + timedelta(days=401)) == 0


def test_the_deployed_functions_delete_them(api: Api) -> None:
    """The sweep asks at the account's hour and ``bulk`` does it, and their roles allow that."""
    made = api.ok("POST", f"{A}/media", a_picture(30, 20), **JPEG)
    turn = (clock.now() + timedelta(days=402)).replace(hour=zlib.crc32(b"shop") % 24, minute=17)
    fields = ("version", "id", "account", "time", "region", "source", "detail-type")
    schedule = dict.fromkeys(fields, "") | {"detail": {}, "resources": []}
    with seam.guarded(lambda name, _detail, call: turn if name == "clock:now" else call()):
        workers.sweep(schedule, None)
        hours.do("tidy")
    assert read(made["url"])[0] == 404


class Died(BaseException):
    """The process died here."""


def dying_at(nth: int) -> Any:
    """Lets the process die before the nth object is written or deleted."""
    seen: list[str] = []

    def guard(name: str, _detail: Any, call: Any) -> Any:
        if name.startswith("s3:") and "Get" not in name and "List" not in name and "Head" not in name:
            seen.append(name)
            if len(seen) == nth:
                raise Died
        return call()

    return seam.guarded(guard)


def kept() -> list[str]:
    return list(objects.keys("media/shop/"))


def test_a_file_that_is_kept_or_deleted_halfway_is_let_go_of(api: Api) -> None:
    """Killed while a picture for an image map is kept: nobody has its address, and what stands is tidied up.
    Killed while it is tidied or deleted: the next time takes the rest.
    """
    picture = a_noisy_picture(1040, 520)
    for nth in range(1, 20):
        try:
            with dying_at(nth):
                service.keep("shop", picture, as_imagemap=True)
            break
        except Died:
            assert len(kept()) == nth - 1
            if nth > 2:
                with pytest.raises(Died), dying_at(2):
                    tidying.tidy("shop", clock.now() + timedelta(days=401))
                assert len(kept()) == nth - 2
            tidying.tidy("shop", clock.now() + timedelta(days=401))
            assert kept() == []
    assert nth == 7  # a preview and five widths
    (media,) = {key.split("/")[2] for key in kept()}
    with pytest.raises(Died), dying_at(3):
        service.delete("shop", media)
    service.delete("shop", media)
    assert kept() == []
