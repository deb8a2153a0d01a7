"""Linking as an action: the invitation, its end, and what LINE reports of an account link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from chalicelib.actions.kinds import ActionKind, Produced, named
from chalicelib.actions.model import ActionContext, Decision, Done, Effect, EffectContext
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.fields import Id, Strict


class LinkAccount(Strict):
    """A message in which ``{{ account_link.url }}`` is where the friend signs in to be linked."""

    message: Id


def _invite(
    decision: Decision, effect: Effect, value: Mapping[str, Any], context: ActionContext
) -> list[Fact]:
    """By the reply token where there is one, which is free; else by push."""
    effect = effect | {"message": value["message"], "push_fallback": True}
    if decision.after.get("status") == "blocked":
        decision.effects.append(effect | {"status": "skipped", "why": "blocked"})
        return []
    body = context.definition("messages", value["message"])
    effect |= {"status": "pending", "category": body.get("category", "marketing")}
    if context.event.reply_token is None:
        effect["via"] = "push"
    context.render(decision, effect, body)
    decision.effects.append(effect)
    return []


def _unlink(decision: Decision, effect: Effect, _value: Any, _context: ActionContext) -> list[Fact]:
    decision.effects.append(effect | {"status": "pending"})
    return []


def _unlinked(_value: Mapping[str, Any], _snapshot: Snapshot) -> Iterable[Produced]:
    yield "account_unlinked", {}


def _carry_out_unlink(context: EffectContext, _effect: Effect) -> Done:
    from chalicelib.members import service

    service.unlink_friend(context.account.id, context.event.user_id, "friend")
    return "done", None


def _link_by_nonce(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.members import nonces, service

    account, event = context.account.id, context.event
    member = nonces.take(event, effect["nonce"])
    service.link(account, member, event.user_id, "account_link", replace_other=True)
    return "done", None


ACTIONS: dict[str, ActionKind] = {
    "link_account": ActionKind(
        model=LinkAccount, references=named("messages", "message"), apply=_invite, outgoing="reply"
    ),
    "unlink_account": ActionKind(
        model=Literal[True], apply=_unlink, carry_out=_carry_out_unlink, by_effect=_unlinked
    ),
    "link_by_nonce": ActionKind(carry_out=_link_by_nonce),
}
