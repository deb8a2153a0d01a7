"""The documents this room owns: scenarios (drafts) and ``published`` (what friends follow)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.events import matching
from chalicelib.scenarios import graph, loops, starters
from chalicelib.scenarios.nodes import AUTHORED, Late, Next, Node
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id, LongName, Name, Strict
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit_name

MAX_NODES = 500


def _property(name: str | None) -> str | None:
    why = unfit_name(name) if name is not None else None
    if name in _NOT_PER:
        why = Reason("per_is_ours", name=name)
    if why:
        raise ValueError(why)
    return name


_NOT_PER = frozenset({"scenario", "value", "run", "v", "node", "then", "cause", "nodes", "reason"})
"""What the facts about a run say of it besides its value."""


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
        yield from AUTHORED[node["type"]].references(node, f"nodes.{name}")


def check(_id: str, body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    """What cannot work: conditions, actions, dates that are none, the graph."""
    for path, condition in _conditions(body):
        yield from language.logic(condition, snapshot, path)
    for name, node in body["nodes"].items():
        yield from AUTHORED[node["type"]].faults(node, snapshot, f"nodes.{name}")
    yield from graph.faults(body)


def warn(id_: str, snapshot: Snapshot) -> Iterable[Detail]:
    """What probably was not meant: events that never come, circles that no wait slows down."""
    for name, node in snapshot.get("scenarios", id_).body["nodes"].items():
        yield from AUTHORED[node["type"]].warnings(node, snapshot, f"nodes.{name}")
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
