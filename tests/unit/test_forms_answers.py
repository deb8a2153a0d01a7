"""What is an answer to the question that is asked, and what is not."""

from __future__ import annotations

import copy

import pytest

from chalicelib.forms import ask
from chalicelib.forms.model import Choice
from tests.forms_chat import SKIN, Chat, a_form, sent_texts
from tests.reaction_builders import a_program, a_rule, an_event
from tests.reasons_checked import in_words, words


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("乾燥肌", "dry"),
        ("dry", "dry"),
        (" ＤＲＹ ", "dry"),
        ("1", "dry"),
        ("２", "oily"),
        ("脂性肌", "oily"),
    ],
)
def test_choices_may_be_typed(text: str, value: str) -> None:
    """By label, by value, by number; width and case do not count."""
    chat = Chat()
    chat.say("診断")
    chat.say(text)
    assert chat.answers == {"type": value}


def test_an_unfit_answer_is_asked_again_twice_and_then_left_to_the_rules() -> None:
    """Nobody is held in a question: the third text that fits nothing is an ordinary message."""
    chat = Chat()
    chat.say("診断")
    for _ in range(2):
        assert sent_texts(chat.say("料金は？")) == ["すみません、もう一度お答えください。\nお肌のタイプは？"]
    assert sent_texts(chat.say("料金は？")) == ["ようこそ"]
    assert chat.waiting == "type"
    chat.say("乾燥肌")
    assert chat.answers == {"type": "dry"}


def test_other_things_than_text_and_late_words_are_no_answers() -> None:
    """A sticker, something said before the question, a text after the form's patience: rules look at it."""
    chat = Chat()
    chat.say("診断")
    sticker = chat.event("messaged", message_type="sticker")
    assert chat.hear(sticker).after["form_session"]["question"] == "type"
    late = an_event(minutes=0.5, id="late", text="乾燥肌")
    assert sent_texts(chat.hear(late)) == ["ようこそ"]
    chat.minutes += 24 * 60
    assert sent_texts(chat.say("乾燥肌")) == ["ようこそ"]
    assert sent_texts(chat.tap("type", "0")) == ["保湿に使うものは？"], (
        "a tap means what it says, however late"
    )


def test_a_tap_on_an_old_question_changes_nothing() -> None:
    """A second tap on what was answered is consumed, with a trace."""
    chat = Chat()
    chat.say("診断")
    chat.tap("type", "1")
    before = chat.answers
    stale = chat.tap("type", "0")
    assert chat.answers == before
    assert chat.waiting == "age"
    assert not stale.effects
    assert in_words(stale.rules[0]) == {
        "rule": "form:skin:type",
        "matched": True,
        "why": "this question is not asked any more",
    }


def test_a_shop_may_have_such_postbacks_of_its_own() -> None:
    """Data that names no form of the account is the rules' business."""
    rule = a_rule("postback", [{"add_tag": "a"}], match={"data": {"prefix": "todoku-form="}})
    chat = Chat(own=rule)
    data = "todoku-form=other&question=q&choice=1"
    assert "a" in chat.hear(chat.event("postback", data=data)).after["tags"]


def test_a_tap_from_before_the_question_is_no_answer() -> None:
    """Begun anew, the form does not take what an old, redriven tap says; time does not go backwards."""
    chat = Chat(bought=a_rule("purchased", [{"start_form": "skin"}]))
    chat.say("診断")
    mark = ask.mark_of(Choice("dry", ""))
    tap = chat.event("postback", data=f"todoku-form=skin&question=type&choice={mark}")
    chat.hear(chat.event("purchased", order_id="1", amount=1, items=[]))
    assert words(chat.hear(tap).rules[0]) == "tapped before the question was put"
    assert chat.waiting == "type"


def test_choices_keep_their_meaning_when_the_form_is_edited() -> None:
    """A button in the chat means the value it was made for, wherever that stands now, or nothing."""
    chat = Chat()
    chat.say("診断")
    data = f"todoku-form=skin&question=type&choice={ask.mark_of(Choice('dry', ''))}"
    edited = copy.deepcopy(SKIN)
    edited["questions"][0]["choices"].reverse()
    chat.program = a_program({}, forms={"skin": a_form(edited)})
    chat.hear(chat.event("postback", data=data))
    assert chat.answers == {"type": "dry"}
    gone = data.replace(ask.mark_of(Choice("dry", "")), ask.mark_of(Choice("mixed", "")))
    other = Chat()
    other.say("診断")
    assert sent_texts(other.hear(other.event("postback", data=gone)))[0].startswith("すみません")


