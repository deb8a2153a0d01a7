"""Fact sheets in DynamoDB: ``account#shard`` / ``user_id``. An existing item is only ever updated by path.

Raw items of the low-level client: sheets are read by the thousand, and written by document path.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from chalicelib.events.sheet import Sheet
from chalicelib.friends import beside, marks, nodes, writers
from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import batch_get, plain_item, to_av, write_if
from chalicelib.gateways.expressions import Condition, Expression, Path, update_if
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.settings import settings
from chalicelib.sheets.model import erased_at
from chalicelib.sheets.paths import changed_paths

ERASED = "9999"
"""After every timestamp."""
_EXISTS = Condition(("pk",), "exists")
_NEW = Condition(("pk",), "absent")


def partition(account: str, shard: int) -> str:
    """The partition key of a shard of an account's friends."""
    return f"{account}#{shard}"


def load(account: str, shards: int, user_id: str, *, nodes_of: Collection[str] | None = None) -> Sheet | None:
    """A friend's sheet, read consistently; None when never seen. May be a tombstone (status erased)."""
    return load_many(account, shards, [user_id], nodes_of=nodes_of).get(user_id)


def load_many(
    account: str, shards: int, user_ids: Iterable[str], *, nodes_of: Collection[str] | None = None
) -> dict[str, Sheet]:
    """The sheets of those user ids that are known, read consistently. ``nodes_of``: the scenarios of which
    they must show the node where a friend is (None: all); of others it is the one where facts mattered.
    """
    keys = [make(account, shards, user) for user in dict.fromkeys(user_ids) for make in (key, beside.key)]
    sheets: dict[str, Sheet] = {}
    more: dict[str, dict[str, Any]] = {}
    for item in batch_get("friends", keys):
        if beside.is_beside(item):
            more[item["sk"]["S"]] = item
        else:
            sheets[item["sk"]["S"]] = to_sheet(item)
    for user, sheet in sheets.items():
        beside.put_on(sheet, more.get(user))
    nodes.show(account, sheets.values(), nodes_of)
    return sheets


def heard_of(account: str, shards: int, user_ids: Iterable[str]) -> dict[str, str]:
    """Of those user ids that are known: the time before which nothing is theirs, because it was erased
    (empty: never erased; ``ERASED``: they are erased now). Read consistently.
    """
    found = standings(account, shards, user_ids)
    return {user: standing.gone_at for user, standing in found.items()}


class Standing(NamedTuple):
    """What a send must know of a friend just before sending. ``gone_at``: the time before which nothing is
    theirs, as in ``heard_of``; ``sheet``: what of it says which topics they are out of.
    """

    gone_at: str
    sheet: Sheet


def standings(account: str, shards: int, user_ids: Iterable[str]) -> dict[str, Standing]:
    """The state of those user ids that are known. Read consistently."""
    keys = [key(account, shards, user) for user in dict.fromkeys(user_ids)]
    found = map(to_sheet, batch_get("friends", keys, ("status", "erased_at", "topics")))
    return {
        sheet["user_id"]: Standing(ERASED if sheet["status"] == "erased" else erased_at(sheet), sheet)
        for sheet in found
    }


def behaviours(account: str, shards: int, user_ids: Iterable[str]) -> list[Sheet]:
    """Of those user ids that are known: what they followed and bought, and since when they block the account.
    Read consistently, in no order.
    """
    keys = [key(account, shards, user) for user in dict.fromkeys(user_ids)]
    return [*map(to_sheet, batch_get("friends", keys, ("status", "blocked_at", "clicked", "purchases")))]


def due_times(account: str, shards: int, user_ids: Iterable[str]) -> dict[str, str | None]:
    """The ``due_at`` of those user ids that are known. Read consistently."""
    keys = [key(account, shards, user) for user in dict.fromkeys(user_ids)]
    found = map(to_sheet, batch_get("friends", keys, ("due_at",)))
    return {sheet["user_id"]: sheet.get("due_at") for sheet in found}


def read_all(account: str, shard: int, after: str | None = None) -> Iterator[Sheet]:
    """Every sheet of a shard after a friend, tombstones aside, page by page (for exports)."""
    begin = {"pk": {"S": partition(account, shard)}, "sk": {"S": after}}
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings().table("friends"),
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition(account, shard)}},
            **({"ExclusiveStartKey": begin} if after else {}),
        )
    )
    for page in pages:
        sheets = [to_sheet(item) for item in page["Items"] if item["status"] != {"S": "erased"}]
        beside.put_on_page(account, shard, sheets)
        nodes.show(account, sheets)
        yield from sheets


