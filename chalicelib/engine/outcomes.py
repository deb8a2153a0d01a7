"""What came of a reaction's push, when it came to nothing: told where its author looks.

A push is ``done`` on the activity once the ledger has it. When LINE refuses it, or quiet hours or a cap keep
it back for good, the effect is corrected, and the rule's health counts it.
"""

from __future__ import annotations

from chalicelib.deliveries import service as deliveries
from chalicelib.engine import health
from chalicelib.friends import activities
from chalicelib.shared.errors import Unavailable


def tell(account: str, run: str, chunk: str) -> None:
    """The job: correct the effect that sent this chunk. Safe to repeat; told once.

    Raises Unavailable while the reaction has not been completed.
    """
    manifest = deliveries.read_manifest(account, run, chunk)
    if manifest is None:
        return
    cause = manifest["cause"]
    outcome = deliveries.find_recipient(account, run, chunk, manifest["recipients"][0])
    if outcome is None or outcome["status"] in {"accepted", "pending"}:
        return
    activity = activities.find(account, cause["user_id"], cause["event_id"])
    if activity is None:
        raise Unavailable(f"event {cause['event_id']} of {cause['user_id']} has no activity yet")
    told = {"status": outcome["status"], "why": outcome.get("reason") or "LINE never answered"}
    for place, effect in enumerate(activity.get("effects") or ()):
        if (effect["rule"], effect["index"]) != (cause["rule"], cause["index"]):
            continue
        user, event = cause["user_id"], cause["event_id"]
        if activities.correct_effect(account, user, event, place, "done", told):
            health.note_effects(account, user, [{**effect, **told}])