def test_tapped_and_typed_choices_add_up() -> None:
    """Taps first, then words: both count; the button's word is understood; what is chosen is shown."""
    for typed, wanted in (
        ("オイル", ["クリーム", "オイル"]),
        ("以上", ["クリーム"]),
        ("クリーム", ["クリーム"]),
    ):
        chat = Chat()
        chat.say("診断")
        chat.tap("type", "0")
        assert sent_texts(chat.tap("care", "1")) == ["保湿に使うものは？\n✓ クリーム"]
        chat.tap("care", "1")
        chat.say(typed)
        assert chat.answers["care"] == wanted
    chat = Chat()
    chat.say("診断")
    chat.tap("type", "0")
    chat.tap("care", "1")
    chat.say("スキップ")
    assert chat.waiting == "care", "skipping is not offered any more"


def test_letters_come_before_likeness_and_before_leaving() -> None:
    """A choice typed letter by letter is that one, also when it looks like another or like a cancel word."""
    form = {
        "name": "f",
        "questions": [
            {"id": "q", "text": "?", "type": "choice", "choices": ["はい", "ハイ", "やめる", "x" * 30]}
        ],
    }
    for typed, wanted in (
        ("ハイ", "ハイ"),
        ("はい", "はい"),
        ("やめる", "やめる"),
        ("x" * 19 + "…", "x" * 30),
    ):
        chat = Chat(form)
        chat.say("診断")
        chat.say(typed)
        assert chat.answers == {"q": wanted}


def test_blanks_are_no_answer() -> None:
    """Spaces alone say nothing."""
    chat = Chat({"name": "f", "questions": [{"id": "q", "text": "?", "required": True}]})
    chat.say("診断")
    assert sent_texts(chat.say(" 　"))[0].startswith("すみません")


def test_dates_and_yes_or_no() -> None:
    """A date by picker or typed in the ways people write dates; yes and no in the form's words."""
    form = {
        "name": "予約",
        "questions": [
            {"id": "day", "text": "いつ？", "type": "date", "attribute": "visit", "required": True},
            {"id": "first", "text": "初めてですか？", "type": "boolean", "required": True},
        ],
    }
    for given_as in ("2026-12-01", "2026/12/1", "２０２６年１２月１日", "2026.12.1", "2026-11-30T15:30Z"):
        chat = Chat(form)
        action = chat.say("診断").payloads["begin:0"][0]["quickReply"]["items"][0]["action"]
        assert (action["type"], action["mode"]) == ("datetimepicker", "date")
        chat.say(given_as)
        assert chat.answers == {"day": "2026-12-01"}, given_as
    chat = Chat(form)
    chat.say("診断")
    chat.tap("day", "date", date="2026-12-24")
    chat.say("いいえ")
    assert chat.answers == {"day": "2026-12-24", "first": False}
    chat = Chat(form)
    chat.say("診断")
    assert sent_texts(chat.say("2026-13-01"))[0].startswith("すみません")


def test_many_choices_are_numbered() -> None:
    """More answers than LINE shows quick replies stand in the text, to be answered by number."""
    form = {
        "name": "県",
        "questions": [
            {"id": "area", "text": "どちら？", "type": "choice", "choices": [f"県{n}" for n in range(47)]}
        ],
    }
    chat = Chat(form)
    message = chat.say("診断").payloads["begin:0"][0]
    assert "47. 県46" in message["text"]
    assert len(message["quickReply"]["items"]) == 1
    chat.say("47")
    assert chat.answers == {"area": "県46"}


def test_a_tap_is_read_back() -> None:
    """What a quick reply carries is what a tap is read as; other postbacks are not forms' business."""
    assert ask.tapped("todoku-form=skin&question=type&choice=0") == ("skin", "type", "0")
    assert ask.tapped("skin=dry") is None
    assert ask.tapped("todoku-form=1") is None
