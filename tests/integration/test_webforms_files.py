"""Files as answers on the web: checked by their bytes, kept as contents, shown to staff, erased."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from chalicelib.conversations import contents
from chalicelib.gateways import clock, objects
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.webforms import files
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.friend_pages import Page, at_work, opens, sends
from tests.integration.test_members import BASE, follow, sheet, work_off
from tests.integration.test_webforms import address
from tests.media_builders import a_movie, a_picture, an_m4a
from tests.reaction_builders import a_rule

JPEG = a_picture(40, 30)
FORM: dict[str, Any] = {
    "name": "申込み",
    "web": True,
    "questions": [
        {"id": "photo", "text": "お写真は？", "type": "file", "required": True, "accept": ["image"]},
        {"id": "paper", "text": "書類があれば", "type": "file"},
        {"id": "name", "text": "お名前は？"},
    ],
}


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with at_work():
        api = an_api()
        an_account(api, shards=4)
        api.ok("PUT", f"{BASE}/forms/skin", FORM)
        follow("U1")
        yield api


def uploads(page: Page, question: str, data: bytes, name: str = "写真.jpg", **more: str) -> Page:
    """The page's form as a browser sends it with a file."""
    form = page.forms[0]
    fields = [*form.fields, *more.items(), form.buttons[0]]
    parts = [f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields]
    head = f'--x\r\nContent-Disposition: form-data; name="a.{question}"; filename="{name}"\r\n'
    parts.append(f"{head}Content-Type: image/svg+xml\r\n\r\n".encode() + data + b"\r\n")
    where = urljoin(page.path, form.action)
    sent = b"".join([*parts, b"--x--\r\n"])
    answer = Api(None).call("POST", where, sent, content_type="multipart/form-data; boundary=x")
    if answer.status_code == 303:
        return opens(urljoin(where, answer.headers["Location"]))
    return Page(where, answer.status_code, dict(answer.headers), answer.body.decode())


def kept() -> list[dict[str, Any]]:
    return contents.everything("shop", "U1")


def test_a_file_is_an_answer_and_staff_read_it(api: Api) -> None:
    """Chosen on a page without a script; in the list with what it is, in the CSV with its address."""
    page = opens(address())
    assert 'enctype="multipart/form-data"' in page.body
    assert 'accept="image/gif,image/jpeg,image/png,image/webp"' in page.body
    assert "4 MB まで" in page.text
    assert "script-src 'self'; style-src 'self'" in page.headers["Content-Security-Policy"]
    [script] = re.findall(r'src="\.\./\.\./pages/(file-[0-9a-f]+\.js)"', page.body)
    assert Api(None).call("GET", f"/pages/{script}").headers["Content-Type"].startswith("text/javascript")
    page = uploads(page, "photo", JPEG)
    page = uploads(page, "paper", b"%PDF-1.7 ...", "履歴書.pdf")
    done = sends(page, **{"a.name": "花子"})
    assert done.status == 200
    work_off()
    [photo, paper] = sorted(kept(), key=lambda one: one["kind"], reverse=True)
    assert (photo["kind"], photo["content_type"], photo["name"]) == ("image", "image/jpeg", "写真.jpg")
    assert (paper["kind"], paper["content_type"]) == ("file", "application/octet-stream")
    answers = sheet()["forms"]["skin"]["answers"]
    assert answers["photo"]["value"] == photo["message_id"]
    [row] = api.ok("GET", f"{BASE}/forms/skin/answers")["items"]
    assert row["answers"] == {"photo": photo["message_id"], "paper": paper["message_id"], "name": "花子"}
    sent = row["files"]["photo"]
    assert (sent["status"], sent["kind"], sent["name"], sent["bytes"]) == (
        "stored",
        "image",
        "写真.jpg",
        len(JPEG),
    )
    where = urlsplit(sent["url"]).path
    viewer = a_key(api, "viewer", "shop").call("GET", where)
    assert viewer.status_code == 302
    assert Api(None).call("GET", where).status_code == 401
    text = api.call("GET", f"{BASE}/forms/skin/answers?format=csv").body.decode()
    [line] = csv.DictReader(io.StringIO(text))
    assert (line["answer.photo"], line["answer.name"]) == (sent["url"], "花子")
    rules = api.ok("GET", f"{BASE}/friends/U1/activities?lang=ja")["items"][0]["rules"]
    assert "ファイルで回答" in [rule["why"] for rule in rules]


