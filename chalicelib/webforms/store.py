"""Where sittings are kept: ``control``, ``<account>#SITTING#<hash of the friend>`` / form. A sitting is one
item, written whole, if it is still what was read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import plain_item, query_page, to_av, write_if
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import settings
from chalicelib.shared.times import parse_iso


@dataclass(frozen=True)
class Sitting:
    """A friend's answers to a form. ``answers``: by question ``{"value", "at"}``, the value None where it was
    skipped. ``seen``: the questions that were shown. ``sent_at``: since when the answers are final;
    ``is_reported``: they are in the inbox. ``outcome``: what they come to (``forms/results.py``). ``rev`` 0:
    it is kept nowhere yet.
    """

    form: str
    id: str
    begun_at: str
    until: str
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: tuple[str, ...] = ()
    sent_at: str = ""
    is_reported: bool = False
    outcome: dict[str, Any] = field(default_factory=dict)
    rev: int = 0


def find(account: str, user: str, form: str) -> Sitting | None:
    """The friend's sitting of a form."""
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("control"), Key=_key(account, user, form), ConsistentRead=True
    )
    return _sitting(answer["Item"]) if "Item" in answer else None


def put(account: str, user: str, sitting: Sitting) -> bool:
    """Keep a sitting over the revision that was read; False when it is another one by now."""
    body = {
        "sitting": sitting.id,
        "begun_at": sitting.begun_at,
        "until": sitting.until,
        "answers": sitting.answers,
        "seen": list(sitting.seen),
        "sent_at": sitting.sent_at,
        "is_reported": sitting.is_reported,
        "outcome": sitting.outcome,
        "rev": sitting.rev + 1,
        "expires_at": int(parse_iso(sitting.until).timestamp()),
    }
    item = _key(account, user, sitting.form) | {name: to_av(value) for name, value in body.items()}
    is_new = sitting.rev == 0
    return write_if(
        "put_item",
        "control",
        Item=item,
        ConditionExpression="attribute_not_exists(pk)" if is_new else "rev = :rev",
        **({} if is_new else {"ExpressionAttributeValues": {":rev": {"N": str(sitting.rev)}}}),
    )


def delete(account: str, user: str, until: str) -> None:
    """Every sitting of a friend that began up to a moment."""
    request: dict[str, Any] = {
        "TableName": settings().table("control"),
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": _key(account, user, "")["pk"]},
    }
    after: dict[str, Any] | None = {}
    while after is not None:
        items, after = query_page(request | ({"ExclusiveStartKey": after} if after else {}))
        for item in items:
            if plain_item(item)["begun_at"] <= until:
                key = {name: item[name] for name in ("pk", "sk")}
                aws.client("dynamodb").delete_item(TableName=request["TableName"], Key=key)


def _key(account: str, user: str, form: str) -> dict[str, Any]:
    return {"pk": {"S": f"{account}#SITTING#{digest('sitting', user)[:32]}"}, "sk": {"S": form}}


def _sitting(raw: dict[str, Any]) -> Sitting:
    item = plain_item(raw)
    return Sitting(
        form=item["sk"],
        id=item["sitting"],
        begun_at=item["begun_at"],
        until=item["until"],
        answers=item["answers"],
        seen=tuple(item["seen"]),
        sent_at=item["sent_at"],
        is_reported=item["is_reported"],
        outcome=item.get("outcome") or {},
        rev=int(item["rev"]),
    )
