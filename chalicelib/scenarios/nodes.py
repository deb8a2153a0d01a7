"""What authors write of each type of node: its fields, what it names, what is wrong with it, and what a
change of it means for friends who wait there. Where it leads, and for how long, is in ``enrollments/nodes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from chalicelib.actions.kinds import kind_of, parts
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import behaviour_leaves, triggers
from chalicelib.events.kinds import type_of
from chalicelib.messages import vocabulary
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Clock, Duration, Id, Name, Strict, Weekday
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_duration

Next = Id | None
Body = Mapping[str, Any]


class Late(Strict):
    """What to do when a message's turn comes more than ``max`` after the moment it was due."""

    max: Duration
    then: Literal["skip", "send", "exit"] = "send"


class _Node(Strict):
    """``name``: what staff call it; it means nothing to friends who are there."""

    name: Name | None = None


class MessageNode(_Node):
    """Sends a message."""

    type: Literal["message"]
    message: Id
    next: Next = None
    late: Late | None = None


class LocalTime(Strict):
    """A time of day in the account's zone, ``day`` days after the local date of entering the node."""

    day: int = Field(ge=0, le=3650)
    time: Clock
    weekdays: list[Weekday] | None = Field(default=None, min_length=1, max_length=7)


class Until(Strict):
    """A moment relative to a date of the friend's, or to an event."""

    attribute: Id | None = None
    event: str | None = Field(default=None, max_length=100)
    offset: Annotated[str, Field(pattern=r"^[+-]?[0-9]{1,6}[smhdw]$")] = "0s"
    time: Clock | None = None

    @model_validator(mode="after")
    def _one_anchor(self) -> Until:
        if (self.attribute is None) == (self.event is None):
            raise ValueError(Reason("one_of_attribute_event"))
        return self


class WaitNode(_Node):
    """Waits for a while, or until a moment."""

    type: Literal["wait"]
    after: Duration | None = None
    at: LocalTime | None = None
    until: Until | None = None
    next: Next = None
    on_past: Next = None

    @model_validator(mode="after")
    def _one_of_them(self) -> WaitNode:
        if sum(given is not None for given in (self.after, self.at, self.until)) != 1:
            raise ValueError(Reason("wait_shape"))
        if self.on_past is not None and self.until is None:
            raise ValueError(Reason("on_past_belongs"))
        return self


class Case(Strict):
    """One way out of a branch."""

    if_: dict[str, Any] = Field(alias="if")
    next: Next = None


class BranchNode(_Node):
    """Goes the way of the first case whose condition holds."""

    type: Literal["branch"]
    cases: list[Case] = Field(min_length=1, max_length=50)
    else_: Next = Field(default=None, alias="else")


class WaitForNode(_Node):
    """Waits for something the friend does."""

    type: Literal["wait_for"]
    event: str = Field(min_length=1, max_length=100)
    match: dict[str, Any] | None = None
    timeout: Duration
    next: Next = None
    on_timeout: Next = None


class Arm(Strict):
    """One way out of a split."""

    weight: int = Field(ge=1, le=1_000_000)
    next: Next = None


class SplitNode(_Node):
    """Goes a random way, always the same for one friend in one run."""

    type: Literal["split"]
    arms: list[Arm] = Field(min_length=1, max_length=50)


class ActionNode(_Node):
    """Has the reaction carry out actions."""

    type: Literal["action"]
    then: vocabulary.Actions = Field(min_length=1)
    next: Next = None


class ExitNode(_Node):
    """Leaves the scenario."""

    type: Literal["exit"]
    reason: str | None = Field(default=None, max_length=100)


Node = Annotated[
    MessageNode | WaitNode | BranchNode | WaitForNode | SplitNode | ActionNode | ExitNode,
    Field(discriminator="type"),
]


def _no_references(_node: Body, _path: str) -> Iterable[Reference]:
    return ()


def _nothing_wrong(_node: Body, _snapshot: Snapshot, _path: str) -> Iterable[Detail]:
    return ()


def _no_rows(_old: Body, _new: Body) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Authored:
    """A type of node as it is written. ``faults``: why it cannot work; ``warnings``: what probably was not
    meant. ``changes``: the rows of the live-edit table that a change of it is (docs/scenarios.md).
    """

    model: type[_Node]
    references: Callable[[Body, str], Iterable[Reference]] = _no_references
    faults: Callable[[Body, Snapshot, str], Iterable[Detail]] = _nothing_wrong
    warnings: Callable[[Body, Snapshot, str], Iterable[Detail]] = _nothing_wrong
    changes: Callable[[Body, Body], Iterable[str]] = _no_rows


