"""What the stores and queues can hold, for every endpoint: refused with its place, or made storable.

DynamoDB refuses nesting deeper than 32, numbers beyond 38 digits or far from 1, and empty names; the laptop's
store loses the name ``__proto__``; UTF-8 refuses lone surrogates, and SQS the two non-characters U+FFFE and
U+FFFF. Doors that may refuse ask ``unfit``; where what comes cannot be refused (LINE's webhooks, profiles)
``storable`` replaces what cannot be stored by its text, and loses nothing.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from chalicelib.shared.reasons import Reason

_MAX_DEPTH = 20
_MAX_NUMBER = 1e100
_MAX_INT_DIGITS = 38
_LOST_NAMES = frozenset({"", "__proto__"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def storable(value: Any, depth: int = 0) -> Any:
    """The value with every part that cannot be stored replaced by its text."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
        return _clean(json.dumps(value, ensure_ascii=False))
    if isinstance(value, dict):
        kept: dict[str, Any] = {}
        for name, inner in value.items():
            kept[_free_name(str(name), kept)] = storable(inner, depth + 1)
        return kept
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    return value if _unfit_scalar(value) is None else _clean(str(value))


def unfit(value: Any, path: str = "", depth: int = 0) -> tuple[str, Reason] | None:
    """The place of the first part that cannot be stored as it is, and why; None when all of it can."""
    if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
        return path, Reason("is_nested_deeper", most=_MAX_DEPTH)
    if isinstance(value, dict):
        for name in value:
            if name in _LOST_NAMES or _clean(name) != name:
                return path, Reason("unfit_name", name=ascii(name[:40]))
    children = (
        ((f"{path}.{name}" if path else name, inner) for name, inner in value.items())
        if isinstance(value, dict)
        else ((f"{path}[{n}]", inner) for n, inner in enumerate(value))
        if isinstance(value, list)
        else ()
    )
    for place, inner in children:
        if (found := unfit(inner, place, depth + 1)) is not None:
            return found
    reason = None if isinstance(value, dict | list) else _unfit_scalar(value)
    return None if reason is None else (path, reason)


def is_storable(value: Any) -> bool:
    """Whether a value can be stored as it is."""
    return unfit(value) is None


def unfit_name(text: str) -> Reason | None:
    """Why a text cannot be an id or another name under which things are kept; None when it can."""
    if text in _LOST_NAMES:
        return Reason("cannot_be_name", name=repr(text)) if text else Reason("must_not_be_empty")
    if _CONTROL.search(text) or _clean(text) != text:
        return Reason("must_be_printable")
    # "o-1 " would be another order, member or event than "o-1".
    return None if text == text.strip() else Reason("space_around")


def _unfit_scalar(value: Any) -> Reason | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return None if _clean(value) == value else Reason("unstorable_characters")
    if isinstance(value, int):
        digits = len(str(abs(value)))
        fits = digits <= _MAX_INT_DIGITS
        return None if fits else Reason("too_many_digits", has=digits, most=_MAX_INT_DIGITS)
    if isinstance(value, float):
        fits = math.isfinite(value) and (value == 0 or 1 / _MAX_NUMBER < abs(value) < _MAX_NUMBER)
        return None if fits else Reason("number_unstorable", number=str(value))
    return Reason("is_a", type=type(value).__name__)


def _free_name(name: str, taken: dict[str, Any]) -> str:
    """The name, made storable and unlike those that are taken."""
    name = _clean(name)
    while name in _LOST_NAMES or name in taken:
        name += "_"
    return name


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\ufffe", "?").replace("\uffff", "?")
