"""The documents this room owns: scenarios (drafts) and ``published`` (what friends follow)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from chalicelib.actions.kinds import kind_of, parts
from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import behaviour_leaves, language, triggers
from chalicelib.events import matching
from chalicelib.events.kinds import type_of
from chalicelib.messages import vocabulary
from chalicelib.scenarios import graph, loops, starters
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Clock, Duration, Id, LongName, Name, Strict, Weekday
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit_name

MAX_NODES = 500


Next = Id | None


def _property(name: str | None) -> str | None:
    why = unfit_name(name) if name is not None else None
    if name in _NOT_PER:
        why = Reason("per_is_ours", name=name)
    if why:
        raise ValueError(why)
    return name


_NOT_PER = frozenset({"scenario", "value", "run", "v", "node", "then", "cause", "nodes", "reason"})
"""What the facts about a run say of it besides its value."""


class Late(Strict):
    """What to do when a message's turn comes more than ``max`` after the moment it was due."""

    max: Duration
    then: Literal["skip", "send", "exit"] = "send"


class _Node(Strict):
    """``name``: what staff call it; it means nothing to friends who stand there."""

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


class Entry(Strict):
    """Who may enter again, and whether a block ends the scenario. ``per``: a property of the events that
    enter friends; each of its values is a run of its own.
    """

    per: Annotated[str | None, Field(min_length=1, max_length=64), AfterValidator(_property)] = None
    re_entry: Literal["never", "after_exit", "restart"] = "never"
    on_block: Literal["exit", "keep"] = "exit"


class Goal(Strict):
    """Friends for whom this holds leave: what the scenario is for has happened."""

    if_: dict[str, Any] = Field(alias="if")


class Scenario(Strict):
    """A graph of nodes. ``redirects`` says where friends go who wait at a node that is no longer there;
    ``late`` is every message's that has none of its own; ``folder`` is where staff keep it.
    """

    name: LongName
    folder: Name | None = None
    entry: Entry = Entry()
    late: Late | None = None
    goals: list[Goal] = Field(default=[], max_length=50)
    start: Id
    nodes: dict[Id, Node] = Field(min_length=1, max_length=MAX_NODES)
    redirects: dict[Id, Next] = Field(default={}, max_length=MAX_NODES)


class Published(Strict):
    """The definition that friends follow; ``version`` counts the publications of a scenario."""

    version: int
    definition: dict[str, Any]
    published_at: str
    paused: bool = False
    status_reason: str | None = None


class State(BaseModel):
    """Whether friends follow what is drafted: ``published_version`` null, it was never published;
    ``unpublished_changes``, the draft is not what is in force. ``status_reason``: why it is paused.
    ``started_by``: the documents in force that enter friends.
    """

    draft_revision: int
    published_version: int | None
    unpublished_changes: bool
    paused: bool
    status_reason: str | None = None
    started_by: list[starters.Starter] = []


class Counts(BaseModel):
    """Friends in a scenario (of one that runs once for each value, the runs that sheets show); not ``exact``:
    so many that they are estimated.
    """

    active: int
    finished: int
    exited: int
    exact: bool


class Listed(BaseModel):
    """What a list says of each scenario besides."""

    counts: Counts


def listed(account: str, by: str) -> dict[str, dict[str, Any]]:
    """How many friends are in each scenario."""
    from chalicelib.accounts import service as accounts
    from chalicelib.catalog import service as catalog
    from chalicelib.enrollments import funnel

    found, job = funnel.of_every_scenario(accounts.get_account(account), by)
    states = ("active", "finished", "exited")
    return {
        name: {
            "counts": {state: int(found[name][state] if name in found else 0) for state in states}
            | {"exact": job is None}
        }
        for name in catalog.snapshot(account).all("scenarios")
    }


def state(id_: str, snapshot: Snapshot) -> dict[str, Any]:
    """What is in force of a scenario beside its draft."""
    draft, published = snapshot.get("scenarios", id_), snapshot.find("published", id_)
    return State(
        draft_revision=draft.revision,
        published_version=published.body["version"] if published else None,
        unpublished_changes=published is None
        or _followed(published.body["definition"]) != _followed(draft.body),
        paused=bool(published and published.body.get("paused")),
        status_reason=published.body.get("status_reason") if published else None,
        started_by=starters.of(id_, snapshot),
    ).model_dump()


