"""The condition language: check, compile, explain.

``compile`` and ``explain`` are built from the same leaves, so that they cannot disagree about one;
a condition of the right shape compiles and evaluates without raising, whatever the sheet holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.references import unresolved
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import validators
from chalicelib.conditions.explanations import explain, explainer
from chalicelib.conditions.model import LEAVES, Context, Predicate
from chalicelib.events.sheet import Sheet
from chalicelib.friends import nodes
from chalicelib.mirror import sql
from chalicelib.mirror.sql import UNKNOWN, Part
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean

__all__ = [
    "Context",
    "Predicate",
    "audience_to_sql",
    "check",
    "compile",
    "compile_audience",
    "explain",
    "explainer",
    "logic",
    "needs",
    "nodes_named",
    "references",
    "shape",
    "to_sql",
    "validate",
]

MAX_DEPTH = 30
MAX_CHAIN = 8
"""How often a segment may lead to another one."""
MAX_NODES = 1_000
MAX_IN_SQL = 100
"""A condition of more leaves is not asked for in SQL, but judged sheet by sheet."""
MAX_EXPANDED = 5_000
"""Nodes of a condition with all segments it refers to put in their places."""


def validate(
    condition: Any, snapshot: Snapshot, path: str = "condition"
) -> tuple[list[Detail], list[Detail]]:
    """``(shape errors: 400, logic errors: 422)``; logic is only looked at when the shape is right."""
    wrong = shape(condition, path)
    if wrong:
        return wrong, []
    return [], [*unresolved(references(condition, path), snapshot), *logic(condition, snapshot, path)]


def check(condition: Any, snapshot: Snapshot, path: str = "condition") -> None:
    """Raise InvalidInput or RuleViolation with every detail unless the condition can work."""
    wrong, impossible = validate(condition, snapshot, path)
    if wrong:
        raise InvalidInput.of(wrong)
    if impossible:
        raise RuleViolation.of(impossible)


def keys() -> list[str]:
    """Every key that a condition may have."""
    return ["all", "any", "not", "everyone", *LEAVES, "segment"]


# Checking


def shape(condition: Any, path: str = "condition") -> list[Detail]:
    """What is wrong with the shape, types and ranges; needs no catalog."""
    wrong = list(_shape(condition, path, 1))
    if not wrong and sum(1 for _ in _leaves(condition, path)) > MAX_NODES:
        wrong.append(Detail(path, Reason("most_leaves", most=MAX_NODES)))
    return wrong


def _shape(condition: Any, path: str, depth: int) -> Iterator[Detail]:
    if not isinstance(condition, dict) or len(condition) != 1:
        yield Detail(path, _not_one(condition))
        return
    ((key, value),) = condition.items()
    here = f"{path}.{key}"
    if depth > MAX_DEPTH:
        yield Detail(path, Reason("nested_deeper", most=MAX_DEPTH))
    elif key in {"all", "any"}:
        if not isinstance(value, list):
            yield Detail(here, Reason("must_be_conditions"))
            return
        for index, child in enumerate(value):
            yield from _shape(child, f"{here}[{index}]", depth + 1)
    elif key == "not":
        yield from _shape(value, here, depth + 1)
    elif key == "everyone":
        if value is not True:
            yield Detail(here, Reason("must_be_true"))
    elif key == "segment":
        yield from validators.an_id(value, here)
    elif key in LEAVES:
        yield from LEAVES[key].shape(value, here)
    else:
        yield Detail(here, did_you_mean(Reason("not_a_condition", known=list(keys())), key, keys()))


def _not_one(condition: Any) -> Reason:
    """What is wrong with what is no condition, and which operator joins several."""
    known = list(keys())
    if isinstance(condition, list):
        return Reason("list_is_no_condition", known=known)
    if isinstance(condition, dict) and len(condition) > 1:
        both = ", ".join(f'{{"{name[:40]}": …}}' for name in list(condition)[:2])
        return Reason("two_conditions", known=known, both=both)
    return Reason("one_condition", known=known)


def references(condition: Any, path: str = "condition") -> list[Reference]:
    """Every document that a condition of the right shape names."""
    found: list[Reference] = []
    for key, value, here in _leaves(condition, path):
        if key == "segment":
            found.append(Reference(here, "segments", value))
        elif key in LEAVES:
            found += LEAVES[key].references(value, here)
    return found


def logic(
    condition: Any, snapshot: Snapshot, path: str = "condition", own_id: str | None = None
) -> list[Detail]:
    """What cannot work although its shape is right, unknown references aside.

    ``own_id``: the segment that this condition is the body of (it must not lead back to itself).
    """
    wrong: list[Detail] = []
    for key, value, here in _leaves(condition, path):
        if key == "segment":
            fault = _chain_fault(snapshot, value, own_id)
            wrong += [Detail(here, fault)] if fault else []
        elif key in LEAVES:
            wrong += LEAVES[key].logic(value, snapshot, here)
    if not wrong and _expanded(condition, snapshot) > MAX_EXPANDED:
        wrong.append(Detail(path, Reason("most_expanded", most=MAX_EXPANDED)))
    return wrong


class _CircleError(Exception):
    """A segment leads back to itself."""


def _chain_fault(snapshot: Snapshot, segment: str, own_id: str | None) -> Reason | None:
    """Why a segment cannot be followed to its leaves, or None."""
    heights: dict[str, int] = {}

    def height(name: str, on_the_way: frozenset[str]) -> int:
        if name in on_the_way:
            raise _CircleError(name)
        if len(on_the_way) > MAX_CHAIN + 1:
            return 1
        if name not in heights:
            document = snapshot.find("segments", name)
            inner = _segments(document.body["condition"]) if document else ()
            way = on_the_way | {name}
            heights[name] = 1 + max((height(one, way) for one in inner), default=0)
        return heights[name]

    try:
        deep = height(segment, frozenset({own_id} if own_id else ())) > MAX_CHAIN
    except _CircleError as circle:
        return Reason("segment_circle", segment=str(circle))
    return Reason("segments_too_deep", most=MAX_CHAIN) if deep else None


def _expanded(condition: Any, snapshot: Snapshot) -> int:
    """The number of leaves with all segments in their places; must be free of circles."""
    count = 0
    for key, value, _ in _leaves(condition, ""):
        document = snapshot.find("segments", value) if key == "segment" else None
        count += _segment_size(document.body["condition"], snapshot, value) if document else 1
    return count


def _segment_size(condition: Any, snapshot: Snapshot, segment: str) -> int:
    return snapshot.derived(("segments.size", segment), lambda _: _expanded(condition, snapshot))


def _leaves(condition: Any, path: str) -> Iterator[tuple[str, Any, str]]:
    """Every leaf as ``(key, value, path)``."""
    ((key, value),) = condition.items()
    here = f"{path}.{key}"
    if key in {"all", "any"}:
        for index, child in enumerate(value):
            yield from _leaves(child, f"{here}[{index}]")
    elif key == "not":
        yield from _leaves(value, here)
    else:
        yield key, value, here


def _segments(condition: Any) -> Iterable[str]:
    return [value for key, value, _ in _leaves(condition, "") if key == "segment"]


# Evaluating


def compile(condition: Any, context: Context) -> Predicate:  # noqa: A001 (the language's own word)
    """The condition as a function of a sheet and ``now``. Pass the same ``now`` object for a whole run."""
    ((key, value),) = condition.items()
    if key in {"all", "any"}:
        parts = [compile(child, context) for child in value]
        return _all(parts) if key == "all" else _any(parts)
    if key == "not":
        inner = compile(value, context)
        return lambda sheet, now: not inner(sheet, now)
    if key == "everyone":
        return lambda _sheet, _now: True
    if key == "segment":
        return _segment(value, context)
    return LEAVES[key].build(value, context).test


def compile_audience(condition: Any, context: Context) -> Predicate:
    """The condition for audiences: only friends who follow, unless it asks for a status itself."""
    test = compile(condition, context)
    if asks_for_status(condition, context.snapshot):
        return lambda sheet, now: sheet.get("status") != "erased" and test(sheet, now)
    return lambda sheet, now: sheet.get("status") == "following" and test(sheet, now)


def to_sql(condition: Any, context: Context, now: datetime) -> Part:
    """The condition in the mirror's columns, as of ``now``; what has no SQL is left open there."""
    if _expanded(condition, context.snapshot) > MAX_IN_SQL:
        return UNKNOWN
    ((key, value),) = condition.items()
    if key in {"all", "any"}:
        return (sql.every if key == "all" else sql.some)([to_sql(child, context, now) for child in value])
    if key == "not":
        return sql.opposite(to_sql(value, context, now))
    if key == "everyone":
        return sql.TRUE
    if key == "segment":
        document = context.snapshot.find("segments", value)
        return to_sql(document.body["condition"], context, now) if document else sql.FALSE
    return LEAVES[key].to_sql(value, context, now)


