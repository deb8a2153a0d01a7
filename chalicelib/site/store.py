"""Browsers and what strangers did in them, in the table ``control``. Private to this room. All of it expires.

``<account>#VISIT#<hash of the browser's name>`` / ``HEAD``: how much it has sent, and the friend who is known
in it; / ``E#<hash>``: something that was done before.
``<account>#VISITSOF#<hash of the friend>`` / a browser.
``<account>#SITELINK#<2 of it>`` / the name of a tracked address: the browser in which it made a friend known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import batch_get, plain_item, query_page, to_av, try_write, write_if
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

KEPT = timedelta(days=30)
"""For so long what a stranger did is kept."""
KNOWN = timedelta(days=90)
"""For so long a friend is known in a browser after what made them known."""
_TABLE = "control"
_HEAD = "HEAD"
_EVENT = "E#"
_Count = tuple[str, str, dict[str, Any]]
"""What the count of an hour becomes, on which condition, with which values."""


@dataclass(frozen=True)
class Browser:
    """A browser: the friend who is known in it (empty: nobody), since when, and how much it has sent."""

    user: str = ""
    known_at: str = ""
    sent: int = 0


def name_of(visitor: str) -> str:
    """How a browser is called in the store: what it calls itself is its secret."""
    return digest("visitor", visitor)


def find(account: str, browser: str) -> Browser:
    """A browser, read consistently."""
    found = batch_get(_TABLE, [_key(account, browser, _HEAD)])
    return _browser(found[0]) if found else Browser()


def count(account: str, browser: str, events: int, most: int) -> Browser | None:
    """Count what a browser sends; returns the browser, None when it has sent ``most`` in this hour."""
    hour, until = iso(clock.now())[:13], _until(KEPT)
    more: _Count = ("in_hour + :n", "#hour = :hour AND in_hour <= :most", {":most": most - events})
    first: _Count = (":n", "attribute_not_exists(#hour) OR #hour < :hour", {})
    for in_hour, condition, values in (more, first, more):  # somebody else may have been the first
        sets = f"expires_at = if_not_exists(expires_at, :until), #hour = :hour, in_hour = {in_hour}"
        answer = try_write(
            "update_item",
            _TABLE,
            Key=_key(account, browser, _HEAD),
            UpdateExpression=f"SET {sets} ADD sent :n",
            ConditionExpression=condition,
            ExpressionAttributeNames={"#hour": "hour"},
            ExpressionAttributeValues=_values({":n": events, ":hour": hour, ":until": until} | values),
            ReturnValues="ALL_NEW",
        )
        if answer is not None:
            return _browser(answer["Attributes"])
    return None


def address_of(account: str, address: str) -> str:
    """The browser in which a tracked address has made its friend known; empty: none yet."""
    found = batch_get(_TABLE, [_address_key(account, address)])
    return str(plain_item(found[0])["browser"]) if found else ""


def claim_address(account: str, address: str, browser: str) -> bool:
    """Let a tracked address make this browser known, and no other one."""
    return write_if(
        "update_item",
        _TABLE,
        Key=_address_key(account, address),
        UpdateExpression="SET browser = :browser, expires_at = :until",
        ConditionExpression="attribute_not_exists(browser) OR browser = :browser",
        ExpressionAttributeValues=_values({":browser": browser, ":until": _until(KNOWN)}),
    )


def note_of_friend(account: str, user: str, browser: str) -> None:
    """Note, before it is so, that a friend is known in a browser."""
    item = _of_friend(account, user, browser) | {"expires_at": to_av(_until(KNOWN))}
    aws.client("dynamodb").put_item(TableName=settings().table(_TABLE), Item=item)


def make_known(account: str, browser: str, user: str) -> bool:
    """Say who a browser's friend is, once for as long as it is known; False when it is another one's."""
    now = clock.now()
    return write_if(
        "update_item",
        _TABLE,
        Key=_key(account, browser, _HEAD),
        UpdateExpression="SET #user = :user, known_at = :at, expires_at = :until",
        ConditionExpression="attribute_not_exists(#user) OR #user = :user OR expires_at <= :now",
        ExpressionAttributeNames={"#user": "user"},
        ExpressionAttributeValues=_values(
            {":user": user, ":at": iso(now), ":now": int(now.timestamp()), ":until": _until(KNOWN)}
        ),
    )


def keep(account: str, browser: str, events: Sequence[FriendEvent]) -> None:
    """Keep what nobody did yet; again is the same."""
    for event in events:
        item = _key(account, browser, _EVENT + digest(event.event_id)[:32])
        message = json.dumps(event.to_message(), ensure_ascii=False)
        fields = {"message": {"S": message}, "expires_at": to_av(_until(KEPT))}
        write_if("put_item", _TABLE, Item=item | fields, ConditionExpression="attribute_not_exists(pk)")


def kept(account: str, browser: str) -> list[tuple[str, FriendEvent]]:
    """What is kept of a browser, each with its place."""
    return [
        (item["sk"], FriendEvent.from_message(json.loads(item["message"])))
        for item in _partition(_pk(account, browser))
        if item["sk"].startswith(_EVENT)
    ]


def drop(account: str, browser: str, places: Iterable[str]) -> None:
    """Keep these no longer."""
    _delete([_key(account, browser, place) for place in places])


def browsers_of(account: str, user: str) -> list[str]:
    """In which browsers a friend may be known."""
    return [item["sk"] for item in _partition(_pk_of_friend(account, user))]


def forget(account: str, user: str, browser: str, until: str) -> None:
    """Forget a browser as a friend's, if it was known up to a moment, and all that is kept of it.

    One that is about to be made known stays noted, for whoever asks again.
    """
    known = find(account, browser)
    if known.user != user or known.known_at > until:
        return
    places = [place for place, _ in kept(account, browser)]
    _delete([*(_key(account, browser, place) for place in places), _key(account, browser, _HEAD)])
    _delete([_of_friend(account, user, browser)])


def _partition(pk: str) -> Iterator[dict[str, Any]]:
    """What is in a partition and is not over. Consistent."""
    request: dict[str, Any] = {
        "TableName": settings().table(_TABLE),
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": pk}},
        "ConsistentRead": True,
    }
    last: dict[str, Any] | None = {}
    while last is not None:
        items, last = query_page(request)
        yield from (item for item in map(plain_item, items) if not _is_over(item, clock.now()))
        request["ExclusiveStartKey"] = last


def _delete(keys: Sequence[dict[str, Any]]) -> None:
    table, waiting = settings().table(_TABLE), [{"DeleteRequest": {"Key": key}} for key in keys]
    while waiting:
        answer = aws.client("dynamodb").batch_write_item(RequestItems={table: waiting[:25]})
        left = answer.get("UnprocessedItems", {}).get(table, [])
        waiting = left + waiting[25:]
        if left:
            clock.sleep(0.05)


def _browser(raw: dict[str, Any]) -> Browser:
    item = plain_item(raw)
    if _is_over(item, clock.now()):
        return Browser()
    return Browser(item.get("user", ""), item.get("known_at", ""), item.get("sent", 0))


def _is_over(item: dict[str, Any], now: datetime) -> bool:
    """Whether an item has expired: the store deletes it days later, the laptop's never."""
    return int(item["expires_at"]) <= now.timestamp()


def _until(life: timedelta) -> int:
    return int((clock.now() + life).timestamp())


def _values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: to_av(value) for name, value in values.items()}


def _pk(account: str, browser: str) -> str:
    return f"{account}#VISIT#{browser}"


def _pk_of_friend(account: str, user: str) -> str:
    return f"{account}#VISITSOF#{digest('visits', user)}"


def _key(account: str, browser: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": _pk(account, browser)}, "sk": {"S": sk}}


def _address_key(account: str, address: str) -> dict[str, Any]:
    return {"pk": {"S": f"{account}#SITELINK#{address[:2]}"}, "sk": {"S": address}}


def _of_friend(account: str, user: str, browser: str) -> dict[str, Any]:
    return {"pk": {"S": _pk_of_friend(account, user)}, "sk": {"S": browser}}
