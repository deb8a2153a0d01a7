"""Taking in what other systems say: each item is accepted, a duplicate, or rejected with the reason."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.gateways import clock, inbox, queues
from chalicelib.intake import model, store
from chalicelib.shared.errors import Detail, RuleViolation, TodokuError, Unavailable
from chalicelib.shared.events import FriendEvent

FEW = 10
"""So many events go through the inbox, at once and in order; more go through ``bulk``."""
_CHUNK = 25
_CHUNK_BYTES = 500_000


def take(account: str, kind: model.Kind, items: Sequence[Any], field: str | None) -> list[dict[str, Any]]:
    """Take in items as they came; answers one result per item, in order.

    ``field`` names the list they stood in, for the paths of errors; None: a single item, whose error is
    raised instead of answered.
    """
    now = clock.now()
    results: list[dict[str, Any]] = []
    events: dict[int, FriendEvent] = {}
    for index, raw in enumerate(items):
        path = f"{field}[{index}]" if field else ""
        try:
            said = model.read(kind, raw, path)
            model.refuse_far_future(said, now, path)
            events[index] = said.friend_event(account, _user(said, path), now)
        except TodokuError as error:
            if field is None:
                raise
            results.append(_result(kind, raw, "rejected", error))
            continue
        doubt = model.doubt(said, now)
        results.append(_result(kind, raw, "accepted") | ({"warning": doubt} if doubt else {}))
    fresh = _fresh(events)
    for index in events.keys() - fresh.keys():
        results[index]["status"] = "duplicate"
    _put(account, list(fresh.values()))
    store.remember(list(fresh.values()), now)
    return results


def _user(said: model.Said, path: str) -> str:
    if said.user_id is not None:
        return said.user_id
    reason = f"there is no member {said.member_id}: members are not available in this version, use user_id"
    where = f"{path}.member_id" if path else "member_id"
    raise RuleViolation(f"{where}: {reason}", [Detail(where, reason)])


def _result(kind: model.Kind, raw: Any, status: str, error: TodokuError | None = None) -> dict[str, Any]:
    given = raw if isinstance(raw, dict) else {}
    result: dict[str, Any] = {"event_id": _text(given.get("event_id"))}
    if kind is model.Purchase:
        order = _text(given.get("order_id"))
        result = {"order_id": order, "event_id": f"order:{order}" if order else None}
    return result | {"status": status, "error": error.body()["error"] if error else None}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _fresh(events: dict[int, FriendEvent]) -> dict[int, FriendEvent]:
    """Those heard for the first time, here too: of two in one request the first one counts."""
    seen = store.known(list(events.values())) if events else set()
    fresh: dict[int, FriendEvent] = {}
    for index in sorted(events):
        name = (events[index].user_id, events[index].event_id)
        if name not in seen:
            seen.add(name)
            fresh[index] = events[index]
    return fresh


def by_friend(events: Sequence[FriendEvent]) -> list[list[FriendEvent]]:
    """Each friend's events, in order."""
    found: dict[str, list[FriendEvent]] = {}
    for event in events:
        found.setdefault(event.user_id, []).append(event)
    return list(found.values())


def chunks(friends: Sequence[list[FriendEvent]]) -> list[list[FriendEvent]]:
    """Friends' events packed into messages. One friend's stand in one message and in order: two workers at
    the same fact sheet would only get in each other's way, and rules would see its events in any order.
    """
    found: list[list[FriendEvent]] = []
    room = 0
    for of_friend in friends:
        size = _bytes(of_friend)
        if not found or len(found[-1]) + len(of_friend) > _CHUNK or size > room:
            found.append([])
            room = _CHUNK_BYTES
        found[-1] += of_friend
        room -= size
    return found


def _bytes(events: Sequence[FriendEvent]) -> int:
    return sum(len(json.dumps(event.to_message(), ensure_ascii=False).encode()) for event in events)


def _put(account: str, events: Sequence[FriendEvent]) -> None:
    friends = by_friend(events)
    # What is too much for one message keeps its order in the inbox.
    at_once = [f for f in friends if len(events) <= FEW or _bytes(f) > _CHUNK_BYTES]
    together = [f for f in friends if f not in at_once]
    bodies = [
        {"job": "events", "account": account, "events": [event.to_message() for event in chunk]}
        for chunk in chunks(together)
    ]
    refused = inbox.put([event for of_friend in at_once for event in of_friend]) if at_once else []
    refused += queues.send_all("bulk", [queues.Message(body, group=account) for body in bodies])
    if refused:
        raise Unavailable("the queue did not take everything; send the same request again")
