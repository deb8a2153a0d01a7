"""Leaves about who the friend is: tag, score, attribute, friend, source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends.scores import valuer
from chalicelib.segments import attributes, shapes
from chalicelib.segments.comparisons import age, compare
from chalicelib.segments.model import Built, Context, Leaf, Sheet
from chalicelib.shared.errors import Detail

_AGE: dict[str, shapes.Check] = {"within": shapes.duration, "before": shapes.duration}
_NONE: dict[str, Any] = {}
STATUSES = ("following", "blocked", "unknown")


def _age_shape(value: Any, path: str) -> Iterable[Detail]:
    yield from shapes.fields(value, path, _AGE, exactly_one=_AGE)


# tag


def _tag_shape(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, dict):
        yield from shapes.fields(value, path, {"id": shapes.an_id, "since": _age_shape}, required=["id"])
    else:
        yield from shapes.an_id(value, path)


def _tag_references(value: Any, path: str) -> Iterable[Reference]:
    yield (
        Reference(f"{path}.id", "tags", value["id"])
        if isinstance(value, dict)
        else Reference(path, "tags", value)
    )


def _tag_build(value: Any, context: Context) -> Built:
    tag = value["id"] if isinstance(value, dict) else value

    def since(sheet: Sheet, _now: datetime) -> Any:
        entry = (sheet.get("tags") or _NONE).get(tag)
        return entry.get("since") if entry else None

    if isinstance(value, dict) and "since" in value:
        young = age(value["since"], context.zone)
        return Built(lambda sheet, now: young(since(sheet, now), now), since)
    return Built(lambda sheet, _now: tag in (sheet.get("tags") or _NONE), since)


# score


def _score_shape(value: Any, path: str) -> Iterable[Detail]:
    operators = shapes.operator(shapes.number)
    yield from shapes.fields(
        value, path, {"id": shapes.an_id, **operators}, required=["id"], exactly_one=operators
    )


def _id_reference(kind: str) -> Callable[[Any, str], Iterable[Reference]]:
    return lambda value, path: [Reference(f"{path}.id", kind, value["id"])]


def _score_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    return shapes.reversed_between(value, path)


def _score_build(value: Any, context: Context) -> Built:
    score, matches = value["id"], compare(value)
    document = context.snapshot.find("scores", score)
    value_of = valuer(document.body if document else {})

    def worth(sheet: Sheet, now: datetime) -> float | None:
        entry = (sheet.get("scores") or _NONE).get(score)
        if entry is None:
            return None
        return value_of(entry, now)

    def test(sheet: Sheet, now: datetime) -> bool:
        value = worth(sheet, now)
        return value is not None and matches(value)

    return Built(test, worth)


# friend


def _language(value: str, _context: Context) -> Built:
    return _plain("language", lambda language, _now: language == value)


def _plain(name: str, test: Callable[[Any, datetime], bool]) -> Built:
    return Built(lambda sheet, now: test(sheet.get(name), now), lambda sheet, _now: sheet.get(name))


def _friend_build(value: Any, context: Context) -> Built:
    ((name, wanted),) = value.items()
    if name == "linked":
        return _plain("member_id", lambda member, _now: (member is not None) is wanted)
    if name in {"followed_at", "last_active"}:
        return _plain("last_active_at" if name == "last_active" else "followed_at", age(wanted, context.zone))
    return _plain(name, lambda seen, _now: bool(seen == wanted))


_FRIEND: dict[str, shapes.Check] = {
    "status": shapes.one_of(*STATUSES),
    "followed_at": _age_shape,
    "linked": shapes.flag,
    "language": shapes.text,
    "last_active": _age_shape,
}


# source


def _source_build(value: Any, _context: Context) -> Built:
    ((touch, route),) = value.items()

    def seen(sheet: Sheet, _now: datetime) -> Any:
        return (sheet.get("source") or _NONE).get(touch)

    return Built(lambda sheet, now: bool(seen(sheet, now) == route), seen)


LEAVES: dict[str, Leaf] = {
    "tag": Leaf(_tag_shape, _tag_build, ("tags",), _tag_references),
    "score": Leaf(_score_shape, _score_build, ("scores",), _id_reference("scores"), _score_logic),
    "attribute": Leaf(
        attributes.shape,
        attributes.build,
        ("attributes",),
        _id_reference("attributes"),
        attributes.logic,
    ),
    "friend": Leaf(
        lambda value, path: shapes.fields(value, path, _FRIEND, exactly_one=_FRIEND),
        _friend_build,
        ("followed_at", "last_active_at", "language", "member_id"),
    ),
    "source": Leaf(
        lambda value, path: shapes.fields(
            value,
            path,
            {"first": shapes.text, "latest": shapes.text},
            exactly_one=["first", "latest"],
        ),
        _source_build,
        ("source",),
    ),
}
