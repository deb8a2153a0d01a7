"""Rule sets that may go round: which rules cause events that wake each other. Pure.

A reaction always ends (each rule runs once per event, facts are fed back eight deep); a circle is still
worth a warning, because its author probably did not mean it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages.actions import parts
from chalicelib.segments.matching import compile_match


def loops(snapshot: Snapshot) -> list[list[str]]:
    """Every group of enabled rules in which each may wake the next, in order, back to the first."""
    return snapshot.derived("engine.loops", _loops)


def warnings(snapshot: Snapshot, rule: str) -> list[str]:
    """What to tell the author of a rule about circles that it is part of."""
    return [
        "may wake itself again: " + " -> ".join([*circle, circle[0]])
        for circle in loops(snapshot)
        if rule in circle
    ]


def produced(action: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The facts that an action may produce: type and the properties that are certain."""
    name, value = parts(action)
    if name == "add_tag":
        yield "tag_added", {"tag": value}
    elif name == "remove_tag":
        yield "tag_removed", {"tag": value}
    elif name in {"add_score", "set_score"}:
        yield "score_changed", {"score": value["score"]}
        yield "score_crossed", {"score": value["score"]}
    elif name == "set_attribute":
        yield "attribute_set", {"attribute": value["attribute"]}
    elif name == "record_event":
        yield f"custom:{value['name']}", {}
    elif name in {"enter_scenario", "exit_scenario"}:
        for what in ("entered", "finished", "exited"):
            yield f"scenario_{what}", {"scenario": value}


def _loops(snapshot: Snapshot) -> list[list[str]]:
    rules = {name: d.body for name, d in snapshot.all("rules").items() if d.body.get("enabled", True)}
    wakes = {name: sorted(_woken(body, rules)) for name, body in rules.items()}
    return sorted(
        _circle(sorted(component), wakes)
        for component in _components(wakes)
        if len(component) > 1 or component[0] in wakes[component[0]]
    )


def _woken(body: Mapping[str, Any], rules: Mapping[str, Mapping[str, Any]]) -> set[str]:
    facts = [fact for action in body.get("then") or () for fact in produced(action)]
    return {
        name
        for name, other in rules.items()
        if any(_may_wake(other["when"], kind, props) for kind, props in facts)
    }


def _may_wake(when: Mapping[str, Any], kind: str, props: Mapping[str, Any]) -> bool:
    if when["event"] != kind:
        return False
    tests = compile_match({path: test for path, test in (when.get("match") or {}).items() if path in props})
    return all(test.failure(props) is None for test in tests)


def _circle(members: list[str], wakes: Mapping[str, list[str]]) -> list[str]:
    """A shortest way from the first member back to itself."""
    start, inside = members[0], set(members)
    queue, came_from = [start], dict[str, str]()
    while queue:
        here = queue.pop(0)
        for other in wakes[here]:
            if other == start:
                path = [here]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if other in inside and other not in came_from:
                came_from[other] = here
                queue.append(other)
    raise AssertionError("a strongly connected component has a circle through each member")


def _components(graph: Mapping[str, list[str]]) -> list[list[str]]:
    """Strongly connected components (Tarjan), without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[list[str]] = []
    for root in graph:
        if root in index:
            continue
        work = [(root, iter(graph[root]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, others = work[-1]
            step = next((other for other in others if other not in index or other in on_stack), None)
            if step is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[str] = []
                    while not component or component[-1] != node:
                        component.append(stack.pop())
                        on_stack.discard(component[-1])
                    found.append(component)
            elif step in index:
                low[node] = min(low[node], index[step])
            else:
                index[step] = low[step] = len(index)
                stack.append(step)
                on_stack.add(step)
                work.append((step, iter(graph[step])))
    return found
