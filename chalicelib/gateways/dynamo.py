"""The one place where stores reach DynamoDB.

Rooms declare their items as ``Record`` models (PynamoDB) in their own ``store.py``; all of them share
one pooled client that crosses the seam. ``Document`` keeps plain dictionaries as DynamoDB maps, so that
people can read items in the AWS console and code sees ordinary values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from pynamodb.attributes import Attribute
from pynamodb.connection import TableConnection
from pynamodb.constants import LIST, MAP
from pynamodb.exceptions import DeleteError, PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from chalicelib.gateways import aws, clock
from chalicelib.shared import side_by_side
from chalicelib.shared.settings import settings


def to_av(value: Any) -> dict[str, Any]:
    """A plain value as a DynamoDB attribute value. Numbers keep their exact decimal text."""
    # The usual types first, by their own names: every value of every write passes here.
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is dict:
        return {"M": {str(k): to_av(v) for k, v in value.items()}}
    if kind is list:
        return {"L": [to_av(v) for v in value]}
    if value is None:
        return {"NULL": True}
    if kind is bool:
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": _number(value)}
    return _other(value)


def _number(value: float) -> str:
    if isinstance(value, int):
        return int.__repr__(value)
    if not math.isfinite(value):
        raise ValueError(f"cannot store the number {value}")
    return float.__repr__(value)


def _other(value: Any) -> dict[str, Any]:
    if isinstance(value, Decimal):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
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
    if kind == "M":
        return plain_item(value)
    if kind == "N":
        return int(value) if value.isdigit() or value.lstrip("-").isdigit() else float(value)
    if kind == "L":
        return [from_av(v) for v in value]
    if kind == "SS":
        return set(value)
    if kind == "NULL":
        return None
    return value


def plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A raw item of the low-level client as a plain dictionary."""
    # Most values are texts: seen here, they need no call.
    return {name: av["S"] if "S" in av else from_av(av) for name, av in item.items()}


def query_page(request: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """One page of a Query as raw items: ``(items, the key to go on from or None)``."""
    answer = aws.client("dynamodb").query(**request)
    return answer["Items"], answer.get("LastEvaluatedKey")


def query_all(requests: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
    """Every raw item of many Queries that mostly have one page; their first pages are asked for together."""
    found = []
    for request, answer in zip(requests, aws.read_many("dynamodb", "Query", requests), strict=True):
        items, last = answer["Items"], answer.get("LastEvaluatedKey")
        while last is not None:
            more, last = query_page({**request, "ExclusiveStartKey": last})
            items += more
        found.append(items)
    return found


_AS_TEXT = "~json"
"""The one name in a map that keeps as JSON what a map cannot hold."""
_MOST_LEVELS = 30
"""DynamoDB takes 32 levels, the attribute's own among them."""
_MOST_DIGITS = 38
_LARGEST = 1e120


def fits_map(value: Any) -> bool:
    """Whether DynamoDB can hold a value as it is: its levels, its names, and the numbers in it."""
    todo = [(value, 0)]
    while todo:
        item, level = todo.pop()
        if isinstance(item, Mapping | list):
            if level >= _MOST_LEVELS or (isinstance(item, Mapping) and "" in item):
                return False
            todo += [(one, level + 1) for one in (item.values() if isinstance(item, Mapping) else item)]
        elif isinstance(item, int | float) and not _fits_number(item):
            return False
    return True


def _fits_number(number: float) -> bool:
    if isinstance(number, int):
        return len(str(abs(number))) <= _MOST_DIGITS
    return number == 0 or 1 / _LARGEST < abs(number) < _LARGEST


class Document(Attribute[dict[str, Any]]):
    """A plain dictionary kept as a DynamoDB map; as JSON text inside one when a map cannot hold it.

    Of a dictionary that somebody else wrote nothing may be looked for by path in the store.
    """

    attr_type = MAP

    def serialize(self, value: Any) -> Any:
        is_plain = fits_map(value) and value.keys() != {_AS_TEXT}
        kept = value if is_plain else {_AS_TEXT: json.dumps(value, ensure_ascii=False)}
        return to_av(kept)["M"]

    def deserialize(self, value: Any) -> Any:
        kept = from_av({MAP: value})
        return json.loads(kept[_AS_TEXT]) if kept.keys() == {_AS_TEXT} else kept


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

    def save_if(self, condition: Condition) -> bool:
        """Write the whole item; False when the condition does not hold."""
        return _if_it_holds(lambda: self.save(condition=condition))

    def save_new(self) -> bool:
        """Write the item unless it exists; False when it does."""
        key: Attribute[Any] = type(self)._hash_key_attribute()  # type: ignore[no-untyped-call]
        return self.save_if(key.does_not_exist())

    def update_if(self, actions: Sequence[Action], condition: Condition) -> bool:
        """Change the item; False when the condition does not hold."""
        return _if_it_holds(lambda: self.update(list(actions), condition=condition))


def _if_it_holds(write: Callable[[], Any]) -> bool:
    try:
        write()
    except (PutError, UpdateError) as error:
        if condition_failed(error):
            return False
        raise
    return True


def set_path(path: Sequence[str], value: Any) -> Action:
    """The update action that sets a document path (each element one name, dots included) to a plain value."""
    return Path(list(path)).set(to_av(value))


def condition_failed(error: PutError | UpdateError | DeleteError) -> bool:
    """Whether a write failed because its condition did not hold (and not for any other reason)."""
    response = getattr(error.cause, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "ConditionalCheckFailedException")


Write = Literal["put_item", "update_item", "delete_item"]


def try_write(operation: Write, table: str, **request: Any) -> dict[str, Any] | None:
    """Carry out a conditional write of a table (its short name), as DynamoDB takes it; returns its answer, or
    None when the condition does not hold. Raises ClientError.
    """
    dynamodb = aws.client("dynamodb")
    try:
        answer: dict[str, Any] = getattr(dynamodb, operation)(TableName=settings().table(table), **request)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return None
    return answer


def write_if(operation: Write, table: str, **request: Any) -> bool:
    """The same; returns whether the condition held."""
    return try_write(operation, table, **request) is not None


def batch_get(
    table: str, keys: Sequence[dict[str, Any]], attributes: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The raw items of these keys (any number, no order), read consistently; besides the keys only these
    attributes, if any are named.
    """
    names = {f"#a{n}": attribute for n, attribute in enumerate(("pk", "sk", *attributes))}
    only = {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names} if attributes else {}
    name = settings().table(table)
    found: list[dict[str, Any]] = []
    waiting: Sequence[dict[str, Any]] = keys
    while waiting:
        parts = side_by_side.parts(waiting, 100)
        requests = [
            {"RequestItems": {name: {"Keys": part, "ConsistentRead": True, **only}}} for part in parts
        ]
        waiting = []
        for answer in aws.read_many("dynamodb", "BatchGetItem", requests):
            found += answer["Responses"].get(name, [])
            waiting += answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys", [])
        if waiting:
            clock.sleep(0.05)
    return found
