"""Forms in the chat: questions one after the other, answers that fit and that do not, the end."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.forms import ask
from chalicelib.forms.documents import DOCUMENTS
from tests.forms_chat import SKIN, Chat, a_form, sent_texts
from tests.reaction_builders import a_catalog, a_program, a_rule, an_event
from tests.reasons_checked import words


def test_a_form_from_its_start_to_its_end() -> None:
    """Start, a choice with a tag and an attribute, a branch, several choices, a number; then the end."""
    chat = Chat()
    started = chat.say("診断")
    assert sent_texts(started) == ["お肌のタイプは？"]
    effect = started.effects[0]
    assert (effect["action"], effect["status"], effect["question"]) == ("start_form", "pending", "type")
    items = started.payloads["begin:0"][0]["quickReply"]["items"]
    assert [i["action"]["label"] for i in items] == ["乾燥肌", "脂性肌"]
    assert ask.tapped(items[0]["action"]["data"]) is not None

    first = chat.tap("type", "0")
    assert sent_texts(first) == ["保湿に使うものは？"]
    assert chat.answers == {"type": "dry"}
    assert first.after["attributes"]["skin"] == "dry"
    assert "dry" in first.after["tags"]
    assert first.after["tags"]["dry"]["by"] == "form:skin:type"
    assert first.after["forms"]["skin"].get("at") is None

    more = chat.tap("care", "1")
    assert chat.waiting == "care"
    assert "care" not in chat.answers
    labels = [i["action"]["label"] for i in more.payloads["form:skin:care:0"][0]["quickReply"]["items"]]
    assert labels == ["水", "オイル", "以上"]
    chat.tap("care", "0")
    assert sent_texts(chat.tap("care", "done")) == ["ご年齢は？"]
    assert chat.answers["care"] == ["水", "クリーム"]

    last = chat.say("３４")
    assert sent_texts(last) == ["ようこそ"]
    assert chat.answers == {"type": "dry", "care": ["水", "クリーム"], "age": 34}
    assert last.after["attributes"]["n"] == 34
    assert "vip" in last.after["tags"]
    assert chat.waiting is None
    assert last.after["forms"]["skin"]["at"] == an_event(minutes=chat.minutes).at
    assert last.after["facts"]["form_answered:skin"]["count"] == 1
    answered = next(c for c in last.changes if c["type"] == "form_answered")
    assert answered["props"]["answers"] == chat.answers


def test_rules_do_not_look_at_an_answer() -> None:
    """A fitting answer stops the rules of that event, and the trace says by what; afterwards they react."""
    chat = Chat()
    chat.say("診断")
    answer = chat.say("乾燥肌")
    assert [(r["rule"], r["matched"], words(r)) for r in answer.rules[:3]] == [
        ("form:skin:type", True, 'answered "dry"'),
        ("begin", False, "stopped by form:skin:type"),
        ("any-text", False, "stopped by form:skin:type"),
    ]
    chat.tap("care", "skip")
    chat.say("20")
    assert sent_texts(chat.say("こんにちは")) == ["ようこそ"]


def test_rules_react_to_what_answers_change() -> None:
    """Tags and attributes from answers, and the answered form, are facts like all others."""
    chat = Chat(
        tagged=a_rule("tag_added", [{"add_tag": "a"}], match={"tag": "dry"}),
        done=a_rule("form_answered", [{"add_tag": "b"}], match={"form": "skin", "answers.age": {"gte": 30}}),
    )
    chat.say("診断")
    assert "a" in chat.tap("type", "0").after["tags"]
    chat.tap("care", "skip")
    assert "b" in chat.say("30").after["tags"]


def test_a_friend_may_leave_and_what_was_answered_stays() -> None:
    """A cancel word ends the form; partial answers are kept, and the form does not count as answered."""
    chat = Chat()
    chat.say("診断")
    chat.tap("type", "1")
    assert sent_texts(chat.say("ｷｬﾝｾﾙ")) == ["回答を中止しました。"]
    assert chat.waiting is None
    assert chat.answers == {"type": "oily"}
    assert "form_answered" not in chat.sheet["facts"]  # type: ignore[index]
    assert sent_texts(chat.say("20")) == ["ようこそ"]


def test_a_question_that_was_deleted_is_not_waited_for() -> None:
    """The friend is let go, and the timeline says of which question."""
    for forms in ({}, {"skin": a_form({**SKIN, "questions": SKIN["questions"][1:]})}):
        chat = Chat()
        chat.say("診断")
        chat.program = a_program({}, forms=forms)
        gone = chat.say("乾燥肌")
        assert chat.waiting is None
        assert {"type": "question_gone", "form": "skin", "question": "type"} in gone.changes


def test_a_choice_may_begin_another_form() -> None:
    """The form that an answer begins takes the place of the one that asked."""
    body = copy.deepcopy(SKIN)
    body["questions"][0]["choices"][0]["then"] = [{"start_form": "check"}]
    chat = Chat(body)
    chat.say("診断")
    decision = chat.tap("type", "0")
    assert decision.after["form_session"]["form"] == "check"
    assert sent_texts(decision) == ["?"]


def test_an_event_puts_one_question() -> None:
    """Two rules begin two forms: the first is asked, the other says why not."""
    also = a_rule(then=[{"start_form": "check"}], match={"text": "診断"}, priority=9)
    decision = Chat(also=also).say("診断")
    assert [(e["form"], e["status"]) for e in decision.effects] == [("check", "pending"), ("skin", "skipped")]
    assert words(decision.effects[1]) == "this event has brought a question of form check already"


def test_answers_of_a_branch_not_taken_any_more_are_dropped() -> None:
    """Begun again and answered otherwise, the form holds no answer of the other way."""
    chat = Chat()
    chat.say("診断")
    chat.tap("type", "0")
    chat.tap("care", "0")
    chat.tap("care", "done")
    chat.say("20")
    chat.say("診断")
    assert chat.answers == {"type": "dry", "care": ["水"], "age": 20}, "kept until answered anew"
    chat.tap("type", "1")
    chat.tap("age", "skip")
    assert chat.answers == {"type": "oily"}


def test_a_form_without_a_reply_token_asks_by_push() -> None:
    """A scenario or a purchase starts a form too: the first question is a push."""
    chat = Chat(bought=a_rule("purchased", [{"start_form": "skin"}]))
    decision = chat.hear(chat.event("purchased", order_id="1", amount=1, items=[]))
    effect = decision.effects[0]
    assert (effect["action"], effect["via"], effect["status"]) == ("start_form", "push", "pending")
    chat.hear(chat.event("unfollowed"))
    blocked = chat.hear(chat.event("purchased", order_id="2", amount=1, items=[]))
    assert (blocked.effects[0]["status"], words(blocked.effects[0])) == ("skipped", "blocked")


def test_a_late_start_does_not_turn_the_form_back() -> None:
    """An event that comes late does not begin again what has gone on since."""
    chat = Chat(bought=a_rule("purchased", [{"start_form": "skin"}]))
    chat.say("診断")
    chat.tap("type", "1")
    late = chat.hear(an_event("purchased", 0.5, id="late", order_id="1", amount=1, items=[]))
    assert words(late.effects[0]) == "something later is stored"
    assert chat.waiting == "age"


def test_a_question_that_cannot_be_sent_is_not_waited_for() -> None:
    """A variable without a value is a failed effect; the friend's next words go to the rules."""
    form = {"name": "f", "questions": [{"id": "q", "text": "{{ friend.display_name }}さん？"}]}
    chat = Chat(form)
    failed = chat.say("診断").effects[0]
    assert failed["status"] == "failed"
    assert "display_name" in words(failed)
    assert chat.waiting is None


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"questions": [{"id": "q", "text": "?", "attribute": "none"}]}, "questions[0].attribute"),
        (
            {"questions": [{"id": "q", "text": "?", "type": "number", "attribute": "visit"}]},
            "questions[0].attribute",
        ),
        (
            {
                "questions": [
                    {"id": "q", "text": "?", "type": "choice", "choices": ["x"], "attribute": "skin"}
                ]
            },
            "questions[0].choices[0].value",
        ),
        (
            {
                "questions": [
                    {
                        "id": "q",
                        "text": "?",
                        "type": "choice",
                        "choices": [{"value": "x", "then": [{"add_tag": "none"}]}],
                    }
                ]
            },
            "questions[0].choices[0].then[0].add_tag",
        ),
        ({"questions": [{"id": "q", "text": "?", "if": {"tag": "none"}}]}, "questions[0].if.tag"),
        ({"questions": [{"id": "q", "text": "{{ attribute.none }}"}]}, "questions[0].text"),
        ({"questions": [{"id": "q", "text": "{{ nobody.x }}"}]}, "questions[0].text"),
        ({"then": [{"reply": {"message": "none"}}]}, "then[0].reply.message"),
    ],
)
def test_a_form_that_cannot_work_is_refused(change: dict[str, Any], path: str) -> None:
    """Unknown attributes, tags and messages, and answers that an attribute cannot keep, with their path."""
    body, catalog = a_form({"name": "f", **change}), a_catalog()
    kind = DOCUMENTS["forms"]
    wrong = [r.path for r in kind.references(body) if catalog.find(r.kind, r.id) is None]
    wrong += [detail.path for detail in kind.check("f", body, catalog)]
    assert path in wrong


texts = st.sampled_from(["診断", "乾燥肌", "oily", "水、オイル", "20", "やめる", "スキップ", "?", "", "🧑‍🍳"])
taps = st.tuples(
    st.sampled_from(["type", "care", "age", "none"]),
    st.sampled_from(["0", "1", "2", "9", "done", "skip", "x", ""]),
)


@given(st.lists(st.one_of(texts, taps), max_size=25))
def test_whatever_a_friend_does_the_form_stays_sound(doings: list[Any]) -> None:
    """The waiting question is one of the form's; returns are of their types; effects have names."""
    chat = Chat()
    for doing in doings:
        decision = chat.say(doing) if isinstance(doing, str) else chat.tap(*doing)
        assert chat.waiting in {None, "type", "care", "age"}
        keys = [f"{e['rule']}:{e['index']}" for e in decision.effects]
        assert len(keys) == len(set(keys)), "effects are told apart by their names"
    kinds: dict[str, Any] = {"type": str, "care": list, "age": int | float}
    for question, answer in (chat.sheet or {}).get("forms", {}).get("skin", {}).get("answers", {}).items():
        assert isinstance(answer["value"], kinds[question])
