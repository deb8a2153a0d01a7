"""Two questions against each other: how many friends, or the mean of a number, for each pair of answers.

Each answer is a condition, so every cell leads to its friends: both conditions together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context, Predicate
from chalicelib.events.sheet import Sheet
from chalicelib.reports.by_sheet.counts import Counted, Counts, Params, SheetReport
from chalicelib.shared.errors import RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.sheets.purchases import STAGES
from chalicelib.sheets.scores import score_value

Answers: TypeAlias = dict[str, Any]
"""The answers to a question, and the condition of each."""
MOST = 50
OTHERS = "-"
_UNIT = 10**9
"""Numbers are added up in whole parts of this kind: scores have nine digits."""


def answers(question: str, catalog: Snapshot, path: str) -> Answers:
    """The answers to ``folder:<name>``, ``attribute:<id>``, ``stage``, ``source`` or ``segments:<id>,<id>``;
    the last one is whoever has given none of them. Raises RuleViolation.
    """
    kind, _, name = question.partition(":")
    find = _QUESTIONS.get(kind)
    found = find(name, catalog) if find else None
    if not found:
        raise RuleViolation.at(path, Reason("no_question", question=question))
    if len(found) > MOST:
        raise RuleViolation.at(path, Reason("too_many_answers", question=question, most=MOST))
    return found if kind == "stage" else found | {OTHERS: {"not": {"any": list(found.values())}}}


def _folder(name: str, catalog: Snapshot) -> Answers:
    tags = sorted(tag for tag, doc in catalog.all("tags").items() if (doc.body.get("folder") or "") == name)
    return {tag: {"tag": tag} for tag in tags}


def _attribute(name: str, catalog: Snapshot) -> Answers:
    document = catalog.find("attributes", name)
    kind = document.body["type"] if document else None
    if document is not None and kind in {"choice", "multi_choice"}:
        sign = "eq" if kind == "choice" else "has_any"
        return {
            choice: {"attribute": {"id": name, sign: choice if kind == "choice" else [choice]}}
            for choice in document.body["choices"]
        }
    if kind == "boolean":
        return {word: {"attribute": {"id": name, "eq": word == "true"}} for word in ("true", "false")}
    return {}


def _segments(names: str, catalog: Snapshot) -> Answers:
    wanted = list(dict.fromkeys(names.split(",")))
    known = all(catalog.find("segments", name) is not None for name in wanted)
    return {name: {"segment": name} for name in wanted} if known else {}


_QUESTIONS: dict[str, Callable[[str, Snapshot], Answers]] = {
    "folder": _folder,
    "attribute": _attribute,
    "stage": lambda _name, _catalog: {stage: {"stage": stage} for stage in STAGES},
    "source": lambda _name, catalog: {
        route: {"source": {"latest": route}} for route in sorted(catalog.all("routes"))
    },
    "segments": _segments,
}


def check_value(value: str, catalog: Snapshot) -> None:
    """Raise RuleViolation unless it is ``count`` or the mean of something that there is."""
    word, _, rest = value.partition(":")
    kind, _, name = rest.partition(":")
    if value == "count" or (word == "mean" and rest in _FIGURES):
        return
    document = catalog.find(f"{kind}s", name) if word == "mean" and kind in _NUMBERS else None
    if document is None or (kind == "attribute" and document.body["type"] != "number"):
        raise RuleViolation.at("value", Reason("no_mean", value=value))


_FIGURES = {"purchases.total": "total", "purchases.count": "count"}
_NUMBERS = {"attribute", "score"}
Number: TypeAlias = Callable[[Sheet], float | None]


def _number(value: str, context: Context, now: datetime) -> Number:
    """What is averaged, of a sheet; None: the friend has none."""
    rest = value.partition(":")[2]
    kind, _, name = rest.partition(":")
    if rest in _FIGURES:
        return lambda sheet: (sheet.get("purchases") or {}).get(_FIGURES[rest], 0)
    if kind == "attribute":
        return lambda sheet: _plain((sheet.get("attributes") or {}).get(name))
    definition = context.snapshot.get("scores", name).body

    def score(sheet: Sheet) -> float | None:
        state = (sheet.get("scores") or {}).get(name)
        return None if state is None else score_value(state, definition, now)

    return score


def _plain(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _needs(params: Params, context: Context) -> frozenset[str]:
    conditions = [*params["rows"].values(), *params["cols"].values()]
    found = frozenset[str]().union(*(language.needs(one, context.snapshot) for one in conditions))
    return found | {"purchases", "attributes", "scores", "followed_at"}


def _counter(params: Params, context: Context, now: datetime) -> Callable[[Sheet], Counted]:
    def tests(name: str) -> list[Predicate]:
        return [language.compile_audience(one, context) for one in params[name].values()]

    rows, cols, value = tests("rows"), tests("cols"), params["value"]
    number = None if value == "count" else _number(value, context, now)

    def counted(sheet: Sheet) -> Iterator[tuple[str, int]]:
        if "since" in params and not params["since"] <= (sheet.get("followed_at") or "") < params["until"]:
            return
        amount = 0.0 if number is None else number(sheet)
        if amount is None:
            return
        here = [str(n) for n, test in enumerate(rows) if test(sheet, now)]
        there = [str(n) for n, test in enumerate(cols) if test(sheet, now)]
        for row in [*here, ""] if here else []:
            for col in [*there, ""] if there else []:
                yield f"{row}.{col}", 1
                if number is not None:
                    yield f"{row}.{col}#", round(amount * _UNIT)

    return counted


REPORT = SheetReport(_needs, _counter)


def items(found: Counts, params: Params) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each answer to the first question, with a cell for each to the second; and all together.

    Who has several answers is in the cell of each, and once in the sums at the edges.
    """
    mean = params["value"] != "count"
    columns: Mapping[str, Any] = params["cols"]

    def row(place: str) -> dict[str, Any]:
        cells = {name: _cell(found, f"{place}.{n}", mean) for n, name in enumerate(columns)}
        return {"total": _cell(found, f"{place}.", mean), "cells": cells}

    return [{"row": name, **row(str(n))} for n, name in enumerate(params["rows"])], row("")


def _cell(found: Counts, place: str, mean: bool) -> int | float | None:
    if not mean:
        return found[place]
    return round(found[f"{place}#"] / _UNIT / found[place], 4) if found[place] else None
