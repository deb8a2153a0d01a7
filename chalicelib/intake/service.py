"""Taking in what other systems say: each item is accepted, a duplicate, or rejected with the reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.friends import orders
from chalicelib.gateways import clock, inbox, queues
from chalicelib.intake import model, store
from chalicelib.members import service as members
from chalicelib.members.model import addressee, member_of
from chalicelib.shared.errors import RuleViolation, TodokuError, Unavailable
from chalicelib.shared.events import FriendEvent, in_order
from chalicelib.shared.reasons import Reason

FEW = 10
"""So many events go through the inbox, at once and in order; more go through ``bulk``."""
_CHUNK = 25
_CHUNK_BYTES = 500_000


@dataclass(frozen=True)
class Batch:
    """Items as they came. ``field`` names the list they stood in, for the paths of errors; None: a single
    item, whose error is raised instead of answered. ``fire``: whether they are news unless they say so.
    """

    items: Sequence[Any]
    field: str | None = None
    fire: bool = True


Allow = Callable[[Mapping[str, FriendEvent]], None]
"""Raises NotAllowed for events, by their paths, that whoever reports them may not report."""


def take(account_id: str, kind: model.Kind, batch: Batch, allow: Allow) -> list[dict[str, Any]]:
    """Take in items; answers one result per item, in order. ``allow`` sees them before anything is written.

    What is wrong with a single item is raised; what became of one that is right is its result, also when it
    is ``rejected`` because the order is another friend's.
    """
    judged = judge(account_id, kind, batch, allow)
    return [result | {"error": error and error.body()["error"]} for result, error in judged]


def judge(
    account_id: str, kind: model.Kind, batch: Batch, allow: Allow
) -> list[tuple[dict[str, Any], TodokuError | None]]:
    """The same, with what is wrong as an error."""
    account, now = accounts.get_account(account_id), clock.now()
    results: list[dict[str, Any]] = []
    errors: dict[int, TodokuError] = {}
    events: dict[int, FriendEvent] = {}
    words: Counter[Any] = Counter()
    for index, raw in enumerate(batch.items):
        path = f"{batch.field}[{index}]" if batch.field else ""
        try:
            report = model.read(kind, raw, path)
            reported_at = _reported_at(report, now, words)
            events[index] = _event(account, report, path, reported_at, fire=batch.fire)
        except TodokuError as error:
            if batch.field is None:
                raise
            results.append(_result(kind, raw, "rejected"))
            errors[index] = error
            continue
        doubt = model.doubt(report, now)
        results.append(_result(kind, raw, "accepted") | ({"warning": doubt} if doubt else {}))
    allow({f"{batch.field}[{index}]" if batch.field else "": event for index, event in events.items()})
    fresh = _fresh(events)
    for index in events.keys() - fresh.keys():
        results[index]["status"] = "duplicate"
    for index, why in _not_theirs(account.id, fresh).items():
        results[index] |= {"status": "duplicate" if why is None else "rejected"}
        errors |= {} if why is None else {index: why}
        del fresh[index]
    _put(account.id, _of_friends(account.id, list(fresh.values())))
    store.remember(list(fresh.values()), now)
    return [(result, errors.get(index)) for index, result in enumerate(results)]


def _reported_at(report: model.Report, now: datetime, before: Counter[Any]) -> datetime:
    """When an item was reported: of several reports about one reservation in a request, in their order."""
    reservation = report.reservation if isinstance(report, model.Event) else None
    if reservation is None:
        return now
    before[_whose(report), reservation] += 1
    return now + (before[_whose(report), reservation] - 1) * timedelta(milliseconds=1)


def _event(account: Account, report: model.Report, path: str, now: datetime, *, fire: bool) -> FriendEvent:
    """The item for the reaction. Raises InvalidInput, RuleViolation."""
    model.refuse_far_future(report, now, path)
    model.refuse_other_currency(report, account.currency, path)
    event = report.friend_event(account.id, _whose(report), now, account.currency)
    return replace(event, fire=fire if report.fire is None else report.fire)


def _of_friends(account: str, events: Sequence[FriendEvent]) -> list[FriendEvent]:
    """The events with those of members as their friends'."""
    of_members = [event for event in events if member_of(event.user_id) is not None]
    others = [event for event in events if member_of(event.user_id) is None]
    return others + (members.keep_events(account, of_members) if of_members else [])


def _not_theirs(account: str, fresh: Mapping[int, FriendEvent]) -> dict[int, RuleViolation | None]:
    """Of the orders and refunds among these events, those that are not taken: of another friend (why), or
    reported already under another event (None). The others belong to their friends from now on.
    """
    purchases = {n: event for n, event in fresh.items() if event.type == "purchased"}
    refunds = {n: event for n, event in fresh.items() if event.type == "refunded"}
    refused = _claim(account, purchases)
    held = orders.holders(account, [event.props["refund_of"] for event in refunds.values()])
    for index, event in refunds.items():
        order = event.props["refund_of"]
        if order in held and held[order].user_id != event.user_id:
            refused[index] = _of_another("refund_of", order, held[order])
    return refused | _claim(account, {n: event for n, event in refunds.items() if n not in refused})


def _claim(account: str, events: Mapping[int, FriendEvent]) -> dict[int, RuleViolation | None]:
    """Give each order or refund its holder, the first one in the order of the request; returns the others."""
    wanted: dict[str, orders.Holder] = {}
    for _, event in sorted(events.items()):
        wanted.setdefault(event.props["order_id"], orders.Holder(event.user_id, event.event_id))
    held = orders.claim(account, wanted) if wanted else {}
    refused: dict[int, RuleViolation | None] = {}
    for index, event in events.items():
        holder = held[event.props["order_id"]]
        if holder.user_id != event.user_id:
            refused[index] = _of_another("order_id", event.props["order_id"], holder)
        elif holder.event_id != event.event_id:
            refused[index] = None
    return refused


def _of_another(field: str, order: str, holder: orders.Holder) -> RuleViolation:
    member = member_of(holder.user_id)
    if member is not None:
        return RuleViolation.at(field, Reason("order_of_member", order=order, member=member))
    erased = Reason("order_of_erased", order=order)
    why = Reason("order_of_friend", order=order, user=holder.user_id) if holder.user_id else erased
    return RuleViolation.at(field, why)


def _whose(report: model.Report) -> str:
    """The friend, or the name under which an event of a member is known until friends have it."""
    return report.user_id if report.user_id is not None else addressee(report.member_id or "")


def _result(kind: model.Kind, raw: Any, status: str) -> dict[str, Any]:
    given = raw if isinstance(raw, dict) else {}
    result: dict[str, Any] = {"event_id": _text(given.get("event_id"))}
    if kind is model.Purchase:
        order = _text(given.get("order_id"))
        result = {"order_id": order, "event_id": f"order:{order}" if order else None}
    return result | {"status": status}


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
    """Each friend's events, in the order of their timestamps; reservations as they were reported."""
    found: dict[str, list[FriendEvent]] = {}
    for event in events:
        found.setdefault(event.user_id, []).append(event)
    return [in_order(of_friend, lambda event: event.reported_at) for of_friend in found.values()]


def chunks(friends: Sequence[list[FriendEvent]]) -> list[list[FriendEvent]]:
    """Friends' events packed into messages. One friend's are in one message and in order: two workers at
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
    refused += queues.send_all("bulk", [queues.Message(body) for body in bodies])
    if refused:
        raise Unavailable(Reason("queue_partly"))
