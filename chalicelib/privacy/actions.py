"""What an unsent message leaves to do: it is kept nowhere."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.actions.kinds import ActionKind
from chalicelib.actions.model import Done, Effect, EffectContext

UNSEND_WINDOW = timedelta(hours=25)
"""LINE lets people take back a message for 24 hours."""


def _hide_message(context: EffectContext, effect: Effect) -> Done:
    """LINE asks that what was unsent is not kept. A message that comes from now on finds that on the sheet;
    one that is being worked on at this moment is looked for again later.
    """
    from chalicelib.gateways import queues
    from chalicelib.privacy import service
    from chalicelib.shared.times import iso, parse_iso

    event = context.event
    gone = {"job": "forget_content", "account": context.account.id, "user": event.user_id}
    queues.send("bulk", gone | {"message_id": effect["message_id"]})
    since = iso(parse_iso(event.at) - UNSEND_WINDOW)
    if service.hide_message(context.account.id, event.user_id, effect["message_id"], since, event.at):
        return "done", None
    body = {
        "job": "hide_message",
        "account": context.account.id,
        "user": event.user_id,
        "message_id": effect["message_id"],
        "since": since,
        "at": event.at,
    }
    queues.send("bulk", body, delay_s=300)
    return "done", None


ACTIONS: dict[str, ActionKind] = {"hide_message": ActionKind(carry_out=_hide_message, is_shown=False)}
