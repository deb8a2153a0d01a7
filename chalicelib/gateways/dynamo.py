"""The one place where stores reach DynamoDB.

Rooms declare their items as ``Record`` models (PynamoDB) in their own ``store.py``; all of them share
one pooled client that crosses the seam. ``Document`` keeps plain dictionaries as DynamoDB maps, so that
people can read items in the AWS console and code sees ordinary values.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson
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


_raw = threading.local()


def query_page(request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """One page of a Query as raw items: ``(items, the key to go on from or None)``.

    The client's own parser walks every value of every item by the service's model; for pages of thousands
    of items that is most of the time, so the body is parsed as plain JSON (no binary attributes).
    """
    client = aws.client("dynamodb")
    client.meta.events.register("before-parse.dynamodb.Query", _parse_plainly, unique_id="todoku-plain")
    _raw.wanted = True
    try:
        answer = client.query(**request)
    finally:
        _raw.wanted = False
    return answer["Items"], answer.get("LastEvaluatedKey")


def _parse_plainly(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    if getattr(_raw, "wanted", False) and response_dict["status_code"] == 200:
        customized_response_dict.update(orjson.loads(response_dict["body"]))
        response_dict["body"] = b"{}"


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
