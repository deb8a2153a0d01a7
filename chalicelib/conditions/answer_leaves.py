"""Leaves about what the friend answered (form), and about chance (random)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import schemas, validators
from chalicelib.conditions.comparisons import compare, nfc
from chalicelib.conditions.model import Built, Context, Leaf
from chalicelib.events.sheet import Sheet
from chalicelib.mirror import sql
from chalicelib.mirror.sql import UNKNOWN, Part
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean

_NONE: dict[str, Any] = {}

# form


def _answer(value: Any, path: str) -> Iterable[Detail]:
    check = validators.list_of(validators.text) if isinstance(value, list) else validators.scalar
    return check(value, path)


def _form_shape(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, dict) and "question" in value:
        operators = validators.operator(validators.scalar) | {"eq": _answer, "ne": _answer}
        known = {"id": validators.an_id, "question": validators.text, **operators}
        yield from validators.fields(value, path, known, required=["id"], exactly_one=operators)
    else:
        form = {"id": validators.an_id, "answered": validators.flag}
        yield from validators.fields(value, path, form, required=["id", "answered"])


def _form_build(value: Any, _context: Context) -> Built:
    form = value["id"]
    if "answered" in value:
        wanted = value["answered"]

        def answered_at(sheet: Sheet, _now: datetime) -> Any:
            entry = (sheet.get("forms") or _NONE).get(form)
            return entry.get("at") if entry else None

        return Built(lambda sheet, now: (answered_at(sheet, now) is not None) is wanted, answered_at)
    question = value["question"]
    matches = _answer_test(value)

    def answer(sheet: Sheet, _now: datetime) -> Any:
        entry = (sheet.get("forms") or _NONE).get(form) or _NONE
        return (entry.get("answers", _NONE).get(question) or _NONE).get("value")

    def test(sheet: Sheet, now: datetime) -> bool:
        found = answer(sheet, now)
        return found is not None and matches(found)

    return Built(test, answer)


def _form_sql(value: Any, _context: Context, _now: datetime) -> Part:
    if "answered" not in value:
        return UNKNOWN  # answers are of any kind
    found = sql.among("forms", f"name = {sql.text(value['id'])}", sql.exact("answered"))
    return found if value["answered"] else sql.opposite(found)


def _answer_test(value: dict[str, Any]) -> Callable[[Any], bool]:
    name = next(key for key in value if key not in {"id", "question"})
    operand = value[name]
    if isinstance(operand, list) and name in {"eq", "ne"}:
        wanted = frozenset(map(nfc, operand))
        return lambda found: (
            isinstance(found, list)
            and (frozenset(nfc(str(one)) for one in found) == wanted) is (name == "eq")
        )
    matches = compare(value)

    def test(found: Any) -> bool:
        if isinstance(found, list):
            return name == "in" and any(matches(nfc(str(one))) for one in found)
        try:
            return bool(matches(nfc(found) if isinstance(found, str) else found))
        except TypeError:
            return False

    return test


# random


def _percent(value: Any, path: str) -> Iterable[Detail]:
    wrong = list(validators.number(value, path))
    if wrong or not 0 <= value <= 100:
        yield Detail(path, Reason("percent"))


def _random_shape(value: Any, path: str) -> Iterable[Detail]:
    known: dict[str, validators.Check] = {"salt": validators.text, "from": _percent, "to": _percent}
    yield from validators.fields(value, path, known, required=known)


def _random_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    if value["from"] > value["to"]:
        yield Detail(f"{path}.from", Reason("from_above_to"))


def bucket(salt: str, user_id: str) -> float:
    """Where a friend falls between 0 and 100: ``int(sha256(salt:user_id) hex[:8], 16) / 2^32 × 100``."""
    head = hashlib.sha256(f"{salt}:{user_id}".encode()).digest()[:4]
    return int.from_bytes(head, "big") / 2**32 * 100


def _random_build(value: Any, _context: Context) -> Built:
    salt, low, high = value["salt"], value["from"], value["to"]

    def seen(sheet: Sheet, _now: datetime) -> float:
        return bucket(salt, sheet["user_id"])

    return Built(lambda sheet, now: bool(low <= seen(sheet, now) < high), seen)


def _random_sql(value: Any, _context: Context, _now: datetime) -> Part:
    head = f"substr(sha256({sql.text(value['salt'] + ':')} || f.user_id), 1, 8)"
    x = f"(CAST(CAST('0x' || {head} AS BIGINT) AS DOUBLE) / {sql.number(2**32)} * {sql.number(100)})"
    return sql.exact(f"({x} >= {sql.number(value['from'])} AND {x} < {sql.number(value['to'])})")


def _form_references(value: Any, path: str) -> Iterable[Reference]:
    yield Reference(f"{path}.id", "forms", value["id"])


def _form_logic(value: Any, snapshot: Snapshot, path: str) -> Iterable[Detail]:
    yield from validators.reversed_between(value, path)
    form = snapshot.find("forms", value["id"])
    if form is None or "question" not in value:
        return
    questions = {question["id"]: question for question in form.body.get("questions") or ()}
    asked, known = value["question"], list(questions)
    if asked in questions:
        yield from _no_choice(value, questions[asked], path)
    else:
        there = Reason("no_question_in", form=form.id, question=asked)
        yield Detail(f"{path}.question", did_you_mean(there, asked, known))


def _no_choice(value: dict[str, Any], question: dict[str, Any], path: str) -> Iterable[Detail]:
    """The answers that are asked for and that nobody can give: they are no choices of the question."""
    choices = [choice["value"] for choice in question.get("choices") or ()]
    wanted = Reason("must_be_one_of", choices=choices)
    name = next(key for key in value if key not in {"id", "question"})
    if not choices or name not in {"eq", "ne", "in"}:
        return
    several = isinstance(value[name], list)
    for n, one in enumerate(value[name] if several else [value[name]]):
        if nfc(str(one)) not in map(nfc, choices):
            where = f"{path}.{name}[{n}]" if several else f"{path}.{name}"
            yield Detail(where, did_you_mean(wanted, str(one), choices))


LEAVES: dict[str, Leaf] = {
    "form": Leaf(
        _form_shape,
        _form_build,
        ("forms",),
        _form_references,
        _form_logic,
        to_sql=_form_sql,
        schema=schemas.any_of(
            schemas.an_object({"id": schemas.TEXT, "answered": schemas.FLAG}, ("id", "answered")),
            schemas.an_object(
                {"id": schemas.TEXT, "question": schemas.TEXT, **schemas.VALUES}, ("id", "question")
            ),
        ),
    ),
    "random": Leaf(
        _random_shape,
        _random_build,
        (),
        logic=_random_logic,
        to_sql=_random_sql,
        schema=schemas.an_object(
            {"salt": schemas.TEXT, "from": schemas.NUMBER, "to": schemas.NUMBER}, ("salt", "from", "to")
        ),
    ),
}
