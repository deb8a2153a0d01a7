"""The template language: ``{{ friend.display_name | default("お客様") }}`` inside a string.

A string is cut into literal parts and expressions. An expression is a dotted name, a quoted literal,
``link("<id>")``, ``form("<id>")`` or ``coupon("<id>")``, followed by filters with quoted or numeric
arguments. That is all there is: no operators, no conditions, no loops, no attribute access on objects,
so there is nothing to escape from.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chalicelib.shared.reasons import Reason, Reasoned

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"\w[\w-]*(?:\.\w[\w-]*)*")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?(?![\w.])")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

Argument = str | int | float

DOCUMENTS = {"link": "links", "form": "forms", "coupon": "coupons"}
"""What is written like a function, and the kind of document that it names."""


class TemplateProblem(Reasoned, ValueError):
    """The text between ``{{`` and ``}}`` cannot be read; the message says where and why."""


@dataclass(frozen=True)
class Filter:
    """One ``| name(arguments)``."""

    name: str
    args: tuple[Argument, ...] = ()


@dataclass(frozen=True)
class Expression:
    """One ``{{ ... }}``: ``kind`` is ``variable`` (``name`` is dotted), ``link``, ``form`` or ``coupon``
    (an id), or ``literal``.
    """

    kind: str
    name: str
    filters: tuple[Filter, ...] = ()
    source: str = field(default="", compare=False)

    @property
    def path(self) -> tuple[str, ...]:
        """The parts of a dotted name."""
        return tuple(self.name.split("."))


Part = str | Expression


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> tuple[Part, ...]:
    """The parts of a string in order. Raises TemplateProblem."""
    parts: list[Part] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        if start > at:
            parts.append(text[at:start])
        expression, at = _Reader(text, start).expression()
        parts.append(expression)
    if at < len(text) or not parts:
        parts.append(text[at:])
    return tuple(parts)


def has_expressions(text: str) -> bool:
    """Whether a string has anything to fill in (a string that cannot be read counts)."""
    return "{{" in text


def strings(value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Every ``(path, key, string)`` in a JSON value; ``key`` is the nearest property name."""
    stack: list[tuple[Any, str, str]] = [(value, path, "")]
    while stack:
        current, here, key = stack.pop()
        if isinstance(current, str):
            yield here, key, current
        elif isinstance(current, dict):
            stack.extend((inner, f"{here}.{name}", str(name)) for name, inner in reversed(current.items()))
        elif isinstance(current, list):
            stack.extend((inner, f"{here}[{n}]", key) for n, inner in reversed(list(enumerate(current))))


def names(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every ``(path, name)`` of a property in a JSON value."""
    stack: list[tuple[Any, str]] = [(value, path)]
    while stack:
        current, here = stack.pop()
        if isinstance(current, dict):
            yield from ((here, str(name)) for name in current)
            stack.extend((inner, f"{here}.{name}") for name, inner in reversed(current.items()))
        elif isinstance(current, list):
            stack.extend((inner, f"{here}[{n}]") for n, inner in reversed(list(enumerate(current))))


def expressions(messages: Any) -> Iterator[tuple[str, str, Expression]]:
    """Every ``(path, key, expression)`` in the messages that can be read."""
    for path, key, text in strings(messages, "messages"):
        if not has_expressions(text):
            continue
        try:
            parts = parse(text)
        except TemplateProblem:
            continue
        for part in parts:
            if isinstance(part, Expression):
                yield path, key, part


class _Reader:
    """Reads one expression from its ``{{``."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self._at = start + 2

    def expression(self) -> tuple[Expression, int]:
        """The expression, and where the text goes on."""
        kind, name = self._subject()
        filters: list[Filter] = []
        while self._take("|"):
            filters.append(Filter(self._word(Reason("template_filter")), self._arguments()))
        if not self._take("}}"):
            raise self._problem(Reason("template_open"))
        source = self._text[self._start : self._at]
        return Expression(kind, name, tuple(filters), source), self._at

    def _subject(self) -> tuple[str, str]:
        literal = self._match(_STRING)
        if literal:
            return "literal", _unquoted(literal)
        name = self._word(Reason("template_name"))
        arguments = self._arguments()
        if name not in DOCUMENTS:
            if arguments:
                raise self._problem(Reason("template_function", name=name))
            return "variable", name
        if len(arguments) != 1 or not isinstance(arguments[0], str):
            raise self._problem(Reason("template_document", name=name))
        return name, arguments[0]

    def _arguments(self) -> tuple[Argument, ...]:
        if not self._take("("):
            return ()
        arguments: list[Argument] = []
        while not self._take(")"):
            if arguments and not self._take(","):
                raise self._problem(Reason("template_comma"))
            arguments.append(self._argument())
        return tuple(arguments)

    def _argument(self) -> Argument:
        literal = self._match(_STRING)
        if literal:
            return _unquoted(literal)
        number = self._match(_NUMBER)
        if number:
            return float(number[0]) if "." in number[0] else int(number[0])
        raise self._problem(Reason("template_argument"))

    def _word(self, missing: Reason) -> str:
        found = self._match(_NAME)
        if not found:
            raise self._problem(missing)
        return found[0]

    def _take(self, mark: str) -> bool:
        self._skip()
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self._skip()
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _problem(self, why: Reason) -> TemplateProblem:
        excerpt = self._text[self._start : self._start + 40]
        return TemplateProblem(Reason("template_unread", excerpt=excerpt, why=why))


def _unquoted(found: re.Match[str]) -> str:
    raw = found[1] if found[1] is not None else found[2]
    return _ESCAPE.sub(lambda escape: {"n": "\n", "t": "\t"}.get(escape[1], escape[1]), raw)
