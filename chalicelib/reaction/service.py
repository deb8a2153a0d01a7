"""The protocol around a decision. Its order is what keeps every event applied exactly once.

1. read the friend, then the event's activity, both consistent, in this order;
2. the activity exists: done. The event is in the friend's ``pending``: go on at 5 with what is stored;
3. decide, where it may use the friend's profile with what LINE reports now (``knowing``: one question,
one second at most, and nothing is written before); 4. one write of the changed paths, the decision beside
them (``pending``), if nobody wrote meanwhile; 5. the effects; 6. the activity; 7. the message is taken from
the queue.

A ``failed`` activity (a message that went to the dead letters) does not count as done.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.actions.kinds import kind_of
from chalicelib.actions.model import Decision, Effect
from chalicelib.catalog.service import snapshot
from chalicelib.conditions.language import nodes_named
from chalicelib.conversations import overheard
from chalicelib.deliveries import service as deliveries
from chalicelib.events.kinds import type_of
from chalicelib.events.sheet import Sheet
from chalicelib.friends import orders
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, queues
from chalicelib.gateways.expressions import Condition
from chalicelib.links import same_click
from chalicelib.messages import sent
from chalicelib.privacy import erasure
from chalicelib.privacy import service as privacy
from chalicelib.reaction import unsend
from chalicelib.reaction.decide import decide
from chalicelib.reaction.effects import held
from chalicelib.reaction.effects import service as effects
from chalicelib.reaction.effects.context import EffectContext
from chalicelib.reaction.model import PendingEvent, PendingReaction
from chalicelib.reaction.profile_lookup import Acquaintance
from chalicelib.reports import journal as reports
from chalicelib.reports.questions import lines as questions
from chalicelib.richmenus import following
from chalicelib.rules import health
from chalicelib.rules.compile import live_program
from chalicelib.rules.model import Program
from chalicelib.shared.errors import Conflict
from chalicelib.shared.events import NOBODY, FriendEvent
from chalicelib.shared.metrics import count
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.sheets.model import erased_at
from chalicelib.sheets.trim import size_of
from chalicelib.timeline import service as activities
from chalicelib.timeline.items import Activity

_ATTEMPTS = 10
_MAX_PENDING_PROPS = 8_000


def react(event: FriendEvent, account: Account | None = None, program: Program | None = None) -> None:
    """React to one event; doing it again, at once or much later, changes nothing more.

    Raises when something must be tried again. A batch passes the program it has read once.
    """
    account = account or get_account(event.account_id)
    if event.recorded_only:
        _record_only(event, account)
        return
    program = program or program_for(account)
    if event.type == held.HOLD_ENDED:
        held.end(event, account, program)
        return
    acquaintance = Acquaintance(event, program)
    for attempt in range(_ATTEMPTS):
        if _once(event, account, program, acquaintance):
            return
        # Whoever was quicker may have more to write; waiting by chance lets one of several through.
        clock.sleep(random.uniform(0, min(0.02 * 2**attempt, 1.0)))  # noqa: S311
    raise Conflict(Reason("friend_busy", user=event.user_id, account=event.account_id))


def _record_only(event: FriendEvent, account: Account) -> None:
    """Keep an event as an activity. What it takes back is gone before, and looked for again later: another
    worker may have it in hand.
    """
    if _is_erased(event, _known(event, account)):
        return
    if overheard.is_unsending(event):
        chat, message = event.props.get("chat") or event.user_id, event.props["message_id"]
        overheard.take_back(account.id, chat, message, event.at)
        again = {"account": account.id, "chat": chat, "message_id": message, "at": event.at}
        queues.send("bulk", {"job": "hide_overheard", **again}, delay_s=300)
    activities.replace_failed(_activity(overheard.heard(event)))


def program_for(account: Account) -> Program:
    """The account's rules in force now (one read)."""
    return live_program(snapshot(account.id), account.zone, account.react_within)


def give_up(event: FriendEvent, why: str) -> None:
    """Leave a ``failed`` activity of an event that goes to the dead letters; a redriven one replaces it."""
    count("ReactionsFailed", account=event.account_id)
    sheet = _known(event, get_account(event.account_id))
    if _is_erased(event, sheet):
        return
    event = overheard.heard(event) if event.recorded_only else unsend.event_of(event, sheet)
    reason = Reason("gave_up", error=why).kept()
    activities.put(_activity(event) | {"state": "failed", "why": reason})


def _known(event: FriendEvent, account: Account) -> Sheet | None:
    """The sheet of whom the event is about, if it is about a friend."""
    return None if event.user_id == NOBODY else friends.load(account.id, account.shards, event.user_id)


