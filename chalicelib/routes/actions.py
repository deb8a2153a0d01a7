"""What a touch leaves to do: it waits for its follow."""

from __future__ import annotations

from chalicelib.actions.kinds import ActionKind
from chalicelib.actions.model import Done, Effect, EffectContext


def _wait(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.routes import late_follows

    late_follows.begin(context.account.id, context.event.user_id, effect["touched_at"])
    return "done", None


ACTIONS: dict[str, ActionKind] = {"wait_for_follow": ActionKind(carry_out=_wait, is_shown=False)}
