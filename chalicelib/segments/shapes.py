"""Checks of shape, type and range that the leaves share. Each yields what is wrong, with its path."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

from chalicelib.shared.errors import Detail
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.times import parse_duration

Check: TypeAlias = Callable[[Any, str], Iterable[Detail]]

NUMBER_OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte", "between", "in")
MAX_LIST = 1000
MAX_TEXT = 1000


def text(value: Any, path: str) -> Iterable[Detail]:
    """Some text."""
    if not isinstance(value, str) or not value:
        yield Detail(path, "must be text, and not empty")
    elif len(value) > MAX_TEXT:
        yield Detail(path, f"must be at most {MAX_TEXT} characters")


def an_id(value: Any, path: str) -> Iterable[Detail]:
    """A caller-chosen id."""
    if not isinstance(value, str) or not ID_PATTERN.match(value):
        yield Detail(path, "must be an id: 1 to 64 of a-z, 0-9, - and _, beginning with a letter or digit")


def flag(value: Any, path: str) -> Iterable[Detail]:
    """true or false."""
    if not isinstance(value, bool):
        yield Detail(path, "must be true or false")


def number(value: Any, path: str) -> Iterable[Detail]:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        yield Detail(path, "must be a number")


def scalar(value: Any, path: str) -> Iterable[Detail]:
    """Text, a number or a boolean."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            yield Detail(path, f"must be at most {MAX_TEXT} characters")
    elif not isinstance(value, bool):
        yield from number(value, path)


def duration(value: Any, path: str) -> Iterable[Detail]:
    """A duration longer than nothing."""
    try:
        if isinstance(value, str) and parse_duration(value):
            return
    except ValueError:
        pass
    yield Detail(path, "must be a duration like 30s, 15m, 4h, 1d or 2w")


def whole_days(most: int | None = None) -> Check:
    """A duration in d or w, at most ``most`` days."""

    def check(value: Any, path: str) -> Iterable[Detail]:
        wrong = list(duration(value, path))
        if wrong or value[-1] not in "dw":
            yield Detail(path, "must be a duration in whole days or weeks, like 7d or 2w")
        elif most is not None and parse_duration(value).days > most:
            yield Detail(path, f"must be at most {most} days")

    return check


def one_of(*choices: str) -> Check:
    """One of these words."""

    def check(value: Any, path: str) -> Iterable[Detail]:
        if not isinstance(value, str) or value not in choices:
            yield Detail(path, "must be one of " + ", ".join(choices))

    return check


def list_of(check_one: Check) -> Check:
    """A list, each of it checked."""

    def check(value: Any, path: str) -> Iterable[Detail]:
        if not isinstance(value, list):
            yield Detail(path, "must be a list")
        elif len(value) > MAX_LIST:
            yield Detail(path, f"must have at most {MAX_LIST} entries")
        else:
            for index, one in enumerate(value):
                yield from check_one(one, f"{path}[{index}]")

    return check


def pair_of(check_one: Check) -> Check:
    """A list of exactly two."""

    def check(value: Any, path: str) -> Iterable[Detail]:
        if not isinstance(value, list) or len(value) != 2:
            yield Detail(path, "must be a list of two: [from, to], both included")
        else:
            yield from list_of(check_one)(value, path)

    return check


def operator(operand: Check) -> dict[str, Check]:
    """The operators of a comparison with their operands."""
    return {
        **dict.fromkeys(("eq", "ne", "gt", "gte", "lt", "lte"), operand),
        "between": pair_of(operand),
        "in": list_of(operand),
    }


def fields(
    value: Any,
    path: str,
    checks: Mapping[str, Check],
    required: Collection[str] = (),
    exactly_one: Collection[str] = (),
) -> Iterable[Detail]:
    """An object with known fields only, all of ``required``, and exactly one of ``exactly_one`` (if any)."""
    if not isinstance(value, dict):
        yield Detail(path, "must be an object")
        return
    for name, content in value.items():
        if name in checks:
            yield from checks[name](content, f"{path}.{name}")
        else:
            yield Detail(f"{path}.{name}", "is not known here; known: " + ", ".join(checks))
    for name in required:
        if name not in value:
            yield Detail(f"{path}.{name}", "is missing")
    if exactly_one and len(value.keys() & set(exactly_one)) != 1:
        yield Detail(path, "needs exactly one of " + ", ".join(exactly_one))


def comparison(value: Any, path: str, operand: Check = number) -> Iterable[Detail]:
    """``cmp``: an object with exactly one operator."""
    operators = operator(operand)
    yield from fields(value, path, operators, exactly_one=operators)


def reversed_between(value: Any, path: str) -> Iterable[Detail]:
    """A ``between`` whose ends stand the wrong way round holds for nobody."""
    pair = value.get("between") if isinstance(value, dict) else None
    if isinstance(pair, list) and len(pair) == 2:
        try:
            wrong = pair[0] > pair[1]
        except TypeError:
            wrong = True
        if wrong:
            yield Detail(f"{path}.between", "the first end must not be above the second")
