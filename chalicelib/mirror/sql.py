"""Parts of questions in SQL, for the leaves of conditions. Pure.

A part says what is surely true (``must``) and what may be (``may``). For most they are the same. Where
rounding decides, or where a leaf has no SQL, they differ, and the friends between are judged by the
predicate: they are among those of ``between``, which is quickly asked whether it has any. A leaf about pairs
says what holds for who has none, so that nothing has to be joined from outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.shared.text.folding import composed


@dataclass(frozen=True)
class Part:
    """``must`` implies the condition, the condition implies ``may``, and ``may`` without ``must`` implies
    ``between``.
    """

    must: str
    may: str
    between: str = "false"

    @property
    def is_exact(self) -> bool:
        """Whether nothing is left to judge."""
        return self.between == "false"


def exact(sql: str) -> Part:
    """A part that says it all."""
    return Part(sql, sql)


TRUE, FALSE = exact("true"), exact("false")
UNKNOWN = Part("false", "true", "true")


def truth(value: bool) -> Part:
    """Always, or never."""
    return TRUE if value else FALSE


def every(parts: Sequence[Part]) -> Part:
    """All of them."""
    return _joined(parts, " AND ", TRUE)


def some(parts: Sequence[Part]) -> Part:
    """One of them."""
    return _joined(parts, " OR ", FALSE)


def _joined(parts: Sequence[Part], word: str, none: Part) -> Part:
    if not parts:
        return none
    must, may = ("(" + word.join(sides) + ")" for sides in ([p.must for p in parts], [p.may for p in parts]))
    unsure = [part.between for part in parts if not part.is_exact]
    return Part(must, may, "(" + " OR ".join(unsure) + ")" if unsure else "false")


def opposite(part: Part) -> Part:
    """Not it. Parts are never NULL."""
    return Part(f"(NOT {part.may})", f"(NOT {part.must})", part.between)


def text(value: str) -> str:
    """A text as SQL."""
    plain = "'" + value.replace("'", "''") + "'"
    return plain if "\0" not in value else "(" + " || chr(0) || ".join(map(text, value.split("\0"))) + ")"


def number(value: float) -> str:
    """A number as SQL, exactly."""
    return f"CAST('{float(value)!r}' AS DOUBLE)"


def literal(value: Any) -> str:
    """A text, a number or a boolean as SQL; texts in NFC."""
    if isinstance(value, bool):
        return str(value).lower()
    return text(composed(value)) if isinstance(value, str) else number(value)


def texts(values: Iterable[str]) -> str:
    """A list of texts in NFC as SQL."""
    return "CAST([" + ", ".join(text(composed(value)) for value in values) + "] AS VARCHAR[])"


def known(sql: str) -> str:
    """An expression whose NULL is false."""
    return f"coalesce({sql}, false)"


_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def compared(column: str, cmp: Mapping[str, Any]) -> str:
    """``conditions.comparisons.compare`` of a column."""
    name = operator(cmp)
    operand = cmp[name]
    if name == "between":
        low, high = operand
        return f"({column} >= {literal(low)} AND {column} <= {literal(high)})"
    if name == "in":
        return f"({column} IN ({', '.join(map(literal, operand))}))" if operand else f"({column} <> {column})"
    return f"({column} {_SIGNS[name]} {literal(operand)})"


def operator(cmp: Mapping[str, Any]) -> str:
    """Which comparison it is."""
    return next(name for name in (*_SIGNS, "between", "in") if name in cmp)


def rounded(column: str, cmp: Mapping[str, Any], log2: str | None = None) -> Part:
    """``compare`` of a number that is yet to be rounded to nine digits, as scores are. ``log2``: its
    logarithm to base two, where that is sooner computed than the number.
    """
    name = operator(cmp)
    operand = cmp[name]
    if name in {"between", "in"}:
        sides = (
            [{"gte": operand[0]}, {"lte": operand[1]}] if name == "between" else [{"eq": o} for o in operand]
        )
        return (every if name == "between" else some)([rounded(column, side, log2) for side in sides])
    if name == "ne":
        return opposite(rounded(column, {"eq": operand}, log2))
    if name == "eq":
        between = every([rounded(column, {side: operand}, log2) for side in ("gte", "lte")])
        return between if round(float(operand), 9) == operand else FALSE
    return _beyond(column, name, float(operand), log2)


_HALF, LOG2_SLACK = 5e-10, 1e-11
"""What rounding to nine digits moves a number by; more than arithmetic leaves open of a logarithm."""


def _beyond(column: str, name: str, operand: float, log2: str | None) -> Part:
    """Where rounding takes a number past the operand, give or take what arithmetic leaves open there."""
    up = name in {"gt", "gte"}
    on_grid = round(operand, 9) == operand
    border = operand if not on_grid else operand - _HALF if name in {"gte", "lt"} else operand + _HALF
    slack = _HALF * (0 if on_grid else 2) + 1e-15 * abs(operand) + 1e-16
    low, high = border - slack, border + slack
    if log2 is not None and low > 0:
        column, low, high = log2, math.log2(low) - LOG2_SLACK, math.log2(high) + LOG2_SLACK
    between = f"({column} BETWEEN {number(low)} AND {number(high)})"
    if up:
        return Part(f"({column} > {number(high)})", f"({column} >= {number(low)})", between)
    return Part(f"({column} < {number(low)})", f"({column} <= {number(high)})", between)


def since(column: str, above: int | None, up_to: int | None) -> str:
    """A timestamp after ``above`` and up to ``up_to`` (milliseconds; None: no bound, or before all time)."""
    low = f" AND {column} > {above}" if above is not None else ""
    return known(f"{column} <= {up_to}{low}") if up_to is not None else "false"


def among(table: str, where: str, part: Part, *, none: bool = False) -> Part:
    """Friends with a row of a table for which ``part`` holds; ``none``: what holds for who has no such row.
    At most one row of each friend is meant by ``where``.
    """
    if none:
        return opposite(among(table, where, opposite(part)))
    return _sides(f"(f.n IN (SELECT n FROM {table} WHERE {where} AND ", part, "))")


def together(table: str, where: str, having: Part, *, none: bool = False) -> Part:
    """Friends whose rows of a table satisfy ``having`` together."""
    if none:
        return opposite(together(table, where, opposite(having)))
    rows = f"SELECT n FROM {table} WHERE {where} GROUP BY n HAVING"
    return _sides(f"(f.n IN ({rows} ", having, "))")


def _sides(before: str, part: Part, after: str) -> Part:
    between = "false" if part.is_exact else before + part.between + after
    return Part(before + part.must + after, before + part.may + after, between)


def finite(value: float) -> bool:
    """Whether SQL can hold a number."""
    return math.isfinite(value)
