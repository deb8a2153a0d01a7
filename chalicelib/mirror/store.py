"""Which snapshot of an account is in force, and who makes the next one: one item in the table ``control``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import plain_item, write_if
from chalicelib.mirror.columns import FORMAT
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

_SK = "MIRROR"
LEASE = timedelta(minutes=16)
"""Longer than any invocation: who holds a lease and is over it works no more."""


@dataclass(frozen=True)
class InForce:
    """The snapshot in force: where its files are, between which marks is what may have changed since, and
    how many of the account's shards it holds (fewer than all: it is still being made).
    """

    version: int
    place: str
    low: str
    high: str
    taken_at: str
    friends: int
    covered: int
    format: int

    @property
    def changed(self) -> tuple[str, str]:
        """The least and the greatest mark of what may have changed since."""
        return self.low, self.high

    def is_whole(self, shards: int) -> bool:
        """Whether questions can be asked of it."""
        return self.format == FORMAT and self.covered == shards


def find(account: str) -> InForce | None:
    """The snapshot in force, read consistently; None: there is none yet."""
    answer = aws.client("dynamodb").get_item(**_item(account), ConsistentRead=True)
    found = plain_item(answer.get("Item", {}))
    if "place" not in found:
        return None
    return InForce(**{name: found.get(name, "") for name in InForce.__dataclass_fields__})


def take_lease(account: str, token: str, now: datetime) -> bool:
    """Be the one who makes the next snapshot; False: somebody else is."""
    return _update(
        account,
        "SET lease = :token, lease_until = :until",
        "attribute_not_exists(lease) OR lease_until < :now",
        {":token": token, ":until": iso(now + LEASE), ":now": iso(now)},
    )


def give_back(account: str, token: str) -> None:
    """Let somebody else be the next."""
    _update(account, "REMOVE lease, lease_until", "lease = :token", {":token": token})


def publish(account: str, snapshot: InForce, before: InForce | None) -> bool:
    """Put a snapshot in force in the place of the one it was made from; False: another one is there."""
    names = {f"#{name}": name for name in InForce.__dataclass_fields__}
    values: dict[str, Any] = {f":{name}": getattr(snapshot, name) for name in InForce.__dataclass_fields__}
    sets = "SET " + ", ".join(f"#{name} = :{name}" for name in InForce.__dataclass_fields__)
    if before is None:
        return _update(account, sets, "attribute_not_exists(#place)", values, names)
    return _update(account, sets, "#version = :before", values | {":before": before.version}, names)


def forget(account: str) -> None:
    """Have no snapshot any more; the next compaction makes one from the table."""
    aws.client("dynamodb").delete_item(**_item(account))


def _item(account: str) -> dict[str, Any]:
    return {"TableName": settings().table("control"), "Key": _key(account)}


def _key(account: str) -> dict[str, Any]:
    return {"pk": {"S": account}, "sk": {"S": _SK}}


def _update(
    account: str, update: str, condition: str, values: dict[str, Any], names: dict[str, str] | None = None
) -> bool:
    typed = {k: {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in values.items()}
    return write_if(
        "update_item",
        "control",
        Key=_key(account),
        UpdateExpression=update,
        ConditionExpression=condition,
        ExpressionAttributeValues=typed,
        **({"ExpressionAttributeNames": names} if names else {}),
    )
