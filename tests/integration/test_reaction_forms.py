"""Forms against real stores: what is said by token and by push, where a crash leaves the friend."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.conversations import service as chat
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store
from chalicelib.gateways import line
from chalicelib.reaction import delivery_results
from chalicelib.reports import journal, rebuild
from chalicelib.reports.lines import SENT_BY_EFFECTS
from chalicelib.rules import health
from chalicelib.shared.times import iso
from tests.conftest import drain
from tests.reaction_builders import NOW, TOKYO, a_catalog, a_rule, an_event
from tests.reaction_world import Crash, World, activity, author, batch, friend, world
from tests.reasons_checked import words

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
    assert "form_session" not in sheet
    assert "t" in sheet["tags"]
    for condition in (
        {"form": {"id": "check", "answered": True}},
        {"form": {"id": "check", "question": "q2", "gte": 12}},
        {"event": {"type": "form_answered", "key": "check"}},
    ):
        assert language.compile(condition, Context(a_catalog(), TOKYO))(sheet, NOW), condition
    talk, _ = chat.conversation("shop", "U1", 20, None)
    assert [(line["direction"], line.get("by")) for line in reversed(talk)] == [
        ("in", None),
        ("out", "rule:begin"),
        ("in", None),
        ("out", "form:check:q2"),
        ("in", None),
    ]
    assert activity()["effects"][0]["question"] == "q1"
    wanted = {(kind, name) for kind in ("asked", "answered_question") for name in ("q1", "q2")}
    wanted |= {("submitted", None)}
    for _ in range(2):
        lines = [line for part in range(journal.PARTS) for line in journal.lines("shop", part)]
        lines = [
            line for line in lines if line.kind != SENT_BY_EFFECTS
        ]  # what was asked is counted by itself
        assert {(line.kind, line.props.get("question")) for line in lines} == wanted
        assert len(lines) == len(wanted)
        rebuild.of_friend("shop", "U1")


def test_what_a_form_could_not_do_is_counted_on_it(world: World) -> None:
    """Whatever question it was: the form's health has the count, the reason and where."""
    world.broken.add("line:profile")  # nobody knows the name
    form = {
        "name": "f",
        "questions": [{"id": "q", "text": "{{ friend.display_name }}さん？"}],
        "then": [{"reply": {"message": "dear"}}],
    }
    author({"begin": a_rule(then=[{"start_form": "f"}], match={"text": "診断"})})
    catalog.save("shop", [Write("forms", "f", form)], lambda _: None, "test")
    batch(an_event(text="診断"))
    assert words(health.read("shop", "begin", 7)[0]) == "start_form: friend.display_name has no value"
    catalog.save(
        "shop",
        [Write("forms", "f", form | {"questions": [{"id": "q", "text": "?"}]})],
        lambda _: None,
        "test",
    )
    batch(an_event(text="診断", id="e2", minutes=1))
    batch(an_event(text="はい", id="e3", minutes=2))
    [line] = health.read("shop", "form:f", 7)
    assert (line["status"], line["n"], words(line)) == (
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
        assert sheet["form_session"]["question"] == "q1"
        chunks = [body for body in drain("sends") if "run" in body]
        assert len({(body["run"], body["chunk"]) for body in chunks}) <= 1
        [question] = [
            one for one in chat.conversation("shop", user, 20, None)[0] if one["direction"] == "out"
        ]
        assert question["messages"][0]["text"] == "?"


def sends() -> list[dict[str, Any]]:
    """Work off the sends and what they ask for; returns the jobs that were done."""
    for body in drain("sends"):
        deliveries.send_now(body["account"], body["run"], body["chunk"])
    jobs = [body for body in drain("bulk") if body.get("job") == "outcome"]
    for job in jobs:
        delivery_results.report(job["account"], job["run"], job["chunk"])
    return jobs


def test_a_pushed_question_waits_from_when_line_took_it(world: World) -> None:
    """Until then the friend's words are the rules' business; afterwards they are the answer."""
    author(RULES)
    batch(an_event("purchased", **BOUGHT))
    assert friend()["form_session"]["held"] is True
    batch(an_event(text="こんにちは", id="e2", minutes=0.5))
    assert friend()["form_session"]["question"] == "q1"
    assert friend().get("forms", {}).get("check", {}).get("answers", {}) == {}
    assert len(sends()) == 1
    session = friend()["form_session"]
    assert "held" not in session
    assert session["sent_at"] == iso(world.now)
    batch(an_event(text="しっとり", id="e3", minutes=2))
    assert friend()["form_session"]["question"] == "q2"


@pytest.mark.parametrize("trouble", ["quiet hours", "refused push", "refused reply", "no room"])
def test_a_question_that_does_not_reach_the_friend_is_not_waited_for(world: World, trouble: str) -> None:
    """Kept back, refused by LINE, or without room beside five others: the next words are no answer."""
    five = [{"reply": {"message": name}} for name in ("three", "hello", "hello")]
    then = [*(five if trouble == "no room" else []), {"start_form": "check"}]
    author(RULES | {"begin": a_rule(then=then, match={"text": "診断"})})
    quiet = {"quiet_hours": {"from": "00:00", "to": "23:59", "then": "skip"}}
    if trouble in {"quiet hours", "no room"}:
        catalog.save("shop", [Write("policies", "default", quiet)], lambda _: None, "test")
    if trouble.startswith("refused"):
        world.answers.append(line.Answer(400, "May not be empty"))
    by_token = trouble in {"refused reply", "no room"}
    batch(an_event(text="診断") if by_token else an_event("purchased", **BOUGHT))
    sends()
    assert "form_session" not in friend()
    assert activity()["effects"][-1]["status"] in {"failed", "skipped"}


def test_a_refused_token_holds_the_question_until_the_push(world: World) -> None:
    """The push that takes the reply's place is waited for like any other."""
    author(RULES)
    world.answers.append(line.Answer(400, "Invalid reply token"))
    batch(an_event(text="診断"))
    assert friend()["form_session"]["held"] is True
    sends()
    assert "held" not in friend()["form_session"]
    sends()
    batch(an_event(text="診断"), received=2)
    assert "held" not in friend()["form_session"], "done again, nothing is held again"
