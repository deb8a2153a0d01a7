"""What a followed link leaves to do: its click is counted."""

from __future__ import annotations

from chalicelib.actions.kinds import ActionKind
from chalicelib.actions.model import Done, Effect, EffectContext


def _count_click(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.links import clicks

    clicks.count(context.account.id, effect["delivery"], effect["run"], effect["variant"])
    return "done", None


ACTIONS: dict[str, ActionKind] = {"count_click": ActionKind(carry_out=_count_click, is_shown=False)}
