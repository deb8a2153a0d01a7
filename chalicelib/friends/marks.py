"""The mark of change: which version of a sheet the table holds. (What stands beside it has none: it changes
with every message, and an index would cost more than the message.)

Every write of an attribute that conditions and lists read sets ``changed_at`` in the same atomic write: the
moment by the writer's clock, and a word that no other write has. So two equal marks are one version, and the
local index ``by_change`` (keys only, read consistently) names what changed since a moment. Nobody decides by
the moment alone: ``LONGEST`` says how much older than its write a mark can be.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.gateways import clock
from chalicelib.gateways.dynamo import query_page
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

NAME, INDEX = "changed_at", "by_change"

MARKED = frozenset(
    {
        *("status", "erased_at", "followed_at", "blocked_at", "last_active_at", "display_name"),
        *("language", "member_id"),
        *("member", "source", "tags", "scores", "attributes", "facts", "purchases", "forms", "topics"),
        *("reservations", "scenarios"),
    }
)
"""What of a sheet may be asked for: a write of anything else (limits, what is pending) leaves no mark."""

LONGEST = timedelta(minutes=25)
"""A mark is made in the invocation that writes, and no invocation of Lambda lives longer than 15 minutes; the
clocks of two writers are at most 10 minutes apart, because AWS refuses requests that are signed more than 5
minutes off."""


def new_mark() -> str:
    """A mark for a write that begins now; unlike any other."""
    return f"{iso(clock.now())}~{secrets.token_hex(4)}"


def is_marked(names: Iterable[str]) -> bool:
    """Whether a write of these attributes leaves a mark."""
    return not MARKED.isdisjoint(names)


def floor(timestamp: datetime) -> str:
    """What no mark is smaller than of a write that came after a moment."""
    return iso(timestamp - LONGEST)


def can_be_asked(partition: str) -> bool:
    """Whether the table has the index; one that was made by a version before it has none, and gets none."""
    try:
        next(since(partition, "9"), None)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return False
        raise
    return True


def since(partition: str, low: str) -> Iterator[tuple[str, str]]:
    """``(user id, mark)`` of every item of a partition whose mark is not below ``low``. Read consistently."""
    request: dict[str, Any] = {
        "TableName": settings().table("friends"),
        "IndexName": INDEX,
        "KeyConditionExpression": f"pk = :pk AND {NAME} >= :low",
        "ExpressionAttributeValues": {":pk": {"S": partition}, ":low": {"S": low}},
        "ConsistentRead": True,
    }
    while True:
        items, last = query_page(request)
        yield from ((item["sk"]["S"], item[NAME]["S"]) for item in items)
        if last is None:
            return
        request["ExclusiveStartKey"] = last
