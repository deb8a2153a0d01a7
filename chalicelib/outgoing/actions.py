"""Actions that call other systems."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import Field

from chalicelib.actions.kinds import ActionKind
from chalicelib.actions.loading import Seconds, with_loading
from chalicelib.actions.model import ActionContext, Decision, Done, Effect, EffectContext
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Strict


class CallWebhook(Strict):
    """A signed POST to another system; ``loading`` shows the friend that an answer is coming.

    The secret goes to the secret store when the document is saved; what is kept is a reference to it.
    """

    url: Annotated[str, Field(min_length=1, max_length=1000)]
    secret: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    loading: Seconds | None = None


def _is_address(value: Mapping[str, Any], _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    from chalicelib.messages import addresses

    wrong = addresses.problem(value["url"])
    if wrong:
        yield Detail(f"{path}.url", wrong)


def _call(decision: Decision, effect: Effect, value: Mapping[str, Any], context: ActionContext) -> list[Fact]:
    from chalicelib.catalog import sealing

    effect = effect | {"url": value["url"], "status": "pending"}
    if sealing.name_of(value.get("secret")):
        effect["secret"] = value["secret"]  # the reference; a draft that is only tried out may have itself
    decision.effects.append(with_loading(effect, value, context.event))
    return []


def _call_out(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.outgoing import webhooks

    return webhooks.call_webhook(context, effect)


ACTIONS: dict[str, ActionKind] = {
    "call_webhook": ActionKind(
        model=CallWebhook, check=_is_address, apply=_call, carry_out=_call_out, address="url"
    ),
}
