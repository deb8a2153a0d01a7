"""``when.match``: what an event's props must look like. Compiled once, evaluated per event. Pure."""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason, Reasoned
from chalicelib.shared.text.folding import TO_HIRAGANA, composed, fold

MAX_REGEX = 1000

Check = Callable[[Any], bool]

_composed = functools.lru_cache(maxsize=8)(composed)
"""Every rule that waits for an event asks for the same text."""
_utf8 = functools.lru_cache(maxsize=8)(str.encode)

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 4 << 20

_OTHER_WIDTH = re.compile("[Ａ-Ｚａ-ｚ０-９ｦ-ﾟゟヿ]+")
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode

OPERATORS = ("eq", "in", "prefix", "contains", "regex", "gt", "gte", "lt", "lte")


class BadMatch(Reasoned, ValueError):
    """Why a match cannot be compiled, and where."""

    def __init__(self, path: str, reason: Reason) -> None:
        super().__init__(reason)
        self.path = path


EVERY = "*"
"""In a path: every entry of a list. A test then holds when it holds of one of them."""


class Several(list[Any]):
    """What is at a path that leads to several places."""


@dataclass(frozen=True)
class Groups:
    """The groups of a regular expression: how many, their numbers by name, and what they hold in a text."""

    count: int
    numbers: Mapping[str, int]
    find: Callable[[str], Sequence[str | None]]


@dataclass(frozen=True)
class Test:
    """One property's test: a dotted path in props and what must hold there."""

    path: str
    parts: tuple[str, ...]
    holds: Check
    groups: Groups | None = None
    exact: bool = False
    """Whether only this very value, or one of these, holds."""

    def value(self, props: Mapping[str, Any]) -> Any:
        """What is at the path."""
        return props.get(self.path) if len(self.parts) == 1 else at_path(props, self.parts)

    def failure(self, props: Mapping[str, Any]) -> Reason | None:
        """None when the test holds, else what was seen."""
        return None if self.holds(self.value(props)) else self.seen(props)

    def seen(self, props: Mapping[str, Any]) -> Reason:
        """What was seen instead, where the test does not hold."""
        value = self.value(props)
        if value is None or (isinstance(value, Several) and not value):
            return Reason("match_missing", path=self.path)
        return Reason("match_is", path=self.path, value=_excerpt(value))


def compile_match(match: Mapping[str, Any]) -> tuple[Test, ...]:
    """The tests of a ``match`` object. Raises BadMatch with the path below ``match``."""
    return tuple(
        Test(path, tuple(path.split(".")), _check(path, wanted), _groups(path, wanted), _is_exact(wanted))
        for path, wanted in match.items()
    )


def no_value(test: Test, values: Sequence[str], path: str) -> Iterator[Detail]:
    """The warning that a test holds for none of the few values that there are. ``path``: the match's."""
    if values and not any(map(test.holds, values)):
        yield Detail(f"{path}.{test.path}", Reason("no_such_value", known=list(values)))


def failing(tests: Iterable[Test], props: Mapping[str, Any]) -> Test | None:
    """The first of the tests that does not hold; None when all hold."""
    for test in tests:  # A generator would cost more than the tests: this is asked of every rule.
        if not test.holds(test.value(props)):
            return test
    return None


def holds(tests: Iterable[Test], props: Mapping[str, Any]) -> bool:
    """Whether all of the tests hold."""
    return failing(tests, props) is None


def may_hold(tests: Iterable[Test], props: Mapping[str, Any]) -> bool:
    """Whether they may all hold where only these properties are certain."""
    return holds((test for test in tests if test.parts[0] in props), props)


def capturing(tests: Sequence[Test]) -> tuple[Test, ...]:
    """The tests whose regular expressions have groups, in the order in which the groups are counted."""
    return tuple(sorted((test for test in tests if test.groups), key=lambda test: test.path))


def group_names(tests: Sequence[Test]) -> list[str]:
    """Everything that ``captures`` of these tests may answer: numbers first, then names."""
    groups = [test.groups for test in capturing(tests) if test.groups]
    numbers = [str(n + 1) for n in range(sum(one.count for one in groups))]
    return numbers + sorted({name for one in groups for name in one.numbers})


def captures(tests: Sequence[Test], props: Mapping[str, Any]) -> dict[str, str]:
    """What the groups of ``capturing`` tests hold, by number (counted on from test to test) and by name.

    A group that took no part is missing.
    """
    found: dict[str, str] = {}
    before = 0
    for test in tests:
        value = test.value(props)
        if test.groups is None:
            continue
        held = _held(test.groups, value if isinstance(value, Several) else [value])
        for n, text in enumerate(held, start=1):
            if text is not None:
                found[str(before + n)] = text
        for name, n in test.groups.numbers.items():
            if n <= len(held) and (text := held[n - 1]) is not None:
                found.setdefault(name, text)
        before += test.groups.count
    return found


def _held(groups: Groups, values: Iterable[Any]) -> Sequence[str | None]:
    """What the groups hold in the first text in which the expression is found."""
    found = (groups.find(value) for value in values if isinstance(value, str))
    return next((held for held in found if held), ())


def at_path(value: Any, parts: tuple[str, ...]) -> Any:
    """The value at a dotted path (digits index lists), or None; behind a ``*``, ``Several``."""
    for place, part in enumerate(parts):
        if part == EVERY:
            return Several(_each(value, parts[place + 1 :]))
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part[:6]) < len(value):
            value = value[int(part[:6])]
        else:
            return None
    return value


def _each(value: Any, rest: tuple[str, ...]) -> Iterator[Any]:
    for entry in value if isinstance(value, list) else ():
        found = at_path(entry, rest)
        if isinstance(found, Several):
            yield from found
        elif found is not None:
            yield found


