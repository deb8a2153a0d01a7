"""What a broadcast would do now, before anybody decides: counts, costs, samples. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts.model import Broadcast, RunSnapshot
from chalicelib.broadcasts.plans import overlap as overlaps
from chalicelib.broadcasts.plans import plan, planning, priority, shared_links
from chalicelib.broadcasts.plans.quota import YEN_PER_MESSAGE
from chalicelib.catalog import service as catalog
from chalicelib.conditions import language
from chalicelib.deliveries import policies
from chalicelib.deliveries import service as deliveries
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.messages.together import arranged
from chalicelib.segments import audience, by_shard
from chalicelib.shared.times import iso, parse_iso

_SAMPLES = 3
_WITHIN_S = 15.0


@dataclass
class _Counted:
    """What was counted so far."""

    overlap: overlaps.Overlap
    verdicts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    arms: Counter[str] = field(default_factory=Counter)
    left: Counter[int] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)


def preview(broadcast: Broadcast) -> dict[str, Any]:
    """``{"count", "exact", "waterfall", "skipped", "held_out", "variants", "needed", "yen", "overlap",
    "samples", "links"}``.

    Counts every friend while 15 s suffice; of more, some shards, and an estimate from them (``exact`` False).
    """
    account, snapshot = accounts.get_account(broadcast.account), catalog.snapshot(broadcast.account)
    now = clock.now()
    run_snapshot = RunSnapshot(
        account=broadcast.account,
        broadcast=broadcast.id,
        run="",
        body=broadcast.body,
        arms=planning.arms_of(broadcast.body, snapshot, now),
        catalog=snapshot,
        now=iso(now),
        shards=account.shards,
        time_zone=account.time_zone,
        revision=broadcast.revision,
    )
    links = shared_links.arranged(run_snapshot, account, live=False)
    run_snapshot = replace(run_snapshot, arms=[arm for arm, _ in links])
    tools, steps = planning.tools(run_snapshot), _steps(run_snapshot, snapshot)
    counted = _Counted(overlaps.of(broadcast, language.Context(snapshot, account.zone), now))
    shards, left = 0, by_shard.within(_WITHIN_S)
    for shard in range(account.shards):
        if shards and left.is_over:
            break
        needs = (
            None
            if tools.needs is None
            else tools.needs | _caps_of(run_snapshot, tools) | counted.overlap.needs
        )
        for sheets in audience.walk_shard(broadcast.account, shard, needs=needs):
            page = list(sheets)
            found = [_look(sheet, tools, steps, counted) for sheet in page]
            found = _without_full(run_snapshot, tools.policy, found, page)
            _count(page, _without_braked(run_snapshot, found, page), counted)
        shards += 1
    factor = account.shards / shards
    answer = _answer(run_snapshot, steps, counted, factor, exact=shards == account.shards)
    sent = {arm: round(n * factor) for arm, n in counted.arms.items()}
    return answer | {"links": shared_links.shown(links, sent)}


def _caps_of(run_snapshot: RunSnapshot, tools: planning.Tools) -> set[str]:
    """The attributes of a sheet in which the arms' categories are counted."""
    timestamps = {(arm.category, parse_iso(arm.goes_at or run_snapshot.now)) for arm in run_snapshot.arms}
    return {key for name, at in timestamps for key, _ in policies.cap_keys(tools.policy, name, at)}


Step = tuple[dict[str, Any], Callable[[Sheet], bool]]


def _steps(run_snapshot: RunSnapshot, snapshot: catalog.Snapshot) -> list[Step]:
    """The conditions one after the other: who follows, each part of the audience, the exclusion."""
    condition, now = run_snapshot.body["audience"], parse_iso(run_snapshot.now)
    while "segment" in condition:
        condition = snapshot.get("segments", condition["segment"]).body["condition"]
    context = language.Context(snapshot, accounts.get_account(run_snapshot.account).zone)
    followers = {"friend": {"status": "following"}}
    parts = [] if language.asks_for_status(condition, snapshot) else [followers]
    parts += condition.get("all", [condition])
    if run_snapshot.body.get("exclude"):
        parts.append({"not": run_snapshot.body["exclude"]})

    def test(part: dict[str, Any]) -> Callable[[Sheet], bool]:
        holds = language.compile(part, context)
        return lambda sheet: holds(sheet, now)

    return [(part, test(part)) for part in parts]


