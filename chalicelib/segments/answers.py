"""Leaves about what the friend answered (form), and about chance (random)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.segments import shapes
from chalicelib.segments.comparisons import compare, nfc
from chalicelib.segments.model import Built, Context, Leaf, Sheet
from chalicelib.shared.errors import Detail

_NONE: dict[str, Any] = {}

# form


def _answer(value: Any, path: str) -> Iterable[Detail]:
    check = shapes.list_of(shapes.text) if isinstance(value, list) else shapes.scalar
    return check(value, path)


def _form_shape(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, dict) and "question" in value:
        operators = shapes.operator(shapes.scalar) | {"eq": _answer, "ne": _answer}
        known = {"id": shapes.an_id, "question": shapes.text, **operators}
        yield from shapes.fields(value, path, known, required=["id"], exactly_one=operators)
    else:
        form = {"id": shapes.an_id, "answered": shapes.flag}
        yield from shapes.fields(value, path, form, required=["id", "answered"])


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
    wrong = list(shapes.number(value, path))
    if wrong or not 0 <= value <= 100:
        yield Detail(path, "must be a number from 0 to 100")


def _random_shape(value: Any, path: str) -> Iterable[Detail]:
    known: dict[str, shapes.Check] = {"salt": shapes.text, "from": _percent, "to": _percent}
    yield from shapes.fields(value, path, known, required=known)


def _random_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    if value["from"] > value["to"]:
        yield Detail(f"{path}.from", "must not be above to")


def bucket(salt: str, user_id: str) -> float:
    """Where a friend falls between 0 and 100: ``int(sha256(salt:user_id) hex[:8], 16) / 2^32 × 100``."""
    head = hashlib.sha256(f"{salt}:{user_id}".encode()).digest()[:4]
    return int.from_bytes(head, "big") / 2**32 * 100


def _random_build(value: Any, _context: Context) -> Built:
    salt, low, high = value["salt"], value["from"], value["to"]

    def seen(sheet: Sheet, _now: datetime) -> float:
        return bucket(salt, sheet["user_id"])

    return Built(lambda sheet, now: bool(low <= seen(sheet, now) < high), seen)


def _form_references(value: Any, path: str) -> Iterable[Reference]:
    yield Reference(f"{path}.id", "forms", value["id"])


LEAVES: dict[str, Leaf] = {
    "form": Leaf(
        _form_shape,
        _form_build,
        ("forms",),
        _form_references,
        logic=lambda value, _snapshot, path: shapes.reversed_between(value, path),
    ),
    "random": Leaf(_random_shape, _random_build, (), logic=_random_logic),
}
