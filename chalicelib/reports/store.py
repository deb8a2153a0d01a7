"""The lines of reports in the table ``metrics``. Private to this room.

``account#reports#<part>`` / ``<timestamp>#<user id>#<event>`` a line (part = a hash of the user id, 0-15)

``account#submitted#<form>`` / ``<timestamp>#<user id>#<event>`` that a form was answered to its end, beside
the line that says so: written after it, and deleted before it, so that none is left without its line

A line's key is made of its event alone, so that writing it again changes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, query_page, to_av
from chalicelib.reports.lines import SUBMITTED, Line
from chalicelib.shared.settings import settings


@dataclass(frozen=True)
class Submission:
    """That a friend has answered a form to its end: ``event`` has the answers, ``place`` sorts by time."""

    place: str
    at: str
    user: str
    event: str
    on: str


PARTS = 16
_TOGETHER = 25


def part_of(user: str) -> int:
    """In which part a friend's lines are."""
    return zlib.crc32(user.encode()) % PARTS


def put(account: str, line: Line) -> None:
    """Write a line; again is the same."""
    for item in _items(account, line):
        aws.client("dynamodb").put_item(TableName=settings().table("metrics"), Item=item)


def put_all(account: str, lines: Iterable[Line]) -> None:
    """Write lines, many in a call."""
    found = [_items(account, line) for line in lines]
    for place in (0, 1):
        _write([{"PutRequest": {"Item": items[place]}} for items in found if place < len(items)])


def delete(account: str, lines: Iterable[Line]) -> None:
    """Delete lines, if they are there."""
    found = [_items(account, line) for line in lines]
    for place in (1, 0):
        gone = [items[place] for items in found if place < len(items)]
        _write([{"DeleteRequest": {"Key": {"pk": one["pk"], "sk": one["sk"]}}} for one in gone])


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
            ":until": {"S": until},  # sorts before every line of that timestamp
        },
        "ConsistentRead": True,
    }
    while True:
        items, last = query_page(request)
        yield [_line(item) for item in items]
        if last is None:
            return
        request["ExclusiveStartKey"] = last


def submissions(account: str, form: str, since: str, until: str, limit: int) -> tuple[list[Submission], bool]:
    """Those of a form from a place to another, both included, the latest first; whether there may be more."""
    if since > until:
        return [], False
    items, last = query_page(
        {
            "TableName": settings().table("metrics"),
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :since AND :until",
            "ExpressionAttributeValues": {
                ":pk": {"S": _of_form(account, form)},
                ":since": {"S": since},
                ":until": {"S": until},
            },
            "ConsistentRead": True,
            "ScanIndexForward": False,
            "Limit": limit,
        }
    )
    return [_submission(item) for item in items], last is not None


def _submission(item: Mapping[str, Any]) -> Submission:
    found = plain_item(item)
    at, _, rest = found["sk"].partition("#")
    return Submission(found["sk"], at, rest.rpartition("#")[0], found["event"], found["on"])


def _of_form(account: str, form: str) -> str:
    return f"{account}#submitted#{form}"


def _partition(account: str, part: int) -> str:
    return f"{account}#reports#{part:02d}"


def _items(account: str, line: Line) -> list[dict[str, Any]]:
    """What there is of a line: itself, and of a form's end its place in the form's list."""
    place, props = {"S": f"{line.at}#{line.user}#{line.name}"}, line.props
    own = {"pk": {"S": _partition(account, part_of(line.user))}, "sk": place}
    found = [own | {"kind": {"S": line.kind}, "props": to_av(dict(props))}]
    if line.kind == SUBMITTED:
        listed = {"pk": {"S": _of_form(account, props["form"])}, "sk": place}
        found.append(listed | {name: {"S": props[name]} for name in ("event", "on")})
    return found


def _line(item: Mapping[str, Any]) -> Line:
    found = plain_item(item)
    at, _, rest = found["sk"].partition("#")
    user, _, name = rest.rpartition("#")
    return Line(at, user, name, found["kind"], found["props"])