def _look(
    sheet: Sheet,
    tools: planning.Tools,
    steps: list[Step],
    counted: _Counted,
) -> plan.Verdict | None:
    for index, (_, holds) in enumerate(steps):
        if not holds(sheet):
            break
        counted.left[index] += 1
    return plan.judge(sheet, tools.judge)


def _without_full(
    run_snapshot: RunSnapshot,
    policy: policies.Policy,
    found: Sequence[plan.Verdict | None],
    sheets: Sequence[Sheet],
) -> list[plan.Verdict | None]:
    """The verdicts, with those as skipped who have no place under a cap."""
    full = set[str]()
    for arm in run_snapshot.arms if policy.caps else ():
        meant = {
            str(sheet["user_id"]): sheet
            for sheet, verdict in zip(sheets, found, strict=True)
            if verdict is not None and verdict.arm is not None and verdict.arm.id == arm.id
        }
        at = parse_iso(arm.goes_at or run_snapshot.now)
        kept = _kept(run_snapshot, arm.category, list(meant), at)
        full |= {
            u for u, s in meant.items() if policies.is_full(policy, arm.category, s, at, kept.get(u, ()))
        }
    return [
        plan.Verdict("skipped", reason="cap") if str(sheet["user_id"]) in full else verdict
        for sheet, verdict in zip(sheets, found, strict=True)
    ]


def _kept(
    run_snapshot: RunSnapshot, category: str, users: list[str], at: datetime
) -> dict[str, list[datetime]]:
    """What others with priority will want; nothing, of one that has it itself."""
    if run_snapshot.body.get("priority") or not users:
        return {}
    return priority.kept_places(run_snapshot.account, category, users, run_snapshot.run, at)


def _without_braked(
    run_snapshot: RunSnapshot, found: Sequence[plan.Verdict | None], sheets: Sequence[Sheet]
) -> list[plan.Verdict | None]:
    """The verdicts, with those as skipped whom the brake would leave out if this went out now."""
    braked, now = set[str](), parse_iso(run_snapshot.now)
    for arm in run_snapshot.arms:
        payloads = {
            str(sheet["user_id"]): verdict.payload
            for sheet, verdict in zip(sheets, found, strict=True)
            if verdict is not None and verdict.arm is not None and verdict.arm.id == arm.id
        }
        content: dict[str, Any] = {"messages": arm.body["messages"]} if arm.static else {"payloads": payloads}
        content["repeats"] = arm.body.get("repeats")
        braked |= deliveries.braked(run_snapshot.account, list(payloads), content, now)
    return [
        plan.Verdict("skipped", reason="runaway") if str(sheet["user_id"]) in braked else verdict
        for sheet, verdict in zip(sheets, found, strict=True)
    ]


def _count(sheets: Sequence[Sheet], verdicts: Sequence[plan.Verdict | None], counted: _Counted) -> None:
    for sheet, verdict in zip(sheets, verdicts, strict=True):
        if verdict is None:
            continue
        counted.verdicts[verdict.kind] += 1
        if verdict.kind == "skipped":
            counted.skipped[verdict.reason or ""] += 1
        if verdict.arm is not None or verdict.kind == "rest":
            counted.overlap.look(sheet)
        if verdict.arm is not None:
            counted.arms[verdict.arm.id] += 1
            if len(counted.samples) < _SAMPLES:
                messages = arranged(verdict.payload or verdict.arm.body["messages"])
                sample = {"user_id": sheet["user_id"], "variant": verdict.arm.variant, "messages": messages}
                counted.samples.append(sample)


def _answer(
    run_snapshot: RunSnapshot,
    steps: list[Step],
    counted: _Counted,
    factor: float,
    *,
    exact: bool,
) -> dict[str, Any]:
    def scaled(n: int) -> int:
        return round(n * factor)

    needed = scaled(counted.verdicts["arm"]) + scaled(counted.verdicts["rest"])
    return {
        "count": scaled(counted.verdicts.total()),
        "exact": exact,
        "waterfall": [
            {"condition": part, "left": scaled(counted.left[i])} for i, (part, _) in enumerate(steps)
        ],
        "skipped": {reason: scaled(n) for reason, n in sorted(counted.skipped.items())},
        "held_out": scaled(counted.verdicts["held_out"]),
        "rest": scaled(counted.verdicts["rest"]),
        "variants": [
            {"id": arm.variant, "planned": scaled(counted.arms[arm.id])}
            for arm in run_snapshot.arms
            if arm.variant
        ],
        "needed": needed,
        "yen": needed * YEN_PER_MESSAGE,
        "overlap": counted.overlap.shown(scaled),
        "samples": counted.samples,
    }
