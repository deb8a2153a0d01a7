"""The lines of reports in the table ``metrics``. Private to this room.

``account#reports#<part>`` / ``<moment>#<user id>#<event>`` a line (part = a hash of the user id, 0-15)

A line's key is made of its event alone, so that writing it again changes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, query_page, to_av
from chalicelib.reports.lines import Line
from chalicelib.shared.settings import settings

PARTS = 16
_TOGETHER = 25


def part_of(user: str) -> int:
    """In which part a friend's lines stand."""
    return zlib.crc32(user.encode()) % PARTS


def put(account: str, line: Line) -> None:
    """Write a line; again is the same."""
    aws.client("dynamodb").put_item(TableName=settings().table("metrics"), Item=_item(account, line))


def put_all(account: str, lines: Iterable[Line]) -> None:
    """Write lines, many in a call."""
    _write([{"PutRequest": {"Item": _item(account, line)}} for line in lines])


def delete(account: str, lines: Iterable[Line]) -> None:
    """Delete lines, if they are there."""
    _write([{"DeleteRequest": {"Key": _key(account, line)}} for line in lines])


def _write(requests: Sequence[dict[str, Any]]) -> None:
    table, waiting = settings().table("metrics"), list(requests)
    while waiting:
        answer = aws.client("dynamodb").batch_write_item(RequestItems={table: waiting[:_TOGETHER]})
        left = answer.get("UnprocessedItems", {}).get(table, [])
        waiting = left + waiting[_TOGETHER:]
        if left:
            clock.sleep(0.1)


def pages(account: str, part: int, since: str, until: str) -> Iterator[list[Line]]:
    """The lines of a part from a moment until before another, oldest first, by the page. Consistent."""
    request: dict[str, Any] = {
        "TableName": settings().table("metrics"),
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :since AND :until",
        "ExpressionAttributeValues": {
            ":pk": {"S": _partition(account, part)},
            ":since": {"S": since},
            ":until": {"S": until},  # sorts before every line of that moment
        },
        "ConsistentRead": True,
    }
    while True:
        items, last = query_page(request)
        yield [_line(item) for item in items]
        if last is None:
            return
        request["ExclusiveStartKey"] = last


def _partition(account: str, part: int) -> str:
    return f"{account}#reports#{part:02d}"


def _key(account: str, line: Line) -> dict[str, Any]:
    place = f"{line.at}#{line.user}#{line.name}"
    return {"pk": {"S": _partition(account, part_of(line.user))}, "sk": {"S": place}}


def _item(account: str, line: Line) -> dict[str, Any]:
    return _key(account, line) | {"kind": {"S": line.kind}, "props": to_av(dict(line.props))}


def _line(item: Mapping[str, Any]) -> Line:
    found = plain_item(item)
    at, _, rest = found["sk"].partition("#")
    user, _, name = rest.rpartition("#")
    return Line(at, user, name, found["kind"], found["props"])
