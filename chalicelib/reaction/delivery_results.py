"""What came of a reaction's push or call, when it came to nothing: reported where its author looks.

A push is ``done`` on the activity once the ledger has it, a call to another system once the queue has it.
When LINE or the other system refuses it, or quiet hours or a cap keep it back for good, the effect is
corrected, and the rule's health counts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.actions.model import Effect, Result
from chalicelib.deliveries import service as deliveries
from chalicelib.forms import pending_question
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.reports import journal
from chalicelib.rules import health
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities


class Gone(Unavailable):
    """The friend was erased, or was never one: there is no activity, and none comes."""


def report(account: str, run: str, chunk: str, *, last: bool = False) -> None:
    """The job: correct the effect that sent this chunk. Safe to repeat; reported once.

    Raises Unavailable while the reaction has not been completed; the ``last`` time the rule counts it all the
    same. Of a friend who was erased there is nothing to report.
    """
    manifest = deliveries.read_manifest(account, run, chunk)
    if manifest is None:
        return
    cause = manifest["cause"]
    outcome = deliveries.find_recipient(account, run, chunk, manifest["recipients"][0])
    if outcome is None or outcome["status"] == "pending":
        return
    if cause.get("asked"):
        _hear_of_question(account, cause, outcome)
    if outcome["status"] == "accepted":
        return
    why = outcome.get("reason") or "line_never_answered"
    result: Result = {"status": outcome["status"], "why": why}
    try:
        _correct(account, cause["user_id"], cause, "done", result)
    except Gone:
        return
    except Unavailable:
        if not last:
            raise
        if cause["rule"] != "-":
            health.note(account, cause["rule"], result["status"], Reason.of(why))


def _hear_of_question(account_id: str, cause: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    """A form's question was asked now, or will not be."""
    account = accounts.get_account(account_id)
    if outcome["status"] in {"failed", "skipped"}:
        pending_question.forget(account, cause["user_id"], cause["asked"])
    else:
        pending_question.begin(
            account, cause["user_id"], cause["asked"], outcome.get("at") or iso(clock.now())
        )


def report_call(account: str, user: str, cause: Mapping[str, Any], result: Result) -> None:
    """Correct the effect that made a call: ``failed``, or ``done`` after all when it was redriven.

    Safe to repeat; reported once. Raises Unavailable while the reaction has not been completed, Gone when it
    never will be.
    """
    before = "done" if result["status"] == "failed" else "failed"
    _correct(account, user, cause, before, result)


def _is_gone(account: str, user: str) -> bool:
    sheet = friends.load(account, accounts.get_account(account).shards, user)
    return sheet is None or sheet["status"] == "erased"


def _correct(account: str, user: str, cause: Mapping[str, Any], before: str, result: Result) -> None:
    event = cause["event_id"]
    activity = activities.find(account, user, event)
    if activity is None and _is_gone(account, user):
        raise Gone(Reason("no_friend_any_more", user=user))
    if activity is None or activity.get("state") == "failed":
        raise Unavailable(Reason("no_activity_yet", event=event, user=user))
    for place, effect in enumerate(activity.get("effects") or ()):
        if (effect["rule"], effect["index"]) != (cause["rule"], cause["index"]):
            continue
        if activities.correct_effect(account, user, event, place, before, result):
            corrected: Effect = {**effect, **result}
            health.note_effects(account, user, [corrected])
        count_again(account, user, event)


def count_again(account: str, user: str, event_id: str) -> None:
    """Have reports count what an event sent as its activity says now: it was corrected."""
    activity = activities.find(account, user, event_id)
    if activity is not None:
        journal.note_sent(activity)
