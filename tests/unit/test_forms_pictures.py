"""Choices that have pictures are pictures to tap in the chat."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.forms import ask
from chalicelib.messages import checks
from tests.forms_chat import Chat, sent_texts

LABELS = ["乾燥肌", "脂性肌", "とてもとても長い名前の肌のタイプ"]


def a_form(labels: list[str] = LABELS, kind: str = "choice", pictures: int = 99) -> dict[str, Any]:
    choices = [
        {"value": f"v{n}", "label": label} | ({"image": f"https://x.example/{n}.png"} if n < pictures else {})
        for n, label in enumerate(labels)
    ]
    question = {"id": "q", "text": "お肌は？", "type": kind, "choices": choices}
    return {"name": "診断", "questions": [question, {"id": "why", "text": "なぜ？"}], "then": []}


def asked(chat: Chat) -> list[dict[str, Any]]:
    return next(iter(chat.say("診断").payloads.values()))


def test_pictures_are_tapped() -> None:
    """A text and a carousel that LINE takes; a tap is the answer, its whole label what the friend says."""
    chat = Chat(a_form())
    text, carousel = asked(chat)
    assert (text, checks.check([text, carousel])) == ({"type": "text", "text": "お肌は？"}, [])
    columns = carousel["template"]["columns"]
    assert [one["imageUrl"] for one in columns] == [f"https://x.example/{n}.png" for n in range(3)]
    assert (columns[2]["action"]["label"], columns[2]["action"]["displayText"]) == (
        "とてもとても長い名前の…",
        LABELS[2],
    )
    assert [item["action"]["label"] for item in carousel["quickReply"]["items"]] == ["スキップ"]
    tap = chat.event("postback", data=columns[1]["action"]["data"], params=None)
    assert sent_texts(chat.hear(tap)) == ["なぜ？"]
    assert chat.answers == {"q": "v1"}


def test_what_was_chosen_is_shown_no_more() -> None:
    """Of several, one after the other; typed names count as before."""
    chat = Chat(a_form(kind="multi_choice"))
    [_, carousel] = asked(chat)
    tap = chat.event("postback", data=carousel["template"]["columns"][0]["action"]["data"], params=None)
    [text, left] = next(iter(chat.hear(tap).payloads.values()))
    assert "✓ 乾燥肌" in text["text"]
    assert len(left["template"]["columns"]) == 2
    chat.say("脂性肌")
    assert chat.answers == {"q": ["v0", "v1"]}


@pytest.mark.parametrize(("n", "pictures"), [(11, 99), (3, 2)])
def test_too_many_or_too_few_pictures_are_quick_replies(n: int, pictures: int) -> None:
    [message] = asked(Chat(a_form([f"肌{one}" for one in range(n)], pictures=pictures)))
    assert len(message["quickReply"]["items"]) == n + 1
    assert n + 1 <= ask.MAX_TAPS
