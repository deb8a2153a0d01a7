"""What may reach friends: which documents send, enrol, notify or call out while they are in force, and what
wakes them. Pure; judged by the documents alone, so it may say yes where a condition would say no.

Who may change what, and report what, follows from it: docs/access.md.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.actions.kinds import Produced, at_once, begun, by_time, kind_of, parts
from chalicelib.catalog.snapshot import Key, Snapshot
from chalicelib.enrollments import nodes
from chalicelib.events.kinds import type_of
from chalicelib.events.matching import Test, compile_match, holds, may_hold
from chalicelib.forms.documents import actions_of
from chalicelib.shared.reasons import Reason

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Cause:
    """Why a document may reach friends: where in it, and what it does there."""

    path: str
    what: Reason


@dataclass(frozen=True)
class _Listener:
    """A document in force that something wakes: a rule, or what acts like one."""

    key: Key
    event: str
    tests: tuple[Test, ...]
    then: tuple[tuple[str, Body], ...] = ()
    stop: bool = False
    over_forms: bool = False
    also_late: bool = False
    makes: tuple[Produced, ...] = ()
    """What it produces itself, besides what its actions do."""


def causes(snapshot: Snapshot) -> Mapping[Key, Cause]:
    """Every document in force that may reach friends by itself, or by what it wakes, with the reason."""
    return snapshot.derived("rules.reach", _causes)


def woken(
    snapshot: Snapshot, facts: Iterable[Produced], *, whole: bool = False, late: bool = False
) -> tuple[Key, Cause] | None:
    """A document that may reach friends and that one of these facts may wake; None when there is none.

    ``whole``: the facts' properties are all they have, so that what a match asks beyond them is missing.
    ``late``: they are history, which only rules with ``also_late`` look at.
    """
    listening = snapshot.derived("rules.reach.listening", _listening)
    known, fits = causes(snapshot), holds if whole else may_hold
    for kind, props in facts:
        for one in listening.get(kind, ()):
            if one.key in known and (one.also_late or not late) and fits(one.tests, props):
                return one.key, known[one.key]
    return None


def of_action(action: Body, snapshot: Snapshot) -> Iterator[Produced]:
    """The facts that an action makes, at once or by time alone."""
    yield from at_once(action, snapshot)
    yield from by_time(action, snapshot)


def _causes(snapshot: Snapshot) -> dict[Key, Cause]:
    found = {key: Cause("", Reason("cause_published")) for key in snapshot.documents if key[0] == "published"}
    listening: dict[str, list[_Listener]] = snapshot.derived("rules.reach.listening", _listening)
    acting = [one for group in listening.values() for one in group if one.key[0] != "published"]
    is_asked = bool(asked(snapshot))
    found |= {one.key: cause for one in acting if (cause := _direct(one, asked=is_asked))}
    while True:
        left = [one for one in acting if one.key not in found]
        fresh = {one.key: cause for one in left if (cause := _through(one, found, listening, snapshot))}
        if not fresh:
            return found
        found |= fresh


def asked(snapshot: Snapshot) -> frozenset[str]:
    """Forms that friends may be in: something in force starts them or once did, or another such form does;
    and those on the web, where friends open them themselves.
    """
    return snapshot.derived("rules.reach.asked", _asked)


def _asked(snapshot: Snapshot) -> frozenset[str]:
    listening: dict[str, list[_Listener]] = snapshot.derived("rules.reach.listening", _listening)
    nodes = [
        node
        for document in snapshot.all("published").values()
        for node in (document.body["definition"].get("nodes") or {}).values()
    ]
    then = [action for group in listening.values() for one in group for _, action in one.then]
    then += [action for node in nodes for action in node.get("then") or ()]
    found = {key[1] for key, current in snapshot.versions.items() if key[0] == "forms" and current.reached}
    found |= {id_ for id_, document in snapshot.all("forms").items() if document.body.get("web")}
    waiting = deque(found | begun("forms", then))
    while waiting:
        form = waiting.popleft()
        document = snapshot.find("forms", form)
        fresh = begun("forms", actions_of(document.body)) - found if document else set()
        found |= fresh | {form}
        waiting.extend(fresh)
    return frozenset(found)


def _direct(one: _Listener, *, asked: bool) -> Cause | None:
    """What a document does itself that may reach friends. An action that is not known to change facts alone
    counts as one that does; and so does a rule that takes an answer to a form (``asked``: some form is in
    force), since the form then asks no further.
    """
    for path, action in one.then:
        name, _ = parts(action)
        if not kind_of(name).changes_facts_alone:
            return Cause(path, Reason("cause_does", action=name))
    if asked and type_of(one.event).answers_forms:
        if one.over_forms:
            return Cause("over_forms", Reason("cause_takes"))
        if any(test.exact and test.path == "text" for test in one.tests):
            return Cause("when.match", Reason("cause_may_take"))
    return None


def _through(
    one: _Listener, found: Mapping[Key, Cause], listening: Mapping[str, list[_Listener]], snapshot: Snapshot
) -> Cause | None:
    """What a document wakes, or keeps from running, that may reach friends."""
    made = [(path, fact) for path, action in one.then for fact in of_action(action, snapshot)]
    for path, (kind, props) in [*(("every", fact) for fact in one.makes), *made]:
        for other in listening.get(kind, ()):
            if other.key in found and may_hold(other.tests, props):
                return Cause(path, Reason("cause_wakes", document=name_of(other.key)))
    for other in listening.get(one.event, ()) if one.stop else ():
        if other.key in found:
            return Cause("stop", Reason("cause_keeps", document=name_of(other.key)))
    return None


def name_of(key: Key) -> str:
    """A document as people call it: what friends follow of a scenario is that scenario."""
    kind, id_ = key
    return f"{'scenarios' if kind == 'published' else kind}/{id_}"


def _listening(snapshot: Snapshot) -> dict[str, list[_Listener]]:
    """Who waits for which type of event."""
    found: dict[str, list[_Listener]] = defaultdict(list)
    for one in (
        *_rules(snapshot),
        *_links(snapshot),
        *_routes(snapshot),
        *_schedules(snapshot),
        *_waits(snapshot),
    ):
        found[one.event].append(one)
    return found


def _rules(snapshot: Snapshot) -> Iterator[_Listener]:
    for id_, document in snapshot.all("rules").items():
        body = document.body
        if body.get("enabled", True):
            when = body["when"]
            yield _Listener(
                ("rules", id_),
                when["event"],
                compile_match(when.get("match") or {}),
                _paths(body.get("then"), "then"),
                bool(body.get("stop")),
                bool(body.get("over_forms")),
                bool(body.get("also_late")),
            )


def _links(snapshot: Snapshot) -> Iterator[_Listener]:
    for id_, document in snapshot.all("links").items():
        tags = [(f"tags[{n}]", {"add_tag": tag}) for n, tag in enumerate(document.body.get("tags") or ())]
        if tags:
            yield _Listener(("links", id_), "link_clicked", compile_match({"link": id_}), tuple(tags))


def _routes(snapshot: Snapshot) -> Iterator[_Listener]:
    for id_, document in snapshot.all("routes").items():
        then = [pair for name in ("then", "then_existing") for pair in _paths(document.body.get(name), name)]
        yield _Listener(("routes", id_), "route_joined", compile_match({"route": id_}), tuple(then))


def _schedules(snapshot: Snapshot) -> Iterator[_Listener]:
    """Nothing wakes them but the time."""
    for id_, document in snapshot.all("schedules").items():
        if document.body["enabled"]:
            makes = (("scheduled", {"schedule": id_}),)
            yield _Listener(("schedules", id_), "", (), _paths(document.body["then"], "then"), makes=makes)


def _waits(snapshot: Snapshot) -> Iterator[_Listener]:
    """What friends in scenarios wait for: it moves them on. (A date that a reminder follows is a fact.)"""
    for id_, document in snapshot.all("published").items():
        for node in (document.body["definition"].get("nodes") or {}).values():
            until = node.get("until") or {}
            if nodes.kind_of(node).awaits_event:
                yield _Listener(("published", id_), node["event"], compile_match(node.get("match") or {}))
            elif until.get("event"):
                yield _Listener(("published", id_), until["event"], ())


def _paths(then: Any, path: str) -> tuple[tuple[str, Body], ...]:
    return tuple((f"{path}[{n}].{parts(action)[0]}", action) for n, action in enumerate(then or ()))
