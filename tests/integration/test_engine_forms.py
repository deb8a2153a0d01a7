"""Forms against real stores: what is said by token and by push, where a crash leaves the friend."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.engine import chat, health
from chalicelib.friends import store
from chalicelib.segments import conditions
from chalicelib.segments.model import Context
from tests.conftest import drain
from tests.engine_builders import NOW, TOKYO, a_catalog, a_rule, an_event
from tests.integration.test_engine_react import Crash, World, activity, author, batch, friend, world

__all__ = ["world"]

RULES = {
    "begin": a_rule(then=[{"start_form": "check"}], match={"text": "診断"}),
    "bought": a_rule("purchased", [{"start_form": "check"}]),
}
BOUGHT: dict[str, Any] = {"order_id": "1", "amount": 1, "items": []}


def test_questions_go_by_the_free_token(world: World) -> None:
    """Each answer's token carries the next question; conditions see the answers; the chat tells it all."""
    author(RULES)
    batch(an_event(text="診断"))
    batch(an_event(text="しっとり", id="e2", minutes=1))
    batch(an_event(text="12", id="e3", minutes=2))
    assert [name for name, _ in world.line] == ["line:reply", "line:reply"]
    sheet = friend()
    assert sheet["attributes"]["memo"] == "しっとり"
    assert {q: a["value"] for q, a in sheet["forms"]["check"]["answers"].items()} == {
        "q1": "しっとり",
        "q2": 12,
    }
    assert "asking" not in sheet
    assert "t" in sheet["tags"]
    for condition in (
        {"form": {"id": "check", "answered": True}},
        {"form": {"id": "check", "question": "q2", "gte": 12}},
        {"event": {"type": "form_answered", "key": "check"}},
    ):
        assert conditions.compile(condition, Context(a_catalog(), TOKYO))(sheet, NOW), condition
    lines, _ = chat.conversation("shop", "U1", 20, None)
    assert [(line["direction"], line.get("by")) for line in reversed(lines)] == [
        ("in", None),
        ("out", "rule:begin"),
        ("in", None),
        ("out", "form:check:q2"),
        ("in", None),
    ]
    assert activity()["effects"][0]["question"] == "q1"


def test_what_a_form_could_not_do_is_counted_on_it(world: World) -> None:
    """Whatever question it was: the form's health has the count, the reason and where."""
    form = {
        "name": "f",
        "questions": [{"id": "q", "text": "{{ friend.display_name }}さん？"}],
        "then": [{"reply": {"message": "dear"}}],
    }
    author({"begin": a_rule(then=[{"start_form": "f"}], match={"text": "診断"})})
    catalog.save("shop", [Write("forms", "f", form)], lambda _: None, "test")
    batch(an_event(text="診断"))
    assert health.read("shop", "begin", 7)[0]["why"] == "start_form: friend.display_name has no value"
    catalog.save(
        "shop",
        [Write("forms", "f", form | {"questions": [{"id": "q", "text": "?"}]})],
        lambda _: None,
        "test",
    )
    batch(an_event(text="診断", id="e2", minutes=1))
    batch(an_event(text="はい", id="e3", minutes=2))
    [line] = health.read("shop", "form:f", 7)
    assert (line["status"], line["n"], line["why"]) == (
        "failed",
        1,
        "reply: friend.display_name has no value",
    )


@pytest.mark.parametrize("before", [True, False])
def test_a_push_question_survives_a_crash_anywhere(world: World, before: bool) -> None:
    """Killed at each crossing and redelivered: one question, one manifest, the friend stands at it."""
    author(RULES)
    batch(an_event("purchased", user="V", **BOUGHT))
    total = len(world.calls)
    drain("sends")
    for at in range(total):
        user = f"W{at}"
        world.calls.clear()
        world.crash_at, world.before = at, before
        with contextlib.suppress(Crash):
            batch(an_event("purchased", user=user, **BOUGHT))
        world.crash_at = None
        batch(an_event("purchased", user=user, **BOUGHT), received=2)
        sheet = store.load("shop", 64, user)
        assert sheet is not None
        assert sheet["asking"]["question"] == "q1"
        chunks = [body for body in drain("sends") if "run" in body]
        assert len({(body["run"], body["chunk"]) for body in chunks}) <= 1
        [line] = [one for one in chat.conversation("shop", user, 20, None)[0] if one["direction"] == "out"]
        assert line["messages"][0]["text"] == "?"
