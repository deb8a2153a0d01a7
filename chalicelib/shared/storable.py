"""JSON from outside made safe to store: what JSON allows and SQS or DynamoDB refuse is replaced, not lost.

DynamoDB refuses nesting deeper than 32, numbers beyond 38 digits and empty names; UTF-8 refuses lone
surrogates, and SQS the two non-characters U+FFFE and U+FFFF.
"""

from __future__ import annotations

import json
import math
from typing import Any

_MAX_DEPTH = 20
_MAX_NUMBER = 1e100
_MAX_INT_DIGITS = 38


def storable(value: Any, depth: int = 0) -> Any:
    """The value with every part that cannot be stored replaced by its text."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict | list) and depth >= _MAX_DEPTH:
        return _clean(json.dumps(value, ensure_ascii=False))
    if isinstance(value, dict):
        return {(_clean(str(k)) or "_"): storable(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [storable(item, depth + 1) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if len(str(abs(value))) <= _MAX_INT_DIGITS else str(value)
    if isinstance(value, float):
        fits = math.isfinite(value) and (value == 0 or 1 / _MAX_NUMBER < abs(value) < _MAX_NUMBER)
        return value if fits else str(value)
    return _clean(str(value))


def is_storable(value: Any) -> bool:
    """Whether a value can be stored as it is."""
    return bool(storable(value) == value)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\ufffe", "?").replace("\uffff", "?")
