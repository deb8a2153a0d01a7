"""The end of a hold: a push that policies held back is judged and rendered anew, and sent once.

The due entry becomes the event ``hold_ended`` in the inbox, behind everything that the friend did before. It
changes no sheet. What it comes to is written on the effect that waits, in this order: 1. ``releasing``, or
``skipped`` with its reason (the judgement, once); 2. the chunk, put if absent; 3. ``done``, or why not. A
crash after 1 goes on with 2, and does not judge again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.actions.effects import run_id
from chalicelib.actions.model import Effect, Result
from chalicelib.deliveries import policies
from chalicelib.forms import ask, pending_question
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, inbox
from chalicelib.messages import render
from chalicelib.reaction import delivery_results
from chalicelib.reaction.effects import holding, outgoing_messages
from chalicelib.reaction.effects.context import EffectContext
from chalicelib.rules import health
from chalicelib.rules.model import Program
from chalicelib.shared.errors import TodokuError, Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason, Reasoned, reason_of
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from chalicelib.timeline.items import Activity
from chalicelib.timers import service as timers

HOLD_ENDED = "hold_ended"
_LOOKED_AT = 50
"""So many of the friend's latest events are looked through for what was held before."""


class QuestionGone(Reasoned, LookupError):
    """The form does not ask this any more."""


def come(entries: Sequence[Mapping[str, Any]]) -> None:
    """Put the events of holds that end in the inbox. Raises Unavailable when it did not take them all."""
    events = [
        FriendEvent(
            f"hold:{entry['id']}:{entry['due_at']}",
            entry["account"],
            entry["body"]["user_id"],
            HOLD_ENDED,
            entry["due_at"],
            props=dict(entry["body"]),
            source="timer",
        )
        for entry in entries
    ]
    inbox.put_all(events)


def over(entries: Sequence[timers.Entry]) -> list[bool]:
    """For drained entries: whether their effect waits for them no more."""
    return [_is_over(entry) for entry in entries]


def _is_over(entry: timers.Entry) -> bool:
    account = accounts.find_account(entry.account)
    if account is None:
        return True
    of, user = entry.body, entry.body["user_id"]
    sheet = friends.load(account.id, account.shards, user)
    activity = activities.find(account.id, user, of["event_id"])
    if activity is None:
        return of["event_id"] not in ((sheet or {}).get("pending") or {})
    _, effect = _find(activity, of)
    return effect is None or not _waits(effect, iso(entry.due_at))


def _waits(effect: Effect, due_at: str) -> bool:
    if effect["status"] == "held":
        return str(effect["until"]) <= due_at
    return bool(effect["status"] == "releasing")


def _find(activity: Activity, of: Mapping[str, Any]) -> tuple[int, Effect | None]:
    for place, effect in enumerate(activity.get("effects") or ()):
        if (effect["rule"], effect["index"]) == (of["rule"], of["index"]):
            return place, {**effect}
    return -1, None


def end(event: FriendEvent, account: Account, program: Program) -> None:
    """A hold has ended: what was held for the friend before this, and is over as well, goes first. Safe to
    repeat. Raises Unavailable while the reaction has not been completed.
    """
    for before in [*_held_before(event), event]:
        _end(before, account, program)


def _held_before(event: FriendEvent) -> list[FriendEvent]:
    """The ends of holds that queues may bring later than this one, in the order in which they were held."""
    found, _ = activities.recent(event.account_id, event.user_id, _LOOKED_AT, lines=False)
    before: list[FriendEvent] = []
    for activity in reversed(found):
        for effect in activity.get("effects") or () if activity.get("state") != "failed" else ():
            of = {"event_id": activity["event_id"], "rule": effect.get("rule"), "index": effect.get("index")}
            if of.items() <= event.props.items():
                return before
            if effect["status"] == "held" and _waits(effect, event.at):
                before.append(replace(event, props={**event.props, **of}))
    return []  # longer ago than was looked at


