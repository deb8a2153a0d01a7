"""What actions do with forms: begin one. The questions that follow are effects of their own."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.actions.kinds import ActionKind, Produced, named
from chalicelib.actions.model import ActionContext, Decision, Effect
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id
from chalicelib.shared.reasons import Reason


def _asks(form: str, snapshot: Snapshot, path: str) -> Iterable[Detail]:
    document = snapshot.find("forms", form)
    if document is not None and not document.body.get("questions"):
        yield Detail(path, Reason("form_without_questions", form=form))


def _may_end_at_once(form: str, snapshot: Snapshot) -> Iterable[Produced]:
    """A form may begin without asking anything when none of its questions is for everybody."""
    document = snapshot.find("forms", form)
    questions = document.body.get("questions") or () if document else ()
    if all(question.get("if") is not None for question in questions):
        yield "form_answered", {"form": form, "answers": {}}


def _start(decision: Decision, effect: Effect, form: str, context: ActionContext) -> list[Fact]:
    from chalicelib.forms import session

    return session.start(decision, effect, form, context)


ACTIONS: dict[str, ActionKind] = {
    "start_form": ActionKind(
        model=Id,
        references=named("forms"),
        check=_asks,
        apply=_start,
        at_once=_may_end_at_once,
        begins="forms",
        outgoing="reply",
    ),
    "ask": ActionKind(outgoing="reply"),
}
