"""Results of forms (診断): which one it is, in the chat and in a rule's eyes; ratings and consents."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from chalicelib.catalog.validation import normal_body
from chalicelib.conditions.model import Context
from chalicelib.forms import fields, results
from chalicelib.forms.documents import DOCUMENTS
from chalicelib.forms.model import read_form
from chalicelib.shared.errors import InvalidInput, TodokuError
from tests.forms_chat import Chat
from tests.reaction_builders import NOW, TOKYO, a_catalog, a_rule

TYPES: dict[str, Any] = {
    "name": "診断",
    "questions": [
        {
            "id": "a",
            "text": "朝は？",
            "type": "choice",
            "choices": [
                {"value": "early", "points": {"sun": 2, "moon": 1}},
                {"value": "late", "points": {"moon": 2}},
            ],
        },
        {
            "id": "b",
            "text": "好きなのは？",
            "type": "multi_choice",
            "choices": [{"value": "sea", "points": {"sun": 1}}, {"value": "wood", "points": {"moon": 2}}],
        },
    ],
    "results": [
        {"id": "sun", "title": "太陽タイプ", "text": "朝型です。", "then": [{"add_tag": "a"}]},
        {"id": "moon", "title": "月タイプ", "text": "夜型です。", "then": [{"reply": {"message": "hello"}}]},
    ],
}
SUMS = {
    "name": "点数",
    "questions": [
        {
            "id": "a",
            "text": "?",
            "type": "choice",
            "choices": [{"value": "x", "points": 3}, {"value": "y", "points": 1}, {"value": "z"}],
        },
        {"id": "b", "text": "?", "type": "choice", "choices": [{"value": "x", "points": 2}, {"value": "y"}]},
    ],
    "results": [
        {"id": "vip", "title": "v", "text": "v", "if": {"tag": "vip"}, "from": 0},
        {"id": "high", "title": "h", "text": "h", "from": 4},
        {"id": "some", "title": "s", "text": "s", "from": 1, "to": 3.5},
    ],
}


def outcome(body: dict[str, Any], answers: dict[str, Any], **sheet: Any) -> dict[str, Any]:
    stored = normal_body(DOCUMENTS["forms"], copy.deepcopy(body))
    form = read_form("f", stored, Context(a_catalog(), TOKYO))
    return results.of(form, answers, {"user_id": "U1", "tags": {}, **sheet}, NOW)


@pytest.mark.parametrize(
    ("answers", "result", "points"),
    [
        ({"a": "early"}, "sun", {"sun": 2, "moon": 1}),
        ({"a": "late"}, "moon", {"sun": 0, "moon": 2}),
        ({"a": "early", "b": ["sea", "wood"]}, "sun", {"sun": 3, "moon": 3}),
        ({"b": ["wood"]}, "moon", {"sun": 0, "moon": 2}),
        ({}, "sun", 0),
    ],
)
def test_the_result_with_the_most_points(answers: Any, result: str, points: Any) -> None:
    """Of several with as many, the first in the form."""
    assert outcome(TYPES, answers) == {"result": result, "points": points}


@pytest.mark.parametrize(
    ("answers", "tags", "result"),
    [
        ({"a": "x", "b": "x"}, {}, "high"),
        ({"a": "x", "b": "x"}, {"vip": {"since": "x"}}, "vip"),
        ({"a": "x"}, {}, "some"),
        ({"a": "y", "b": "y"}, {}, "some"),
        ({"a": "z"}, {}, None),
    ],
)
def test_the_first_result_that_fits_the_sum(answers: Any, tags: Any, result: str | None) -> None:
    """Its condition holds and its span has the points; ends included; none fits, none is it."""
    assert outcome(SUMS, answers, tags=tags).get("result") == result


def test_the_chat_comes_to_the_result_and_does_what_it_means() -> None:
    """The fact has it, its actions run by its own name, and a rule may match it."""
    matched = a_rule(
        "form_answered", [{"add_tag": "vip"}], match={"result": "moon", "points.moon": {"gte": 2}}
    )
    chat = Chat(TYPES, result=matched)
    chat.say("診断")
    chat.say("late")
    decision = chat.say("スキップ")
    assert chat.sheet is not None
    assert "vip" in chat.sheet["tags"]
    assert "a" not in chat.sheet["tags"]
    [change] = [one for one in decision.changes if one["type"] == "form_answered"]
    assert (change["props"]["result"], change["props"]["points"]) == ("moon", {"sun": 0, "moon": 2})
    assert [e["rule"] for e in decision.effects if e["action"] == "reply"] == ["form:skin:result.moon"]


def test_the_chat_sends_a_result_that_has_no_message_of_its_own() -> None:
    """Its picture, title and text, by the last token; one with a reply of its own says that alone."""
    body = copy.deepcopy(TYPES)
    body["results"][0]["image"] = "https://x.example/sun.jpg"
    chat = Chat(body)
    for text in ("診断", "early"):
        chat.say(text)
    decision = chat.say("スキップ")
    [effect] = [e for e in decision.effects if e["action"] == "ask"]
    assert (effect["rule"], effect["index"], effect["status"]) == ("form:skin:result.sun", 1, "pending")
    picture, text = decision.payloads["form:skin:result.sun:1"]
    assert picture["originalContentUrl"] == "https://x.example/sun.jpg"
    assert text["text"] == "太陽タイプ\n\n朝型です。"
    for answer in ("診断", "late"):
        chat.say(answer)
    assert not [e for e in chat.say("スキップ").effects if e["action"] == "ask"]


def test_a_rating_is_a_number_and_a_consent_says_what_was_agreed_to() -> None:
    """Tapped or typed; compared as a number; the timeline has the wording."""
    body = {
        "name": "満足度",
        "questions": [
            {"id": "stars", "text": "いかがでしたか？", "type": "rating", "attribute": "n"},
            {"id": "ok", "text": "規約に同意しますか？", "type": "consent", "required": True},
        ],
        "results": [
            {
                "id": "good",
                "title": "g",
                "text": "g",
                "if": {"form": {"id": "skin", "question": "stars", "gte": 4}},
            },
            {"id": "bad", "title": "b", "text": "b"},
        ],
    }
    chat = Chat(body)
    chat.say("診断")
    chat.say("４")
    assert chat.sheet is not None
    assert chat.sheet["attributes"]["n"] == 4
    again = chat.say("いやです")
    assert again.effects[0]["question"] == "ok"
    decision = chat.tap("ok", "true")
    assert chat.sheet["forms"]["skin"]["answers"]["ok"]["value"] is True
    why = next(one["why"] for one in decision.rules if one["rule"] == "form:skin:ok")
    assert why == ["agreed", "規約に同意しますか？"]
    [change] = [one for one in decision.changes if one["type"] == "form_answered"]
    assert change["props"]["result"] == "good"


def test_fields_of_ratings_and_consents() -> None:
    """As a page sends them."""
    questions = [
        {"id": "r", "text": "?", "type": "rating", "scale": 10},
        {"id": "c", "text": "?", "type": "consent", "required": True},
    ]
    form = read_form("f", normal_body(DOCUMENTS["forms"], {"name": "f", "questions": questions}), None)
    rating, consent = form.questions
    assert fields.read(rating, ["10"], TOKYO) == (10, None)
    assert fields.read(rating, ["11"], TOKYO)[1] is not None
    assert fields.read(consent, ["true"], TOKYO) == (True, None)
    for given in ([], ["false"]):
        assert fields.read(consent, given, TOKYO)[1] is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"results": TYPES["results"][:1]},
        {"results": [TYPES["results"][0]] * 2},
        {"results": [TYPES["results"][0], {"id": "x", "title": "x", "text": "x"}]},
        {"results": [*TYPES["results"], {"id": "x", "title": "x", "text": "x", "from": 2, "to": 1}]},
        {"results": [*TYPES["results"], {"id": "x", "title": "x", "text": "x", "image": "javascript:x"}]},
        {"questions": [{"id": "a", "text": "?", "scale": 3}]},
        {"questions": [{"id": "a", "text": "?", "type": "rating", "scale": 11}]},
    ],
)
def test_results_that_can_never_work_are_refused(wrong: dict[str, Any]) -> None:
    """One alone, twins, points for nobody, spans that are none, pictures from nowhere."""
    body = copy.deepcopy(TYPES) | wrong
    kind = DOCUMENTS["forms"]
    try:
        stored = normal_body(kind, body)
    except (InvalidInput, TodokuError, ValueError):
        return
    assert list(kind.shape(stored))