def audience_to_sql(condition: Any, context: Context, now: datetime) -> Part:
    """``compile_audience`` in the mirror's columns; it holds nobody who was erased."""
    part = to_sql(condition, context, now)
    if asks_for_status(condition, context.snapshot):
        return part
    return sql.every([sql.exact("(f.status = 'following')"), part])


def asks_for_status(condition: Any, snapshot: Snapshot) -> bool:
    """Whether a ``friend.status`` leaf is anywhere in the tree, segments included."""
    for key, value, _ in _leaves(condition, ""):
        if key == "friend" and "status" in value:
            return True
        document = snapshot.find("segments", value) if key == "segment" else None
        if document and asks_for_status(document.body["condition"], snapshot):
            return True
    return False


def needs(condition: Any, snapshot: Snapshot) -> frozenset[str]:
    """The attributes of a sheet that the condition reads, besides keys and status."""
    found: set[str] = set()
    for key, value, _ in _leaves(condition, ""):
        document = snapshot.find("segments", value) if key == "segment" else None
        if document:
            found |= needs(document.body["condition"], snapshot)
        elif key in LEAVES:
            found.update(LEAVES[key].needs)
            found.update([nodes.need(value["id"])] if _names_node(key, value) else [])
    return frozenset(found)


def nodes_named(snapshot: Snapshot) -> frozenset[str]:
    """The scenarios of which some document in force asks at which node a friend is."""

    def build(of: Snapshot) -> frozenset[str]:
        return frozenset(_nodes_named([document.body for document in of]))

    return snapshot.derived("conditions.nodes_named", build)


