"""Reading the friends of an account shard by shard, raw and by the page."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, cast

from chalicelib.events.sheet import Sheet
from chalicelib.friends import beside, marks, nodes
from chalicelib.friends.service import partition
from chalicelib.gateways.dynamo import query_page
from chalicelib.shared.settings import settings

PAGE = 1_000
_LIFE = ("erased_at",)
"""Which life of a friend a sheet is of: what is not on it may be of an earlier one."""


def read_shard(
    account: str,
    shard: int,
    start_key: str | None = None,
    limit: int = PAGE,
    *,
    needs: Collection[str] | None = None,
    consistent: bool = False,
    receipts: bool = True,
) -> tuple[list[Sheet], str | None]:
    """One page of a shard in the order of user ids: ``(sheets, the user id to go on after or None)``.

    ``needs``: only these attributes (and keys and status) are fetched; None fetches whole sheets.
    ``receipts``: with what is beside them, where that is needed.
    Tombstones of erased friends are left out.
    """
    nodes_of, with_receipts = nodes.needed(needs), receipts and (needs is None or "received" in needs)
    request: dict[str, Any] = {
        "TableName": settings().table("friends"),
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": partition(account, shard)}},
        "Limit": limit,
        "ConsistentRead": consistent,
    }
    if start_key is not None:
        request["ExclusiveStartKey"] = {"pk": {"S": partition(account, shard)}, "sk": {"S": start_key}}
    if needs is not None:
        wanted = {"sk", "status", *needs, *_LIFE} - {"received", *map(nodes.need, nodes_of or ())}
        names = {f"#{n}": name for n, name in enumerate(sorted(wanted))}
        request["ProjectionExpression"] = ",".join(names)
        request["ExpressionAttributeNames"] = names
    items, last = query_page(request)
    sheets = [sheet_of(account, item) for item in items if item["status"] != _ERASED]
    if with_receipts:
        beside.put_on_page(account, shard, sheets, consistent=consistent)
    if nodes_of is None or nodes_of:
        nodes.show(account, sheets, nodes_of)
    return sheets, last["sk"]["S"] if last else None


def walk_shard(account: str, shard: int, *, needs: Collection[str] | None = None) -> Iterator[list[Sheet]]:
    """Every page of a shard."""
    start_key: str | None = None
    while True:
        sheets, start_key = read_shard(account, shard, start_key, needs=needs)
        yield sheets
        if start_key is None:
            return


_ERASED = {"S": "erased"}


def sheet_of(account: str, item: dict[str, Any]) -> Sheet:
    """A raw item (whole or projected) as a sheet."""
    sheet = {name: _plain(value) for name, value in item.items()}
    sheet.pop("pk", None)
    sheet.pop(marks.NAME, None)
    sheet["account"] = account
    sheet["user_id"] = sheet.pop("sk")
    return cast("Sheet", sheet)


def _plain(value: dict[str, Any]) -> Any:
    """The plain value of a raw one; as ``gateways.dynamo.from_av``, without its generality."""
    for kind, content in value.items():
        if kind == "S":
            return content
        if kind == "N":
            return int(content) if content.isdigit() else _number(content)
        if kind == "M":
            return {name: _plain(inner) for name, inner in content.items()} if content else {}
        if kind == "L":
            return [_plain(inner) for inner in content]
        if kind == "SS":
            return set(content)
        return None if kind == "NULL" else content
    return None


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
