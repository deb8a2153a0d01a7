"""Who was in a run, and what came of each: read from the plan's slices and the ledger."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts.model import REST, Broadcast, RunSnapshot
from chalicelib.broadcasts.plans import plan, run_snapshots
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.broadcasts.plans.store import Planned
from chalicelib.broadcasts.winners import deciding, rest
from chalicelib.catalog import service as catalog
from chalicelib.conditions import language
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.shared.errors import NotFound, RuleViolation
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.reasons import Reason

_SHARDS_PER_PAGE = 16


def recipients(
    broadcast: Broadcast, status: str | None, limit: int, cursor: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A page of everybody whom the newest run means: first who gets nothing by the plan, then the ledger."""
    if not broadcast.run:
        return [], None
    return of_run(broadcast.account, broadcast.id, broadcast.run, status, limit, cursor)


def of_run(
    account: str, broadcast: str, run: str, status: str | None, limit: int, cursor: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The same of any run; of one that only LINE knows (a narrowcast) nobody."""
    run_snapshot = run_snapshots.find_run_snapshot(account, broadcast, run)
    if run_snapshot is None:
        return [], None
    page: list[dict[str, Any]] = []
    place, plans = cursor or {"part": "plan", "shard": 0, "at": 0}, _plans(run_snapshot)
    if place["part"] == "plan":
        page, following = _planned(plans, status, limit, place["shard"], place["at"])
        if following is None or following["part"] == "plan" or len(page) == limit:
            return page, following
        place = following
    found, more = deliveries.recipients(
        account,
        run,
        status,
        limit - len(page),
        {"chunk": place["chunk"], "at": place["at"]},
        without=None if plans.rest_is_packed else REST,
    )
    return page + found, {"part": "ledger", **more} if more else None


@dataclass(frozen=True)
class _Plans:
    """A run's plan, and after a test that of its rest (its second stage): each with how far it is.
    ``dropped``: why the rest gets nothing.
    """

    stages: Sequence[tuple[RunSnapshot, Planned]]
    dropped: str | None = None

    @property
    def rest_is_packed(self) -> bool:
        return all(planned.packed is not None for _, planned in self.stages[1:])


def _plans(run_snapshot: RunSnapshot) -> _Plans:
    decision = deciding.find(run_snapshot) if deciding.is_tested(run_snapshot.body) else None
    second = rest.stage_of(run_snapshot, decision)
    stages = [run_snapshot, second] if second else [run_snapshot]
    return _Plans(
        [(stage, plan_store.read_plan(stage.account, stage.plan)) for stage in stages],
        decision["dropped"] if decision else None,
    )


def _planned(
    plans: _Plans, status: str | None, limit: int, shard: int, skip: int
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Lines of the plan, from a shard's line ``skip`` on: of a few shards, so perhaps not ``limit``."""
    run_snapshot, planned = plans.stages[0]
    page: list[dict[str, Any]] = []
    read = 0
    for number in range(shard, run_snapshot.shards):
        counts = planned.done.get(number)
        if planned.packed is not None and counts is not None and counts.planned == counts.recipients:
            continue
        if read == _SHARDS_PER_PAGE:
            return page, {"part": "plan", "shard": number, "at": 0}
        read += 1
        for index, line in enumerate(_lines(plans, number)):
            if (number == shard and index < skip) or status not in {None, line["status"]}:
                continue
            if len(page) == limit:
                return page, {"part": "plan", "shard": number, "at": index}
            page.append(line)
    return page, {"part": "ledger", "chunk": "", "at": 0} if planned.packed is not None else None


def _lines(plans: _Plans, shard: int) -> Iterator[dict[str, Any]]:
    """Whom the ledger does not name: who gets nothing by the plan, who is in no chunk yet, and the rest of
    a test that nobody has judged yet.
    """
    later: dict[str, None] = {}
    for stage, planned in plans.stages:
        variants = {arm.id: arm.variant for arm in stage.arms}
        for part in plan_store.slices(stage.account, stage.plan, shard, payloads=False):
            for reason, users in sorted(part.skipped.items()):
                yield from ({"user_id": user, "status": "skipped", "reason": reason} for user in users)
            yield from ({"user_id": user, "status": "held_out"} for user in part.held_out)
            for arm, users in [] if planned.packed is not None else sorted(part.arms.items()):
                variant = {"variant": variants[arm]} if variants[arm] else {}
                yield from ({"user_id": user, "status": "pending", **variant} for user in users)
            judged = {*part.recipients, *(user for users in part.skipped.values() for user in users)}
            later = {user: None for user in (*later, *part.rest) if user not in judged}
    yield from ({"user_id": user, **_of_the_rest(plans)} for user in later)


def _of_the_rest(plans: _Plans) -> dict[str, Any]:
    """What is known of a friend of the rest who is not judged."""
    return {"status": "skipped", "reason": plans.dropped} if plans.dropped else {"status": "pending"}


def chunks_of(account: str, broadcast_id: str, run: str, users: Sequence[str]) -> dict[str, str]:
    """Whom of these friends a packed run is for, and in which of its chunks (or in a child of that)."""
    run_snapshot = run_snapshots.find_run_snapshot(account, broadcast_id, run)
    if run_snapshot is None:
        return {}
    names = sorted(name for name in deliveries.chunk_names(account, run) if "." not in name)
    by_shard: dict[int, set[str]] = {}
    for user in users:
        by_shard.setdefault(friend_shard(user, run_snapshot.shards), set()).add(user)
    found: dict[str, str] = {}
    for stage, planned in _plans(run_snapshot).stages:
        if planned.packed is None:
            continue
        for shard, wanted in by_shard.items():
            for user, name in _positions(stage, planned, shard, wanted):
                found[user] = names[bisect_right(names, name) - 1]
    return found


def _positions(
    stage: RunSnapshot, planned: Planned, shard: int, wanted: set[str]
) -> Iterator[tuple[str, str]]:
    """Of these friends of a shard, the names that their places in their arms would have as chunks."""
    at = plan.add(counts for number, counts in planned.done.items() if number < shard).arms
    for part in plan_store.slices(stage.account, stage.plan, shard, payloads=False):
        for arm, some in part.arms.items():
            first = at.get(arm, 0)
            at[arm] = first + len(some)
            for index, user in enumerate(some):
                if user in wanted:
                    yield user, plan.chunk_name(arm, first + index)


def why(broadcast: Broadcast, user: str) -> dict[str, Any]:
    """Why a friend is in the newest run or not, and what came of it: ``{"user_id", "outcome", "in_audience",
    "audience", "exclude"}`` with the conditions as trees. Raises NotFound for a friend never seen.

    The trees show the friend as of today; ``outcome`` (null: not in the run) is what was decided then.
    """
    if broadcast.body.get("audience") is None:
        raise RuleViolation(Reason("narrowcast_no_list"))
    account = accounts.get_account(broadcast.account)
    sheet = friends.load(broadcast.account, account.shards, user)
    if sheet is None or sheet.get("status") == "erased":
        raise NotFound(Reason("no_friend", user=user))
    run_snapshot = (
        run_snapshots.find_run_snapshot(broadcast.account, broadcast.id, broadcast.run)
        if broadcast.run
        else None
    )
    body = run_snapshot.body if run_snapshot else broadcast.body
    snapshot, now = catalog.snapshot(broadcast.account), clock.now()
    context = language.Context(snapshot, ZoneInfo(account.time_zone))
    exclude = body.get("exclude")
    return {
        "user_id": user,
        "run": broadcast.run,
        "judged_at": run_snapshot.now if run_snapshot else None,
        "outcome": _outcome(run_snapshot, user) if run_snapshot else None,
        "in_audience": language.compile_audience(body["audience"], context)(sheet, now)
        and not (exclude and language.compile(exclude, context)(sheet, now)),
        "status": sheet.get("status"),
        "audience": language.explain(body["audience"], context, sheet, now),
        "exclude": language.explain(exclude, context, sheet, now) if exclude else None,
    }


def _outcome(run_snapshot: RunSnapshot, user: str) -> dict[str, Any] | None:
    """What a run decided about a friend and what came of it; None: it did not mean this one."""
    shard, plans, found = friend_shard(user, run_snapshot.shards), _plans(run_snapshot), None
    for stage, planned in plans.stages:
        for part in plan_store.slices(stage.account, stage.plan, shard, payloads=False):
            for reason, users in part.skipped.items():
                if user in users:
                    return {"status": "skipped", "reason": reason}
            if user in part.held_out:
                return {"status": "held_out"}
            if user in part.recipients:
                return _in_chunk(stage, planned, shard, user)
            if user in part.rest:
                found = _of_the_rest(plans)
    return found


def _in_chunk(stage: RunSnapshot, planned: Planned, shard: int, user: str) -> dict[str, Any]:
    """The chunk is found by the recipient's number in its arm, which the names of chunks begin with."""
    found: dict[str, Any] | None = None
    if planned.packed is not None:
        ((_, position),) = _positions(stage, planned, shard, {user})
        name = deliveries.chunk_at(stage.account, stage.run, position)
        if name:
            found = deliveries.find_recipient(stage.account, stage.run, name.split(".")[0], user)
    return {key: value for key, value in (found or {"status": "pending"}).items() if key != "user_id"}
