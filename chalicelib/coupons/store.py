"""What this room keeps in the ``control`` table: ``account`` / ``COUPON#<coupon>``, while LINE is asked to
make it. Private to this room.

``asked``: what LINE is asked to make (JSON) · ``made_of``: of which state of the document · ``since``: when
it was asked first · ``until``: whoever works on it has so long · ``job``
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import plain_item, write_if
from chalicelib.gateways.expressions import Condition, Expression, update_if
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso, parse_iso

LEASE = timedelta(seconds=90)
"""Longer than a worker lives, and than LINE goes on with what nobody waits for any more."""


@dataclass(frozen=True)
class Attempt:
    """LINE is asked to make this, ``made_of`` a state of the document. ``again``: it may have been asked
    before, since that time.
    """

    asked: Mapping[str, Any]
    made_of: str
    since: datetime
    again: bool


def begin(
    account: str, coupon: str, job: str, asked: Mapping[str, Any], made_of: str, now: datetime
) -> Attempt | None:
    """Note that LINE is about to be asked; None while another worker has it. What the same job, or another
    one that wants the same, has asked before stays.
    """
    known = _find(account, coupon)
    if known is not None and parse_iso(known["until"]) > now:
        return None
    text = json.dumps(asked, ensure_ascii=False, sort_keys=True)
    again = known is not None and (known["job"] == job or known["asked"] == text)
    fields = {"asked": text, "made_of": made_of, "since": iso(now)}
    if known is not None and again:
        fields = {name: known[name] for name in fields}
    fields |= {"job": job, "until": iso(now + LEASE)}
    as_read = Condition(("until",), "=", known["until"]) if known else Condition(("until",), "absent")
    if not _update(account, coupon, fields, as_read):
        return None
    return Attempt(json.loads(fields["asked"]), fields["made_of"], parse_iso(fields["since"]), again)


def end(account: str, coupon: str, job: str) -> None:
    """Forget what a job has asked: it is known what came of it."""
    expression = Expression()
    condition = expression.condition([Condition(("job",), "=", job)])
    write_if(
        "delete_item",
        "control",
        Key=_key(account, coupon),
        ConditionExpression=condition,
        ExpressionAttributeNames=expression.names,
        ExpressionAttributeValues=expression.values,
    )


def _find(account: str, coupon: str) -> dict[str, Any] | None:
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("control"), Key=_key(account, coupon), ConsistentRead=True
    )
    return plain_item(answer["Item"]) if "Item" in answer else None


def _update(account: str, coupon: str, fields: Mapping[str, str], condition: Condition) -> bool:
    expression = Expression()
    update = expression.update([((name,), value) for name, value in fields.items()], ())
    return update_if("control", _key(account, coupon), expression, update, [condition])


def _key(account: str, coupon: str) -> dict[str, Any]:
    return {"pk": {"S": account}, "sk": {"S": f"COUPON#{coupon}"}}
