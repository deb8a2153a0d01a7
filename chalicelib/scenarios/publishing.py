"""Publish, pause, resume: what is in force changes in one commit; friends follow at their next turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.catalog.validation import verify
from chalicelib.gateways import clock
from chalicelib.scenarios import decide, follow, graph, store
from chalicelib.scenarios.documents import KINDS, check, references, warn
from chalicelib.scenarios.model import EARLY, Enrollment
from chalicelib.segments import audience
from chalicelib.shared.errors import Conflict, Detail, RuleViolation
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timers import service as timers

_BATCH = 100


def publish(account: str, scenario: str, by: str, *, rearm_waiting: bool = False) -> dict[str, Any]:
    """Put the draft in force; answers ``{"version", "waiting": {node: n}, "effects": [text]}``,
    and ``warnings`` when there are any.

    Waiting friends follow the new definition when they wake. What now ends earlier than they will wake
    does so only with ``rearm_waiting``. Raises NotFound without a draft, RuleViolation if it cannot work.
    """
    owner = accounts.get_account(account)
    now = iso(clock.now())
    before: dict[str, Any] | None = None

    def writes(seen: Snapshot) -> list[Write]:
        nonlocal before
        draft = seen.get("scenarios", scenario).body
        document = seen.find("published", scenario)
        before = document.body if document else None
        refuse_faults(scenario, draft, seen)
        body = {
            "version": before["version"] + 1 if before else 1,
            "definition": draft,
            "published_at": now,
            "paused": bool(before and before.get("paused")),
        }
        return [Write("published", scenario, body)]

    saved = catalog.save(account, writes, lambda candidate: verify(KINDS, candidate), by)
    published = saved.get("published", scenario).body
    waiting = {node: count for (state, node), count in _stands(owner, scenario).items() if state == "active"}
    effects = _effects(before["definition"] if before else None, published["definition"], waiting)
    if rearm_waiting:
        program = decide.find_program(saved, scenario, owner.zone)
        rearmed = _rearm(owner, scenario, program) if program else 0
        effects.append(f"{rearmed} waiting friends were armed again for an earlier moment")
    answer = {"version": published["version"], "waiting": waiting, "effects": effects}
    warnings = list(warn(scenario, saved))
    return answer | ({"warnings": warnings} if warnings else {})


def refuse_faults(scenario: str, draft: dict[str, Any], seen: Snapshot) -> None:
    """Raises RuleViolation for a draft that cannot be put in force."""
    faults = [
        Detail(reference.path, f"there is no {reference.kind}/{reference.id}")
        for reference in references(draft)
        if seen.find(reference.kind, reference.id) is None
    ]
    faults = faults or list(check(scenario, draft, seen))
    if faults:
        raise RuleViolation(f"{faults[0].path}: {faults[0].message}", faults)


def _effects(before: dict[str, Any] | None, after: dict[str, Any], waiting: dict[str, int]) -> list[str]:
    """What the change means for those who wait, and what looks like a mistake, as sentences."""
    said = []
    redirects = after.get("redirects") or {}
    for node, count in sorted(waiting.items()):
        old = before["nodes"].get(node) if before else None
        new = after["nodes"].get(node)
        if new is None and node in redirects:
            said.append(
                f"{node} is gone: {count} friends go to {redirects[node] or 'the end'} when they wake"
            )
        elif new is None:
            said.append(f"{node} is gone: {count} friends leave as changed when they wake")
        elif old is not None and old != new:
            said.append(f"{node} has changed: {count} friends follow the new definition when they wake")
    said += [f"no way leads to {node}" for node in graph.unreachable(after)]
    return said


def pause(account: str, scenario: str, by: str) -> dict[str, Any]:
    """Stop a scenario: nobody is moved on until it is resumed. Raises Conflict when it is paused."""
    return _set_paused(account, scenario, by, paused=True)


def resume(account: str, scenario: str, by: str) -> dict[str, Any]:
    """Let a scenario go on; what fell due meanwhile is carried out now. Raises Conflict when it is not
    paused.
    """
    published = _set_paused(account, scenario, by, paused=False)
    owner = accounts.get_account(account)
    nodes, now = published["definition"]["nodes"], clock.now()
    for items in _active(owner, scenario):
        overdue = [
            item
            for item in items
            if not item.due_at
            or parse_iso(item.due_at) <= now + EARLY
            # An event may have come while nobody was moved on: look at those who wait for one.
            or nodes.get(item.node or "", {}).get("type") == "wait_for"
        ]
        timers.arm_all([follow.entry(item, item.v, item.node, now) for item in overdue])
    return published


def _set_paused(account: str, scenario: str, by: str, *, paused: bool) -> dict[str, Any]:
    def writes(seen: Snapshot) -> list[Write]:
        seen.get("scenarios", scenario)
        document = seen.find("published", scenario)
        if document is None:
            raise Conflict(f"scenario {scenario} is not published")
        if bool(document.body.get("paused")) is paused:
            raise Conflict(f"scenario {scenario} is {'paused already' if paused else 'not paused'}")
        return [Write("published", scenario, {**document.body, "paused": paused})]

    saved = catalog.save(account, writes, lambda _: None, by)
    return dict(saved.get("published", scenario).body)


def funnel(account: str, scenario: str) -> dict[str, Any]:
    """How many friends stand where: ``{"entered", "active": {node: n}, "finished", "exited": {node: n}}``.

    From the sheets' mirrors, one per friend (the last run counts).
    """
    owner = accounts.get_account(account)
    stands = _stands(owner, scenario)
    active = {node: n for (state, node), n in sorted(stands.items()) if state == "active"}
    exited = {node: n for (state, node), n in sorted(stands.items()) if state == "exited"}
    finished = sum(n for (state, _), n in stands.items() if state == "finished")
    entered = sum(stands.values())
    return {"entered": entered, "active": active, "finished": finished, "exited": exited}


def _sheets(account: Account) -> Iterator[list[dict[str, Any]]]:
    for shard in range(account.shards):
        start: str | None = None
        while True:
            sheets, start = audience.read_shard(account.id, shard, start)
            yield sheets
            if start is None:
                break


def _stands(account: Account, scenario: str) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for sheets in _sheets(account):
        for sheet in sheets:
            stand = (sheet.get("scenarios") or {}).get(scenario)
            if stand:
                found[stand["state"], stand.get("node") or ""] += 1
    return found


def _active(account: Account, scenario: str) -> Iterator[list[Enrollment]]:
    """The active enrollments of a scenario, up to 100 at a time, consistent."""
    for sheets in _sheets(account):
        users = [
            sheet["user_id"]
            for sheet in sheets
            if (sheet.get("scenarios") or {}).get(scenario, {}).get("state") == "active"
        ]
        for first in range(0, len(users), _BATCH):
            found = store.load_many(account.id, scenario, users[first : first + _BATCH])
            yield [item for item in found.values() if item.state == "active"]


def _rearm(account: Account, scenario: str, program: decide.Program) -> int:
    """Arm those again whose wait now ends before the moment for which they are armed."""
    rearmed = 0
    for items in _active(account, scenario):
        earlier = []
        for item in items:
            node = program.node(item.node)
            if node is None or node.get("until"):
                continue  # dates are followed as they change, not as definitions do
            due = decide.due_at(program, item.node, parse_iso(item.node_at), {})
            if item.due_at and not item.claim and due < parse_iso(item.due_at):
                earlier.append((item, due))
        timers.arm_all([follow.entry(item, item.v, item.node, due) for item, due in earlier])
        rearmed += sum(store.park(item, due) for item, due in earlier)
    return rearmed
