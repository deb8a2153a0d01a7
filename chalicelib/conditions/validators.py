"""Checks of shape, type and range that the leaves share. Each yields what is wrong, with its path."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

from chalicelib.conditions.model import LEAVES
from chalicelib.shared.errors import Detail
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean

Check: TypeAlias = Callable[[Any, str], Iterable[Detail]]

MAX_LIST = 1000
MAX_TEXT = 1000


def text(value: Any, path: str) -> Iterable[Detail]:
    """Some text."""
    if isinstance(value, list):
        yield Detail(path, Reason("one_text_not_list", how=_several(path)))
    elif not isinstance(value, str) or not value:
        yield Detail(path, Reason("text_wanted"))
    elif len(value) > MAX_TEXT:
        yield Detail(path, Reason("at_most_characters", most=MAX_TEXT))


def an_id(value: Any, path: str) -> Iterable[Detail]:
    """A caller-chosen id."""
    if isinstance(value, list):
        yield Detail(path, Reason("one_id_not_list", how=_several(path)))
    elif not isinstance(value, str) or not ID_PATTERN.match(value):
        yield Detail(path, Reason("id_wanted"))


def _several(path: str) -> str:
    """How to ask for one of several: the leaf in which the path ends, once for each, with all it had."""
    steps = path.split(".")
    leaf = next((n for n in reversed(range(len(steps))) if steps[n] in LEAVES), len(steps) - 1)
    one, two = f'"{steps[-1]}": "a"', f'"{steps[-1]}": "b"'
    for step in reversed(steps[leaf:-1]):
        one, two = (f'"{step}": {{{inner}, …}}' for inner in (one, two))
    return f'{{"any": [{{{one}}}, {{{two}}}]}}'


def flag(value: Any, path: str) -> Iterable[Detail]:
    """true or false."""
    if not isinstance(value, bool):
        yield Detail(path, Reason("must_be_boolean"))


def number(value: Any, path: str) -> Iterable[Detail]:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        yield Detail(path, _one(Reason("number_wanted"), value))


def _one(why: Reason, value: Any) -> Reason:
    """What is wanted; and, where a list is given for one value, the operators that take lists."""
    return Reason("list_goes_with", why=why) if isinstance(value, list) else why


def scalar(value: Any, path: str) -> Iterable[Detail]:
    """Text, a number or a boolean."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            yield Detail(path, Reason("at_most_characters", most=MAX_TEXT))
    elif not isinstance(value, bool):
        yield from number(value, path)


def one_of(*choices: str) -> Check:
    """One of these words."""

    def check(value: Any, path: str) -> Iterable[Detail]:
        if isinstance(value, list):
            yield Detail(path, Reason("one_of_not_list", choices=list(choices), how=_several(path)))
        elif not isinstance(value, str) or value not in choices:
            wanted = Reason("must_be_one_of", choices=list(choices))
            yield Detail(path, did_you_mean(wanted, value, choices) if isinstance(value, str) else wanted)

    return check


def list_of(check_one: Check) -> Check:
    """A list, each of it checked."""

    def check(value: Any, path: str) -> Iterable[Detail]:
        if not isinstance(value, list):
            yield Detail(path, Reason("must_be_list"))
        elif len(value) > MAX_LIST:
            yield Detail(path, Reason("at_most_entries", most=MAX_LIST))
        else:
            for index, one in enumerate(value):
                yield from check_one(one, f"{path}[{index}]")

    return check


def pair_of(check_one: Check) -> Check:
    """A list of exactly two."""

    def check(value: Any, path: str) -> Iterable[Detail]:
        if not isinstance(value, list) or len(value) != 2:
            yield Detail(path, Reason("must_be_range"))
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
        yield Detail(path, Reason("must_be_object"))
        return
    for name, content in value.items():
        if name in checks:
            yield from checks[name](content, f"{path}.{name}")
        else:
            known = Reason("not_known_here", known=list(checks))
            yield Detail(f"{path}.{name}", did_you_mean(known, name, checks))
    for name in required:
        if name not in value:
            yield Detail(f"{path}.{name}", Reason("is_missing"))
    if exactly_one and len(value.keys() & set(exactly_one)) != 1:
        yield Detail(path, Reason("needs_exactly_one", choices=list(exactly_one)))


def comparison(value: Any, path: str, operand: Check = number) -> Iterable[Detail]:
    """``cmp``: an object with exactly one operator."""
    operators = operator(operand)
    yield from fields(value, path, operators, exactly_one=operators)


def reversed_between(value: Any, path: str) -> Iterable[Detail]:
    """A ``between`` whose ends are the wrong way round holds for nobody."""
    pair = value.get("between") if isinstance(value, dict) else None
    if isinstance(pair, list) and len(pair) == 2:
        try:
            wrong = pair[0] > pair[1]
        except TypeError:
            wrong = True
        if wrong:
            yield Detail(f"{path}.between", Reason("ends_turned"))
