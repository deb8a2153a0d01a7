"""Forms in the chat: questions one after the other, answers that fit and that do not, the end."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog.validation import normal_body
from chalicelib.engine.decide import decide
from chalicelib.engine.model import Decision, Program
from chalicelib.forms import ask
from chalicelib.forms.documents import KINDS
from chalicelib.forms.model import Choice
from chalicelib.shared.events import FriendEvent
from tests.engine_builders import NOW, a_catalog, a_program, a_rule, an_event

SKIN: dict[str, Any] = {
    "name": "肌質診断",
    "questions": [
        {
            "id": "type",
            "text": "お肌のタイプは？",
            "type": "choice",
            "required": True,
            "attribute": "skin",
            "choices": [
                {"value": "dry", "label": "乾燥肌", "then": [{"add_tag": "dry"}]},
                {"value": "oily", "label": "脂性肌", "then": [{"add_score": {"score": "heat", "points": 2}}]},
            ],
        },
        {
            "id": "care",
            "text": "保湿に使うものは？",
            "type": "multi_choice",
            "choices": ["水", "クリーム", "オイル"],
            "if": {"form": {"id": "skin", "question": "type", "eq": "dry"}},
        },
        {"id": "age", "text": "ご年齢は？", "type": "number", "attribute": "n"},
    ],
    "then": [{"reply": {"message": "hello"}}, {"add_tag": "vip"}],
}


def a_form(body: dict[str, Any] = SKIN) -> dict[str, Any]:
    return normal_body(KINDS["forms"], copy.deepcopy(body))


class Chat:
    """A friend in a chat: what they say is decided on, one event a minute."""

    def __init__(self, form: dict[str, Any] = SKIN, **rules: Any) -> None:
        begin = a_rule(then=[{"start_form": "skin"}], match={"text": "診断"}, priority=5, stop=True)
        any_text = a_rule(then=[{"reply": {"message": "hello"}}], match={"message_type": "text"})
        every = {"begin": begin, "any-text": any_text, **rules}
        self.program: Program = a_program(every, forms={"skin": a_form(form)})
        self.sheet: dict[str, Any] | None = None
        self.minutes = 0.0
        self.n = 0

    def hear(self, event: FriendEvent) -> Decision:
        decision = decide(event, self.sheet, self.program, NOW)
        self.sheet = decision.after
        return decision

    def event(self, kind: str, **props: Any) -> FriendEvent:
        self.n += 1
        self.minutes += 1
        return an_event(kind, self.minutes, id=f"e{self.n}", **props)

    def say(self, text: str) -> Decision:
        return self.hear(self.event("messaged", text=text))

    def tap(self, question: str, choice: str, **params: Any) -> Decision:
        found = self.program.forms["skin"].find(question)
        if found is not None and choice.isdecimal() and int(choice) < len(found.choices):
            choice = ask.mark_of(found.choices[int(choice)])
        data = f"todoku-form=skin&question={question}&choice={choice}"
        return self.hear(self.event("postback", data=data, params=params))

    @property
    def waiting(self) -> str | None:
        return ((self.sheet or {}).get("asking") or {}).get("question")

    @property
    def answers(self) -> dict[str, Any]:
        entry = (self.sheet or {})["forms"]["skin"]
        return {name: answer["value"] for name, answer in entry["answers"].items()}


def said(decision: Decision) -> list[str]:
    """The texts of all that the decision says, in order."""
    spoken = [e for e in decision.effects if e["action"] in {"reply", "ask", "start_form", "send"}]
    return [m["text"] for e in spoken for m in decision.payloads.get(f"{e['rule']}:{e['index']}", [])]


def test_a_form_from_its_start_to_its_end() -> None:
    """Start, a choice with a tag and an attribute, a branch, several choices, a number; then the end."""
    chat = Chat()
    started = chat.say("診断")
    assert said(started) == ["お肌のタイプは？"]
    effect = started.effects[0]
    assert (effect["action"], effect["status"], effect["question"]) == ("start_form", "pending", "type")
    items = started.payloads["begin:0"][0]["quickReply"]["items"]
    assert [i["action"]["label"] for i in items] == ["乾燥肌", "脂性肌"]
    assert ask.tapped(items[0]["action"]["data"]) is not None

    first = chat.tap("type", "0")
    assert said(first) == ["保湿に使うものは？"]
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
    assert said(chat.tap("care", "done")) == ["ご年齢は？"]
    assert chat.answers["care"] == ["水", "クリーム"]

    last = chat.say("３４")
    assert said(last) == ["ようこそ"]
    assert chat.answers == {"type": "dry", "care": ["水", "クリーム"], "age": 34}
    assert last.after["attributes"]["n"] == 34
    assert "vip" in last.after["tags"]
    assert chat.waiting is None
    assert last.after["forms"]["skin"]["at"] == an_event(minutes=chat.minutes).at
    assert last.after["facts"]["form_answered:skin"]["count"] == 1
    told = next(c for c in last.changes if c["type"] == "form_answered")
    assert told["props"]["answers"] == chat.answers


def test_rules_do_not_look_at_an_answer() -> None:
    """A fitting answer stops the rules of that event, and the trace says by what; afterwards they react."""
    chat = Chat()
    chat.say("診断")
    answer = chat.say("乾燥肌")
    assert [(r["rule"], r["matched"], r["why"]) for r in answer.rules[:3]] == [
        ("form:skin:type", True, 'answered "dry"'),
        ("begin", False, "stopped by form:skin:type"),
        ("any-text", False, "stopped by form:skin:type"),
    ]
    chat.tap("care", "skip")
    chat.say("20")
    assert said(chat.say("こんにちは")) == ["ようこそ"]


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
        assert said(chat.say("料金は？")) == ["すみません、もう一度お答えください。\nお肌のタイプは？"]
    assert said(chat.say("料金は？")) == ["ようこそ"]
    assert chat.waiting == "type"
    chat.say("乾燥肌")
    assert chat.answers == {"type": "dry"}


def test_a_friend_may_leave_and_what_was_answered_stays() -> None:
    """A cancel word ends the form; partial answers are kept, and the form does not count as answered."""
    chat = Chat()
    chat.say("診断")
    chat.tap("type", "1")
    assert said(chat.say("ｷｬﾝｾﾙ")) == ["回答を中止しました。"]
    assert chat.waiting is None
    assert chat.answers == {"type": "oily"}
    assert "form_answered" not in chat.sheet["facts"]  # type: ignore[index]
    assert said(chat.say("20")) == ["ようこそ"]


def test_other_things_than_text_and_late_words_are_no_answers() -> None:
    """A sticker, something said before the question, a text after the form's patience: rules look at it."""
    chat = Chat()
    chat.say("診断")
    sticker = chat.event("messaged", message_type="sticker")
    assert chat.hear(sticker).after["asking"]["question"] == "type"
    late = an_event(minutes=0.5, id="late", text="乾燥肌")
    assert said(chat.hear(late)) == ["ようこそ"]
    chat.minutes += 24 * 60
    assert said(chat.say("乾燥肌")) == ["ようこそ"]
    assert said(chat.tap("type", "0")) == ["保湿に使うものは？"], "a tap means what it says, however late"


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
    assert stale.rules[0] == {
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
    assert chat.hear(tap).rules[0]["why"] == "tapped before the question was put"
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
    assert said(other.hear(other.event("postback", data=gone)))[0].startswith("すみません")


def test_a_question_that_was_deleted_is_not_waited_for() -> None:
    """The friend is let go, and the timeline says of which question."""
    for forms in ({}, {"skin": a_form({**SKIN, "questions": SKIN["questions"][1:]})}):
        chat = Chat()
        chat.say("診断")
        chat.program = a_program({}, forms=forms)
        gone = chat.say("乾燥肌")
        assert chat.waiting is None
        assert {"type": "question_gone", "form": "skin", "question": "type"} in gone.changes


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
        assert said(chat.tap("care", "1")) == ["保湿に使うものは？\n✓ クリーム"]
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
    assert said(chat.say(" 　"))[0].startswith("すみません")


def test_a_choice_may_begin_another_form() -> None:
    """The form that an answer begins takes the place of the one that asked."""
    body = copy.deepcopy(SKIN)
    body["questions"][0]["choices"][0]["then"] = [{"start_form": "check"}]
    chat = Chat(body)
    chat.say("診断")
    decision = chat.tap("type", "0")
    assert decision.after["asking"]["form"] == "check"
    assert said(decision) == ["?"]


def test_an_event_puts_one_question() -> None:
    """Two rules begin two forms: the first is asked, the other says why not."""
    also = a_rule(then=[{"start_form": "check"}], match={"text": "診断"}, priority=9)
    decision = Chat(also=also).say("診断")
    assert [(e["form"], e["status"]) for e in decision.effects] == [("check", "pending"), ("skin", "skipped")]
    assert decision.effects[1]["why"] == "this event has brought a question of form check already"


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
    assert (blocked.effects[0]["status"], blocked.effects[0]["why"]) == ("skipped", "blocked")


def test_a_late_start_does_not_turn_the_form_back() -> None:
    """An event that comes late does not begin again what has gone on since."""
    chat = Chat(bought=a_rule("purchased", [{"start_form": "skin"}]))
    chat.say("診断")
    chat.tap("type", "1")
    late = chat.hear(an_event("purchased", 0.5, id="late", order_id="1", amount=1, items=[]))
    assert late.effects[0]["why"] == "something later stands"
    assert chat.waiting == "age"


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
    assert said(chat.say("2026-13-01"))[0].startswith("すみません")


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


def test_a_question_that_cannot_be_said_is_not_waited_for() -> None:
    """A variable without a value is a failed effect; the friend's next words go to the rules."""
    form = {"name": "f", "questions": [{"id": "q", "text": "{{ friend.display_name }}さん？"}]}
    chat = Chat(form)
    failed = chat.say("診断").effects[0]
    assert failed["status"] == "failed"
    assert "display_name" in failed["why"]
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
    kind = KINDS["forms"]
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
    """The waiting question is one of the form's; answers are of their types; effects have names."""
    chat = Chat()
    for doing in doings:
        decision = chat.say(doing) if isinstance(doing, str) else chat.tap(*doing)
        assert chat.waiting in {None, "type", "care", "age"}
        keys = [f"{e['rule']}:{e['index']}" for e in decision.effects]
        assert len(keys) == len(set(keys)), "effects are told apart by their names"
    kinds: dict[str, Any] = {"type": str, "care": list, "age": int | float}
    for question, answer in (chat.sheet or {}).get("forms", {}).get("skin", {}).get("answers", {}).items():
        assert isinstance(answer["value"], kinds[question])


def test_a_tap_is_read_back() -> None:
    """What a quick reply carries is what a tap is read as; other postbacks are not forms' business."""
    assert ask.tapped("todoku-form=skin&question=type&choice=0") == ("skin", "type", "0")
    assert ask.tapped("skin=dry") is None
    assert ask.tapped("todoku-form=1") is None
