"""What can be known about a scenario's graph without running it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.enrollments.nodes import Way, kind_of
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean

Body = Mapping[str, Any]


def ways_out(node: Body) -> Iterable[Way]:
    """Every way out of a node: (path below the node, target or None for the end, label)."""
    return kind_of(node).ways(node)


def faults(body: Body) -> Iterator[Detail]:
    """Names of nodes that do not exist, and circles that nothing slows down."""
    nodes = body["nodes"]
    if body["start"] not in nodes:
        yield Detail("start", _no_node(body["start"], nodes))
    unknown = False
    for name, node in nodes.items():
        for path, target, _ in ways_out(node):
            if target is not None and target not in nodes:
                unknown = True
                yield Detail(f"nodes.{name}.{path}", _no_node(target, nodes))
    for old, new in (body.get("redirects") or {}).items():
        if new is not None and new not in nodes:
            yield Detail(f"redirects.{old}", _no_node(new, nodes))
    if not unknown:
        for name in circles(body):
            yield Detail(f"nodes.{name}", Reason("circle_without_wait"))


def _no_node(name: str, nodes: Body) -> Reason:
    return did_you_mean(Reason("no_node", node=name), name, nodes)


def unreachable(body: Body) -> list[str]:
    """Nodes to which no way leads from the start or a redirect."""
    nodes, seen = body["nodes"], set()
    todo = [body["start"], *(new for new in (body.get("redirects") or {}).values() if new)]
    while todo:
        name = todo.pop()
        if name in nodes and name not in seen:
            seen.add(name)
            todo += [target for _, target, _ in ways_out(nodes[name]) if target]
    return sorted(nodes.keys() - seen)


def reached_from(body: Body, start: str | None) -> set[str]:
    """The nodes to which a way leads from a node; the node itself only if it is on a circle."""
    nodes, seen = body["nodes"], set[str]()
    todo = [start] if start else []
    while todo:
        for _, target, _ in ways_out(nodes.get(todo.pop()) or {"type": "exit"}):
            if target and target not in seen:
                seen.add(target)
                todo.append(target)
    return seen


def at_once(body: Body) -> tuple[set[str], bool]:
    """The nodes that a friend may reach from entering on without any wait, and whether the end is reached so.

    A ``wait_for`` is passed by what comes at once: a fact of scenarios, but nothing that the friend does.
    """
    nodes, reached, ends = body["nodes"], set[str](), False
    todo: list[str | None] = [body["start"]]
    while todo:
        name = todo.pop()
        if name is None:
            ends = True
        elif name in nodes and name not in reached:
            reached.add(name)
            if not slows(nodes[name]):
                todo += [
                    target
                    for path, target, _ in ways_out(nodes[name])
                    if kind_of(nodes[name]).is_quick(nodes[name], path)
                ]
    return reached, ends


def slows(node: Body) -> bool:
    """Whether a node surely takes time."""
    return kind_of(node).slows(node)


def circles(body: Body) -> list[str]:
    """One node of each circle whose nodes take no time (visited without recursion)."""
    nodes = body["nodes"]
    quick = {
        name: [target for _, target, _ in ways_out(node) if target and not slows(nodes[target])]
        for name, node in nodes.items()
        if not slows(node)
    }
    done: set[str] = set()
    found: list[str] = []
    for root, first in quick.items():
        stack, on_path = [(root, iter(first))] if root not in done else [], {root}
        while stack:
            name, targets = stack[-1]
            target = next(targets, None)
            if target is None:
                stack.pop()
                on_path.discard(name)
                done.add(name)
            elif target in on_path:
                found.append(target)
            elif target not in done:
                on_path.add(target)
                stack.append((target, iter(quick[target])))
    return sorted(set(found))


def diagram(body: Body, waiting: Mapping[str, int] | None = None) -> str:
    """The graph as Mermaid text; ``waiting`` adds how many friends are at each node."""
    per = (body.get("entry") or {}).get("per")
    begin = f'["{_plain(f"once for each {per}")}"]' if per else "([start])"
    lines = ["flowchart TD", f"  start{begin} --> {_name(body['start'])}"]
    for name, node in body["nodes"].items():
        count = (waiting or {}).get(name)
        label = f"{node.get('name') or name}: {kind_of(node).subject(node)}" + (
            f" ({count})" if count else ""
        )
        lines.append(f'  {_name(name)}["{_plain(label)}"]')
        for _, target, edge in ways_out(node):
            arrow = f"-->|{_plain(edge)}|" if edge else "-->"
            lines.append(f"  {_name(name)} {arrow} {_name(target) if target else 'finished([finished])'}")
    return "\n".join(lines) + "\n"


def _name(node: str) -> str:
    # Mermaid reads some words ("end") and hyphens as its own.
    return "n_" + node.replace("-", "_d_")


def _plain(text: str) -> str:
    return text.replace('"', "'").replace("|", "/")
