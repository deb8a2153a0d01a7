"""The budget of one request: what is over it is refused with its path, in linear time.

Whatever a body is written in (JSON, YAML with its aliases written out, CSV), it is measured here; readers
leave an ``Unfit`` where a text holds what is no value, and ``refuse_over`` names the place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from chalicelib.shared.errors import Detail, InvalidInput, TooLarge
from chalicelib.shared.reasons import Reason

MAX_BODY_BYTES = 1 << 20
"""Bodies larger than this are 413 unless the endpoint says otherwise."""
MAX_DEPTH = 100
MAX_NAMES = 10_000
MAX_VALUES = 200_000
MAX_NUMBER_LENGTH = 64
MAX_COLUMNS = 1_000


@dataclass(frozen=True)
class Budget:
    """What one request may hold."""

    bytes: int = MAX_BODY_BYTES
    """Of the body as it came; also of a YAML's texts with its aliases written out."""
    depth: int = MAX_DEPTH
    """Levels of objects and lists."""
    names: int = MAX_NAMES
    """Names in one object."""
    values: int = MAX_VALUES
    """Values altogether, with aliases written out."""


USUAL = Budget()
"""What doors take unless they say otherwise."""


@dataclass(frozen=True)
class Unfit:
    """Is put where a text held what no value can be; ``reason`` is a sentence without its subject."""

    reason: Reason


_Way: TypeAlias = "tuple[_Way, str | int] | None"


def refuse_over(value: Any, budget: Budget = USUAL) -> None:
    """Raise InvalidInput or TooLarge with the path unless a value is within the budget."""
    seen = 0
    todo: list[tuple[Any, _Way, int]] = [(value, None, 0)]
    while todo:
        item, way, level = todo.pop()
        seen += 1
        if seen > budget.values:
            _too_large(way, Reason("too_many_values", most=budget.values))
        if isinstance(item, dict | list):
            _refuse_container(item, way, level + 1, budget)
            children: Iterable[tuple[str | int, Any]]
            children = item.items() if isinstance(item, dict) else enumerate(item)
            todo += [(child, (way, name), level + 1) for name, child in children]
        elif reason := _unfit(item):
            _invalid(way, reason)


def _refuse_container(item: dict[Any, Any] | list[Any], way: _Way, level: int, budget: Budget) -> None:
    if level > budget.depth:
        _invalid(way, Reason("is_nested_deeper", most=budget.depth))
    if isinstance(item, list):
        if len(item) > budget.values:
            _too_large(way, Reason("list_too_long", has=len(item), most=budget.values))
        return
    if len(item) > budget.names:
        _too_large(way, Reason("too_many_names", has=len(item), most=budget.names))
    for name in item:
        if reason := _unfit(name):
            _invalid(way, Reason("name_unfit", name=ascii(name[:64]), why=reason))


def _unfit(item: Any) -> Reason | None:
    if isinstance(item, Unfit):
        return item.reason
    if isinstance(item, str) and not item.isascii() and _half_pair(item):
        return Reason("half_pair")
    return None


def _half_pair(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _invalid(way: _Way, reason: Reason) -> NoReturn:
    path = _path(way)
    raise InvalidInput.of([Detail(path, reason)], "the body")


def _too_large(way: _Way, reason: Reason) -> NoReturn:
    path = _path(way)
    raise TooLarge.of([Detail(path, reason)])


def _path(way: _Way) -> str:
    parts: list[str | int] = []
    while way is not None:
        way, part = way
        parts.append(part)
    path = ""
    for part in reversed(parts):
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


# What readers of JSON and YAML share


def whole_number(text: str) -> int | Unfit:
    """The number that a text of digits is."""
    return int(text) if len(text) <= MAX_NUMBER_LENGTH else _long(text)


def decimal_number(text: str) -> float | Unfit:
    """The number that a text with a point or an exponent is."""
    if len(text) > MAX_NUMBER_LENGTH:
        return _long(text)
    number = float(text)
    return number if math.isfinite(number) else Unfit(Reason("number_too_large", number=text[:32]))


def _long(text: str) -> Unfit:
    return Unfit(Reason("number_too_long", number=text[:16], has=len(text), most=MAX_NUMBER_LENGTH))


def first_twin(names: Iterable[str]) -> str | None:
    """The first name that is given twice, or None."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def refuse_columns(header: Sequence[str]) -> None:
    """Raise TooLarge for a table that is wider than any that is meant."""
    if len(header) > MAX_COLUMNS:
        raise TooLarge.at("header", Reason("too_many_columns", has=len(header), most=MAX_COLUMNS))