def test_what_a_file_is_its_bytes_show(api: Api) -> None:
    """No name and no header is believed: a page in the place of a picture is refused, and one that is kept
    as a file is saved, never opened.
    """
    page = opens(address())
    html = b"<html><script>alert(1)</script>"
    refused = uploads(page, "photo", html, "a.jpg")
    assert refused.status == 400
    assert "この種類のファイルは送れません" in refused.text
    refused = uploads(page, "photo", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg")
    assert refused.status == 400
    large = uploads(page, "photo", JPEG + bytes(files.MOST_BYTES))
    assert (large.status, "大きすぎます（4 MB まで）" in large.text) == (400, True)
    missing = sends(page)
    assert (missing.status, "ファイルを選んでください" in missing.text) == (400, True)
    assert kept() == []
    uploads(uploads(page, "photo", JPEG), "paper", html, "../../請求書.html")
    [paper] = [one for one in kept() if one["kind"] == "file"]
    assert paper["name"] == "請求書.html"
    where = api.call("GET", f"{BASE}/friends/U1/messages/{paper['message_id']}/content").headers["Location"]
    asked = parse_qs(urlsplit(where).query)
    assert asked["response-content-type"] == ["application/octet-stream"]
    assert asked["response-content-disposition"][0].startswith("attachment; ")


def test_a_file_stays_until_another_takes_its_place(api: Api) -> None:
    """Going back, on another device too, says what is kept; another file, or none, lets the old one go."""
    uploads(uploads(opens(address()), "photo", JPEG), "paper", b"one", "一.txt")
    [first] = [one["message_id"] for one in kept() if one["kind"] == "file"]
    back = opens(f"{address()}&q=paper")
    assert "保存済み：一.txt" in back.text
    assert sends(back).status == 200
    assert first in [one["message_id"] for one in kept()]
    uploads(back, "paper", b"two", "二.txt")
    [second] = [one["message_id"] for one in kept() if one["kind"] == "file"]
    assert second != first
    assert objects.find(contents.object_key("shop", "U1", first)) is None
    sends(opens(f"{address()}&q=paper"), leave="paper")
    assert [one["kind"] for one in kept()] == ["image"]
    missing = sends(opens(f"{address()}&q=photo"), leave="photo")
    assert missing.status == 400, "a required answer cannot be left out"


def test_nobody_answers_with_what_is_not_theirs(api: Api) -> None:
    """An id in the place of a file is none; files are the friend's, and go with them."""
    uploads(opens(address()), "photo", JPEG)
    [mine] = kept()
    follow("U2")
    theirs = sends(opens(address("U2")), **{"a.photo": mine["message_id"]})
    assert (theirs.status, contents.everything("shop", "U2")) == (400, [])
    other = f"{BASE}/friends/U2/messages/{mine['message_id']}/content"
    api.refused(404, "GET", other)
    api.ok("DELETE", f"{BASE}/friends/U1?erase=true")
    assert kept() == []
    assert list(objects.keys("contents/")) == []


@pytest.mark.parametrize("body", [b"", b"--x\r\nnonsense", b"--x\r\n\r\n\r\n--x--", b"--y--\r\n"])
def test_what_no_browser_sends_is_refused(api: Api, body: bytes) -> None:
    """A page, and nothing kept."""
    where = f"/f/shop/skin?{urlsplit(address()).query}"
    answer = Api(None).call("POST", where, body, content_type="multipart/form-data; boundary=x")
    assert (answer.status_code, kept()) == (400, [])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (JPEG, "image"),
        (a_picture(9, 9, "PNG"), "image"),
        (a_picture(9, 9, "GIF"), "image"),
        (a_picture(9, 9, "WEBP"), "image"),
        (a_movie(90, 160, 900), "video"),
        (an_m4a(900), "audio"),
        (b"%PDF-1.7", "file"),
        (b"", "file"),
        (b"<svg/>", "file"),
    ],
)
def test_kinds_of_files(data: bytes, kind: str) -> None:
    """By their first bytes; what is none of them is a file."""
    found, content_type = files.recognise(data)
    assert found == kind
    assert content_type in contents.SHOWN.get(kind, {"application/octet-stream"})


def test_an_accept_belongs_to_files(api: Api) -> None:
    wrong = {"name": "x", "questions": [{"id": "q", "text": "?", "accept": ["image"]}]}
    api.refused(400, "PUT", f"{BASE}/forms/x", wrong)
    wrong = {"name": "x", "questions": [{"id": "q", "text": "?", "type": "file", "accept": ["svg"]}]}
    api.refused(400, "PUT", f"{BASE}/forms/x", wrong)


def test_a_photo_of_the_chat_is_an_answer_until_it_is_taken_back(api: Api) -> None:
    """Kept once, among the answers and on the timeline; unsent, it is no answer and its bytes are gone."""
    form = {"name": "写真", "questions": [{"id": "photo", "text": "お写真は？", "type": "file"}]}
    api.ok("PUT", f"{BASE}/forms/chat", form)
    then = [{"start_form": "chat"}]
    api.ok("PUT", f"{BASE}/rules/begin", a_rule(then=then, match={"text": "写真"}))
    says("e1", "messaged", message_type="text", text="写真", message_id="m1")
    says("e2", "messaged", message_type="image", message_id="m2", raw={"contentProvider": {"type": "line"}})
    assert sheet()["forms"]["chat"]["answers"]["photo"]["value"] == "m2"
    contents.keep("shop", "U1", "m2", "image", "image/jpeg", JPEG)
    [row] = api.ok("GET", f"{BASE}/forms/chat/answers")["items"]
    assert (row["on"], row["answers"], row["files"]["photo"]["kind"]) == ("chat", {"photo": "m2"}, "image")
    [rows] = api.ok("GET", f"{BASE}/forms/chat/results")["items"]
    assert (rows["shown"], rows["answered"], rows["left"]) == (1, 1, 0)
    says("e3", "unsent", message_id="m2")
    for body in drain("bulk"):
        if body["job"] != "content":  # LINE's copy, which is here already
            JOBS[body["job"]].run(body, 1)
    assert "photo" not in sheet()["forms"]["chat"]["answers"]
    [row] = api.ok("GET", f"{BASE}/forms/chat/answers")["items"]
    assert (row["answers"], row["files"]) == ({"photo": "(unsent)"}, {})
    assert objects.find(contents.object_key("shop", "U1", "m2")) is None


def says(id_: str, kind: str, **props: Any) -> None:
    """Something that the friend does in the chat, a minute after the last."""
    at = iso(clock.now() + timedelta(seconds=int(id_[1:])))
    token = f"t-{id_}" if kind == "messaged" else None
    reaction.react(FriendEvent(id_, "shop", "U1", kind, at, props=props, reply_token=token))
