"""How a condition comes out for a friend, part by part, with what is seen of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from chalicelib.conditions.model import LEAVES, Built, Context
from chalicelib.events.sheet import Sheet

Explainer: TypeAlias = Callable[[Sheet, datetime], dict[str, Any]]
"""What ``explain`` says of one sheet after another."""


def explain(condition: Any, context: Context, sheet: Sheet, now: datetime) -> dict[str, Any]:
    """The tree: ``{"kind", "value", "seen", "children"}``; leaves also repeat their ``condition``."""
    return _explainer(condition, context)(sheet, now)


def explainer(condition: Any, context: Context) -> Explainer:
    """``explain`` for one sheet after another: its leaves are built once, when it is first asked."""
    built = functools.cache(lambda: _explainer(condition, context))

    def explained(sheet: Sheet, now: datetime) -> dict[str, Any]:
        return built()(sheet, now)

    return explained


def _explainer(condition: Any, context: Context) -> Explainer:
    ((key, value),) = condition.items()
    if key in {"all", "any"}:
        return _explain_several(key, [_explainer(child, context) for child in value])
    if key == "not":
        return _explain_not(_explainer(value, context))
    if key == "everyone":
        return lambda _sheet, _now: _node(key, True, None, [])
    if key == "segment":
        return _explain_segment(value, context)
    built: Built = LEAVES[key].build(value, context)
    test, seen = built.test, built.seen
    return lambda sheet, now: _node(key, test(sheet, now), seen(sheet, now), []) | {"condition": value}


def _explain_several(key: str, parts: list[Explainer]) -> Explainer:
    is_true = all if key == "all" else any

    def explained(sheet: Sheet, now: datetime) -> dict[str, Any]:
        children = [part(sheet, now) for part in parts]
        return _node(key, is_true([child["value"] for child in children]), None, children)

    return explained


def _explain_not(part: Explainer) -> Explainer:
    def explained(sheet: Sheet, now: datetime) -> dict[str, Any]:
        inner = part(sheet, now)
        return _node("not", not inner["value"], None, [inner])

    return explained


def _explain_segment(segment: str, context: Context) -> Explainer:
    document = context.snapshot.find("segments", segment)
    parts = [_explainer(document.body["condition"], context)] if document else []

    def explained(sheet: Sheet, now: datetime) -> dict[str, Any]:
        inner = [part(sheet, now) for part in parts]
        return _node("segment", any(tree["value"] for tree in inner), None, inner) | {"condition": segment}

    return explained


def _node(kind: str, value: bool, seen: Any, children: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "value": value, "seen": seen, "children": children}
