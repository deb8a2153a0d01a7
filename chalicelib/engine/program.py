"""The account's rules, compiled once per catalog revision. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.engine.limits import read_limit, read_window
from chalicelib.engine.model import Program, Rule
from chalicelib.forms.model import Form, read_form
from chalicelib.segments import conditions
from chalicelib.segments.matching import compile_match
from chalicelib.segments.model import Context


def program_of(snapshot: Snapshot, zone: ZoneInfo) -> Program:
    """The program of a catalog revision in an account's time zone."""
    return snapshot.derived(("engine.program", zone.key), lambda found: _build(found, zone))


def compile_rule(document: Document, context: Context) -> Rule:
    """One rule document, ready to run."""
    body = document.body
    condition = body.get("if")
    return Rule(
        id=document.id,
        event=body["when"]["event"],
        tests=compile_match(body["when"].get("match") or {}),
        condition=conditions.compile(condition, context) if condition is not None else None,
        source=condition,
        then=tuple(body.get("then") or ()),
        limit=read_limit(body.get("limit")),
        window=read_window(body.get("valid")),
        priority=body.get("priority", 0),
        stop=body.get("stop", False),
    )


def _build(snapshot: Snapshot, zone: ZoneInfo) -> Program:
    context = Context(snapshot, zone)
    by_event: dict[str, list[Rule]] = defaultdict(list)
    for document in snapshot.all("rules").values():
        if document.body.get("enabled", True):
            rule = compile_rule(document, context)
            by_event[rule.event].append(rule)
    forms = {name: read_form(name, d.body, context) for name, d in snapshot.all("forms").items()}
    for form in forms.values():
        if form.then:
            by_event["form_answered"].append(_of_form(form))
    for link in snapshot.all("links").values():
        if link.body.get("tags"):
            by_event["link_clicked"].append(_of_link(link))
    ordered = {
        event: tuple(sorted(rules, key=lambda rule: (-rule.priority, rule.id)))
        for event, rules in by_event.items()
    }
    watched = {
        score: found
        for score, document in snapshot.all("scores").items()
        if document.body.get("half_life") and (found := _awaited(document, ordered.get("score_crossed", ())))
    }
    dormant = any(
        all(test.path == "before" or test.failure({"after": "dormant"}) is None for test in rule.tests)
        for rule in ordered.get("stage_changed", ())
    )
    return Program(snapshot, zone, context, ordered, forms, watched, dormant)


def _awaited(score: Document, rules: Sequence[Rule]) -> tuple[float, ...]:
    """The thresholds whose crossing by decay some rule waits for."""

    def crossing(threshold: float) -> dict[str, Any]:
        direction = "down" if threshold > 0 else "up"
        return {"score": score.id, "threshold": threshold, "direction": direction}

    return tuple(
        threshold
        for threshold in score.body.get("thresholds") or ()
        if any(all(t.failure(crossing(threshold)) is None for t in rule.tests) for rule in rules)
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


def _of_form(form: Form) -> Rule:
    """What a form does when it is answered, as a rule before all others."""
    return Rule(
        id=form.rule,
        event="form_answered",
        tests=compile_match({"form": form.id}),
        condition=None,
        source=None,
        then=form.then,
        priority=float("inf"),
    )
