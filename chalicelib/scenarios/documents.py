"""The documents this room owns: scenarios (drafts) and ``published`` (what friends follow)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages import actions
from chalicelib.scenarios import graph, loops
from chalicelib.segments import conditions, matching
from chalicelib.segments.behaviour import NOT_MADE
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Clock, Duration, Id, LongName, Weekday

MAX_NODES = 500


Next = Id | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Late(_Strict):
    """What to do when a message's turn comes more than ``max`` after the moment it was due."""

    max: Duration
    then: Literal["skip", "send", "exit"] = "send"


class MessageNode(_Strict):
    """Sends a message."""

    type: Literal["message"]
    message: Id
    next: Next = None
    late: Late | None = None


class LocalTime(_Strict):
    """A time of day in the account's zone, ``day`` days after the local date of entering the node."""

    day: int = Field(ge=0, le=3650)
    time: Clock
    weekdays: list[Weekday] | None = Field(default=None, min_length=1, max_length=7)


class Until(_Strict):
    """A moment relative to a date of the friend's, or to an event."""

    attribute: Id | None = None
    event: str | None = Field(default=None, max_length=100)
    offset: Annotated[str, Field(pattern=r"^[+-]?[0-9]{1,6}[smhdw]$")] = "0s"
    time: Clock | None = None

    @model_validator(mode="after")
    def _one_anchor(self) -> Until:
        if (self.attribute is None) == (self.event is None):
            raise ValueError("give exactly one of attribute and event")
        return self


class WaitNode(_Strict):
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
            raise ValueError("a wait has exactly one of after, at, until")
        if self.on_past is not None and self.until is None:
            raise ValueError("on_past belongs to a wait until a date")
        return self


class Case(_Strict):
    """One way out of a branch."""

    if_: dict[str, Any] = Field(alias="if")
    next: Next = None


class BranchNode(_Strict):
    """Goes the way of the first case whose condition holds."""

    type: Literal["branch"]
    cases: list[Case] = Field(min_length=1, max_length=50)
    else_: Next = Field(default=None, alias="else")


class WaitForNode(_Strict):
    """Waits for something the friend does."""

    type: Literal["wait_for"]
    event: str = Field(min_length=1, max_length=100)
    match: dict[str, Any] | None = None
    timeout: Duration
    next: Next = None
    on_timeout: Next = None


class Arm(_Strict):
    """One way out of a split."""

    weight: int = Field(ge=1, le=1_000_000)
    next: Next = None


class SplitNode(_Strict):
    """Goes a random way, always the same for one friend in one run."""

    type: Literal["split"]
    arms: list[Arm] = Field(min_length=1, max_length=50)


class ActionNode(_Strict):
    """Has the engine carry out actions."""

    type: Literal["action"]
    then: actions.Actions = Field(min_length=1)
    next: Next = None


class ExitNode(_Strict):
    """Leaves the scenario."""

    type: Literal["exit"]
    reason: str | None = Field(default=None, max_length=100)


Node = Annotated[
    MessageNode | WaitNode | BranchNode | WaitForNode | SplitNode | ActionNode | ExitNode,
    Field(discriminator="type"),
]


class Entry(_Strict):
    """Who may enter again, and whether a block ends the scenario."""

    re_entry: Literal["never", "after_exit", "restart"] = "never"
    on_block: Literal["exit", "keep"] = "exit"


class Goal(_Strict):
    """Friends for whom this holds leave: what the scenario is for has happened."""

    if_: dict[str, Any] = Field(alias="if")


class Scenario(_Strict):
    """A graph of nodes. ``redirects`` says where friends go who wait at a node that is no longer there."""

    name: LongName
    entry: Entry = Entry()
    goals: list[Goal] = Field(default=[], max_length=50)
    start: Id
    nodes: dict[Id, Node] = Field(min_length=1, max_length=MAX_NODES)
    redirects: dict[Id, Next] = Field(default={}, max_length=MAX_NODES)


class Published(_Strict):
    """The definition that friends follow; ``version`` counts the publications of a scenario."""

    version: int
    definition: dict[str, Any]
    published_at: str
    paused: bool = False


def _conditions(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every condition of a definition, with its path."""
    for index, goal in enumerate(body.get("goals") or []):
        yield f"goals[{index}].if", goal["if"]
    for name, node in body["nodes"].items():
        for index, case in enumerate(node.get("cases") or []):
            yield f"nodes.{name}.cases[{index}].if", case["if"]


def shape(body: dict[str, Any]) -> Iterable[Detail]:
    """What is wrong with the shape of conditions and matches."""
    for path, condition in _conditions(body):
        yield from conditions.shape(condition, path)
    for name, node in body["nodes"].items():
        try:
            matching.compile_match(node.get("match") or {})
        except matching.BadMatch as error:
            yield Detail(f"nodes.{name}.match.{error.path}", error.message)


def references(body: dict[str, Any]) -> Iterable[Reference]:
    """Messages, and whatever conditions and actions name."""
    for path, condition in _conditions(body):
        yield from conditions.references(condition, path)
    for name, node in body["nodes"].items():
        if node["type"] == "message":
            yield Reference(f"nodes.{name}.message", "messages", node["message"])
        if node["type"] == "action":
            yield from actions.references(node["then"], f"nodes.{name}.then")
        if (node.get("until") or {}).get("attribute"):
            yield Reference(f"nodes.{name}.until.attribute", "attributes", node["until"]["attribute"])


def check(_id: str, body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    """What cannot work: conditions, actions, dates that are none, the graph."""
    for path, condition in _conditions(body):
        yield from conditions.logic(condition, snapshot, path)
    for name, node in body["nodes"].items():
        yield from _node_faults(node, snapshot, f"nodes.{name}")
    yield from graph.faults(body)


def _node_faults(node: dict[str, Any], snapshot: Snapshot, path: str) -> Iterator[Detail]:
    if node["type"] == "action":
        yield from actions.check(node["then"], snapshot, f"{path}.then")
        for index, action in enumerate(node["then"]):
            if "reply" in action:
                yield Detail(f"{path}.then[{index}].reply", "there is no reply token here; use send")
    until = node.get("until") or {}
    if until.get("attribute"):
        attribute = snapshot.find("attributes", until["attribute"])
        if attribute is not None and attribute.body["type"] != "date":
            yield Detail(f"{path}.until.attribute", f"{until['attribute']} is not a date")


def warn(id_: str, snapshot: Snapshot) -> Iterable[str]:
    """What probably was not meant: events that never come, circles that no wait slows down."""
    for name, node in snapshot.get("scenarios", id_).body["nodes"].items():
        if node["type"] == "wait_for" and node["event"] in NOT_MADE:
            made = f"nothing makes {node['event']} in this version; the timeout always passes"
            yield f"nodes.{name}.event: {made}"
    yield from loops.warnings(snapshot, "scenarios", id_)


def _published_references(body: dict[str, Any]) -> Iterable[Reference]:
    return references(body["definition"])


KINDS: dict[str, DocumentKind] = {
    "scenarios": DocumentKind(
        "scenarios", Scenario, shape=shape, references=references, check=check, warn=warn
    ),
    "published": DocumentKind("published", Published, references=_published_references),
}
