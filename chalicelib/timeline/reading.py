"""The timeline as it is read: a friend's activities, newest first.

Two sorted ways lead to them, and are merged here. The index ``by_at`` has every event, and lines about what
was sent that came late. A line that came soon after its chunk was put (``items.LATE``), as almost all
do, is in no index, which would be a second write for each friend of a broadcast: its sort key begins with
the time at which the chunk was put, so lines are read in that order and put right within ``LATE``.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import dropwhile, groupby, islice
from typing import Any

from chalicelib.gateways import aws, dynamo
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timeline import sent_once
from chalicelib.timeline.items import LATE, LINES, SENT, Activity, from_item, key_of

Place = tuple[str, str]
"""When an activity happened, and its event id: what the timeline is sorted by."""


def recent(
    account: str,
    user: str,
    limit: int,
    cursor: Mapping[str, Any] | None = None,
    *,
    consistent: bool = False,
    lines: bool = True,
) -> tuple[list[Activity], dict[str, Any] | None]:
    """Newest first: ``(activities, the cursor of the next page or None)``; after the cursor's ``at`` and
    ``event_id``. Without ``lines``: those of events only.
    """
    before: Place | None = (cursor["at"], cursor["event_id"]) if cursor else None
    ask = _Ask(account, user, limit + 2, before[0] if before else None, consistent)
    ways = [_events(ask, lines=lines), *([_in_order(_lines(ask))] if lines else [])]
    found: Iterable[Activity] = merge(*ways, key=_place, reverse=True)
    if before is not None:
        past = before
        found = dropwhile(lambda one: _place(one) >= past, found)
    page = list(islice(found, limit + 1))
    last = page[limit - 1] if len(page) > limit else None
    following = {"at": last["at"], "event_id": last["event_id"]} if last else None
    return _whole(page[:limit]), following


def find_message(
    account: str, user: str, message_id: str, since: str
) -> Iterator[tuple[Activity, list[Activity]]]:
    """The activities of a friend's message (more than one where it was reported anew), the newest first, each
    with those after it, oldest first; looked for from ``since`` on.
    """
    later: list[Activity] = []
    cursor: dict[str, Any] | None = None
    while True:
        page, cursor = recent(account, user, 50, cursor)
        for activity in page:
            props = activity.get("props") or {}
            if activity["type"] == "messaged" and props.get("message_id") == message_id:
                yield activity, later[::-1]
            later.append(activity)
        if cursor is None or (page and page[-1]["at"] < since):
            return


class _Ask:
    """Whose timeline is read, from which moment on, and so many at a time."""

    def __init__(self, account: str, user: str, size: int, until: str | None, consistent: bool) -> None:
        self.until = until
        self._request: dict[str, Any] = {
            "TableName": settings().table("activities"),
            "ScanIndexForward": False,
            "Limit": size,
            "ConsistentRead": consistent,
        }
        self._partition = {"S": f"{account}#{user}"}

    def items(self, condition: str, values: Mapping[str, str], **more: Any) -> Iterator[dict[str, Any]]:
        """The raw items of a query, page by page."""
        given = {name: {"S": value} for name, value in values.items()}
        request = self._request | {
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": {":pk": self._partition, **given},
            **more,
        }
        while True:
            page, following = dynamo.query_page(request)
            yield from page
            if following is None:
                return
            request["ExclusiveStartKey"] = following


def _events(ask: _Ask, *, lines: bool) -> Iterator[Activity]:
    """What the index has, without its content; those of one timestamp by their ids."""
    more: dict[str, Any] = {"IndexName": "by_at"}
    condition, values = "pk = :pk", {}
    if ask.until is not None:
        condition, values = "pk = :pk AND #at <= :until", {":until": ask.until}
        more["ExpressionAttributeNames"] = {"#at": "at"}
    found = map(from_item, ask.items(condition, values, **more))
    wanted = (one for one in found if lines or "put_at" not in one)
    for _, together in groupby(wanted, key=lambda one: str(one["at"])):
        yield from sorted(together, key=_place, reverse=True)


def _lines(ask: _Ask) -> Iterator[Activity]:
    """The lines that are in no index, by when their chunks were put."""
    until = "~" if ask.until is None else f"{ask.until}~"
    values = {":first": LINES, ":last": LINES + until}
    found = ask.items("pk = :pk AND sk BETWEEN :first AND :last", values)
    return (from_item(item) for item in found if "at" not in item)


def _in_order(lines: Iterable[Activity]) -> Iterator[Activity]:
    """Lines that come by when they were put, newest first, by when they ended, ``LATE`` after it at most."""
    waiting: list[Activity] = []
    for line in lines:
        insort(waiting, line, key=_place)
        certain = iso(parse_iso(line["put_at"]) + LATE)
        while waiting and waiting[-1]["at"] > certain:
            yield waiting.pop()
    yield from reversed(waiting)


def _place(activity: Activity) -> Place:
    return activity["at"], activity["event_id"]


def _whole(page: list[Activity]) -> list[Activity]:
    """The activities of a page with their content; what was deleted meanwhile is left out."""
    bare = [key_of(one) for one in page if "type" not in one]
    read = map(from_item, dynamo.batch_get("activities", bare))
    found = {_place(one): one for one in read} | {_place(one): one for one in page if "type" in one}
    whole = [found[_place(one)] for one in page if _place(one) in found]
    sent_once.fill(whole)
    return whole


def pages(account: str, user: str) -> Iterator[list[Activity]]:
    """A friend's whole timeline in no order, page by page: of each activity what erasing must know."""
    found = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings().table("activities"),
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"{account}#{user}"}},
            ProjectionExpression=(
                "pk, sk, #at, ended_at, #type, effects, props.chat, props.message_id, props.order_id"
            ),
            ExpressionAttributeNames={"#at": "at", "#type": "type"},
            ConsistentRead=True,
        )
    )
    return ([from_item(item) for item in page["Items"]] for page in found)


def events(account: str, user: str) -> Iterator[list[Activity]]:
    """Every event of a friend's timeline in no order, page by page."""
    for page in _bare_pages(account, user):
        yield [one for one in page if "type" in one and one["type"] != SENT]


def sent_lines(account: str, user: str) -> Iterator[list[Activity]]:
    """Every line about what a friend was sent, likewise."""
    for page in _bare_pages(account, user, LINES):
        yield [one for one in page if one.get("type") == SENT]


def _bare_pages(account: str, user: str, prefix: str = "") -> Iterator[list[Activity]]:
    request: dict[str, Any] = {
        "TableName": settings().table("activities"),
        "KeyConditionExpression": "pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
        "ExpressionAttributeValues": {":pk": {"S": f"{account}#{user}"}},
        "ProjectionExpression": "pk, sk, #at, #type, #state, props, #rules, #changes, effects",
        "ExpressionAttributeNames": {"#at": "at", "#type": "type", "#state": "state"}
        | {"#rules": "rules", "#changes": "changes"},
        "ConsistentRead": True,
    }
    if prefix:
        request["ExpressionAttributeValues"][":prefix"] = {"S": prefix}
    while True:
        items, last = dynamo.query_page(request)
        yield [from_item(item) for item in items]
        if last is None:
            return
        request["ExclusiveStartKey"] = last
