"""What is said together: quick replies stand under the last object, where LINE shows them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.messages import checks
from chalicelib.messages.together import MAX_QUICK_REPLIES, arrange, arranged, left_out
from chalicelib.reaction.decide import decide
from tests.reaction_builders import NOW, a_catalog, a_program, a_rule, an_event


def button(name: str) -> dict[str, Any]:
    return {"type": "action", "action": {"type": "message", "label": name, "text": name}}


def text(words: str, *buttons: str) -> dict[str, Any]:
    message: dict[str, Any] = {"type": "text", "text": words}
    return message | ({"quickReply": {"items": [button(name) for name in buttons]}} if buttons else {})


def shown(messages: list[dict[str, Any]]) -> list[str]:
    return [item["action"]["label"] for item in messages[-1].get("quickReply", {}).get("items", [])]


def test_buttons_move_to_the_last_object_in_their_order() -> None:
    """Of two parts the first has buttons: they stand under the second, before its own; twins stand once."""
    messages, missing = arrange(
        [[text("問い", "はい", "いいえ")], [text("案内"), text("地図", "地図を開く", "はい")]]
    )
    assert [len(part) for part in messages] == [1, 2]
    assert shown(messages[1]) == ["はい", "いいえ", "地図を開く"]
    assert all("quickReply" not in message for message in [*messages[0], messages[1][0]])
    assert missing == [0, 0]


def test_what_does_not_fit_is_counted_and_a_questions_answers_stay() -> None:
    """Thirteen in all; a form's buttons are not pushed out by those of an earlier message."""
    menu = text("メニュー", *(f"m{n}" for n in range(10)))
    question = text("問い", *(f"a{n}" for n in range(6)))
    messages, missing = arrange([[menu], [question]])
    assert (len(shown(messages[1])), missing) == (13, [0, 3])
    messages, missing = arrange([[menu], [question]], keep={1})
    assert shown(messages[1]) == [f"m{n}" for n in range(7)] + [f"a{n}" for n in range(6)]
    assert missing == [3, 0]


@given(st.lists(st.lists(st.lists(st.integers(0, 40), max_size=13, unique=True), max_size=3), max_size=3))
def test_nothing_is_lost_but_what_has_no_room(parts: list[list[list[int]]]) -> None:
    """Only the last object has buttons; what is shown and what is counted as left out is all there was."""
    messages, missing = arrange([[text("x", *map(str, names)) for names in part] for part in parts])
    objects = [message for part in messages for message in part]
    assert [len(part) for part in messages] == [len(part) for part in parts]
    assert all("quickReply" not in message for message in objects[:-1])
    given_names = {name for part in parts for names in part for name in names}
    here = shown(objects) if objects else []
    assert len(here) == len(set(here)) <= MAX_QUICK_REPLIES
    assert len(here) + sum(missing) == len(given_names)
    assert arranged(objects) == objects


def test_a_document_is_warned_of_at_save_and_moved() -> None:
    """Buttons of an earlier object are said to move; those beyond thirteen are said to be left out."""
    messages = [text("a", *(f"a{n}" for n in range(9))), text("b", *(f"b{n}" for n in range(9)))]
    warned = {detail.path: detail.message for detail in checks.warnings(messages, a_catalog())}
    assert warned["messages[0].quickReply"].startswith("moves to the last message")
    assert "5 quick replies too many" in warned["messages"]
    assert len(shown(arranged(messages))) == 13
    assert left_out(messages) == 5
    assert [text("a"), text("b", "x")] == arranged([text("a"), text("b", "x")])


def test_what_a_reply_cannot_carry_is_decided_with_it() -> None:
    """Six objects: the last goes by push where its author allows it, and is skipped where not."""
    three = {"name": "3", "messages": [text("1"), text("2"), text("3")], "category": "transactional"}
    for fallback, outcome in ((True, ("pending", "push")), (False, ("skipped", None))):
        rules = {
            "a": a_rule(then=[{"reply": {"message": "three"}}]),
            "b": a_rule(then=[{"reply": {"message": "three", "push_fallback": fallback}}]),
            "c": a_rule(then=[{"reply": {"message": "hello"}}]),
        }
        program = a_program(rules, messages={"three": three})
        effects = decide(an_event(text="x"), None, program, NOW).effects
        assert [(e["status"], e.get("via")) for e in effects] == [
            ("pending", None),
            outcome,
            ("pending", None),
        ]
