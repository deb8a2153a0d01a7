"""What a message leaves to do: what LINE keeps of it is fetched."""

from __future__ import annotations

from chalicelib.actions.kinds import ActionKind
from chalicelib.actions.model import Done, Effect, EffectContext


def _fetch_content(context: EffectContext, effect: Effect) -> Done:
    """Have a picture, video, sound or file fetched before LINE forgets it."""
    from chalicelib.conversations import contents
    from chalicelib.gateways import queues

    account, user = context.account.id, context.event.user_id
    message, kind = effect["message_id"], effect["kind"]
    contents.announce(account, user, message, kind)
    body = {"job": "content", "account": account, "user": user, "message_id": message, "kind": kind}
    queues.send("bulk", body)
    return "done", None


ACTIONS: dict[str, ActionKind] = {"fetch_content": ActionKind(carry_out=_fetch_content, is_shown=False)}
