"""What actions do with rich menus: switch a friend to one, for a time or for good, and back to the rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.actions.kinds import ActionKind
from chalicelib.actions.model import ActionContext, CannotRun, Decision, Done, Effect
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id, PositiveDuration, Timestamp
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_duration, parse_iso


class Switch(BaseModel):
    """To a menu, for good or to an end (``for`` so long from now, ``until`` a moment); or back to what the
    rules say.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    menu: Id | None = None
    by_rules: Literal[True] | None = None
    for_: PositiveDuration | None = Field(default=None, alias="for")
    until: Timestamp | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Switch:
        if (self.menu is None) is (self.by_rules is None):
            raise ValueError(Reason("menu_or_by_rules"))
        ends = [end for end in (self.for_, self.until) if end is not None]
        if len(ends) > 1 or (ends and self.menu is None):
            raise ValueError(Reason("menu_one_end"))
        return self


def _references(value: Any, path: str) -> Iterable[Reference]:
    if isinstance(value, str):
        yield Reference(path, "rich-menus", value)
    elif value.get("menu"):
        yield Reference(f"{path}.menu", "rich-menus", value["menu"])


def _can_be_shown(value: Any, snapshot: Snapshot, path: str) -> Iterable[Detail]:
    for reference in _references(value, path):
        document = snapshot.find("rich-menus", reference.id)
        if document is not None and not (document.body.get("rich_menu_id") or document.body.get("rich_menu")):
            yield Detail(reference.path, Reason("menu_unmade", menu=reference.id))


def _switch(decision: Decision, effect: Effect, value: Any, context: ActionContext) -> list[Fact]:
    from chalicelib.richmenus import shown

    wanted = {"menu": value} if isinstance(value, str) else value
    menu, until = wanted.get("menu"), _end(wanted, context)
    if (decision.after.get(shown.FIELD) or {"at": ""})["at"] > context.event.at:
        why = Reason("overtaken").kept()
        decision.effects.append(effect | {"menu": menu, "status": "skipped", "why": why})
        return []
    if menu is None:
        decision.after.pop(shown.FIELD, None)
    else:
        context.definition("rich-menus", menu)
        if menu not in shown.in_force(context.snapshot, context.zone).ids:
            raise CannotRun(Reason("menu_unpublished", menu=menu))
        switch = {"id": menu, "at": context.event.at} | ({"until": until} if until else {})
        decision.after[shown.FIELD] = switch
    effect = effect | {"menu": menu, "status": "pending"} | ({"until": until} if until else {})
    if decision.after.get("status") == "blocked":
        effect |= {"status": "skipped", "why": "blocked"}
    decision.effects.append(effect)
    return []


def _end(wanted: Any, context: ActionContext) -> str | None:
    if wanted.get("for"):
        return iso(context.now + parse_duration(wanted["for"]))
    return iso(parse_iso(wanted["until"])) if wanted.get("until") else None


def _link(context: Any, effect: Effect) -> Done:
    """Link the friend to the menu of their sheet, which an end brings back; again changes nothing."""
    from chalicelib.richmenus import following

    if effect.get("until"):
        following.arm_end(context.account.id, context.event.user_id, effect["until"])
    sheet, snapshot = context.sheet, context.program.snapshot
    return following.follow(context.account, context.event.user_id, sheet, snapshot)


ACTIONS: dict[str, ActionKind] = {
    "switch_rich_menu": ActionKind(
        model=Id | Switch, references=_references, check=_can_be_shown, apply=_switch, carry_out=_link
    ),
    "follow_rich_menu": ActionKind(carry_out=_link),
}
