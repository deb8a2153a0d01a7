"""What a condition at DynamoDB may compare: text, numbers, flags. Never a whole map or list.

The laptop's store compares maps and lists by reference, so that a condition on one never holds there; and a
map that somebody else may have written into is too much to compare anywhere. What changes has a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CONDITIONS = ("ConditionExpression", "FilterExpression", "KeyConditionExpression")
_PLACEHOLDER = re.compile(r":\w+")
_WHOLE = frozenset({"M", "L"})


def check(crossing: str, request: Mapping[str, Any]) -> None:
    """Fail when a request to DynamoDB has a map or a list as an operand of a condition."""
    if not crossing.startswith("dynamodb:"):
        return
    values = request.get("ExpressionAttributeValues") or {}
    for part in _CONDITIONS:
        for name in _PLACEHOLDER.findall(request.get(part) or ""):
            kinds = _WHOLE & set(values[name])
            assert not kinds, f"{crossing}: {request[part]} compares {name}, which is {values[name]}"
