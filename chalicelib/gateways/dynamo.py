"""The one place where stores reach DynamoDB.

Rooms declare their items as ``Record`` models (PynamoDB) in their own ``store.py``; all of them share
one pooled client that crosses the seam. ``Document`` keeps plain dictionaries as DynamoDB maps, so that
people can read items in the AWS console and code sees ordinary values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pynamodb.attributes import Attribute
from pynamodb.connection import TableConnection
from pynamodb.constants import LIST, MAP
from pynamodb.exceptions import DeleteError, PutError, UpdateError
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chalicelib.gateways import aws


def to_av(value: Any) -> dict[str, Any]:
    """A plain value as a DynamoDB attribute value. Numbers keep their exact decimal text."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float):
        return {"N": json.dumps(value, allow_nan=False)}
    if isinstance(value, Decimal):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, set | frozenset):
        return {"SS": sorted(value)}
    if isinstance(value, Mapping):
        return {"M": {str(k): to_av(v) for k, v in value.items()}}
    if isinstance(value, Sequence):
        return {"L": [to_av(v) for v in value]}
    raise TypeError(f"cannot store a {type(value).__name__}")


def from_av(av: Mapping[str, Any]) -> Any:
    """The plain value of a DynamoDB attribute value; whole numbers are ints."""
    ((kind, value),) = av.items()
    if kind == "N":
        return int(value) if value.lstrip("-").isdigit() else float(value)
    if kind == "M":
        return {k: from_av(v) for k, v in value.items()}
    if kind == "L":
        return [from_av(v) for v in value]
    if kind == "SS":
        return set(value)
    if kind == "NULL":
        return None
    return value


def plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A raw item of the low-level client as a plain dictionary."""
    return {name: from_av(av) for name, av in item.items()}


class Document(Attribute[dict[str, Any]]):
    """A plain dictionary kept as a DynamoDB map."""

    attr_type = MAP

    def serialize(self, value: Any) -> Any:
        return to_av(value)["M"]

    def deserialize(self, value: Any) -> Any:
        return from_av({MAP: value})


class Items(Attribute[list[Any]]):
    """A plain list kept as a DynamoDB list."""

    attr_type = LIST

    def serialize(self, value: Any) -> Any:
        return to_av(value)["L"]

    def deserialize(self, value: Any) -> Any:
        return from_av({LIST: value})


class Record(Model):
    """Base of all stored items: uses the process's shared client."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        table = super()._get_connection()
        table.connection._client = aws.client("dynamodb")
        return table


def set_path(path: Sequence[str], value: Any) -> Action:
    """The update action that sets a document path (each element one name, dots included) to a plain value."""
    return Path(list(path)).set(to_av(value))


def remove_path(path: Sequence[str]) -> Action:
    """The update action that removes a document path."""
    return Path(list(path)).remove()


def condition_failed(error: PutError | UpdateError | DeleteError) -> bool:
    """Whether a write failed because its condition did not hold (and not for any other reason)."""
    return error.cause_response_code == "ConditionalCheckFailedException"
