"""Taking in what other systems say: each item is accepted, a duplicate, or rejected with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.gateways import clock, inbox, queues
from chalicelib.intake import model, store
from chalicelib.shared.errors import Detail, RuleViolation, TodokuError, Unavailable
from chalicelib.shared.events import FriendEvent

FEW = 10
"""So many events go through the inbox, at once and in order; more go through ``bulk``."""
_CHUNK = 25


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
            events[index] = said.friend_event(account, _user(said, path), now)
        except TodokuError as error:
            if field is None:
                raise
            results.append(_result(kind, raw, "rejected", error))
            continue
        results.append(_result(kind, raw, "accepted"))
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


def _put(account: str, events: Sequence[FriendEvent]) -> None:
    if len(events) <= FEW:
        refused = inbox.put(events) if events else []
    else:
        bodies = [
            {"job": "events", "account": account, "events": [e.to_message() for e in events[n : n + _CHUNK]]}
            for n in range(0, len(events), _CHUNK)
        ]
        refused = queues.send_all("bulk", [queues.Message(body, group=account) for body in bodies])
    if refused:
        raise Unavailable("the queue did not take everything; send the same request again")
