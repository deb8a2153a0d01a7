"""A question that waits does not swallow what is clearly something else."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.rules.documents import DOCUMENTS
from tests.forms_chat import Chat, a_form
from tests.reaction_builders import a_catalog, a_program, a_rule, an_event
from tests.reasons_checked import in_words
from tests.unit.test_rehearsals_replay import History

KEYWORD = "院内QR 美容"
TEXT_FORM = {"name": "ご要望", "questions": [{"id": "wish", "text": "ご要望は？", "type": "text"}]}


def keyword(match: Any = KEYWORD, **more: Any) -> dict[str, Any]:
    return a_rule(then=[{"add_tag": "vip"}, {"reply": {"message": "hello"}}], match={"text": match}, **more)


def ran(decision: Any) -> list[str]:
    return [trace["rule"] for trace in decision.rules if trace["matched"]]


@pytest.mark.parametrize("match", [KEYWORD, {"eq": "院内qr 美容", "fold": True}, {"in": ["x", KEYWORD]}])
def test_an_exact_keyword_wins_over_an_answer_that_does_not_fit(match: Any) -> None:
    """The rules look at it as if no question waited; the question waits on and no try is counted."""
    chat = Chat(qr=keyword(match))
    before = chat.say("診断").after["form_session"]
    for _ in range(4):
        decision = chat.say(KEYWORD)
        assert ran(decision) == ["any-text", "qr"]
        assert [effect["action"] for effect in decision.effects] == ["reply", "reply"]
        assert decision.after["form_session"] == before
        assert in_words(decision.rules[0]) == {
            "rule": "form:skin:type",
            "matched": False,
            "why": "no answer: it is what rule qr waits for",
        }
    assert chat.say("乾燥肌").after["form_session"]["question"] == "care"


@pytest.mark.parametrize(
    "rule",
    [
        keyword({"contains": "QR"}),
        keyword(enabled=False),
        keyword({"eq": KEYWORD}, **{"if": {"tag": "vip"}}),
        keyword(valid={"until": "2020-01-01T00:00:00Z"}),
        a_rule(then=[{"add_tag": "vip"}], match={"message_type": "text"}),
    ],
)
def test_other_words_and_rules_that_would_not_run_leave_it_to_the_form(rule: dict[str, Any]) -> None:
    """Nobody is left without an answer: what no rule takes is met by the question again."""
    chat = Chat(qr=rule)
    chat.say("診断")
    decision = chat.say(KEYWORD)
    assert ran(decision) == ["form:skin:type"]
    assert decision.after["form_session"]["tries"] == 1


def test_a_rule_whose_limit_is_used_up_claims_nothing() -> None:
    """Judging beforehand counts nothing: the first match runs, the second is left to the form."""
    chat = Chat(qr=keyword(limit="once"))
    chat.say("診断")
    assert "qr" in ran(chat.say(KEYWORD))
    assert ran(chat.say(KEYWORD)) == ["form:skin:type"]


def test_an_answer_that_fits_is_the_answer() -> None:
    """A keyword that is also a choice answers the question, and so does every text of a text question."""
    chat = Chat(dry=keyword("乾燥肌"))
    chat.say("診断")
    assert ran(chat.say("乾燥肌"))[0] == "form:skin:type"
    assert "vip" not in (chat.sheet or {})["tags"]
    chat = Chat(TEXT_FORM, qr=keyword())
    chat.say("診断")
    assert ran(chat.say(KEYWORD)) == ["form:skin:wish"]


@pytest.mark.parametrize("word", [KEYWORD, "キャンセル"])
def test_a_rule_over_forms_takes_what_it_names(word: str) -> None:
    """Also what would fit, and the words by which a friend leaves."""
    chat = Chat(TEXT_FORM, qr=keyword({"prefix": word}, over_forms=True))
    chat.say("診断")
    decision = chat.say(word)
    assert ran(decision) == ["any-text", "qr"]
    assert decision.after["form_session"]["question"] == "wish"
    assert ran(chat.say("別の話")) == ["form:skin:wish"]


def test_a_rule_over_forms_that_names_nothing_looks_on() -> None:
    """It counts every message; the form takes its answer all the same, typed or tapped."""
    counting = a_rule(then=[{"add_score": {"score": "heat", "points": 1}}], over_forms=True)
    tapping = a_rule("postback", then=[{"add_tag": "vip"}], over_forms=True)
    chat = Chat(counting=counting, tapping=tapping)
    chat.say("診断")
    assert set(ran(chat.tap("type", "0"))) >= {"form:skin:type", "tapping"}
    assert set(ran(chat.say("水"))) >= {"form:skin:care", "counting"}


def test_taps_on_rich_menus_go_to_the_rules() -> None:
    """A postback that is none of the form's is no answer; the question waits on."""
    chat = Chat(menu=a_rule("postback", then=[{"reply": {"message": "hello"}}], match={"data": "menu=price"}))
    before = chat.say("診断").after["form_session"]
    decision = chat.hear(chat.event("postback", data="menu=price"))
    assert ran(decision) == ["menu"]
    assert decision.after["form_session"] == before


def test_over_forms_on_what_no_form_takes_is_warned_of() -> None:
    """It would change nothing."""
    rules = {"a": a_rule("followed", over_forms=True, then=[]), "b": a_rule(over_forms=True, then=[])}
    catalog = a_catalog(rules=rules)
    assert [detail.path for detail in DOCUMENTS["rules"].warn("a", catalog)] == ["over_forms"]
    assert list(DOCUMENTS["rules"].warn("b", catalog)) == []


def test_a_draft_of_a_keyword_is_tried_on_a_message() -> None:
    """Judging an event again: what did not fit then is the rule's by now, and the form is silent."""
    begin = a_rule(then=[{"start_form": "skin"}], match={"text": "診断"}, stop=True)
    history = History({"begin": begin}, forms={"skin": a_form()})
    history.happens(an_event(text="診断", id="e1", minutes=1))
    event = an_event(text=KEYWORD, id="e2", minutes=2)
    assert ran(history.happens(event)) == ["form:skin:type"]
    history.program = a_program({"begin": begin, "qr": keyword()}, forms={"skin": a_form()})
    again = history.again(event)
    assert ran(again) == ["qr"]
    assert [effect["action"] for effect in again.effects] == ["reply"]