def _followed(body: dict[str, Any]) -> dict[str, Any]:
    """Of a definition what friends follow: where staff keep it is nothing to them."""
    return {name: value for name, value in body.items() if name != "folder"}


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
        yield from language.shape(condition, path)
    for name, node in body["nodes"].items():
        try:
            matching.compile_match(node.get("match") or {})
        except matching.BadMatch as error:
            yield Detail(f"nodes.{name}.match.{error.path}", error.reason)


def references(body: dict[str, Any]) -> Iterable[Reference]:
    """Messages, and whatever conditions and actions name."""
    for path, condition in _conditions(body):
        yield from language.references(condition, path)
    for name, node in body["nodes"].items():
        if node["type"] == "message":
            yield Reference(f"nodes.{name}.message", "messages", node["message"])
        if node["type"] == "action":
            yield from vocabulary.references(node["then"], f"nodes.{name}.then")
        if node["type"] == "wait_for":
            yield from triggers.references(node["event"], node.get("match") or {}, f"nodes.{name}.match")
        until = node.get("until") or {}
        if until.get("attribute"):
            yield Reference(f"nodes.{name}.until.attribute", "attributes", until["attribute"])
        if until.get("event"):
            yield from behaviour_leaves.key_references(*_counted(until["event"]), f"nodes.{name}.until.event")


def check(_id: str, body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    """What cannot work: conditions, actions, dates that are none, the graph."""
    for path, condition in _conditions(body):
        yield from language.logic(condition, snapshot, path)
    for name, node in body["nodes"].items():
        yield from _node_faults(node, snapshot, f"nodes.{name}")
    yield from graph.faults(body)


def _counted(event: str) -> tuple[str, str | None]:
    """The type and the key of an event as it is counted: ``purchased``, ``link_clicked:spring``."""
    if event.startswith("custom:"):
        return event, None
    kind, _, key = event.partition(":")
    return kind, key or None


def _node_faults(node: dict[str, Any], snapshot: Snapshot, path: str) -> Iterator[Detail]:
    if node["type"] == "action":
        yield from vocabulary.check(node["then"], snapshot, f"{path}.then")
        for index, action in enumerate(node["then"]):
            name, _ = parts(action)
            if why := kind_of(name).why_not_in_scenarios:
                yield Detail(f"{path}.then[{index}].{name}", why)
    until = node.get("until") or {}
    named = {f"{path}.event": node.get("event") or "", f"{path}.until.event": until.get("event") or ""}
    for where, event in named.items():
        unknown = triggers.unknown_event(_counted(event)[0] if "until" in where else event) if event else None
        if unknown:
            yield Detail(where, unknown)
    if until.get("attribute"):
        attribute = snapshot.find("attributes", until["attribute"])
        if attribute is not None and attribute.body["type"] != "date":
            yield Detail(f"{path}.until.attribute", Reason("attribute_no_date", attribute=until["attribute"]))


def warn(id_: str, snapshot: Snapshot) -> Iterable[Detail]:
    """What probably was not meant: events that never come, circles that no wait slows down."""
    for name, node in snapshot.get("scenarios", id_).body["nodes"].items():
        if node["type"] == "wait_for" and type_of(node["event"]).made_by is None:
            yield Detail(f"nodes.{name}.event", Reason("never_made_wait", event=node["event"]))
        if node["type"] == "wait_for":
            yield from triggers.warnings(node["event"], node.get("match") or {}, snapshot, f"nodes.{name}")
        unrecorded = triggers.unrecorded((node.get("until") or {}).get("event") or "", snapshot)
        if unrecorded:
            yield Detail(f"nodes.{name}.until.event", unrecorded)
    yield from loops.warnings(snapshot, "scenarios", id_)


def _published_references(body: dict[str, Any]) -> Iterable[Reference]:
    return references(body["definition"])


DOCUMENTS: dict[str, DocumentKind] = {
    "scenarios": DocumentKind(
        "scenarios",
        Scenario,
        path_name="scenario",
        shape=shape,
        references=references,
        check=check,
        warn=warn,
        state_model=State,
        state=state,
        listed_model=Listed,
        listed=listed,
    ),
    "published": DocumentKind("published", Published, named_as="scenarios", references=_published_references),
}
