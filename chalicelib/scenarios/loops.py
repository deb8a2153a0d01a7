"""What goes round by itself: rules, forms and scenarios each of which may wake the next. Pure.

Without any wait it always ends (in a reaction each rule runs once and facts are fed back eight deep; entering
a scenario anew has a brake); a circle is still worth a warning, because its author probably did not mean it.
Where a score that sinks by time is part of it, it goes on for ever, at the pace that due times have.

What the friend must do is part of no circle: clicks of links, answers and what the choices mean. So a form
counts as far as it may come to its end without a question.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from chalicelib.actions.kinds import Produced, at_once, begun, by_time
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.enrollments.nodes import kind_of
from chalicelib.events.matching import Test, compile_match, may_hold
from chalicelib.scenarios import graph
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason

Name = tuple[str, str]
"""Kind and id: of a rule, of a form, or of a scenario."""
Body = Mapping[str, Any]


@dataclass
class _Doing:
    """What running a rule, ending a form or entering a scenario does: facts at once, facts that follow by
    time alone, and scenarios entered.
    """

    facts: list[Produced] = field(default_factory=list)
    later: list[Produced] = field(default_factory=list)
    enters: set[str] = field(default_factory=set)

    def add(self, then: Iterable[Body], snapshot: Snapshot) -> None:
        for action in then:
            self.facts += at_once(action, snapshot)
            self.later += by_time(action, snapshot)
            self.enters |= begun("scenarios", [action])

    def and_also(self, other: _Doing) -> _Doing:
        """What either of both does."""
        return _Doing(self.facts + other.facts, self.later + other.later, self.enters | other.enters)


@dataclass(frozen=True)
class _Found:
    """Who wakes whom, and a circle of every group in which everybody wakes everybody in the end.

    ``drafted``: whom scenarios wake as drafted alone, where they are in force as well. ``slow``: who wakes
    whom only when a score has sunk.
    """

    wakes: dict[Name, list[Name]]
    circles: list[list[Name]]
    groups: dict[Name, tuple[list[Name], list[Name]]]
    drafted: dict[Name, list[Name]]
    slow: set[tuple[Name, Name]]


def loops(snapshot: Snapshot) -> list[list[str]]:
    """A circle of every group of enabled rules, forms and scenarios in which each may wake the next."""
    return sorted([_label(name) for name in circle] for circle in _found(snapshot).circles)


def warnings(snapshot: Snapshot, kind: str, id_: str) -> list[Detail]:
    """What the author of a rule, a form or a scenario's draft reads about the circle that it is part of."""
    name, found = (kind, id_), _found(snapshot)
    if name not in found.groups:
        return []
    group, circle = found.groups[name]
    first = found.drafted.get(name, found.wakes[name])
    if name not in circle or first != found.wakes[name]:
        circle = _circle(name, group, found.wakes, first)
    return [Detail("", _reported(circle, found.slow))] if circle else []


def _reported(circle: list[Name], slow: AbstractSet[tuple[Name, Name]]) -> Reason:
    way = " -> ".join(_label(name) for name in [*circle, circle[0]])
    if not slow.isdisjoint(zip(circle, [*circle[1:], circle[0]], strict=True)):
        return Reason("circle_sinks", way=way)
    if all(kind != "scenarios" for kind, _ in circle):
        return Reason("circle", way=way)
    return Reason("circle_enters", way=way)


def _label(name: Name) -> str:
    return name[1] if name[0] == "rules" else f"{name[0][:-1]} {name[1]}"


def _found(snapshot: Snapshot) -> _Found:
    """Looked for once per revision: a bundle asks for every rule and scenario in it."""
    return snapshot.derived("scenarios.loops", _find)


def _find(snapshot: Snapshot) -> _Found:
    wakes, drafted, slow = _wakes(snapshot)
    groups = _groups(wakes)
    circles = [_circle(min(group), group, wakes) for group in groups]
    of = {name: (group, circle) for group, circle in zip(groups, circles, strict=True) for name in group}
    return _Found(wakes, circles, of, drafted, slow)


Wakes = dict[Name, list[Name]]


def _wakes(snapshot: Snapshot) -> tuple[Wakes, Wakes, set[tuple[Name, Name]]]:
    """Who may wake whom: scenarios as published and as drafted; those that are published, as drafted alone;
    and which of all these wake only when a score has sunk.
    """
    rules = {name: d.body for name, d in snapshot.all("rules").items() if d.body.get("enabled", True)}
    waiting: dict[str, list[tuple[Name, tuple[Test, ...]]]] = defaultdict(list)
    for name, body in rules.items():
        tests = compile_match(body["when"].get("match") or {})
        waiting[body["when"]["event"]].append((("rules", name), tests))
    doing: dict[Name, _Doing] = {}
    for name, body in rules.items():
        doing["rules", name] = _Doing()
        doing["rules", name].add(body.get("then") or (), snapshot)
    for name, document in snapshot.all("forms").items():
        doing["forms", name] = _Doing()
        doing["forms", name].add(document.body.get("then") or (), snapshot)
    drafts: dict[Name, _Doing] = {}
    for id_, document in snapshot.all("scenarios").items():
        done, published = _on_entry(id_, document.body, snapshot), snapshot.find("published", id_)
        if published is not None:
            drafts["scenarios", id_] = done
            done = done.and_also(_on_entry(id_, published.body["definition"], snapshot))
        if done.facts:
            doing["scenarios", id_] = done

    def by(facts: Iterable[Produced]) -> set[Name]:
        facts = list(facts)
        ended = {("forms", props["form"]) for kind, props in facts if kind == "form_answered"}
        return ended | {
            name for kind, props in facts for name, tests in waiting[kind] if may_hold(tests, props)
        }

    def now(one: _Doing) -> set[Name]:
        return by(one.facts) | {("scenarios", other) for other in one.enters} & doing.keys()

    def woken(all_: Mapping[Name, _Doing]) -> Wakes:
        return {name: sorted(now(one) | by(one.later)) for name, one in all_.items()}

    slow = {(name, other) for name, one in doing.items() if one.later for other in by(one.later) - now(one)}
    return woken(doing), woken(drafts), slow


def _on_entry(scenario: str, body: Body, snapshot: Snapshot) -> _Doing:
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
            if kind_of(node).acts:
                done.add(node["then"], snapshot)
            elif kind_of(node).ends:
                reasons.add(node.get("reason") or "exit")
            elif node.get("until"):
                reasons.add("no_date")
        done.facts += [
            ("scenario_exited", {"scenario": scenario, "reason": reason}) for reason in sorted(reasons)
        ]
        if ends:
            done.facts.append(("scenario_finished", {"scenario": scenario}))
    return done


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
