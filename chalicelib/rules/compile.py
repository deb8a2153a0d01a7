"""The account's rules, compiled once per catalog revision. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import friend_tokens
from chalicelib.catalog import stops
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.enrollments import nodes
from chalicelib.events.matching import Test, compile_match, holds
from chalicelib.forms.model import Form, read_form
from chalicelib.rules.limits import read_limit, read_window
from chalicelib.rules.model import Program, Rule


def program_of(snapshot: Snapshot, zone: ZoneInfo, react_within: timedelta) -> Program:
    """The program of a catalog revision in an account's time zone, for trying: links hold no friend token."""
    name = ("rules.program", zone.key, str(react_within))
    return snapshot.derived(name, lambda found: _build(found, zone, react_within))


def live_program(snapshot: Snapshot, zone: ZoneInfo, react_within: timedelta) -> Program:
    """The program by which events are reacted to in earnest: its links show whose click it is."""
    return snapshot.derived(
        ("rules.live", zone.key, str(react_within)),
        lambda found: replace(program_of(found, zone, react_within), tokens=friend_tokens.make),
    )


def compile_rule(document: Document, context: Context) -> Rule:
    """One rule document, ready to run."""
    body = document.body
    condition = body.get("if")
    return Rule(
        id=document.id,
        event=body["when"]["event"],
        tests=compile_match(body["when"].get("match") or {}),
        condition=language.compile(condition, context) if condition is not None else None,
        source=condition,
        then=tuple(body.get("then") or ()),
        limit=read_limit(body.get("limit")),
        window=read_window(body.get("valid")),
        priority=body.get("priority", 0),
        stop=body.get("stop", False),
        over_forms=body.get("over_forms", False),
        also_late=body.get("also_late", False),
        explain=language.explainer(condition, context) if condition is not None else None,
    )


def _build(snapshot: Snapshot, zone: ZoneInfo, react_within: timedelta) -> Program:
    context = Context(snapshot, zone)
    by_event: dict[str, list[Rule]] = defaultdict(list)
    for document in snapshot.all("rules").values():
        if document.body.get("enabled", True) and stops.reason("rules", document.id, snapshot) is None:
            rule = compile_rule(document, context)
            by_event[rule.event].append(rule)
    forms = {name: read_form(name, d.body, context) for name, d in snapshot.all("forms").items()}
    for form in forms.values():
        by_event["form_answered"] += _of_form(form)
    for link in snapshot.all("links").values():
        if link.body.get("tags"):
            by_event["link_clicked"].append(_of_link(link))
    for route in snapshot.all("routes").values():
        by_event["route_joined"] += _of_route(route)
    ordered = {
        event: tuple(sorted(rules, key=lambda rule: (-rule.priority, rule.id)))
        for event, rules in by_event.items()
    }
    crossings = _listeners(snapshot, ordered, "score_crossed")
    watched = {
        score: found
        for score, document in snapshot.all("scores").items()
        if document.body.get("half_life") and (found := _awaited(document, crossings))
    }
    dormant = any(
        all(test.path == "before" or test.failure({"after": "dormant"}) is None for test in tests)
        for tests in _listeners(snapshot, ordered, "stage_changed")
    )
    return Program(snapshot, zone, context, ordered, forms, watched, dormant, react_within=react_within)


def _listeners(
    snapshot: Snapshot, rules: Mapping[str, tuple[Rule, ...]], event: str
) -> list[tuple[Test, ...]]:
    """The matches of every rule, and of every scenario in force, that waits for an event."""
    waits = [
        compile_match(node.get("match") or {})
        for published in snapshot.all("published").values()
        for node in published.body["definition"]["nodes"].values()
        if nodes.kind_of(node).awaits_event and node["event"] == event
    ]
    return [rule.tests for rule in rules.get(event, ())] + waits


def _awaited(score: Document, listeners: Sequence[tuple[Test, ...]]) -> tuple[float, ...]:
    """The thresholds whose crossing by decay something waits for."""

    def crossing(threshold: float) -> dict[str, Any]:
        direction = "down" if threshold > 0 else "up"
        return {"score": score.id, "threshold": threshold, "direction": direction}

    return tuple(
        threshold
        for threshold in score.body.get("thresholds") or ()
        if any(holds(tests, crossing(threshold)) for tests in listeners)
    )


def _of_link(link: Document) -> Rule:
    """The tags that a link gives to whoever follows it, as a rule before all others."""
    return Rule(
        id=f"link:{link.id}",
        event="link_clicked",
        tests=compile_match({"link": link.id}),
        condition=None,
        source=None,
        then=tuple({"add_tag": tag} for tag in link.body["tags"]),
        priority=float("inf"),
    )


def _of_route(route: Document) -> list[Rule]:
    """What a route does with whoever came by it, as rules before all others: with who is new, and with who is
    a friend already where that is something else.
    """
    then, existing = route.body.get("then") or (), route.body.get("then_existing")
    new = (
        {"route": route.id}
        if existing is None
        else {"route": route.id, "friend": {"in": ["new", "returned"]}}
    )
    parts = [(f"route:{route.id}", new, then)]
    if existing is not None:
        present = {"route": route.id, "friend": "present"}
        parts.append((f"route:{route.id}:existing", present, existing))
    return [
        Rule(
            id=name,
            event="route_joined",
            tests=compile_match(match),
            condition=None,
            source=None,
            then=tuple(actions),
            priority=float("inf"),
        )
        for name, match, actions in parts
        if actions
    ]


def _of_form(form: Form) -> Iterator[Rule]:
    """What a form and its results do when it is answered, as rules before all others."""
    means = [(form.rule, {"form": form.id}, form.then)]
    means += [(form.rule_of(one), {"form": form.id, "result": one.id}, one.then) for one in form.results]
    for name, match, then in means:
        if then:
            tests = compile_match(match)
            yield Rule(name, "form_answered", tests, None, None, then, priority=float("inf"))