def _end(event: FriendEvent, account: Account, program: Program) -> None:
    of, user = event.props, event.user_id
    sheet = friends.load(account.id, account.shards, user)
    activity = activities.find(account.id, user, of["event_id"])
    if sheet is None or sheet["status"] == "erased":
        return None
    if activity is None or activity.get("state") == "failed":
        if activity is None and of["event_id"] not in (sheet.get("pending") or {}):
            return None  # erased since, and come back as somebody new
        raise Unavailable(Reason("no_activity_yet", event=of["event_id"], user=user))
    place, effect = _find(activity, of)
    if effect is None or not _waits(effect, event.at):
        return None
    context = EffectContext(account, _event_of(activity), sheet, program)
    if effect["status"] == "held":
        result = _judge(context, effect)
        if not activities.correct_effect(account.id, user, of["event_id"], place, "held", result):
            raise Unavailable(Reason("judged_elsewhere"))
        if result["status"] != "releasing":
            delivery_results.count_again(account.id, user, of["event_id"])
            return _settled(context, {**effect, **result})
    result = _release(context, effect)
    activities.correct_effect(account.id, user, of["event_id"], place, "releasing", result)
    delivery_results.count_again(account.id, user, of["event_id"])
    _settled(context, {**effect, **result})
    # Whoever sent it may have had results before the effect could show them.
    return delivery_results.report(account.id, run_id(account.id, user, of["event_id"], effect), "0")


def _event_of(activity: Mapping[str, Any]) -> FriendEvent:
    names = ("event_id", "user_id", "type", "at", "key")
    found = {name: activity.get(name) for name in names}
    props = activity.get("props") or {}
    return FriendEvent(account_id=activity["account"], props=props, source=activity["source"], **found)  # type: ignore[arg-type]


def _judge(context: EffectContext, effect: Effect) -> Result:
    """What is decided when a hold ends: it goes, it is held on, or it is skipped."""
    now = clock.now()
    ruling = holding.ruling(policies.of_account(context.account, context.program.snapshot), effect, now)
    if ruling.kind == "hold":
        event = context.event
        holding.wait(context.account.id, event.user_id, event.event_id, effect, ruling.until)
        return {"status": "held", "why": ruling.reason, "until": iso(ruling.until)}
    skipped = Reason.of(ruling.reason) if ruling.kind == "skip" else None
    why = skipped or holding.why_not(context.program, effect, context.sheet, now)
    return {"status": "skipped", "why": why.kept()} if why else {"status": "releasing", "why": None}


def _release(context: EffectContext, effect: Effect) -> Result:
    """Put the chunk with the words of now (or the one that exists); returns what the effect reports."""
    try:
        if "question" in effect:
            effect["messages"] = _question(context, effect)
        status, why = outgoing_messages.send_now(context, effect)
    except (TodokuError, render.Unrenderable, LookupError) as error:
        if isinstance(error, TodokuError) and error.status in {429, 503}:
            raise
        return {"status": "failed", "why": reason_of(error).kept()}
    result = why.kept() if why else None
    return {"status": status, "why": result, "messages": effect.get("messages"), "sent_at": iso(clock.now())}


def _question(context: EffectContext, effect: Effect) -> list[dict[str, Any]]:
    """A form's question as it reads now. Raises LookupError, Unrenderable."""
    form = context.program.forms.get(effect["form"])
    question = form.find(effect["question"]) if form else None
    if form is None or question is None:
        raise QuestionGone(Reason("question_gone", form=effect["form"], question=effect["question"]))
    chosen = (context.sheet.get("form_session") or {}).get("chosen") or ()
    return outgoing_messages.rendered(
        context, {"messages": ask.messages(form, question, chosen=chosen)}, effect, clock.now()
    )


def _settled(context: EffectContext, effect: Effect) -> None:
    """A question that is not asked is not waited for; what came to nothing counts for its rule."""
    asked = pending_question.of(effect)
    if asked is not None and effect["status"] in {"failed", "skipped"}:
        pending_question.forget(context.account, context.event.user_id, asked)
    if effect["status"] != "held":
        health.note_effects(context.account.id, context.event.user_id, [effect])
