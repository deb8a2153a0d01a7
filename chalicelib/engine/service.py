"""The protocol around a decision. Its order is what keeps every event applied exactly once.

1. read the friend, then the event's activity, both consistent, in this order;
2. the activity exists: done. The event is in the friend's ``pending``: go on at 5 with what is stored;
3. decide; 4. one write of the changed paths, the decision beside them (``pending``), if nobody wrote
meanwhile; 5. the effects; 6. the activity; 7. the message is taken from the queue.

A ``failed`` activity (a message that went to the dead letters) does not count as done.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.engine import effects, forgetting, health, speech, unsaid
from chalicelib.engine.decide import decide
from chalicelib.engine.errand import Errand
from chalicelib.engine.model import Decision, Program
from chalicelib.engine.program import program_of
from chalicelib.friends import activities, contents, erasing, store
from chalicelib.friends.expressions import Condition
from chalicelib.friends.model import Sheet, erased_at
from chalicelib.friends.trim import size_of
from chalicelib.gateways import clock
from chalicelib.messages import said
from chalicelib.shared.errors import Conflict
from chalicelib.shared.events import NOBODY, FriendEvent
from chalicelib.shared.observability import logger

_ATTEMPTS = 10
_MAX_PENDING_PROPS = 8_000
_TOLD_ELSEWHERE = {"scenario_action": "then", speech.STAFF_MESSAGE: "messages"}
"""The props of internal events that the activity's effects tell."""


def react(event: FriendEvent, account: Account | None = None, program: Program | None = None) -> None:
    """React to one event; doing it again, at once or much later, changes nothing more.

    Raises when something must be tried again. A batch passes the program it has read once.
    """
    account = account or get_account(event.account_id)
    if event.recorded_only:
        if not _is_erased(event, _known(event, account)):
            activities.replace_failed(_activity(event))
        return
    program = program or program_for(account)
    for attempt in range(_ATTEMPTS):
        if _once(event, account, program):
            return
        # Whoever was quicker may have more to write; waiting by chance lets one of several through.
        clock.sleep(random.uniform(0, min(0.02 * 2**attempt, 1.0)))  # noqa: S311
    raise Conflict(f"others kept changing friend {event.user_id} of {event.account_id}")


def program_for(account: Account) -> Program:
    """The account's rules in force now (one read)."""
    return program_of(snapshot(account.id), account.zone)


def give_up(event: FriendEvent, why: str) -> None:
    """Leave a ``failed`` activity of an event that goes to the dead letters; a redriven one replaces it."""
    sheet = _known(event, get_account(event.account_id))
    if _is_erased(event, sheet):
        return
    event = unsaid.event_of(event, sheet)
    activities.put(_activity(event) | {"state": "failed", "why": why[:500]})


def _known(event: FriendEvent, account: Account) -> Sheet | None:
    """The sheet of whom the event is about, if it is about a friend."""
    return None if event.user_id == NOBODY else store.load(account.id, account.shards, event.user_id)


def _once(event: FriendEvent, account: Account, program: Program) -> bool:
    """One pass through the protocol; False when somebody else wrote the friend meanwhile."""
    sheet = store.load(account.id, account.shards, event.user_id)
    event = unsaid.event_of(event, sheet)
    pending: dict[str, Any] = (sheet or {}).get("pending") or {}
    wanted = list(dict.fromkeys([event.event_id, *pending]))
    known = activities.find_many(account.id, event.user_id, wanted)
    if _complete(known.get(event.event_id)):
        return True
    if _is_erased(event, sheet):
        logger.info("an event of an erased friend is dropped", extra={"account": account.id})
        return True
    if sheet is not None and event.event_id in pending:
        _finish(Errand(account, event, sheet, program), unsaid.record_of(pending[event.event_id], sheet))
        return True
    done = {other for other in pending if _complete(known.get(other))}
    if sheet is not None:
        done |= _finish_others(account, program, sheet, pending, known)
    erased = sheet is not None and sheet["status"] == "erased"
    decision = decide(event, None if erased else sheet, program, clock.now())
    decision.before = sheet
    if erased:
        decision.after |= erasing.kept_of(sheet)
    unsaid.note(decision, event)
    _add_internal_effects(decision, event)
    if not _changes_anything(decision):
        activities.replace_failed(_activity(event, _record(event, decision), sheet))
        health.note_effects(account.id, event.user_id, decision.effects)
        return True
    record = _record(event, decision)
    after = decision.after
    others = unsaid.others({k: v for k, v in pending.items() if k not in done}, decision)
    after["pending"] = others | {event.event_id: record}
    seen = None if sheet is None else sheet.get("rev")
    if not store.create_or_update(account.id, account.shards, event.user_id, sheet, after, seen):
        return False
    errand = Errand(account, event, after, program, decision.payloads, first=True)
    _finish(errand, record)
    return True


def _complete(activity: Mapping[str, Any] | None) -> bool:
    return activity is not None and activity.get("state") != "failed"


def _is_erased(event: FriendEvent, sheet: Sheet | None) -> bool:
    """Whether an event belongs to what was erased, however late it comes: it is dropped.

    An erased friend comes back by something they do on LINE after the erasure.
    """
    if sheet is None:
        return False
    return event.at <= erased_at(sheet) or (sheet["status"] == "erased" and event.source != "line")


def _changes_anything(decision: Decision) -> bool:
    if any(effect["status"] == "pending" for effect in decision.effects):
        return True
    return decision.before is None or decision.after != decision.before


