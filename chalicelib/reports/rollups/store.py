"""Rollups in the table ``metrics``. Private to this room.

``account#rollups#<part>`` / ``rollup#<since>#<until>`` a rollup; ``mark#<hour>`` that lines of the hour have
become others; ``folded`` until when its lines have been folded, and in which zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import plain_item, query_page, to_av
from chalicelib.reports.rollups.rollup import Rollup
from chalicelib.shared.settings import settings

_FOLDED = "folded"
_LAST = "~"


class Folded(NamedTuple):
    """Until when the lines of a part have been folded, by the days of a zone."""

    until: str
    zone: str


def put(account: str, part: int, one: Rollup, read_at: str) -> None:
    """Keep a rollup whose lines were read at a time; one whose lines were read later stays."""
    dynamodb = aws.client("dynamodb")
    item = {"zone": one.zone, "families": dict(one.families), "read_at": read_at}
    try:
        dynamodb.put_item(
            TableName=settings().table("metrics"),
            Item=_key(account, part, _name(one)) | {name: to_av(value) for name, value in item.items()},
            ConditionExpression="attribute_not_exists(pk) OR read_at <= :read_at",
            ExpressionAttributeValues={":read_at": {"S": read_at}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return


def between(account: str, part: int, since: str, until: str) -> Iterator[Rollup]:
    """The rollups of a part that begin from a moment until before another."""
    for item in _items(account, part, f"rollup#{since}", f"rollup#{until}"):
        _, begins, ends = item["sk"].split("#")
        yield Rollup(begins, ends, item["zone"], item["families"])


def delete(account: str, part: int, one: Rollup) -> None:
    """Delete a rollup, if it is there."""
    _delete(account, part, _name(one))


def mark(account: str, part: int, hour: str, at: str) -> None:
    """Say that lines of an hour are about to become others."""
    item = _key(account, part, f"mark#{hour}") | {"at": {"S": at}}
    aws.client("dynamodb").put_item(TableName=settings().table("metrics"), Item=item)


def marks(account: str, part: int) -> dict[str, str]:
    """The hours of a part that are marked, and since when."""
    found = _items(account, part, "mark#", f"mark#{_LAST}")
    return {item["sk"].removeprefix("mark#"): item["at"] for item in found}


def clear(account: str, part: int, hour: str, at: str) -> None:
    """Delete a mark, if it is still the one of that moment."""
    dynamodb = aws.client("dynamodb")
    try:
        dynamodb.delete_item(
            TableName=settings().table("metrics"),
            Key=_key(account, part, f"mark#{hour}"),
            ConditionExpression="#at = :at",
            ExpressionAttributeNames={"#at": "at"},
            ExpressionAttributeValues={":at": {"S": at}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return


def folded(account: str, part: int) -> Folded | None:
    """Until when a part is folded; None: it never was."""
    for item in _items(account, part, _FOLDED, _FOLDED):
        return Folded(item["until"], item["zone"])
    return None


def put_folded(account: str, part: int, place: Folded) -> None:
    """Keep until when a part is folded."""
    item = _key(account, part, _FOLDED) | {name: to_av(value) for name, value in place._asdict().items()}
    aws.client("dynamodb").put_item(TableName=settings().table("metrics"), Item=item)


def _delete(account: str, part: int, name: str) -> None:
    aws.client("dynamodb").delete_item(TableName=settings().table("metrics"), Key=_key(account, part, name))


def _items(account: str, part: int, first: str, last: str) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {
        "TableName": settings().table("metrics"),
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":pk": {"S": _partition(account, part)},
            ":first": {"S": first},
            ":last": {"S": last},
        },
        "ConsistentRead": True,
    }
    while True:
        items, following = query_page(request)
        yield from map(plain_item, items)
        if following is None:
            return
        request["ExclusiveStartKey"] = following


def _name(one: Rollup) -> str:
    return f"rollup#{one.since}#{one.until}"


def _partition(account: str, part: int) -> str:
    return f"{account}#rollups#{part:02d}"


def _key(account: str, part: int, name: str) -> dict[str, Any]:
    return {"pk": {"S": _partition(account, part)}, "sk": {"S": name}}
