"""Counts, at the seam, what AWS bills: DynamoDB's units from the sizes of items, SQS's requests, and calls.

Rules of DynamoDB's on-demand billing (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/
read-write-operations.html): a write is a unit for each KB of the larger of the item before and after, also
when its condition fails; an entry that comes into an index, or leaves it, is a write of its own. A consistent
read is a unit for each 4 KB of an item, of a query for each 4 KB of all it looks at; an eventual one half.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.gateways import seam
from chalicelib.shared.settings import settings

Item = Mapping[str, Any]

INDEX_KEYS = {"activities": "at", "friends": "changed_at"}
"""Tables with an index of keys only, and its sort key."""
SQS_PIECE = 64 * 1024


def size_of_value(value: Mapping[str, Any]) -> int:
    """The bytes of an attribute value, as DynamoDB counts them."""
    ((kind, inner),) = value.items()
    if kind == "S":
        return len(inner.encode())
    if kind == "N":
        return (len(inner.strip("-").replace(".", "")) + 1) // 2 + 1 + inner.startswith("-")
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + size_of_value(one) for name, one in inner.items())
    if kind == "L":
        return 3 + sum(1 + size_of_value(one) for one in inner)
    if kind in {"SS", "NS", "BS"}:
        return sum(size_of_value({kind[0]: one}) for one in inner)
    return 1 if kind in {"BOOL", "NULL"} else len(inner)


def size_of(item: Item | None) -> int:
    """The bytes of an item; 0 for none."""
    return sum(len(name.encode()) + size_of_value(value) for name, value in (item or {}).items())


def stored(table: str, key: Item) -> Item | None:
    """An item as the emulated table has it now."""
    found = dynamodb_backends[ACCOUNT_ID][settings().region].get_item(table, dict(key))
    return None if found is None else dict(found.to_json()["Attributes"])


def short(table: str) -> str:
    """A table's name without prefix and stage."""
    return table.rsplit("-", 1)[1]


def write_units(table: str, before: Item | None, after: Item | None) -> int:
    """What one write costs that makes ``before`` into ``after``."""
    units = max(1, ceil(max(size_of(before), size_of(after)) / 1024))
    if index := INDEX_KEYS.get(short(table)):
        was, now = (before or {}).get(index), (after or {}).get(index)
        units += (was is not None and was != now) + (now is not None and was != now)
    return units


def read_units(size: int, *, consistent: bool) -> float:
    """What reading so many bytes at once costs."""
    units = max(1, ceil(size / 4096))
    return units if consistent else units / 2


class Meter:
    """``writes`` and ``reads``: units by table; ``requests`` to send, and ``messages``: SQS's by queue;
    ``calls`` by name of the seam.

    ``recipients``: how many friends LINE was given. Wraps the guard of a small world, or stands alone.
    """

    def __init__(self, guard: seam.Guard | None = None) -> None:
        self._guard, self._one_by_one = guard, threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.writes: Counter[str] = Counter()
        self.reads: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.recipients = 0

    def guard(self, name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        """Stands at the seam."""
        onward = call if self._guard is None else lambda: self._guard(name, detail, call)  # type: ignore[misc]
        if not name.startswith("clock:"):
            self._add(self.calls, name, 1)
        counted = getattr(self, "_" + name.partition(":")[2], None) if name.startswith("dynamodb:") else None
        if counted is not None:
            return counted(detail, onward)
        if name.startswith("sqs:Send"):
            self._queue(detail)
        if name.startswith("line:") and "body" in detail:
            to = detail["body"].get("to", [])
            self.recipients += len(to) if isinstance(to, list) else 1
        return onward()

    def _queue(self, detail: Mapping[str, Any]) -> None:
        bodies = [entry["MessageBody"] for entry in detail.get("Entries", [detail])]
        queue = detail["QueueUrl"].rsplit("/", 1)[1].removesuffix(".fifo").partition("-")[2].partition("-")[2]
        size = sum(len(body.encode()) for body in bodies)
        self._add(self.messages, queue, len(bodies))
        self._add(self.requests, queue, max(1, ceil(size / SQS_PIECE)))

    def _write(self, table: str, key: Item, call: Callable[[], Any]) -> Any:
        before = stored(table, key)
        try:
            answer = call()
        except ClientError:
            self._add(self.writes, short(table), max(1, ceil(size_of(before) / 1024)))
            raise
        self._add(self.writes, short(table), write_units(table, before, stored(table, key)))
        return answer

    def _add(self, to: Counter[str], name: str, units: float) -> None:
        with self._one_by_one:
            to[name] += units  # type: ignore[assignment]

    def _PutItem(self, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:  # noqa: N802 (AWS's names)
        return self._write(detail["TableName"], _key(detail["Item"]), call)

    def _UpdateItem(self, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:  # noqa: N802
        return self._write(detail["TableName"], detail["Key"], call)

    _DeleteItem = _UpdateItem

    def _BatchWriteItem(self, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:  # noqa: N802
        for table, requests in detail["RequestItems"].items():
            for request in requests:
                new = request.get("PutRequest", {}).get("Item")
                key = _key(new) if new else request["DeleteRequest"]["Key"]
                self._add(self.writes, short(table), write_units(table, stored(table, key), new))
        return call()

    def _GetItem(self, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:  # noqa: N802
        item = stored(detail["TableName"], detail["Key"])
        consistent = bool(detail.get("ConsistentRead"))
        self._add(self.reads, short(detail["TableName"]), read_units(size_of(item), consistent=consistent))
        return call()

    def _BatchGetItem(self, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:  # noqa: N802
        for table, request in detail["RequestItems"].items():
            consistent = bool(request.get("ConsistentRead"))
            for key in request["Keys"]:
                units = read_units(size_of(stored(table, key)), consistent=consistent)
                self._add(self.reads, short(table), units)
        return call()

    def _Query(self, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:  # noqa: N802
        answer, table = call(), detail["TableName"]
        if "IndexName" in detail:
            size = sum(size_of(item) for item in answer["Items"])
        else:  # whatever of the items was asked for, all of them is read
            own = {"pk": detail["ExpressionAttributeValues"].get(":pk")}
            size = sum(size_of(stored(table, _key(own | item))) for item in answer["Items"])
        consistent = bool(detail.get("ConsistentRead"))
        self._add(self.reads, short(detail["TableName"]), read_units(size, consistent=consistent))
        return answer


def _key(item: Item) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"]}
