"""What has been accepted, remembered for as long as a queue may keep it: ``control``, one item per event.

The item is the hash of friend and event and a time: it names nobody, so erasing a friend leaves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import batch_get
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import settings
from chalicelib.timeline import service

_KEPT = timedelta(days=15)
"""A day longer than the longest life of a message in a queue; after that the activity is stored."""


def known(events: Sequence[FriendEvent]) -> set[tuple[str, str]]:
    """Those of an account's events that were accepted or applied before, as ``(user, event_id)``."""
    names = {_name(event): event for event in events}
    items = batch_get("control", [_key(event) for event in names.values()], ("at",))
    found = {(names[n].user_id, names[n].event_id) for n in (item["sk"]["S"] for item in items)}
    return found | service.existing([(event.account_id, event.user_id, event.event_id) for event in events])


def remember(events: Sequence[FriendEvent], now: datetime) -> None:
    """Note that these events are in a queue."""
    dynamodb, table = aws.client("dynamodb"), settings().table("control")
    gone = {"N": str(int((now + _KEPT).timestamp()))}
    requests = [{"PutRequest": {"Item": _item(event) | {"expires_at": gone}}} for event in events]
    while requests:
        batch, requests = requests[:25], requests[25:]
        answer = dynamodb.batch_write_item(RequestItems={table: batch})
        unwritten = answer.get("UnprocessedItems", {}).get(table, [])
        if unwritten:
            clock.sleep(0.05)
            requests = unwritten + requests


def _item(event: FriendEvent) -> dict[str, Any]:
    return _key(event) | {"at": {"S": event.at}}


def _name(event: FriendEvent) -> str:
    return digest(event.user_id, event.event_id)


def _key(event: FriendEvent) -> dict[str, Any]:
    name = _name(event)
    # 256 partitions per account: events come by the thousand.
    return {
        "pk": {"S": f"{event.account_id}#HEARD#{name[:2]}"},
        "sk": {"S": name},
    }