# message


def _message(node: Body, path: str) -> Iterator[Reference]:
    yield Reference(f"{path}.message", "messages", node["message"])


def _message_changes(old: Body, new: Body) -> Iterator[str]:
    if old["message"] != new["message"]:
        yield "held_other_message"
    if old.get("late") != new.get("late"):
        yield "held_late_added"


# wait


def _date(node: Body, path: str) -> Iterator[Reference]:
    until = node.get("until") or {}
    if until.get("attribute"):
        yield Reference(f"{path}.until.attribute", "attributes", until["attribute"])
    if until.get("event"):
        yield from behaviour_leaves.key_references(*_counted(until["event"]), f"{path}.until.event")


def _counted(event: str) -> tuple[str, str | None]:
    """The type and the key of an event as it is counted: ``purchased``, ``link_clicked:spring``."""
    if event.startswith("custom:"):
        return event, None
    kind, _, key = event.partition(":")
    return kind, key or None


def _no_date(node: Body, snapshot: Snapshot, path: str) -> Iterator[Detail]:
    until = node.get("until") or {}
    if until.get("event") and (unknown := triggers.unknown_event(_counted(until["event"])[0])):
        yield Detail(f"{path}.until.event", unknown)
    attribute = snapshot.find("attributes", until.get("attribute") or "")
    if attribute is not None and attribute.body["type"] != "date":
        yield Detail(f"{path}.until.attribute", Reason("attribute_no_date", attribute=attribute.id))


def _never_recorded(node: Body, snapshot: Snapshot, path: str) -> Iterator[Detail]:
    if unrecorded := triggers.unrecorded((node.get("until") or {}).get("event") or "", snapshot):
        yield Detail(f"{path}.until.event", unrecorded)


def _wait_changes(old: Body, new: Body) -> Iterator[str]:
    ends = [{name: node.get(name) for name in ("after", "at", "until")} for node in (old, new)]
    if ends[0] == ends[1]:
        return
    if old.get("until") or new.get("until"):
        yield "until_changed"
    elif old.get("after") and new.get("after"):
        yield _longer(old["after"], new["after"])
    else:
        yield "wait_until_a_time"


def _longer(old: str, new: str) -> str:
    return "longer" if parse_duration(new) >= parse_duration(old) else "shorter"


# wait_for


def _awaited(node: Body, path: str) -> Iterator[Reference]:
    yield from triggers.references(node["event"], node.get("match") or {}, f"{path}.match")


def _unknown_event(node: Body, _snapshot: Snapshot, path: str) -> Iterator[Detail]:
    if unknown := triggers.unknown_event(node["event"]):
        yield Detail(f"{path}.event", unknown)


def _never_comes(node: Body, snapshot: Snapshot, path: str) -> Iterator[Detail]:
    if type_of(node["event"]).made_by is None:
        yield Detail(f"{path}.event", Reason("never_made_wait", event=node["event"]))
    yield from triggers.warnings(node["event"], node.get("match") or {}, snapshot, path)


def _wait_for_changes(old: Body, new: Body) -> Iterator[str]:
    if (old["event"], old.get("match")) != (new["event"], new.get("match")):
        yield "event_changed"
    if old["timeout"] != new["timeout"]:
        yield _longer(old["timeout"], new["timeout"])


# action


def _actions(node: Body, path: str) -> Iterator[Reference]:
    yield from vocabulary.references(node["then"], f"{path}.then")


def _cannot_act(node: Body, snapshot: Snapshot, path: str) -> Iterator[Detail]:
    yield from vocabulary.check(node["then"], snapshot, f"{path}.then")
    for index, action in enumerate(node["then"]):
        name, _ = parts(action)
        if why := kind_of(name).why_not_in_scenarios:
            yield Detail(f"{path}.then[{index}].{name}", why)


AUTHORED: dict[str, Authored] = {
    "message": Authored(MessageNode, _message, changes=_message_changes),
    "wait": Authored(WaitNode, _date, _no_date, _never_recorded, _wait_changes),
    "wait_for": Authored(WaitForNode, _awaited, _unknown_event, _never_comes, _wait_for_changes),
    "branch": Authored(BranchNode),
    "split": Authored(SplitNode),
    "action": Authored(ActionNode, _actions, _cannot_act),
    "exit": Authored(ExitNode),
}