def _once(event: FriendEvent, account: Account, program: Program, acquaintance: Acquaintance) -> bool:
    """One pass through the protocol; False when somebody else wrote the friend meanwhile."""
    named = nodes_named(program.snapshot)
    sheet = friends.load(account.id, account.shards, event.user_id, nodes_of=named)
    event = unsend.event_of(event, sheet)
    pending: dict[str, PendingReaction] = (sheet or {}).get("pending") or {}
    wanted = list(dict.fromkeys([event.event_id, *pending]))
    known = activities.find_many(account.id, event.user_id, wanted)
    if _complete(known.get(event.event_id)) or _is_dropped(event, sheet):
        return True
    if sheet is not None and event.event_id in pending:
        _finish(
            EffectContext(account, event, sheet, program), unsend.record_of(pending[event.event_id], sheet)
        )
        return True
    if same_click.is_same(sheet, event):
        return True
    done = {other for other in pending if _complete(known.get(other))}
    if sheet is not None:
        done |= _finish_others(account, program, sheet, pending, known)
    decision = _decided(event, sheet, program, acquaintance)
    if not _changes_anything(decision):
        _complete_with(_activity(event, _record(event, decision), sheet))
        health.note_effects(account.id, event.user_id, decision.effects)
        return True
    record = _record(event, decision)
    after = decision.after
    others = unsend.others({k: v for k, v in pending.items() if k not in done}, decision)
    after["pending"] = others | {event.event_id: record}
    seen = None if sheet is None else sheet.get("rev")
    if after.get("topics") != (sheet or {}).get("topics"):
        deliveries.note_opt_out(account.id, iso(clock.now()))
    if not friends.create_or_update(account.id, account.shards, event.user_id, sheet, after, seen):
        return False
    context = EffectContext(account, event, after, program, decision.payloads, first=True)
    _finish(context, record)
    return True


def _decided(
    event: FriendEvent, sheet: Sheet | None, program: Program, acquaintance: Acquaintance
) -> Decision:
    """The decision about an event, and what the house itself has to do about it. Of who was erased nothing is
    known but what the tombstone keeps.
    """
    erased = sheet is not None and sheet["status"] == "erased"
    known_of = None if erased else sheet
    profile = acquaintance.profile(known_of)
    decision = decide(event, known_of, program, clock.now(), profile=profile)
    decision.before = sheet
    if erased:
        decision.after.update(erasure.kept_of(sheet))
    unsend.note(decision, event)
    _add_internal_effects(decision, event, program, is_known=profile is not None)
    return decision


def _complete(activity: Mapping[str, Any] | None) -> bool:
    return activity is not None and activity.get("state") != "failed"


def _is_erased(event: FriendEvent, sheet: Sheet | None) -> bool:
    """Whether an event belongs to what was erased, however late it comes: it is dropped.

    An erased friend comes back by something they do on LINE after the erasure.
    """
    if sheet is None:
        return False
    return event.at <= erased_at(sheet) or (sheet["status"] == "erased" and event.source != "line")


def _is_dropped(event: FriendEvent, sheet: Sheet | None) -> bool:
    """Whether an event belongs to what was erased; an order then no longer says whose it was, either."""
    if not _is_erased(event, sheet):
        return False
    logger.info("an event of an erased friend is dropped", extra={"account": event.account_id})
    if (order := orders.order_id(event)) is not None:
        orders.release(event.account_id, event.user_id, [order])
    return True


def _changes_anything(decision: Decision) -> bool:
    if any(effect["status"] == "pending" for effect in decision.effects):
        return True
    return decision.before is None or decision.after != decision.before


def _add_internal_effects(
    decision: Decision, event: FriendEvent, program: Program, *, is_known: bool
) -> None:
    """What the house itself has to do about an event, kept and repeated like any other effect."""

    def add(action: str, **inputs: Any) -> None:
        effect = {"rule": "-", "index": len(decision.effects), "action": action, "status": "pending"}
        # Which inputs these are is declared by whoever leaves the effect to do.
        decision.effects.append(cast("Effect", effect | inputs))

    for effect in type_of(event.type).follow_up(decision, event):
        add(**effect)
    asked = questions.of_event({"type": event.type, "props": event.props, **_done(decision)})
    if asked or type_of(event.type).in_reports is not None:
        add("note_for_reports", **({"asked": [list(one) for one in asked]} if asked else {}))
    positions = (decision.before or {}).get("scenarios", {}).values()
    acted_in_vain = type_of(event.type).acts_as is not None and not decision.changes
    if not acted_in_vain and any(entry.get("state") == "active" for entry in positions):
        add("scenario_event", **({"history": True} if decision.history else {}))
    due_at = decision.after.get("due_at")
    if due_at is not None and due_at != (decision.before or {}).get("due_at"):
        add("arm_due_time", at=due_at)
    if not is_known and (event.type == "followed" or decision.before is None):
        add("fetch_profile")
    if following.is_due(decision, event, program.snapshot, program.zone, clock.now()):
        add("follow_rich_menu")


