"""The types of nodes that a scenario is made of, as values: where they lead, and how long friends stay. Pure.

A friend's turn at each of them is in ``decide``; what authors may write is in ``scenarios/nodes.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.actions import kinds as actions
from chalicelib.enrollments.model import ACTION_RETRY
from chalicelib.enrollments.nodes import schedule
from chalicelib.shared.times import parse_duration

Node = Mapping[str, Any]
Way = tuple[str, str | None, str]
"""A way out of a node: the path below it, the node where it leads (None: the end), and its label."""


def _at_once(_node: Node, _sheet: Mapping[str, Any], entered: datetime, _zone: ZoneInfo) -> datetime:
    return entered


def _never(_node: Node) -> bool:
    return False


def _always(_node: Node, _way: str) -> bool:
    return True


def _own_type(node: Node) -> str:
    return str(node["type"])


@dataclass(frozen=True)
class NodeKind:
    """What a type of node is. ``ways``: every way out. ``subject``: what a picture of the graph says of it.

    ``due_at``: when a friend who entered it then is to go on. ``slows``: it surely takes time. ``is_quick``:
    whether that way of it may be gone without any time. ``way_on``: the way when what it waits for has come.
    ``awaits_event``: it waits for what the friend does. ``acts``: the reaction carries out its actions.
    ``sends``: it sends its ``message``. ``waits``: it is there to be waited at. ``forks``: friends go
    different ways from it, ``by_chance`` or by what they are. ``ends``: a run ends there.
    """

    ways: Callable[[Node], Iterable[Way]]
    subject: Callable[[Node], str] = _own_type
    due_at: Callable[[Node, Mapping[str, Any], datetime, ZoneInfo], datetime] = _at_once
    slows: Callable[[Node], bool] = _never
    is_quick: Callable[[Node, str], bool] = _always
    way_on: str = "next"
    awaits_event: bool = False
    acts: bool = False
    sends: bool = False
    waits: bool = False
    forks: bool = False
    by_chance: bool = False
    ends: bool = False


def kind_of(node: Node) -> NodeKind:
    """The type of a node."""
    return NODES[node["type"]]


GONE = NodeKind(lambda _node: ())
"""What a node is that the definition no longer has."""


def arm(node: Node, seed: str) -> tuple[int, str | None]:
    """The number of the arm to which a seed leads, and its node; by weight, and always the same."""
    point = int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) / 2**32
    point *= sum(one["weight"] for one in node["arms"])
    for number, one in enumerate(node["arms"], 1):  # noqa: B007 (the last one it came to)
        point -= one["weight"]
        if point < 0:
            break
    return number, one.get("next")


def sent_by(node: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The messages and forms (kind and id) that an action node sends to the friend."""
    for name, value in map(actions.parts, node["then"] if kind_of(node).acts else ()):
        if actions.kind_of(name).outgoing in {"reply", "push"}:
            yield from ((found.kind, found.id) for found in actions.kind_of(name).references(value, ""))


def _nowhere(_node: Node) -> Iterable[Way]:
    return ()


def _on(node: Node) -> Iterator[Way]:
    yield "next", node.get("next"), ""


def _on_or_past(node: Node) -> Iterator[Way]:
    yield from _on(node)
    if node.get("on_past"):
        yield "on_past", node["on_past"], "past"


def _on_or_timeout(node: Node) -> Iterator[Way]:
    yield from _on(node)
    yield "on_timeout", node.get("on_timeout"), "timeout"


def _cases(node: Node) -> Iterator[Way]:
    for index, case in enumerate(node["cases"]):
        yield f"cases[{index}].next", case.get("next"), f"case {index + 1}"
    yield "else", node.get("else"), "else"


def _arms(node: Node) -> Iterator[Way]:
    for index, arm in enumerate(node["arms"]):
        yield f"arms[{index}].next", arm.get("next"), str(arm["weight"])


def _wait(node: Node) -> str:
    if node.get("after"):
        return f"wait {node['after']}"
    if node.get("at"):
        return f"wait for day {node['at']['day']} at {node['at']['time']}"
    return "wait until a date"


def _wait_ends(node: Node, sheet: Mapping[str, Any], entered: datetime, zone: ZoneInfo) -> datetime:
    if node.get("until"):
        return schedule.until(node["until"], sheet, zone, entered) or entered
    return schedule.ends_at(node, entered, zone)


def _wait_slows(node: Node) -> bool:
    """A wait of some length, or until another day."""
    if node.get("after"):
        return bool(parse_duration(node["after"]))
    return bool(node.get("at")) and node["at"]["day"] >= 1


def _times_out(node: Node, _sheet: Mapping[str, Any], entered: datetime, _zone: ZoneInfo) -> datetime:
    return entered + parse_duration(node["timeout"])


def _comes_at_once(node: Node, way: str) -> bool:
    """It is passed by a fact of scenarios, which comes at once, but by nothing that the friend does."""
    if way == "on_timeout":
        return not parse_duration(node["timeout"])
    return bool(node["event"].startswith("scenario_"))


def _asked_again(_node: Node, _sheet: Mapping[str, Any], entered: datetime, _zone: ZoneInfo) -> datetime:
    return entered + ACTION_RETRY


NODES: dict[str, NodeKind] = {
    "message": NodeKind(_on, lambda node: f"send {node['message']}", sends=True),
    "wait": NodeKind(_on_or_past, _wait, _wait_ends, slows=_wait_slows, waits=True),
    "wait_for": NodeKind(
        _on_or_timeout,
        lambda node: f"wait for {node['event']}, at most {node['timeout']}",
        _times_out,
        is_quick=_comes_at_once,
        way_on="answered",
        awaits_event=True,
        waits=True,
    ),
    "branch": NodeKind(_cases, forks=True),
    "split": NodeKind(_arms, forks=True, by_chance=True),
    "action": NodeKind(_on, due_at=_asked_again, acts=True),
    "exit": NodeKind(_nowhere, ends=True),
}
