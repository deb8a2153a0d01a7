"""What an event that reports count leaves to do: its line in the journal."""

from __future__ import annotations

from chalicelib.actions.kinds import ActionKind
from chalicelib.actions.model import Done, Effect, EffectContext


def _note(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.reports import journal

    journal.note(
        context.event, [(kind, form, question) for kind, form, question in effect.get("asked") or ()]
    )
    return "done", None


ACTIONS: dict[str, ActionKind] = {"note_for_reports": ActionKind(carry_out=_note, is_shown=False)}
