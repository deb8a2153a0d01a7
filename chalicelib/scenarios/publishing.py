"""Publish, pause, resume: what is in force changes in one commit; friends follow at their next turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.catalog import service as catalog
from chalicelib.catalog.kinds import DOCUMENTS
from chalicelib.catalog.references import unresolved
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.catalog.validation import verify
from chalicelib.enrollments import funnel as standing
from chalicelib.enrollments import waking
from chalicelib.enrollments.nodes import NODES
from chalicelib.enrollments.standing import passing
from chalicelib.gateways import clock
from chalicelib.scenarios import edits, graph
from chalicelib.scenarios.documents import check, references, state, warn
from chalicelib.shared.errors import Conflict, RuleViolation, warned
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso

_checks: list[Callable[[str], Callable[[Snapshot], None]]] = []


def checked_by(check: Callable[[str], Callable[[Snapshot], None]]) -> None:
    """Have what comes into force checked by this too: documents kept elsewhere may name a node that goes."""
    _checks[:] = [check]


def _check(account: str, *, qualified: bool = False) -> Callable[[Snapshot], None]:
    more = [check(account) for check in _checks]

    def check(candidate: Snapshot) -> None:
        verify(DOCUMENTS, candidate, qualified=qualified)
        for one in more:
            one(candidate)

    return check


def publish(account_id: str, scenario: str, by: str, *, rearm_waiting: bool = False) -> dict[str, Any]:
    """Put the draft in force; returns ``{"version", "waiting": {node: n}, "effects": [text]}``,
    ``warnings`` when there are any, and ``exact`` false when those who wait were too many to count at once.

    Waiting friends follow the new definition when they wake. What now ends earlier than they will wake
    does so only with ``rearm_waiting``. Raises NotFound without a draft, RuleViolation if it cannot work.
    """
    account = accounts.get_account(account_id)
    now = iso(clock.now())
    before: dict[str, Any] | None = None

    def writes(seen: Snapshot) -> list[Write]:
        nonlocal before
        document = seen.find("published", scenario)
        before = document.body if document else None
        return [_next_version(scenario, seen, now)]

    saved = catalog.save(account_id, writes, _check(account_id), by)
    published = saved.get("published", scenario).body
    positions = standing.find(account, scenario, by)
    effects = _effects(before["definition"] if before else None, published["definition"], positions.waiting)
    if rearm_waiting:
        rearmed, job = waking.everybody(account, waking.REARM, scenario, by)
        more = Reason("rearmed_so_far", count=rearmed, job=job) if job else Reason("rearmed", count=rearmed)
        effects.append(more)
    answer = {
        "version": published["version"],
        "waiting": positions.waiting,
        "effects": [one.text() for one in effects],
    }
    answer |= _estimated(positions)
    return answer | warned(warn(scenario, saved))


def dry_run(account_id: str, scenario: str, by: str, *, rearm_waiting: bool = False) -> dict[str, Any]:
    """What ``publish`` would answer, with ``changes``: the rows of the live-edit table that would apply to
    anybody (``edits``). Puts nothing in force; raises as ``publish`` does.
    """
    account, seen = accounts.get_account(account_id), catalog.snapshot(account_id)
    document = seen.find("published", scenario)
    before = document.body["definition"] if document else None
    candidate = catalog.candidate(seen, [_next_version(scenario, seen, iso(clock.now()))])
    _check(account_id)(candidate)
    published = candidate.get("published", scenario).body
    positions = standing.find(account, scenario, by)
    finished, exited = (sum(positions.of(state).values()) for state in ("finished", "exited"))
    edit = edits.Edit(
        before or published["definition"],
        published["definition"],
        positions.waiting,
        finished,
        finished + exited,
        rearm_waiting,
    )
    answer = {
        "version": published["version"],
        "waiting": positions.waiting,
        "effects": [one.text() for one in _effects(before, published["definition"], positions.waiting)],
        "changes": [_row(change) for change in edit.changes()],
    }
    return answer | _estimated(positions) | warned(warn(scenario, candidate))


def _row(change: edits.Change) -> dict[str, Any]:
    what = change.what
    return {
        "node": change.node,
        "row": change.row,
        "waiting": change.waiting,
        "what": what.text(),
        "reason": what.value(),
    }


def put_in_force(account: str, scenarios: Iterable[str], by: str) -> dict[str, int]:
    """Publish those of these drafts that are not in force, in one commit; returns their versions. Doing it
    again publishes nothing. Raises NotFound, RuleViolation.
    """
    now, named = iso(clock.now()), sorted(scenarios)

    def writes(seen: Snapshot) -> list[Write]:
        return [_next_version(scenario, seen, now) for scenario in unpublished(seen, named)]

    changed = unpublished(catalog.snapshot(account), named)
    saved = catalog.save(account, writes, _check(account, qualified=True), by)
    return {scenario: saved.get("published", scenario).body["version"] for scenario in changed}


def unpublished(snapshot: Snapshot, scenarios: Iterable[str]) -> list[str]:
    """Those of these scenarios whose draft is not what friends follow."""
    return [scenario for scenario in scenarios if state(scenario, snapshot)["unpublished_changes"]]


def _next_version(scenario: str, seen: Snapshot, now: str) -> Write:
    """The draft as the next version. Raises NotFound without one, RuleViolation if it cannot work."""
    draft, document = seen.get("scenarios", scenario).body, seen.find("published", scenario)
    before = document.body if document else {}
    refuse_faults(scenario, draft, seen)
    body = {
        "version": before.get("version", 0) + 1,
        "definition": draft,
        "published_at": now,
        "paused": bool(before.get("paused")),
        **({"status_reason": before["status_reason"]} if before.get("status_reason") else {}),
    }
    return Write("published", scenario, body)


def refuse_faults(scenario: str, draft: dict[str, Any], seen: Snapshot) -> None:
    """Raises RuleViolation for a draft that cannot be put in force."""
    faults = list(unresolved(references(draft), seen))
    faults = faults or list(check(scenario, draft, seen))
    if faults:
        raise RuleViolation.of(faults)


def _effects(before: dict[str, Any] | None, after: dict[str, Any], waiting: dict[str, int]) -> list[Reason]:
    """What the change means for those who wait, and what looks like a mistake."""
    found = []
    redirects = after.get("redirects") or {}
    for node, count in sorted(waiting.items()):
        old = before["nodes"].get(node) if before else None
        new = after["nodes"].get(node)
        if new is None and node in redirects:
            to = redirects[node]
            ends = Reason("node_gone_ends", node=node, count=count)
            found.append(Reason("node_gone_redirected", node=node, count=count, to=to) if to else ends)
        elif new is None:
            found.append(Reason("node_gone", node=node, count=count))
        elif old is not None and old != new:
            found.append(Reason("node_changed", node=node, count=count))
    return found + [Reason("node_unreachable", node=node) for node in graph.unreachable(after)]


def pause(account: str, scenario: str, by: str, *, reason: str = "operator") -> dict[str, Any]:
    """Stop a scenario: nobody is moved on until it is resumed. Raises Conflict when it is paused."""
    return _set_paused(account, scenario, by, paused=True, reason=reason)


def resume(account: str, scenario: str, by: str) -> dict[str, Any]:
    """Let a scenario go on; what fell due meanwhile is carried out now, of many friends by the job
    ``job_id``, which a pause stops. Raises Conflict when it is not paused.
    """
    published = _set_paused(account, scenario, by, paused=False)
    _, job = waking.everybody(accounts.get_account(account), waking.WAKE, scenario, by)
    return published | ({"job_id": job} if job else {})


def _set_paused(
    account: str, scenario: str, by: str, *, paused: bool, reason: str | None = None
) -> dict[str, Any]:
    def writes(seen: Snapshot) -> list[Write]:
        seen.get("scenarios", scenario)
        document = seen.find("published", scenario)
        if document is None:
            raise Conflict(Reason("scenario_unpublished", scenario=scenario))
        if bool(document.body.get("paused")) is paused:
            raise Conflict(Reason("paused_already" if paused else "not_paused", scenario=scenario))
        body = {**document.body, "paused": paused}
        body.pop("status_reason", None)
        return [Write("published", scenario, body | ({"status_reason": reason} if reason else {}))]

    saved = catalog.save(account, writes, lambda _: None, by)
    return dict(saved.get("published", scenario).body)


def funnel(account: str, scenario: str) -> dict[str, Any]:
    """How many friends are where: ``{"entered", "active": {node: n}, "finished", "exited": {node: n}}``.

    ``exact`` false and ``job_id``: estimated, because there are too many to count at once; the job counts.
    """
    found = standing.find(accounts.get_account(account), scenario, "funnel")
    counts = {
        "entered": sum(found.friends.values()),
        "active": found.waiting,
        "finished": sum(found.of("finished").values()),
        "exited": found.of("exited"),
    }
    return counts | _estimated(found)


def passing_by_node(account: str, scenario: str) -> dict[str, Any]:
    """Node by node in the order of what is in force (then what is gone): who passed, left, waits, and for how
    long; and the arms of its splits: which of them led to the goal, or to the end where there is none.
    """
    found, job = passing.find(accounts.get_account(account), scenario, "funnel")
    seen = catalog.snapshot(account)
    document = seen.find("published", scenario)
    body = document.body["definition"] if document else seen.get("scenarios", scenario).body
    kinds = {name: node["type"] for name, node in body["nodes"].items()}
    wanted = [passing.GOAL] if body.get("goals") else ["finished"]
    splits = {name: found.split(name, wanted) for name, kind in kinds.items() if NODES[kind].by_chance}
    answer = {"nodes": [found.node(name, kind) for name, kind in kinds.items()], "splits": splits}
    return answer | ({} if job is None else {"exact": False, "job_id": job})


def _estimated(found: standing.Standing) -> dict[str, Any]:
    return {} if found.job is None else {"exact": False, "job_id": found.job}
