"""Choices that are typed: names with separators in them, several at once, what could mean either."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.forms import ask, naming
from chalicelib.forms.documents import DOCUMENTS
from chalicelib.forms.model import Choice, Question, read_form
from tests.forms_chat import Chat, a_form
from tests.reaction_builders import a_catalog
from tests.reasons_checked import words

COURSES = ["カット", "カラー", "カット、カラー", "10,000円 コース", "A/B", "ｼｬﾝﾌﾟｰ", "1,000円"]


def a_question(*names: str, kind: str = "multi_choice") -> Question:
    return Question("q", "?", kind, choices=tuple(Choice(name, name) for name in names))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("カット、カラー", {"カット、カラー"}),
        ("ｶｯﾄ､ｶﾗｰ", {"カット、カラー"}),
        ("カット カラー", {"カット、カラー"}),
        ("カラー、カット", {"カラー", "カット"}),
        ("カット、カラー、シャンプー", {"カット、カラー", "ｼｬﾝﾌﾟｰ"}),
        ("10,000円 コース", {"10,000円 コース"}),
        ("１０，０００円　コース／a/b", {"10,000円 コース", "A/B"}),
        ("1,000円、10,000円 コース", {"1,000円", "10,000円 コース"}),
        ("しゃんぷー・", set()),
        ("1、2", {"カット", "カラー"}),
        ("a／b 2", {"A/B", "カラー"}),
        ("カット、パーマ", set()),
        ("A", set()),
        ("、", set()),
        ("", set()),
    ],
)
def test_names_may_hold_separators(text: str, named: set[str]) -> None:
    """The longest known names are looked for first; what names nothing is no answer at all."""
    assert set(naming.several(a_question(*COURSES), text)) == named


def test_what_can_be_read_in_two_ways_names_nothing() -> None:
    """A/B and C, or A and B/C? Nobody guesses."""
    question = a_question("A", "A/B", "B/C", "C")
    assert naming.several(question, "A/B/C") == naming.AMBIGUOUS
    assert naming.several(question, "A/B") == ["A/B"]
    assert naming.several(question, "B/C、A") == ["A", "B/C"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("A/B、C", {"A/B", "C"}),
        ("C A,B", {"A,B", "C"}),
        ("ａ／ｂ、c", {"A/B", "C"}),
        ("A/B、A,B", {"A/B", "A,B"}),
        ("A,B,C", {"A,B", "C"}),
        ("1、A,B", {"A/B", "A,B"}),
    ],
)
def test_names_that_differ_in_their_separators_are_distinguished(text: str, named: set[str]) -> None:
    """By the separators that are typed, also among several; where these are others, nobody guesses."""
    question = a_question("A/B", "A,B", "C")
    assert set(naming.several(question, text)) == named
    for other in ("A B、C", "a・b/c", "A｜B"):
        assert naming.several(question, other) in (naming.AMBIGUOUS, [])
    assert list(naming.twins(question)) == []


def test_choices_that_differ_in_width_are_distinguished_letter_by_letter() -> None:
    """Typed letter by letter it is that choice; typed otherwise it may be both."""
    for kind in ("choice", "multi_choice"):
        question = a_question("ABC", "ＡＢＣ", "X", kind=kind)
        read = naming.several if kind == "multi_choice" else naming.one
        assert read(question, "ＡＢＣ") == ["ＡＢＣ"]
        assert read(question, "abc") == naming.AMBIGUOUS
    assert naming.several(question, "x、abc") == naming.AMBIGUOUS
    assert naming.several(question, "X、ABC") == ["ABC", "X"]
    assert list(naming.twins(question)) == [(1, 0)]


@given(st.lists(st.text("AB/、 ", min_size=1, max_size=5), min_size=1, max_size=6, unique=True), st.data())
def test_whole_names_are_always_understood(names: list[str], data: st.DataObject) -> None:
    """A name that holds a letter and is typed as it is means that choice, whatever else there is."""
    question = a_question(*names)
    name = data.draw(st.sampled_from(names))
    twin = [other for other in names if other.strip() == name.strip()]
    found = naming.several(question, name)
    if name.strip():
        assert found == [name] or (len(twin) > 1 and found == naming.AMBIGUOUS)


@given(st.lists(st.sampled_from(["A", "B", "C", "A/B", "B、C", "D E"]), min_size=1, max_size=4))
def test_what_is_named_is_what_was_typed(choices: list[str]) -> None:
    """Reading never makes up a choice: every one that is named has all its letters in the text."""
    question = a_question("A", "B", "C", "A/B", "B、C", "D E")
    found = naming.several(question, "、".join(choices))
    assert found
    if found != naming.AMBIGUOUS:
        typed = {letter for name in choices for letter in name if letter.isalpha()}
        assert {letter for name in found for letter in name if letter.isalpha()} == typed


FORM: dict[str, Any] = {
    "name": "ご希望",
    "questions": [
        {"id": "menu", "text": "ご希望は？", "type": "multi_choice", "choices": ["A", "A/B", "B/C", "C"]}
    ],
    "then": [{"add_tag": "vip"}],
}


def test_an_ambiguous_answer_brings_the_question_with_numbers() -> None:
    """The friend sees how to say it: the choices get numbers, and a number is an answer."""
    chat = Chat(FORM)
    chat.say("診断")
    decision = chat.say("A/B/C")
    assert words(decision.rules[0]) == "may mean several of the choices"
    text = decision.effects[0]["messages"][0]["text"]
    assert text.splitlines()[-4:] == ["1. A", "2. A/B", "3. B/C", "4. C"]
    answers = chat.say("2、4").after["forms"]["skin"]["answers"]
    assert answers["menu"]["value"] == ["A/B", "C"]


def test_twins_are_warned_of_when_a_form_is_saved() -> None:
    """Choices that differ in width alone save with a warning that names both."""
    body = {**FORM, "questions": [{**FORM["questions"][0], "choices": ["カット", "ｶｯﾄ", "かっと"]}]}
    catalog = a_catalog(forms={"menu": a_form(body)})
    warned = list(DOCUMENTS["forms"].warn("menu", catalog))
    assert [detail.path for detail in warned] == ["questions[0].choices[1]", "questions[0].choices[2]"]
    assert "'ｶｯﾄ' and 'カット'" in warned[0].message


def test_a_numbered_question_of_many_choices_is_sent_once() -> None:
    """Above what LINE shows as buttons the numbers stand there anyway."""
    form = read_form(
        "f",
        a_form({**FORM, "questions": [{**FORM["questions"][0], "choices": list("abcdefghijklmno")}]}),
        None,
    )
    text = ask.messages(form, form.questions[0], again=True, numbered=True)[0]["text"]
    assert text.count("\n3. c\n") == 1