def _nodes_named(value: Any) -> Iterator[str]:
    """Of conditions wherever they are in a value."""
    if isinstance(value, list):
        for inner in value:
            yield from _nodes_named(inner)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if _names_node(key, inner):
                yield inner["id"]
            yield from _nodes_named(inner)


def _names_node(key: str, value: Any) -> bool:
    is_leaf = key == "scenario" and isinstance(value, dict) and isinstance(value.get("id"), str)
    return is_leaf and "node" in value


def _segment(segment: str, context: Context) -> Predicate:
    """A referenced segment, compiled once per catalog revision; one that is gone holds nobody."""
    document = context.snapshot.find("segments", segment)
    if document is None:
        return lambda _sheet, _now: False
    return context.snapshot.derived(
        ("segments.compiled", segment, context.zone.key),
        lambda _: compile(document.body["condition"], context),
    )


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        one, two = parts
        return lambda sheet, now: one(sheet, now) and two(sheet, now)

    def test(sheet: Sheet, now: datetime) -> bool:
        for part in parts:  # noqa: SIM110 (a generator would cost more than the parts)
            if not part(sheet, now):
                return False
        return True

    return test


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]

    def test(sheet: Sheet, now: datetime) -> bool:
        for part in parts:  # noqa: SIM110
            if part(sheet, now):
                return True
        return False

    return test