def _add_internal_effects(decision: Decision, event: FriendEvent) -> None:
    """What the house itself has to do about an event, kept and repeated like any other effect."""

    def add(action: str, **inputs: Any) -> None:
        effect = {"rule": "-", "index": len(decision.effects), "action": action, "status": "pending"}
        decision.effects.append(effect | inputs)

    if event.type == "scenario_action":
        add("scenario_action_done")
    elif any(
        entry.get("state") == "active" for entry in (decision.before or {}).get("scenarios", {}).values()
    ):
        add("scenario_event")
    moment = decision.after.get("moment")
    if moment is not None and moment != (decision.before or {}).get("moment"):
        add("arm_moment", at=moment)
    if event.type == "link_clicked" and _is_new_click(decision, event):
        add("count_click", **{name: event.props.get(name, "") for name in ("delivery", "run", "variant")})
    if event.type == "unsent" and event.props.get("message_id"):
        add("hide_message", message_id=event.props["message_id"])
    if event.type == "followed" or decision.before is None:
        add("fetch_profile")
    if event.type == "messaged" and "unsent_at" not in event.props and contents.is_kept_by_line(event.props):
        add("fetch_content", message_id=event.props["message_id"], kind=event.props["message_type"])
    if event.type == speech.STAFF_MESSAGE:
        add("send", category="transactional", by=event.props.get("by"))
        if decision.after.get("status") == "blocked":
            decision.effects[-1] |= {"status": "skipped", "why": "blocked"}


def _is_new_click(decision: Decision, event: FriendEvent) -> bool:
    """Whether it is the friend's first click in this run of a delivery."""
    delivery, run = event.props.get("delivery"), event.props.get("run", "")
    before = ((decision.before or {}).get("clicked") or {}).get(delivery) or {}
    return bool(delivery) and run not in {before.get("run", "-"), *before.get("before", ())}


def _record(event: FriendEvent, decision: Decision) -> dict[str, Any]:
    """The decision as it is kept on the sheet until the activity stands."""
    props = event.props
    if size_of(props) > _MAX_PENDING_PROPS:
        props = {k: v for k, v in props.items() if size_of(v) <= 500} | {"trimmed": True}
    return {
        "event": {
            "type": event.type,
            "key": event.key,
            "at": event.at,
            "props": props,
            "source": event.source,
        },
        "rules": decision.rules,
        "changes": decision.changes,
        "effects": decision.effects,
    }


def _finish(errand: Errand, record: dict[str, Any]) -> None:
    """Steps 5 and 6: the effects that are still open, then the activity."""
    try:
        effects.carry_out(errand, record["effects"])
    except effects.Unfinished:
        _keep_statuses(errand, record)
        raise
    if "unsent_at" in errand.event.props:
        # Before the activity: once that stands, nobody comes back here.
        event = errand.event
        forgetting.empty_ledger(event.account_id, event.user_id, event.event_id, record["effects"])
    activities.replace_failed(_activity(errand.event, record, errand.sheet))
    health.note_effects(errand.account.id, errand.event.user_id, record["effects"])


def _keep_statuses(errand: Errand, record: dict[str, Any]) -> None:
    """Note what was carried out before the failure, so that a reply that went out is not called unknown."""
    account, event = errand.account, errand.event
    path = ("pending", event.event_id)
    sets = [((*path, "effects"), record["effects"])]
    try:
        store.update_paths(account.id, account.shards, event.user_id, sets, [], [Condition(path, "exists")])
    except Exception:  # noqa: BLE001 (the failure that brought us here is the one to tell)
        logger.exception("the statuses of unfinished effects could not be kept")


def _finish_others(
    account: Account,
    program: Program,
    sheet: Sheet,
    pending: Mapping[str, Any],
    known: Mapping[str, dict[str, Any]],
) -> set[str]:
    """Finish earlier events of the friend that were cut off after their write; answers which are complete.

    One that cannot be finished now is left to its own message and does not hold up this event; one that
    went to the dead letters waits there for its redrive.
    """
    finished = set()
    for event_id, waiting in pending.items():
        if event_id in known:
            continue
        record = unsaid.record_of(waiting, sheet)
        event = FriendEvent(event_id, account.id, sheet["user_id"], **record["event"])
        try:
            _finish(Errand(account, event, sheet, program), record)
        except Exception:  # noqa: BLE001 (its own message comes again)
            logger.exception("an earlier event of the friend stays unfinished", extra={"event": event_id})
        else:
            finished.add(event_id)
    return finished


def _activity(
    event: FriendEvent, record: Mapping[str, Any] | None = None, sheet: Sheet | None = None
) -> dict[str, Any]:
    record = record or {}
    shown = [
        e for e in record.get("effects", ()) if e["action"] not in effects.INTERNAL or e["status"] == "failed"
    ]
    activity: dict[str, Any] = {
        "account": event.account_id,
        "user_id": event.user_id,
        "event_id": event.event_id,
        "type": event.type,
        "at": event.at,
        "props": {k: v for k, v in event.props.items() if k != _TOLD_ELSEWHERE.get(event.type)},
        "source": event.source,
        "rules": record.get("rules", []),
        "changes": record.get("changes", []),
        "effects": said.bounded(shown),
    }
    if event.key is not None:
        activity["key"] = event.key
    if sheet is not None and "rev" in sheet:
        activity["rev"] = sheet["rev"]
    return activity
