"""What the sends of an account must know of the last hours. Private to this room.

``account#lately`` / ``#`` of the ledger: ``opted_out_at``, when a friend last switched something off, and
``claims`` of broadcasts' runs and of waves, in their order, with the ``rev`` by which the list is written.
``account#sent#shard`` / user id of ``metrics``, for a day: a friend's log (``brake``), one text, by which
it is written. ``account#stops#kind:id`` / minute of ``metrics``, for an hour: who was spared by the brake,
as hashes, with the timestamp.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.deliveries.lately.brake import DAY, HOUR, WITHIN, Claim
from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import batch_get, plain_item, query_page
from chalicelib.gateways.expressions import Condition, Expression, Path, update_if
from chalicelib.shared import side_by_side
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.settings import settings
from chalicelib.shared.times import to_ms

_DENSE = 8
"""So many friends of one shard, in the order of their ids, are read as one range."""


@dataclass(frozen=True)
class Lately:
    """The account's item as it was read."""

    opted_out_at: str = ""
    claims: tuple[Claim, ...] = ()
    rev: int = 0


def read(account: str) -> Lately:
    """The item, consistent; of an account that has none, nothing happened lately."""
    table, place = settings().table("ledger"), _key(f"{account}#lately", "#")
    answer = aws.client("dynamodb").get_item(TableName=table, Key=place, ConsistentRead=True)
    item = plain_item(answer.get("Item") or {})
    claims = tuple(
        Claim(source, run, int(at), tuple(contents), int(logged))
        for source, run, at, logged, *contents in item.get("claims") or ()
    )
    now = clock.now()
    standing = tuple(claim for claim in claims if not claim.is_over(now))
    return Lately(item.get("opted_out_at", ""), standing, int(item.get("rev", 0)))


def note_opt_out(account: str, at: str) -> None:
    """Note that a friend switched something off at this time, unless a later time is stored."""
    path = ("opted_out_at",)
    later = [Condition(path, "absent"), Condition(path, "<", at)]
    _update("ledger", _key(f"{account}#lately", "#"), [(path, at)], [later])


def put_claims(account: str, claims: Sequence[Claim], seen: int) -> bool:
    """Write the list of claims; False when it is not as it was seen."""
    lists = [[claim.source, claim.run, claim.at, claim.logged, *claim.contents] for claim in claims]
    sets: list[tuple[Path, Any]] = [(("claims",), lists), (("rev",), seen + 1)]
    unchanged = Condition(("rev",), "=", seen) if seen else Condition(("rev",), "absent")
    return _update("ledger", _key(f"{account}#lately", "#"), sets, [unchanged])


# Logs


def logs(account: str, shards: int, users: Iterable[str]) -> dict[str, str]:
    """The logs of those of these friends who have one. Read consistently."""
    by_shard: dict[int, list[str]] = {}
    for user in users:
        by_shard.setdefault(friend_shard(user, shards), []).append(user)
    dense = [(shard, sorted(some)) for shard, some in by_shard.items() if len(some) >= _DENSE]
    alone = [(shard, user) for shard, some in by_shard.items() if len(some) < _DENSE for user in some]
    items = batch_get("metrics", [_log_key(account, shard, user) for shard, user in alone], ("sent",))
    for found in side_by_side.each(lambda part: _range(account, *part), dense):
        items += found
    return {item["sk"]["S"]: item["sent"]["S"] for item in items}


def _range(account: str, shard: int, users: Sequence[str]) -> list[dict[str, Any]]:
    request: dict[str, Any] = {
        "TableName": settings().table("metrics"),
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":pk": {"S": _log_partition(account, shard)},
            ":first": {"S": users[0]},
            ":last": {"S": users[-1]},
        },
        "ConsistentRead": True,
    }
    wanted, found = set(users), []
    while True:
        items, last = query_page(request)
        found += [item for item in items if item["sk"]["S"] in wanted]
        if last is None:
            return found
        request["ExclusiveStartKey"] = last


def put_log(account: str, shards: int, user: str, seen: str, log: str, now: datetime) -> bool:
    """Write a friend's log; False when it is not as it was seen."""
    path = ("sent",)
    unchanged = Condition(path, "=", seen) if seen else [Condition(path, "absent"), Condition(path, "=", "")]
    sets: list[tuple[Path, Any]] = [(path, log), (("expires_at",), _expires(now, DAY + HOUR))]
    return _update("metrics", _log_key(account, friend_shard(user, shards), user), sets, [unchanged])


def forget_log(account: str, shards: int, user: str) -> None:
    """Forget what a friend was sent."""
    place = _log_key(account, friend_shard(user, shards), user)
    aws.client("dynamodb").delete_item(TableName=settings().table("metrics"), Key=place)


# Who was spared


def note_stops(account: str, cause: str, users: Iterable[str], now: datetime) -> int:
    """Note friends to whom a cause would have sent too much; returns how many it was within a minute, each
    counted once. Safe to repeat.
    """
    sets: list[tuple[Path, Any]] = [((_hashed(user),), to_ms(now)) for user in users]
    sets.append((("expires_at",), _expires(now, HOUR)))
    pk, at = f"{account}#stops#{cause}", now - WITHIN
    _update("metrics", _key(pk, f"{now:%Y-%m-%dT%H:%M}"), sets, [])
    keys = [_key(pk, f"{timestamp:%Y-%m-%dT%H:%M}") for timestamp in (at, now)]
    items = [plain_item(item) for item in batch_get("metrics", keys)]
    hashes = {
        name
        for item in items
        for name, timestamp in item.items()
        if name[:2] == "u:" and timestamp > to_ms(at)
    }
    return len(hashes)


def _hashed(user: str) -> str:
    return "u:" + hashlib.sha256(user.encode()).hexdigest()[:16]


# Items


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _log_partition(account: str, shard: int) -> str:
    return f"{account}#sent#{shard}"


def _log_key(account: str, shard: int, user: str) -> dict[str, Any]:
    return _key(_log_partition(account, shard), user)


def _expires(now: datetime, after: timedelta) -> int:
    return int((now + after).timestamp())


def _update(
    table: str,
    place: dict[str, Any],
    sets: Sequence[tuple[Path, Any]],
    conditions: Sequence[Condition | Sequence[Condition]],
) -> bool:
    expression = Expression()
    return update_if(table, place, expression, expression.update(sets, []), conditions)
