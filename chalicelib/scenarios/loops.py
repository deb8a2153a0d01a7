"""What goes round: rules and scenarios each of which may wake the next, without any wait. Pure.

It always ends (in a reaction each rule runs once and facts are fed back eight deep; entering a scenario anew
has a brake); a circle is still worth a warning, because its author probably did not mean it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages.actions import parts
from chalicelib.scenarios import graph
from chalicelib.segments.matching import Test, compile_match

Name = tuple[str, str]
"""Kind and id: of a rule, or of a scenario."""
Body = Mapping[str, Any]


@dataclass
class _Doing:
    """What running a rule or entering a scenario does at once: facts, and scenarios entered."""

    facts: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    enters: set[str] = field(default_factory=set)

    def add(self, then: Iterable[Body]) -> None:
        for action in then:
            self.facts += produced(action)
            name, value = parts(action)
            if name == "enter_scenario":
                self.enters.add(value)

    def and_also(self, other: _Doing) -> _Doing:
        """What either of both does."""
        return _Doing(self.facts + other.facts, self.enters | other.enters)


@dataclass(frozen=True)
class _Found:
    """Who wakes whom, and a circle of every group in which everybody wakes everybody in the end.

    ``drafted``: whom scenarios wake as drafted alone, where they are in force as well.
    """

    wakes: dict[Name, list[Name]]
    circles: list[list[Name]]
    groups: dict[Name, tuple[list[Name], list[Name]]]
    drafted: dict[Name, list[Name]]


def loops(snapshot: Snapshot) -> list[list[str]]:
    """A circle of every group of enabled rules and scenarios in which each may wake the next."""
    return sorted([_label(name) for name in circle] for circle in _found(snapshot).circles)


def warnings(snapshot: Snapshot, kind: str, id_: str) -> list[str]:
    """What to tell the author of a rule or a scenario's draft about the circle that it is part of."""
    name, found = (kind, id_), _found(snapshot)
    if name not in found.groups:
        return []
    group, circle = found.groups[name]
    first = found.drafted.get(name, found.wakes[name])
    if name not in circle or first != found.wakes[name]:
        circle = _circle(name, group, found.wakes, first)
    return [_told(circle)] if circle else []


def produced(action: Body) -> Iterator[tuple[str, dict[str, Any]]]:
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
    elif name == "exit_scenario":
        yield "scenario_exited", {"scenario": value}


def _told(circle: list[Name]) -> str:
    way = " -> ".join(_label(name) for name in [*circle, circle[0]])
    if all(kind == "rules" for kind, _ in circle):
        return f"may wake itself again: {way}"
    return f"may go round without any wait, until entering is refused as too_often: {way}"


def _label(name: Name) -> str:
    return name[1] if name[0] == "rules" else f"scenario {name[1]}"


def _found(snapshot: Snapshot) -> _Found:
    """Looked for once per revision: a bundle asks for every rule and scenario in it."""
    return snapshot.derived("scenarios.loops", _find)


def _find(snapshot: Snapshot) -> _Found:
    wakes, drafted = _wakes(snapshot)
    groups = _groups(wakes)
    circles = [_circle(min(group), group, wakes) for group in groups]
    of = {name: (group, circle) for group, circle in zip(groups, circles, strict=True) for name in group}
    return _Found(wakes, circles, of, drafted)


def _wakes(snapshot: Snapshot) -> tuple[dict[Name, list[Name]], dict[Name, list[Name]]]:
    """Who may wake whom at once: scenarios as published and as drafted; and those that are published, as
    drafted alone.
    """
    rules = {name: d.body for name, d in snapshot.all("rules").items() if d.body.get("enabled", True)}
    waiting: dict[str, list[tuple[Name, dict[str, Test]]]] = defaultdict(list)
    for name, body in rules.items():
        tests = compile_match(body["when"].get("match") or {})
        waiting[body["when"]["event"]].append((("rules", name), {test.path: test for test in tests}))
    doing: dict[Name, _Doing] = {}
    for name, body in rules.items():
        doing["rules", name] = _Doing()
        doing["rules", name].add(body.get("then") or ())
    drafts: dict[Name, _Doing] = {}
    for id_, document in snapshot.all("scenarios").items():
        done, published = _entering(id_, document.body), snapshot.find("published", id_)
        if published is not None:
            drafts["scenarios", id_] = done
            done = done.and_also(_entering(id_, published.body["definition"]))
        if done.facts:
            doing["scenarios", id_] = done

    def woken(one: _Doing) -> list[Name]:
        found = {other for kind, props in one.facts for other in _woken(waiting[kind], props)}
        return sorted(found | {("scenarios", other) for other in one.enters} & doing.keys())

    return {name: woken(one) for name, one in doing.items()}, {n: woken(one) for n, one in drafts.items()}


def _entering(scenario: str, body: Body) -> _Doing:
    """What entering a scenario does before it first waits, if a friend may enter it more than once: others
    end every circle.
    """
    done = _Doing()
    if (body.get("entry") or {}).get("re_entry", "never") != "never":
        done.facts.append(("scenario_entered", {"scenario": scenario}))
        reached, ends = graph.at_once(body)
        reasons = {"goal"} if body.get("goals") else set()
        for name in sorted(reached):
            node = body["nodes"][name]
            if node["type"] == "action":
                done.add(node["then"])
            elif node["type"] == "exit":
                reasons.add(node.get("reason") or "exit")
            elif node.get("until"):
                reasons.add("no_date")
        done.facts += [
            ("scenario_exited", {"scenario": scenario, "reason": reason}) for reason in sorted(reasons)
        ]
        if ends:
            done.facts.append(("scenario_finished", {"scenario": scenario}))
    return done


def _woken(waiting: Iterable[tuple[Name, Mapping[str, Test]]], props: Body) -> Iterator[Name]:
    """The rules whose match a fact with these properties may satisfy."""
    for name, tests in waiting:
        if all(tests[path].failure(props) is None for path in tests if path in props):
            yield name


def _groups(wakes: Mapping[Name, list[Name]]) -> list[list[Name]]:
    return [
        component
        for component in _components(wakes)
        if len(component) > 1 or component[0] in wakes[component[0]]
    ]


def _circle(
    start: Name,
    members: Iterable[Name],
    wakes: Mapping[Name, list[Name]],
    first: list[Name] | None = None,
) -> list[Name]:
    """A shortest way from a member of a group back to itself; empty when there is none.

    ``first``: whom the member wakes here, if it is not what ``wakes`` says.
    """
    inside = set(members)
    queue, came_from = deque([start]), dict[Name, Name]()
    while queue:
        here = queue.popleft()
        for other in first if first is not None and here == start else wakes[here]:
            if other == start:
                path = [here]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return path[::-1]
            if other in inside and other not in came_from:
                came_from[other] = here
                queue.append(other)
    return []


def _components(wakes: Mapping[Name, list[Name]]) -> list[list[Name]]:
    """Strongly connected components (Tarjan), without recursion."""
    index: dict[Name, int] = {}
    low: dict[Name, int] = {}
    stack: list[Name] = []
    on_stack: set[Name] = set()
    found: list[list[Name]] = []
    for root in wakes:
        if root in index:
            continue
        work = [(root, iter(wakes[root]))]
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
                    component: list[Name] = []
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
                work.append((step, iter(wakes[step])))
    return found
