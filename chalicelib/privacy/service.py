"""What was unsent, or written to and by somebody who was erased, is kept nowhere: not on the timeline, not in
the ledger, not beside rules. The ledger is emptied by a job, as soon as nothing can be sent from it any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.actions.effects import effect_name, run_id
from chalicelib.actions.kinds import kind_of
from chalicelib.conversations import overheard
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import service as friends
from chalicelib.gateways import queues
from chalicelib.rules import health
from chalicelib.timeline import service as activities
from chalicelib.timeline import unsend


def hide_message(account: str, user: str, message_id: str, since: str, at: str) -> bool:
    """Take what an unsent message said off the timeline and out of the ledger.

    Looks at the friend's activities from ``since`` on; False when no such message is among them.
    """
    overheard.take_back(account, user, message_id, at)
    found = False
    for activity, later in activities.find_message(account, user, message_id, since):
        found = True
        _hide_answers(activity, later)
        empty_ledger(account, user, activity["event_id"], _effects(activity))
        activities.take_back(activity, at)
    return found


def _effects(activity: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What an event has caused: also when it failed after it was decided on, and waits on the sheet."""
    found = list(activity.get("effects") or ())
    if activity.get("state") == "failed":
        account, user = activity["account"], activity["user_id"]
        sheet = friends.load(account, accounts.get_account(account).shards, user) or {}
        record = (sheet.get("pending") or {}).get(activity["event_id"]) or {}
        found += record.get("effects") or ()
    return found


def _hide_answers(activity: Mapping[str, Any], later: Iterable[Mapping[str, Any]]) -> None:
    """Where forms came to their end with what a message said as an answer, take that off the timeline.

    Before the message's own line: that one knows which questions it answered.
    """
    answered = unsend.answered_by(activity)
    for other in later if answered else ():
        answered -= unsend.answered_by(other)  # another answer to the question took its place
        revealed = {answer for answer in answered if unsend.reveals_answer(other, *answer)}
        if revealed:
            account, user, event_id = other["account"], other["user_id"], other["event_id"]
            empty_ledger(account, user, event_id, _effects(other))
            activities.take_back_answers(other, revealed, (activity.get("props") or {}).get("text"))


def empty_ledger(account: str, user: str, event_id: str, effects: Iterable[Mapping[str, Any]]) -> None:
    """Have the messages of an event's sends and notices taken out of the ledger."""
    sent = [effect_name(event_id, effect) for effect in effects if kind_of(effect["action"]).outgoing]
    if sent:
        queues.send("bulk", {"job": "forget_sent", "account": account, "user": user, "effects": sent})


def forget_sent(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The job: ``{"account", "user", "effects": [[event, action, rule, index]], "chunks": [[run, chunk]],
    "rules": [rule]}``: empties the messages of runs, and forgets the friend where rules have had trouble.

    Answers the job that is left to do when some of it cannot be done yet.
    """
    account, user = body["account"], body["user"]
    for rule in body.get("rules") or ():
        health.forget(account, rule, user)
    effects = [
        [event_id, action, rule, index]
        for event_id, action, rule, index in body.get("effects") or ()
        if kind_of(action).outgoing and not _emptied(account, user, event_id, rule, index)
    ]
    chunks = [
        [run, chunk]
        for run, chunk in body.get("chunks") or ()
        if not deliveries.forget_messages(account, run, chunk, user)
    ]
    if not effects and not chunks:
        return None
    return {**body, "rules": [], "effects": effects, "chunks": chunks}


def _emptied(account: str, user: str, event_id: str, rule: str, index: int) -> bool:
    run = run_id(account, user, event_id, {"rule": rule, "index": index})
    return deliveries.forget_messages(account, run, "0")