def create_or_update(
    account: str, shards: int, user_id: str, before: Sheet | None, after: Sheet, rev_seen: int | None
) -> bool:
    """Write the difference between ``before`` and ``after`` in one UpdateItem; False if somebody was faster.

    ``before`` None: the item is new and must be absent. Otherwise its ``rev`` must still be ``rev_seen``.
    On success ``after["rev"]`` is the new revision.
    """
    rev = 1 if before is None else (rev_seen or 0) + 1
    if before is None:
        item = {k: v for k, v in after.items() if k not in {"account", "user_id", "received"}}
        item |= {"rev": rev, marks.NAME: marks.new_mark(writers.current(account))}
        if not _put_new(key(account, shards, user_id) | {name: to_av(v) for name, v in item.items()}):
            return False
    else:
        sets, removes = changed_paths(before, after)
        expression = Expression()
        mark = _mark(sets, removes, writer=writers.current(account))
        update = expression.update([*sets, *mark, (("rev",), rev)], removes)
        unchanged = Condition(("rev",), "=", rev_seen)
        if not _update(key(account, shards, user_id), expression, update, [_EXISTS, unchanged]):
            return False
    after["rev"] = rev
    return True


def update_paths(
    account: str,
    shards: int,
    user_id: str,
    sets: Sequence[tuple[Path, Any]] = (),
    removes: Sequence[Path] = (),
    conditions: Sequence[Condition | Sequence[Condition]] = (),
    *,
    adds: Sequence[tuple[Path, Any]] = (),
    deletes: Sequence[tuple[Path, Any]] = (),
) -> bool:
    """Write paths of an existing sheet that belong to another room; ``rev`` stays unless it is added to.

    False when the friend is unknown or erased, or a condition does not hold (all of them must; a sequence
    among them holds when one of it does). ``adds``/``deletes``: numbers, or members of sets (as a ``set``).
    """
    living = Condition(("status",), "<>", "erased")
    expression = Expression()
    marked = [*sets, *_mark(sets, removes, adds, deletes)]
    update = expression.update(marked, removes, adds, deletes)
    return _update(key(account, shards, user_id), expression, update, [_EXISTS, living, *conditions])


def erase(
    account: str,
    shards: int,
    user_id: str,
    at: str,
    keep: Callable[[Sheet], dict[str, Any]] = lambda _: {},
) -> bool:
    """Leave a tombstone: nothing of the friend but the fact that it was erased, and what ``keep`` makes of
    the sheet. False when never seen.
    """
    while (sheet := load(account, shards, user_id)) is not None:
        tombstone: dict[str, Any] = {"status": "erased", "status_at": at, "created_at": at, "erased_at": at}
        tombstone |= {"rev": sheet["rev"] + 1, marks.NAME: marks.new_mark(), **keep(sheet)}
        expression = Expression()
        if write_if(
            "put_item",
            "friends",
            Item=key(account, shards, user_id) | {k: to_av(v) for k, v in tombstone.items()},
            ConditionExpression=expression.condition([Condition(("rev",), "=", sheet["rev"])]),
            ExpressionAttributeNames=expression.names,
            ExpressionAttributeValues=expression.values,
        ):
            return True
    return False


def note_handed_over(account: str, shards: int, user_id: str, at: str) -> None:
    """Take what an erasure at that time left to hand over from the sheet, unless a later one left more."""
    expression = Expression()
    update = expression.update([], [("handing_over",)])
    same = Condition(("erased_at",), "=", at)
    _update(key(account, shards, user_id), expression, update, [same])


def to_sheet(item: dict[str, Any]) -> Sheet:
    """A raw item as a sheet: the keys as ``account`` and ``user_id``."""
    sheet = plain_item(item)
    sheet.pop(marks.NAME, None)
    sheet["account"] = sheet.pop("pk").rpartition("#")[0]
    sheet["user_id"] = sheet.pop("sk")
    return cast("Sheet", sheet)


def _mark(*writes: Iterable[Any], writer: int | None = None) -> list[tuple[Path, Any]]:
    """The mark that goes with these sets, removes, adds and deletes, if any. Only a write under the sheet's
    revision may have a writer's number: one that was given up and sent again cannot land twice.
    """
    paths = (one[0] if isinstance(one[0], tuple) else one for write in writes for one in write)
    return [((marks.NAME,), marks.new_mark(writer))] if marks.is_marked(path[0] for path in paths) else []


def key(account: str, shards: int, user_id: str) -> dict[str, Any]:
    """The key of a friend's sheet."""
    return {"pk": {"S": partition(account, friend_shard(user_id, shards))}, "sk": {"S": user_id}}


def _put_new(item: dict[str, Any]) -> bool:
    expression = Expression()
    return write_if(
        "put_item",
        "friends",
        Item=item,
        ConditionExpression=expression.condition([_NEW]),
        ExpressionAttributeNames=expression.names,
    )


def _update(
    place: dict[str, Any],
    expression: Expression,
    update: str,
    conditions: Sequence[Condition | Sequence[Condition]],
) -> bool:
    return update_if("friends", place, expression, update, conditions)
