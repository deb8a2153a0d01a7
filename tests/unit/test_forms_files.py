"""A question that is answered by a picture, a video, a sound or a file in the chat."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.reports.questions import lines
from tests.forms_chat import Chat, sent_texts

PHOTO: dict[str, Any] = {
    "name": "申込み",
    "questions": [
        {"id": "photo", "text": "お写真は？", "type": "file", "accept": ["image", "video"]},
        {"id": "name", "text": "お名前は？"},
    ],
    "then": [],
}


def sends(chat: Chat, kind: str, provider: str = "line") -> Any:
    """The friend sends a content."""
    raw = {"contentProvider": {"type": provider}}
    return chat.hear(chat.event("messaged", message_type=kind, message_id=f"m{chat.n}", raw=raw))


def test_the_question_opens_camera_and_album() -> None:
    decision = (chat := Chat(PHOTO)).say("診断")
    [message] = next(iter(decision.payloads.values()))
    kinds = [item["action"]["type"] for item in message["quickReply"]["items"]]
    assert kinds == ["cameraRoll", "camera", "postback"]
    assert chat.waiting == "photo"


@pytest.mark.parametrize("kind", ["image", "video"])
def test_a_content_is_the_answer(kind: str) -> None:
    """The id of its message, under which it is kept; then the next question."""
    chat = Chat(PHOTO)
    chat.say("診断")
    decision = sends(chat, kind)
    assert sent_texts(decision) == ["お名前は？"]
    assert list(chat.answers) == ["photo"]
    assert chat.answers["photo"].startswith("m")
    assert decision.rules[0]["why"] == "answered_file"
    activity = {"type": "messaged", "rules": decision.rules, "effects": decision.effects}
    assert lines.of_event(activity)[0] == (lines.ANSWERED, "skin", "photo")


def test_what_does_not_fit_is_asked_again_and_what_is_none_is_left_to_the_rules() -> None:
    """Another kind, or words, twice; a sticker and what is kept elsewhere on the web are no answers."""
    chat = Chat(PHOTO)
    chat.say("診断")
    again = "すみません、もう一度お答えください。\nお写真は？"
    assert sent_texts(sends(chat, "audio")) == [again]
    assert sent_texts(chat.say("あとで")) == [again]
    assert chat.waiting == "photo"
    assert sent_texts(chat.hear(chat.event("messaged", message_type="sticker"))) == []
    assert sent_texts(sends(chat, "image", "external")) == []
    assert chat.answers == {}
    assert sent_texts(chat.say("スキップ")) == ["お名前は？"]


def test_any_file_takes_whatever_can_be_saved() -> None:
    chat = Chat({**PHOTO, "questions": [{"id": "f", "text": "?", "type": "file"}]})
    chat.say("診断")
    sends(chat, "file")
    assert list(chat.answers) == ["f"]


def test_a_picture_is_no_answer_to_another_question() -> None:
    chat = Chat({**PHOTO, "questions": PHOTO["questions"][1:]})
    chat.say("診断")
    assert sent_texts(sends(chat, "image")) == []
    assert chat.waiting == "name"
