"""What became of each chunk of a scenario, in numbers, where reports find it by time.

``account#counts#scenario:<id>`` / ``<when it was put>#<run>#<chunk>`` in the table ``ledger``. The job that
writes receipts keeps it, again whenever more of the chunk has come to an end; a look that is older than the
one that exists (more is pending in it) changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.deliveries.model import STATUSES, Manifest, Status, tally
from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import plain_item, query_page, to_av
from chalicelib.shared.settings import settings


@dataclass(frozen=True)
class ChunkCounts:
    """Of one chunk of a run: when it was put, the node that it is of, and how many came to what.

    ``{status: n}``, or ``{status: {reason: n}}`` where a status has reasons.
    """

    at: str
    node: str
    numbers: Mapping[str, Any]
    run: str = ""
    chunk: str = ""


def numbers_of(status: Status) -> dict[str, Any]:
    """How many of a chunk's recipients came to what."""
    found: dict[str, Any] = {}
    for (name, reason), n in tally(status).items():
        if STATUSES[name].has_reasons:
            found.setdefault(name, {})[reason or "unnamed"] = n
        else:
            found[name] = n
    return found


def keep(manifest: Manifest, status: Status) -> None:
    """Keep the numbers of a scenario's chunk as they were read."""
    scenario = manifest["cause"].get("scenario")
    if scenario is None or manifest["cause"].get("test"):
        return
    dynamodb, found = aws.client("dynamodb"), numbers_of(status)
    pending = int(found.pop("pending", 0))
    item = {
        "pk": {"S": _partition(manifest["account"], scenario)},
        "sk": {"S": f"{manifest['at']}#{manifest['run']}#{manifest['chunk']}"},
        "node": {"S": str(manifest["cause"].get("node") or "")},
        "numbers": to_av(found),
        "pending": {"N": str(pending)},
    }
    try:
        dynamodb.put_item(
            TableName=settings().table("ledger"),
            Item=item,
            ConditionExpression="attribute_not_exists(pk) OR pending >= :pending",
            ExpressionAttributeValues={":pending": {"N": str(pending)}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return  # who looked later has kept more


def between(account: str, scenario: str, since: str, until: str) -> Iterator[ChunkCounts]:
    """The chunks of a scenario that were put from a time until before another, oldest first."""
    request: dict[str, Any] = {
        "TableName": settings().table("ledger"),
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :since AND :until",
        "ExpressionAttributeValues": {
            ":pk": {"S": _partition(account, scenario)},
            ":since": {"S": since},
            ":until": {"S": until},
        },
        "ConsistentRead": True,
    }
    while True:
        items, last = query_page(request)
        for item in map(plain_item, items):
            pending = {"pending": item["pending"]} if item["pending"] else {}
            at, run, chunk = item["sk"].split("#", 2)
            yield ChunkCounts(at, item["node"], item["numbers"] | pending, run, chunk)
        if last is None:
            return
        request["ExclusiveStartKey"] = last


def _partition(account: str, scenario: str) -> str:
    return f"{account}#counts#scenario:{scenario}"
