"""Carrying out what was decided. Each effect has a name (event, rule, index) and is safe to repeat.

Statuses: ``done``; ``failed`` (it will not happen, ``why`` says it); ``skipped`` (it must not happen);
``unknown`` (a reply whose outcome nobody can know). What may work later raises, after everything else
was tried.
"""

from __future__ import annotations

from chalicelib.actions.effects import effect_key, note
from chalicelib.actions.kinds import ACTIONS
from chalicelib.actions.model import Done, Effect
from chalicelib.forms import pending_question
from chalicelib.messages import render
from chalicelib.reaction.effects import outgoing_messages
from chalicelib.reaction.effects import replies as saying
from chalicelib.reaction.effects.context import EffectContext
from chalicelib.shared.errors import TodokuError
from chalicelib.shared.observability import logger


class Unfinished(Exception):
    """Some effects could not be carried out now; the event must come again."""


def carry_out(context: EffectContext, effects: list[Effect]) -> None:
    """Carry out every pending effect, replies first (their token is short-lived); notes each one's status.

    Raises Unfinished when some must be tried again; the statuses noted until then hold.
    """
    outgoing_messages.fill_links(context, effects)
    outgoing_messages.reply(context, [e for e in effects if saying.is_answer(e)])
    outgoing_messages.show_loading(context, effects)
    unfinished: list[str] = []
    for effect in effects:
        if effect["status"] != "pending":
            continue
        try:
            status, why = _carry_out(context, effect)
        except (TodokuError, render.Unrenderable) as error:
            if isinstance(error, TodokuError) and error.status in {429, 503}:
                unfinished.append(f"{effect_key(effect)}: {error}")
                continue
            status, why = "failed", error.reason
        except Exception as error:  # noqa: BLE001 (whatever it is, the others are still tried)
            logger.exception("an effect has to be tried again", extra={"effect": effect_key(effect)})
            unfinished.append(f"{effect_key(effect)}: {type(error).__name__}: {error}")
            continue
        note(effect, status, why)
    for effect in effects:
        asked = pending_question.of(effect)
        if asked is not None and effect["status"] in {"failed", "skipped"}:
            pending_question.forget(context.account, context.event.user_id, asked)
    if unfinished:
        raise Unfinished("; ".join(unfinished)[:500])


def _carry_out(context: EffectContext, effect: Effect) -> Done:
    kind = ACTIONS[effect["action"]]
    if kind.carry_out is not None:
        return kind.carry_out(context, effect)
    assert kind.outgoing is not None
    return outgoing_messages.send(context, effect)
