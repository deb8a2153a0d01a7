"""Members and links in the table ``members``: one item each, read consistently, written under its number.

``<account>#MEMBERS#<1 of 16>`` / member id · ``<account>#LINK#<1 of 256>`` / a hash that names nobody, so
that a link that is gone keeps its number when the friend is erased.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import batch_get, plain_item, query_page, write_if
from chalicelib.gateways.expressions import Condition, Expression, update_if
from chalicelib.members.model import Link, Member
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import settings

_PARTS = "0123456789abcdef"
_MEMBER = (
    "rank",
    "attributes",
    "v",
    "at",
    "created_at",
    "fire",
    "places",
    "is_being_deleted",
    "has_events",
    "rev",
)
_LINK = ("v", "member", "place", "at", "way", "grant", "withdraw")


def find_links(account: str, users: Iterable[str]) -> dict[str, Link]:
    """The links of friends, by user id; who never had one has an empty one."""
    names = {_name(user): user for user in dict.fromkeys(users)}
    found = {user: Link() for user in names.values()}
    for raw in batch_get("members", [_link_key(account, name) for name in names]):
        item = plain_item(raw)
        known = {name: item[name] for name in _LINK if name in item}
        found[names[item["sk"]]] = Link(**{**known, "withdraw": tuple(item.get("withdraw") or ())})
    return found


def put_link(account: str, user: str, seen: Link, link: Link) -> bool:
    """Write a friend's link; False when it is not the one that was seen any more."""
    known = Condition(("v",), "=", seen.v) if seen.v else Condition(("pk",), "absent")
    fields = {name: getattr(link, name) for name in _LINK} | {"withdraw": list(link.withdraw)}
    return _put(_link_key(account, _name(user)), fields, known)


def find_members(account: str, members: Iterable[str]) -> dict[str, Member]:
    """The members that have an item, by id; not all of them exist (``Member.exists``)."""
    keys = [_member_key(account, member) for member in dict.fromkeys(members)]
    return {member.id: member for member in map(_member, batch_get("members", keys))}


def put_member(account: str, member: Member) -> bool:
    """Write a member whose ``rev`` was seen; False when it is another by now. ``has_events`` stays."""
    known = Condition(("rev",), "=", member.rev) if member.rev else Condition(("rev",), "absent")
    fields = {name: getattr(member, name) for name in _MEMBER if name != "has_events"}
    return _put(_member_key(account, member.id), fields | {"rev": member.rev + 1}, known)


def note_events(account: str, member: str) -> Member:
    """Note that something was reported of a member, who need not exist; returns them."""
    answer = aws.client("dynamodb").update_item(
        TableName=settings().table("members"),
        Key=_member_key(account, member),
        UpdateExpression="SET has_events = :true",
        ExpressionAttributeValues={":true": {"BOOL": True}},
        ReturnValues="ALL_NEW",
    )
    return _member(answer["Attributes"])


def delete_member(account: str, member: Member) -> bool:
    """Take a member's item away; False when it is another by now."""
    return write_if(
        "delete_item",
        "members",
        Key=_member_key(account, member.id),
        ConditionExpression="rev = :rev",
        ExpressionAttributeValues={":rev": {"N": str(member.rev)}},
    )


def list_members(account: str, after: tuple[str, str] | None = None) -> Iterator[tuple[str, Member]]:
    """Every member after a place in the list, each with the part of the list it is in."""
    part, name = after or ("", "")
    for one in _PARTS:
        if one < part:
            continue
        request: dict[str, Any] = {
            "TableName": settings().table("members"),
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": _partition(account, one)}},
            "ConsistentRead": True,
        }
        if one == part:
            request["ExclusiveStartKey"] = {"pk": {"S": _partition(account, one)}, "sk": {"S": name}}
        last: dict[str, Any] | None = {}
        while last is not None:
            items, last = query_page(request)
            yield from ((one, member) for member in map(_member, items) if member.exists)
            request["ExclusiveStartKey"] = last


def _put(key: dict[str, Any], fields: dict[str, Any], known: Condition) -> bool:
    expression = Expression()
    update = expression.update([((name,), value) for name, value in fields.items()], ())
    return update_if("members", key, expression, update, [known])


def _member(raw: dict[str, Any]) -> Member:
    item = plain_item(raw)
    return Member(item["sk"], **{name: item[name] for name in _MEMBER if name in item})


def _member_key(account: str, member: str) -> dict[str, Any]:
    return {"pk": {"S": _partition(account, digest(member)[0])}, "sk": {"S": member}}


def _partition(account: str, part: str) -> str:
    return f"{account}#MEMBERS#{part}"


def _link_key(account: str, name: str) -> dict[str, Any]:
    return {"pk": {"S": f"{account}#LINK#{name[:2]}"}, "sk": {"S": name}}


def _name(user: str) -> str:
    return digest("link", user)
