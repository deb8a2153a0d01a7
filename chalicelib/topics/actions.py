"""What actions do with topics: switch one off for a friend, or on again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.actions.kinds import ActionKind, Apply, Produced, named
from chalicelib.actions.model import ActionContext, Decision, Effect
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.fields import Id


def _switch(*, out: bool) -> Apply:
    def apply(decision: Decision, effect: Effect, topic: Any, context: ActionContext) -> list[Fact]:
        from chalicelib.sheets import changes

        return changes.set_topic(decision, effect["action"], topic, context, out=out)

    return apply


def _produces(event: str) -> Callable[[str, Snapshot], Iterable[Produced]]:
    return lambda topic, _snapshot: [(event, {"topic": topic})]


ACTIONS: dict[str, ActionKind] = {
    "opt_out": ActionKind(
        model=Id,
        references=named("topics"),
        apply=_switch(out=True),
        at_once=_produces("opted_out"),
        changes_facts_alone=True,
    ),
    "opt_in": ActionKind(
        model=Id,
        references=named("topics"),
        apply=_switch(out=False),
        at_once=_produces("opted_in"),
        changes_facts_alone=True,
    ),
}
