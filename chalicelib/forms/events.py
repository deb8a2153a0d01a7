"""What forms bring about: one was answered to its end."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import EventType, Fact, Match
from chalicelib.events.sheet import Sheet
from chalicelib.shared.errors import Detail
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason


def _answers(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.sheets import folds

    form = event.key or event.props.get("form")
    if event.source == "rule":
        # A form that was answered in the chat has the answers on the sheet, with their own times.
        return folds.answers(sheet, form, None, event.at)
    session = sheet.get("form_session") or {}
    if session.get("form") == form and session["at"] <= event.at:
        del sheet["form_session"]  # answered on a page, it is not asked any more
    return folds.answers(sheet, form, event.props.get("answers") or {}, event.at)


def _unknown_questions(match: Match, snapshot: Snapshot, path: str) -> Iterator[Detail]:
    """Answers that none of the forms which the match may mean can have: unknown questions, no choices."""
    from chalicelib.events.matching import compile_match, no_value
    from chalicelib.forms.kinds import QUESTION_TYPES

    tests = {test.path: test for test in compile_match(match)}
    meant = {
        name: {question["id"]: question for question in document.body.get("questions") or ()}
        for name, document in snapshot.all("forms").items()
        if "form" not in tests or tests["form"].holds(name)
    }
    known = {name for questions in meant.values() for name in questions}
    for test in tests.values():
        if test.parts[0] == "answers" and len(test.parts) > 1 and test.parts[1] not in known:
            yield Detail(f"{path}.match.{test.path}", _no_question(test.parts[1], list(meant), sorted(known)))
        elif test.parts[0] == "answers" and len(test.parts) == 2:
            asked = [questions[test.parts[1]] for questions in meant.values() if test.parts[1] in questions]
            if all(QUESTION_TYPES[question["type"]].fact == "choice" for question in asked):
                values = [choice["value"] for question in asked for choice in question["choices"]]
                yield from no_value(test, values, f"{path}.match")


def _no_question(question: str, forms: list[str], known: list[str]) -> Reason:
    if not known:
        return Reason("question_of_no_form", question=question)
    if len(forms) == 1:
        return Reason("question_unknown", form=forms[0], question=question, known=known)
    return Reason("question_of_none", question=question, known=known)


EVENTS: dict[str, EventType] = {
    "form_answered": EventType(
        "forms",
        key="form",
        props=frozenset({"form", "answers", "result", "points"}),
        documents={"form": "forms"},
        warn=_unknown_questions,
        fold=_answers,
        brings_answers=True,
    ),
}
