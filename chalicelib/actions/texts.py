"""The texts in an action's value: variables in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from chalicelib.shared.text.template import Expression, TemplateProblem, has_expressions, parse, strings

MAX_TEXT = 5000

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


def expressions(value: Any, here: str) -> Iterator[tuple[str, Expression]]:
    """Every ``(path, expression)`` in the texts of a value that can be read."""
    for where, _, text in strings(value, here):
        if not has_expressions(text):
            continue
        try:
            found = parse(text)
        except TemplateProblem:
            continue
        for part in found:
            if isinstance(part, Expression):
                yield where, part