def _done(decision: Decision) -> dict[str, Any]:
    return {"rules": decision.rules, "changes": decision.changes, "effects": decision.effects}


def _record(event: FriendEvent, decision: Decision) -> PendingReaction:
    """The decision as it is kept on the sheet until the activity exists."""
    props = event.props
    if size_of(props) > _MAX_PENDING_PROPS:
        props = {k: v for k, v in props.items() if size_of(v) <= 500} | {"trimmed": True}
    record = PendingReaction(
        event=PendingEvent(type=event.type, key=event.key, at=event.at, props=props, source=event.source),
        rules=decision.rules,
        changes=decision.changes,
        effects=decision.effects,
    )
    if decision.history:
        record["history"] = decision.history
    return record


def _finish(context: EffectContext, record: PendingReaction) -> None:
    """Steps 5 and 6: the effects that are still open, then the activity."""
    try:
        effects.carry_out(replace(context, changes=record["changes"]), record["effects"])
    except effects.Unfinished:
        _keep_statuses(context, record)
        raise
    if "unsent_at" in context.event.props:
        # Before the activity: once that exists, nobody comes back here.
        event = context.event
        privacy.empty_ledger(event.account_id, event.user_id, event.event_id, record["effects"])
    _complete_with(_activity(context.event, record, context.sheet))
    health.note_effects(context.account.id, context.event.user_id, record["effects"])


def _complete_with(activity: Activity) -> None:
    """Keep the activity, and before it what reports count of its effects: as it is, whoever was first."""
    reports.note_sent(activity)
    if not activities.replace_failed(activity):
        named = activity["account"], activity["user_id"], activity["event_id"]
        reports.note_sent(activities.find(*named) or activity)


def _keep_statuses(context: EffectContext, record: PendingReaction) -> None:
    """Note what was carried out before the failure, so that a reply that went out is not called unknown."""
    account, event = context.account, context.event
    path = ("pending", event.event_id)
    sets = [((*path, "effects"), record["effects"])]
    try:
        friends.update_paths(account.id, account.shards, event.user_id, sets, [], [Condition(path, "exists")])
    except Exception:  # noqa: BLE001 (the failure that brought us here is the one to report)
        logger.exception("the statuses of unfinished effects could not be kept")


def _finish_others(
    account: Account,
    program: Program,
    sheet: Sheet,
    pending: Mapping[str, PendingReaction],
    known: Mapping[str, Activity],
) -> set[str]:
    """Finish earlier events of the friend that were cut off after their write; returns which are complete.

    One that cannot be finished now is left to its own message and does not hold up this event; one that
    went to the dead letters waits there for its redrive.
    """
    finished = set()
    for event_id, waiting in pending.items():
        if event_id in known:
            continue
        record = unsend.record_of(waiting, sheet)
        event = FriendEvent(event_id, account.id, sheet["user_id"], **record["event"])
        try:
            _finish(EffectContext(account, event, sheet, program), record)
        except Exception:  # noqa: BLE001 (its own message comes again)
            logger.exception("an earlier event of the friend stays unfinished", extra={"event": event_id})
        else:
            finished.add(event_id)
    return finished


def _activity(
    event: FriendEvent, record: PendingReaction | None = None, sheet: Sheet | None = None
) -> Activity:
    made = record["effects"] if record else []
    shown = [e for e in made if kind_of(e["action"]).is_shown or e["status"] == "failed"]
    activity: Activity = {
        "account": event.account_id,
        "user_id": event.user_id,
        "event_id": event.event_id,
        "type": event.type,
        "at": event.at,
        "props": {k: v for k, v in event.props.items() if k != type_of(event.type).kept_elsewhere},
        "source": event.source,
        "rules": record["rules"] if record else [],
        "changes": record["changes"] if record else [],
        "effects": sent.bounded(shown),
    }
    if event.key is not None:
        activity["key"] = event.key
    if record and "history" in record:
        activity["history"] = record["history"]
    if sheet is not None and "rev" in sheet:
        activity["rev"] = sheet["rev"]
    return activity
