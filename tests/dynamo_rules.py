"""DynamoDB's rules for items that moto does not hold: levels, numbers, names, sizes of keys.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

_KEY_BYTES = {"pk": 2_048, "sk": 1_024}


class Refused(Exception):
    """DynamoDB would answer ValidationException."""


def refuse(name: str, detail: Mapping[str, Any]) -> None:
    """Raise unless DynamoDB would take the values of a call."""
    if not name.startswith("dynamodb:"):
        return
    for item in _items(detail):
        for attribute, value in item.items():
            _value(value, 1, f"{name} {attribute}")
        for key, most in _KEY_BYTES.items():
            text = item.get(key, {}).get("S", "-")
            if not 1 <= len(text.encode()) <= most:
                raise Refused(f"{name}: the {key} has {len(text.encode())} bytes")


def _items(detail: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("Item", "Key", "ExclusiveStartKey", "ExpressionAttributeValues"):
        if detail.get(name):
            yield detail[name]
    for requests in (detail.get("RequestItems") or {}).values():
        for request in requests.get("Keys", ()) if isinstance(requests, dict) else requests:
            yield from (part for part in (request.get("PutRequest"), request.get("DeleteRequest")) if part)
    for action in detail.get("TransactItems") or ():
        for inner in action.values():
            yield from _items(inner)


def _value(value: Any, level: int, where: str) -> None:
    if not isinstance(value, dict) or len(value) != 1:
        return
    ((kind, inner),) = value.items()
    if kind in {"M", "L"} and level > 32:
        raise Refused(f"{where}: nested deeper than 32")
    if kind == "N":
        _number(inner, where)
    if kind == "S":
        inner.encode()
    if kind == "M":
        for one in inner.values():
            _value(one, level + 1, where)
    if kind == "L":
        for one in inner:
            _value(one, level + 1, where)


def _number(text: str, where: str) -> None:
    number = Decimal(text)
    digits = len(number.normalize().as_tuple().digits)
    if digits > 38 or (number and not -130 <= number.adjusted() <= 125):
        raise Refused(f"{where}: {text[:60]} is no number that DynamoDB holds")
