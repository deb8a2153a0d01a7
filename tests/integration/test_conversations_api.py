"""The conversation: what was said in and out, contents kept, staff speaking once, erasing everything."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.conversations import contents
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import aws, line, objects, seam
from chalicelib.jobs.kinds import JOBS, NotDone
from chalicelib.reaction import service
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.settings import settings
from chalicelib.timeline import service as activities
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.reaction_builders import NOW, an_event
from tests.reasons_checked import words


class Line:
    """A LINE that answers, has contents, and counts what it is asked."""

    def __init__(self) -> None:
        self.now = NOW + timedelta(minutes=5)
        self.pushes: list[dict[str, Any]] = []
        self.contents: list[line.Content | Exception] = []
        self.asked = 0

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name == "line:content":
            self.asked += 1
            answer = self.contents.pop(0) if self.contents else line.Content(404)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if name == "line:push":
            self.pushes.append(detail["body"])
            return line.Answer(200, request_id="req-1")
        if name.startswith("line:"):
            return line.Answer(200) if name != "line:profile" else None
        return call()


@pytest.fixture
def world(cloud: None) -> Iterator[Line]:
    world = Line()
    with seam.guarded(world):
        yield world


@pytest.fixture
def api(world: Line) -> Api:
    api = an_api()
    base = an_account(api)
    text = [{"type": "text", "text": "「{{ event.text }}」ですね"}]
    api.ok("PUT", f"{base}/messages/echo", {"name": "echo", "messages": text})
    api.ok("PUT", f"{base}/messages/hi", {"name": "hi", "messages": [{"type": "text", "text": "やあ"}]})
    rule = {"name": "echo", "when": {"event": "messaged", "match": {"message_type": "text"}}}
    then = [{"reply": {"message": "echo"}}, {"send": {"message": "hi"}}]
    api.ok("PUT", f"{base}/rules/echo", rule | {"then": then})
    return api


MESSAGES = "/v1/accounts/shop/friends/U1/messages"
IMAGE = {"message_type": "image", "message_id": "m-img", "raw": {"contentProvider": {"type": "line"}}}


def work_off() -> None:
    """What the queues hold: events, then sends, then the bulk jobs about contents."""
    for body in drain("inbox"):
        service.react(FriendEvent.from_message(body))
    for body in drain("sends"):
        deliveries.send_now(body["account"], body["run"], body["chunk"])


def bulk(job: str) -> list[dict[str, Any]]:
    return [body for body in drain("bulk") if body["job"] == job]


def test_what_was_written_and_sent_newest_first(api: Api, world: Line) -> None:
    """The friend's text, the reply as rendered, the push and what came of it; pages join without a gap."""
    for n in range(3):
        service.react(an_event(text=f"こんにちは{n}", id=f"e{n}", minutes=n))
    work_off()
    items = api.ok("GET", MESSAGES)["items"]
    assert [(i["direction"], i["event_id"]) for i in items[:3]] == [
        ("out", "e2"),
        ("out", "e2"),
        ("in", "e2"),
    ]
    push, reply, message = items[:3]
    assert message["text"] == "こんにちは2"
    assert reply["messages"] == [{"type": "text", "text": "「こんにちは2」ですね"}]
    assert (reply["type"], reply["by"], reply["status"]) == ("reply", "rule:echo", "accepted")
    assert push["messages"] == [{"type": "text", "text": "やあ"}]
    assert (push["type"], push["status"]) == ("push", "accepted")
    assert push["run"].startswith("rule-")
    joined: list[Any] = []
    cursor = ""
    while True:
        answer = api.ok("GET", f"{MESSAGES}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        assert len(answer["items"]) <= 2
        joined += answer["items"]
        cursor = answer["next_cursor"]
        if not cursor:
            break
    assert joined == items


def test_staff_speak_once(api: Api, world: Line) -> None:
    """Through the inbox and the ledger, to the friend once, and onto the timeline; a key makes it once."""
    service.react(an_event("followed", is_unblocked=False))
    message = {"messages": [{"type": "text", "text": "お待たせしました"}]}
    first = api.ok("POST", MESSAGES, message, idempotency_key="k1")
    again = api.ok("POST", MESSAGES, message, idempotency_key="k1")
    assert first == again
    for body in drain("inbox"):
        for _ in range(2):
            service.react(FriendEvent.from_message(body))
    work_off()
    assert [push["messages"] for push in world.pushes] == [message["messages"]]
    (line_,) = api.ok("GET", MESSAGES)["items"]
    assert line_["event_id"] == first["event_id"]
    assert line_["run"] == first["run"]
    assert (line_["direction"], line_["status"]) == ("out", "accepted")
    assert line_["by"].startswith("key:")
    assert line_["messages"] == message["messages"]
    friend = api.ok("GET", "/v1/accounts/shop/friends/U1")
    assert "staff_message" not in friend["facts"]


def test_a_saved_message_and_a_large_one(api: Api, world: Line) -> None:
    """A document is rendered for the friend; a message too large to wait on the sheet arrives whole."""
    service.react(an_event("followed", is_unblocked=False))
    api.ok("POST", MESSAGES, {"message": "hi"})
    large = [{"type": "text", "text": "あ" * 4_000}] * 3
    api.ok("POST", MESSAGES, {"messages": large})
    work_off()
    assert [push["messages"] for push in world.pushes] == [[{"type": "text", "text": "やあ"}], large]
    newest = api.ok("GET", MESSAGES)["items"][0]
    assert all(message["trimmed"] for message in newest["messages"])


def test_staff_send_the_friend_their_own_addresses(api: Api, world: Line) -> None:
    """Saved or written on the spot; what is kept of it opens nothing."""
    service.react(an_event("followed", is_unblocked=False))
    api.ok("PUT", "/v1/accounts/shop/links/spring", {"name": "春", "url": "https://shop.example/"})
    questions = [{"id": "q", "text": "?"}]
    api.ok("PUT", "/v1/accounts/shop/forms/skin", {"name": "診断", "web": True, "questions": questions})
    text = '{{ form("skin") }} {{ link("spring") }} {{ preferences_url }}'
    words = [{"type": "text", "text": text}]
    api.ok("PUT", "/v1/accounts/shop/messages/all", {"name": "all", "messages": words})
    api.ok("POST", MESSAGES, {"message": "all"})
    api.ok("POST", MESSAGES, {"messages": words})
    work_off()
    for push in world.pushes:
        form, link, page = push["messages"][0]["text"].split()
        assert "診断" in get_page(api, form)
        assert friend_tokens.read("shop", link.partition("?t=")[2]) == FriendToken("U1")
        assert get_page(api, page)
    for line_ in api.ok("GET", MESSAGES)["items"][:2]:
        assert "?t=" not in line_["messages"][0]["text"]
    bad = [("{{ nope", 400), ('{{ form("nope") }}', 422), ("{{ attribute.none }}", 422)]
    for written, status in bad:
        wrong = {"messages": [{"type": "text", "text": written}]}
        assert api.paths(status, "POST", MESSAGES, wrong)[0].startswith("messages")


def get_page(api: Api, url: str) -> str:
    """A friend's page, which is there."""
    parts = urlsplit(url)
    answer = api.call("GET", f"{parts.path}?{parts.query}")
    assert answer.status_code == 200
    return answer.body.decode()


def test_what_cannot_be_sent_is_refused(api: Api, world: Line) -> None:
    """By LINE's rules (400), by reference (422), by the friend's state (409), by role (403)."""
    service.react(an_event("followed", is_unblocked=False))
    api.refused(400, "POST", MESSAGES, {"messages": []})
    api.refused(400, "POST", MESSAGES, {"message": "hi", "messages": [{"type": "text", "text": "x"}]})
    assert api.paths(400, "POST", MESSAGES, {"messages": [{"type": "text", "text": ""}]}) == [
        "messages[0].text"
    ]
    assert api.paths(422, "POST", MESSAGES, {"message": "nope"}) == ["message"]
    api.refused(422, "POST", MESSAGES, {"message": "echo"})
    api.refused(404, "POST", MESSAGES.replace("U1", "U9"), {"message": "hi"})
    a_key(api, "editor", "shop").refused(403, "POST", MESSAGES, {"message": "hi"})
    service.react(an_event("unfollowed", id="u", minutes=1))
    api.refused(409, "POST", MESSAGES, {"message": "hi"})
    assert drain("inbox") == []


def test_blocked_while_the_message_waited(api: Api, world: Line) -> None:
    """The block came first in line: nothing is sent and the timeline says why."""
    service.react(an_event("followed", is_unblocked=False))
    api.ok("POST", MESSAGES, {"message": "hi"})
    service.react(an_event("unfollowed", id="u", minutes=1))
    work_off()
    assert world.pushes == []
    (line_,) = api.ok("GET", MESSAGES)["items"]
    assert (line_["status"], words(line_)) == ("skipped", "blocked")


def test_a_picture_is_kept(api: Api, world: Line) -> None:
    """Fetched in the background; LINE may still be preparing it or not answer; then it can be read."""
    service.react(an_event(id="i", **IMAGE))
    assert api.ok("GET", MESSAGES)["items"][0]["content"] == {"status": "pending"}
    api.refused(409, "GET", f"{MESSAGES}/m-img/content")
    (job,) = bulk("content")
    world.contents = [
        line.Content(202),
        line.NoAnswer("x"),
        line.Content(200, "image/png", io.BytesIO(b"png")),
    ]
    for _ in range(2):
        JOBS["content"].run(job, 1)
    JOBS["content"].run(job, 1)
    JOBS["content"].run(job, 1)
    assert world.asked == 3
    kept = api.ok("GET", MESSAGES)["items"][0]["content"]
    assert (kept["status"], kept["key"], kept["bytes"]) == ("stored", "contents/shop/U1/m-img", 3)
    assert objects.find(kept["key"]) == b"png"
    answer = api.call("GET", f"{MESSAGES}/m-img/content")
    assert answer.status_code == 302
    assert "contents/shop/U1/m-img" in answer.headers["Location"]
    export = api.ok("GET", "/v1/accounts/shop/friends/U1/export")
    assert [record["message_id"] for record in export["contents"]] == ["m-img"]


def test_a_content_that_line_prepares_for_ever_ends_in_the_dead_letters(api: Api, world: Line) -> None:
    """Each time later; the twelfth attempt fails its message, where people look."""
    service.react(an_event(id="i", **IMAGE))
    (job,) = bulk("content")
    world.contents = [line.Content(202)] * 2
    JOBS["content"].run(job, 1)
    with pytest.raises(NotDone):
        JOBS["content"].run(job | {"attempt": 12}, 1)


@pytest.mark.parametrize("status", [404, 410, 413])
def test_a_content_that_is_gone_is_reported_as_gone(api: Api, world: Line, status: int) -> None:
    """LINE has it no more, or it is too large for us: 404, and the timeline says why."""
    service.react(an_event(id="i", **IMAGE))
    world.contents = [line.Content(status)]
    JOBS["content"].run(bulk("content")[0], 1)
    assert api.ok("GET", MESSAGES)["items"][0]["content"]["status"] == "gone"
    api.refused(404, "GET", f"{MESSAGES}/m-img/content")


def test_content_from_elsewhere_is_not_fetched(api: Api) -> None:
    """Only what LINE keeps: an external provider's address is in the message itself."""
    props = IMAGE | {"raw": {"contentProvider": {"type": "external", "originalContentUrl": "https://x/y"}}}
    service.react(an_event(id="i", **props))
    assert bulk("content") == []
    assert "content" not in api.ok("GET", MESSAGES)["items"][0]


def test_a_content_that_will_never_come_is_not_found(api: Api, world: Line) -> None:
    """409 while it is on its way; 404 for no message, a text, an address elsewhere, another friend's."""
    service.react(an_event(text="x", id="t"))
    elsewhere = {"contentProvider": {"type": "external", "originalContentUrl": "https://x/y"}}
    service.react(an_event(id="x", **IMAGE | {"message_id": "m-x", "raw": elsewhere}))
    service.react(an_event(id="i", **IMAGE))
    service.react(an_event("followed", id="f", user="U2", is_unblocked=False))
    for message in ("nope", "m-t", "m-x"):
        api.refused(404, "GET", f"{MESSAGES}/{message}/content")
    api.refused(409, "GET", f"{MESSAGES}/m-img/content")
    api.refused(404, "GET", f"{MESSAGES.replace('U1', 'U2')}/m-img/content")
    api.refused(404, "GET", f"{MESSAGES.replace('U1', 'U9')}/m-img/content")


@pytest.mark.parametrize(
    ("kind", "message", "served"),
    [
        ("image", "image/png", "image/png"),
        ("image", "Image/JPEG; x=y", "image/jpeg"),
        ("image", "text/html", None),
        ("image", "image/svg+xml", None),
        ("image", "video/mp4", None),
        ("image", "", None),
        ("video", "video/mp4", "video/mp4"),
        ("audio", "audio/x-m4a", "audio/x-m4a"),
        ("audio", "garbage\r\nX: y", None),
        ("file", "image/png", None),
    ],
)
def test_contents_are_served_as_well_known_types_or_as_files(
    api: Api, world: Line, kind: str, message: str, served: str | None
) -> None:
    """Whatever LINE's header says, nothing opens as a page: in the store and by the URL given out."""
    service.react(an_event(id="i", **IMAGE | {"message_type": kind}))
    world.contents = [line.Content(200, message, io.BytesIO(b"<script>"))]
    JOBS["content"].run(bulk("content")[0], 1)
    key = api.ok("GET", MESSAGES)["items"][0]["content"]["key"]
    stored = aws.client("s3").head_object(Bucket=settings().bucket, Key=key)
    assert stored["ContentType"] == (served or "application/octet-stream")
    assert stored.get("ContentDisposition") == (None if served else 'attachment; filename="m-img"')
    asked = parse_qs(urlsplit(api.call("GET", f"{MESSAGES}/m-img/content").headers["Location"]).query)
    assert asked["response-content-type"] == [stored["ContentType"]]
    assert asked.get("response-content-disposition", [None]) == [stored.get("ContentDisposition")]


def test_a_name_to_save_under_is_a_name() -> None:
    """Nothing of a message id can end the header or lead out of a folder."""
    for name in ('a"; x', "../../etc", "a\r\nb", "…", "x" * 999):
        _, disposition = contents.served_as("file", "", name)
        assert disposition is not None
        assert re.fullmatch(r'attachment; filename="[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"', disposition)


def test_unsend_hides_text_and_content(api: Api, world: Line) -> None:
    """The text, what quoted it, and the bytes are gone, also when they arrive after the unsending."""
    service.react(an_event(text="秘密です", id="t"))
    service.react(an_event("unsent", id="u", minutes=1, message_id="m-t"))
    text = json.dumps(api.ok("GET", MESSAGES), ensure_ascii=False)
    assert "秘密" not in text
    assert "unsent_at" in text
    assert "秘密" not in json.dumps(activities.find("shop", "U1", "t"), ensure_ascii=False, default=str)
    drain("bulk")
    service.react(an_event(id="i", minutes=2, **IMAGE))
    (job,) = bulk("content")

    def unsent_meanwhile(name: str, detail: Any, call: Any) -> Any:
        if name == "line:content":
            contents.forget("shop", "U1", "m-img")
            return line.Content(200, "image/png", io.BytesIO(b"png"))
        return world(name, detail, call)

    with seam.guarded(unsent_meanwhile):
        JOBS["content"].run(job, 1)
    assert objects.find("contents/shop/U1/m-img") is None
    assert api.ok("GET", MESSAGES)["items"][0]["content"]["status"] == "gone"
    service.react(an_event("unsent", id="u2", minutes=3, message_id="m-img"))
    assert [body["message_id"] for body in bulk("forget_content")] == ["m-img"]


def test_erasing_deletes_contents(api: Api, world: Line) -> None:
    """The bytes and the records; a fetch that was on its way leaves nothing either."""
    service.react(an_event(id="i", **IMAGE))
    (job,) = bulk("content")
    world.contents = [line.Content(200, "image/png", io.BytesIO(b"png"))]
    JOBS["content"].run(job, 1)
    api.ok("DELETE", "/v1/accounts/shop/friends/U1?erase=true")
    assert objects.find("contents/shop/U1/m-img") is None
    assert contents.everything("shop", "U1") == []
    JOBS["content"].run(job, 1)
    assert world.asked == 1
