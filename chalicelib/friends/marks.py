"""The mark of change: which version of a sheet a table holds. (What is stored beside it has none: it changes
with every message, and an index would cost more than the message.)

Every write of an attribute that conditions and lists read sets ``changed_at`` in the same atomic write: the
timestamp by the writer's clock, or the number of a registered writer (``writers``), and a word that no other
write has. So two equal marks are one version, and the local index ``by_change`` (keys only, read
consistently) names what may have changed since a reading of the table began: one range, timestamps first,
then numbers, the highest first. Nobody decides by the timestamp alone: ``LONGEST`` says how much older than
its write a mark can be.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.gateways import clock
from chalicelib.gateways.dynamo import query_all
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


Range = tuple[str, str]
"""The least and the greatest mark of what may have changed since."""
_NUMBERS = 10**12


def new_mark(writer: int | None = None) -> str:
    """A mark for a write that begins now, by nobody in particular or by a registered writer; unlike any
    other.
    """
    begin = iso(clock.now()) if writer is None else _by_number(writer)
    return f"{begin}~{secrets.token_hex(4)}"


def _by_number(writer: int) -> str:
    return f"w{_NUMBERS - writer:012d}"


def is_marked(names: Iterable[str]) -> bool:
    """Whether a write of these attributes leaves a mark."""
    return not MARKED.isdisjoint(names)


def since(timestamp: datetime, lowest_open: int) -> Range:
    """Where the mark is of every write that came after a time at which this was the lowest number of a
    writer that was open, or that nobody had taken.
    """
    return iso(timestamp - LONGEST), f"{_by_number(lowest_open)}~~"


def can_be_asked(partition: str) -> bool:
    """Whether the table has the index; one that was made by a version before it has none, and gets none."""
    try:
        changed([partition], ("9", "9"))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return False
        raise
    return True


def changed(partitions: Iterable[str], between: Range) -> dict[str, str]:
    """The mark by user id of every item of some partitions whose mark is in a range. Read consistently."""
    pages = query_all([_asked(partition, between) for partition in partitions])
    return {item["sk"]["S"]: item[NAME]["S"] for items in pages for item in items}


def _asked(partition: str, between: Range) -> dict[str, Any]:
    return {
        "TableName": settings().table("friends"),
        "IndexName": INDEX,
        "KeyConditionExpression": f"pk = :pk AND {NAME} BETWEEN :low AND :high",
        "ExpressionAttributeValues": {
            ":pk": {"S": partition},
            ":low": {"S": between[0]},
            ":high": {"S": between[1]},
        },
        "ConsistentRead": True,
    }