def _check(path: str, wanted: Any) -> Check:
    parts = path.split(".")
    if not path or any(not part for part in parts) or parts[0] == EVERY:
        raise BadMatch(path, Reason("match_path"))
    check = _check_one(path, wanted)
    return check if EVERY not in parts else lambda values: any(check(value) for value in values or ())


def _check_one(path: str, wanted: Any) -> Check:
    if not isinstance(wanted, dict):
        return _equals(_scalar(path, wanted), _composed)
    folded = wanted.get("fold", False)
    if not isinstance(folded, bool):
        raise BadMatch(f"{path}.fold", Reason("must_be_boolean"))
    norm = fold if folded else _composed
    operators = {name: value for name, value in wanted.items() if name != "fold"}
    unknown = sorted(operators.keys() - set(OPERATORS))
    if unknown or not operators:
        known = Reason("match_operator", known=list(OPERATORS))
        raise BadMatch(f"{path}.{unknown[0]}" if unknown else path, known)
    checks = [_operator(f"{path}.{name}", name, value, norm) for name, value in operators.items()]
    return checks[0] if len(checks) == 1 else lambda value: all(check(value) for check in checks)


def _is_exact(wanted: Any) -> bool:
    return not isinstance(wanted, dict) or not wanted.keys().isdisjoint({"eq", "in"})


def _operator(path: str, name: str, wanted: Any, norm: Callable[[str], str]) -> Check:
    if name == "eq":
        return _equals(_scalar(path, wanted), norm)
    if name == "in":
        if not isinstance(wanted, list) or not wanted:
            raise BadMatch(path, Reason("must_be_list_of_values"))
        options = [_equals(_scalar(f"{path}[{n}]", one), norm) for n, one in enumerate(wanted)]
        return lambda value: any(option(value) for option in options)
    if name in {"prefix", "contains"}:
        return _text_operator(path, name, wanted, norm)
    if name == "regex":
        return _regex(path, wanted, norm)
    if isinstance(wanted, bool) or not isinstance(wanted, int | float):
        raise BadMatch(path, Reason("must_be_number"))
    compare: dict[str, Callable[[Any], bool]] = {
        "gt": lambda value: value > wanted,
        "gte": lambda value: value >= wanted,
        "lt": lambda value: value < wanted,
        "lte": lambda value: value <= wanted,
    }
    inner = compare[name]
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and inner(value)


def _text_operator(path: str, name: str, wanted: Any, norm: Callable[[str], str]) -> Check:
    if not isinstance(wanted, str) or not norm(wanted):
        raise BadMatch(path, Reason("must_be_a_text"))
    sought = norm(wanted)
    if name == "prefix":
        return lambda value: isinstance(value, str) and norm(value).startswith(sought)

    def contains(value: Any) -> bool:
        if isinstance(value, list):
            return any(isinstance(one, str) and norm(one) == sought for one in value)
        return isinstance(value, str) and sought in norm(value)

    return contains


def _regex(path: str, wanted: Any, norm: Callable[[str], str]) -> Check:
    # RE2 looks at bytes. Given a text it converts it each time, and every position in it.
    pattern = _compiled(path, _source(path, wanted, norm).encode())
    return lambda value: isinstance(value, str) and pattern.search(_utf8(norm(value))) is not None


def _groups(path: str, wanted: Any) -> Groups | None:
    """The groups of a test that has been read already."""
    regex = wanted.get("regex") if isinstance(wanted, dict) else None
    if regex is None or "(" not in regex:
        return None
    norm = fold if wanted.get("fold") else _composed
    pattern = _compiled(path, _source(path, regex, norm))

    def find(text: str) -> Sequence[str | None]:
        match = pattern.search(norm(text))
        held: Sequence[str | None] = match.groups() if match else ()
        return held

    return Groups(pattern.groups, dict(pattern.groupindex), find) if pattern.groups else None


def _source(path: str, wanted: Any, norm: Callable[[str], str]) -> str:
    """The expression as it looks for texts in one form."""
    if not isinstance(wanted, str) or not 0 < len(wanted) <= MAX_REGEX:
        raise BadMatch(path, Reason("regex_length", most=MAX_REGEX))
    # Folded text is lower-case hiragana; of the pattern only what no operator is made of may be folded.
    return composed(wanted) if norm is _composed else "(?i)" + _wide(composed(wanted)).translate(TO_HIRAGANA)


def _compiled(path: str, source: str | bytes) -> Any:
    try:
        return re2.compile(source, _OPTIONS)
    except re2.error as error:
        message = error.args[0] if error.args else ""
        message = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
        raise BadMatch(path, Reason("regex_refused", error=message)) from error


def _wide(pattern: str) -> str:
    """A pattern's letters, digits and kana in their usual width."""
    return _OTHER_WIDTH.sub(lambda found: unicodedata.normalize("NFKC", found[0]), pattern)


def _equals(wanted: Any, norm: Callable[[str], str]) -> Check:
    if isinstance(wanted, str):
        sought = norm(wanted)
        return lambda value: isinstance(value, str) and norm(value) == sought
    is_flag = isinstance(wanted, bool)
    return lambda value: value == wanted and isinstance(value, bool) is is_flag


def _scalar(path: str, value: Any) -> Any:
    if isinstance(value, str | int | float | bool):
        return value
    raise BadMatch(path, Reason("must_be_scalar"))


def shown(value: Any) -> str:
    """A value as people write it: compact JSON, Japanese as it is."""
    return _to_json(value)


def _excerpt(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= 60 else text[:59] + "…"
