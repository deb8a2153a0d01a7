"""Leaves about who the friend is: tag, score, attribute, friend, source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import attribute_leaves, schemas, validators, windows
from chalicelib.conditions.comparisons import age, age_in_ms, compare
from chalicelib.conditions.model import Built, Context, Leaf
from chalicelib.events.sheet import Sheet
from chalicelib.mirror import sql
from chalicelib.mirror.sql import Part
from chalicelib.shared.errors import Detail
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.sheets.scores import logarithm_sql, value_sql, valuer

_AGE: dict[str, validators.Check] = {"within": windows.within, "before": windows.length}
_NONE: dict[str, Any] = {}
STATUSES = ("following", "blocked", "unknown")


def _age_shape(value: Any, path: str) -> Iterable[Detail]:
    yield from validators.fields(value, path, _AGE, exactly_one=_AGE)


# tag


def _tag_shape(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, dict):
        yield from validators.fields(
            value, path, {"id": validators.an_id, "since": _age_shape}, required=["id"]
        )
    else:
        yield from validators.an_id(value, path)


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


def _tag_sql(value: Any, context: Context, now: datetime) -> Part:
    tag = value["id"] if isinstance(value, dict) else value
    young = sql.TRUE
    if isinstance(value, dict) and "since" in value:
        young = sql.exact(sql.since("since", *age_in_ms(value["since"], context.zone, now)))
    return sql.among("tags", f"name = {sql.text(tag)}", young)


# score


def _score_shape(value: Any, path: str) -> Iterable[Detail]:
    operators = validators.operator(validators.number)
    yield from validators.fields(
        value, path, {"id": validators.an_id, **operators}, required=["id"], exactly_one=operators
    )


def _id_reference(kind: str) -> Callable[[Any, str], Iterable[Reference]]:
    return lambda value, path: [Reference(f"{path}.id", kind, value["id"])]


def _score_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    return validators.reversed_between(value, path)


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


def _score_sql(value: Any, context: Context, now: datetime) -> Part:
    document = context.snapshot.find("scores", value["id"])
    definition = document.body if document else {}
    worth, is_rounded = value_sql(definition, "value", "since", now)
    log2 = logarithm_sql(definition, "weight", "since", now)
    matches = sql.rounded(worth, value, log2) if is_rounded else sql.exact(sql.compared(worth, value))
    return sql.among("scores", f"name = {sql.text(value['id'])}", matches)


# friend


def _plain(name: str, test: Callable[[Any, datetime], bool]) -> Built:
    return Built(lambda sheet, now: test(sheet.get(name), now), lambda sheet, _now: sheet.get(name))


def _friend_build(value: Any, context: Context) -> Built:
    ((name, wanted),) = value.items()
    if name == "linked":
        return _plain("member_id", lambda member, _now: (member is not None) is wanted)
    if name in {"followed_at", "last_active"}:
        return _plain("last_active_at" if name == "last_active" else "followed_at", age(wanted, context.zone))
    return _plain(name, lambda seen, _now: bool(seen == wanted))


def _friend_sql(value: Any, context: Context, now: datetime) -> Part:
    ((name, wanted),) = value.items()
    if name == "linked":
        return sql.exact("f.linked" if wanted else "(NOT f.linked)")
    if name in {"followed_at", "last_active"}:
        column = "f.last_active_at" if name == "last_active" else "f.followed_at"
        return sql.exact(sql.since(column, *age_in_ms(wanted, context.zone, now)))
    return sql.exact(sql.known(f"f.{name} = {sql.text(wanted)}"))


_FRIEND: dict[str, validators.Check] = {
    "status": validators.one_of(*STATUSES),
    "followed_at": _age_shape,
    "linked": validators.flag,
    "language": validators.text,
    "last_active": _age_shape,
}


# source


def _source_build(value: Any, _context: Context) -> Built:
    ((touch, route),) = value.items()

    def seen(sheet: Sheet, _now: datetime) -> Any:
        return (sheet.get("source") or _NONE).get(touch)

    return Built(lambda sheet, now: bool(seen(sheet, now) == route), seen)


def _source_sql(value: Any, _context: Context, _now: datetime) -> Part:
    ((touch, route),) = value.items()
    return sql.exact(sql.known(f"f.{touch}_route = {sql.text(route)}"))


def _source_references(value: Any, path: str) -> Iterable[Reference]:
    """A route. A text that is no id (an import may say "magazine, May") is none, and is compared as is."""
    ((touch, route),) = value.items()
    if ID_PATTERN.match(route):
        yield Reference(f"{path}.{touch}", "routes", route)


LEAVES: dict[str, Leaf] = {
    "tag": Leaf(
        _tag_shape,
        _tag_build,
        ("tags",),
        _tag_references,
        to_sql=_tag_sql,
        schema=schemas.any_of(
            schemas.TEXT, schemas.an_object({"id": schemas.TEXT, "since": schemas.AGE}, ("id", "since"))
        ),
    ),
    "score": Leaf(
        _score_shape,
        _score_build,
        ("scores",),
        _id_reference("scores"),
        _score_logic,
        to_sql=_score_sql,
        schema=schemas.an_object({"id": schemas.TEXT, **schemas.comparison(schemas.NUMBER)}, ("id",)),
    ),
    "attribute": Leaf(
        attribute_leaves.shape,
        attribute_leaves.build,
        ("attributes",),
        _id_reference("attributes"),
        attribute_leaves.logic,
        to_sql=attribute_leaves.to_sql,
        schema=schemas.an_object({"id": schemas.TEXT, **schemas.ATTRIBUTE}, ("id",)),
    ),
    "friend": Leaf(
        lambda value, path: validators.fields(value, path, _FRIEND, exactly_one=_FRIEND),
        _friend_build,
        ("followed_at", "last_active_at", "language", "member_id"),
        to_sql=_friend_sql,
        schema=schemas.any_of(
            schemas.an_object({"status": {"enum": ["following", "blocked", "unknown"]}}, ("status",)),
            schemas.an_object({"followed_at": schemas.AGE}, ("followed_at",)),
            schemas.an_object({"linked": schemas.FLAG}, ("linked",)),
            schemas.an_object({"language": schemas.TEXT}, ("language",)),
            schemas.an_object({"last_active": schemas.AGE}, ("last_active",)),
        ),
    ),
    "source": Leaf(
        lambda value, path: validators.fields(
            value,
            path,
            {"first": validators.text, "latest": validators.text},
            exactly_one=["first", "latest"],
        ),
        _source_build,
        ("source",),
        _source_references,
        to_sql=_source_sql,
        schema=schemas.any_of(
            *(schemas.an_object({touch: schemas.TEXT}, (touch,)) for touch in ("first", "latest"))
        ),
    ),
}
