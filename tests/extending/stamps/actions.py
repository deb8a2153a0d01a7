"""What rules, forms and scenarios do with stamp cards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from chalicelib.actions.kinds import ActionKind, Produced, named
from chalicelib.actions.model import ActionContext, Decision, Effect
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.fields import Id
from tests.extending.stamps.model import StampedSheet


def _give(decision: Decision, _effect: Effect, card: str, context: ActionContext) -> list[Fact]:
    context.definition("stamp-cards", card)
    stamps = cast("StampedSheet", decision.after).setdefault("stamps", {})
    stamps[card] = stamps.get(card, 0) + 1
    return [("stamp_given", card, {"card": card, "stamps": stamps[card]})]


def _given(card: str, _snapshot: Snapshot) -> Iterable[Produced]:
    yield "stamp_given", {"card": card}


ACTIONS: dict[str, ActionKind] = {
    "give_stamp": ActionKind(
        model=Id,
        references=named("stamp-cards"),
        apply=_give,
        at_once=_given,
        changes_facts_alone=True,
    ),
}
