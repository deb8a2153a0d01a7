"""Who was in a run, and what came of each: read from the plan's slices and the ledger."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts.model import Broadcast, RunSnapshot
from chalicelib.broadcasts.plans import plan, run_snapshots
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.catalog import service as catalog
from chalicelib.conditions import language
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.shared.errors import NotFound
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.reasons import Reason

_SHARDS_PER_PAGE = 16


def recipients(
    broadcast: Broadcast, status: str | None, limit: int, cursor: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A page of everybody whom the newest run means: first who gets nothing by the plan, then the ledger."""
    run_snapshot = (
        run_snapshots.find_run_snapshot(broadcast.account, broadcast.id, broadcast.run)
        if broadcast.run
        else None
    )
    if run_snapshot is None:
        return [], None
    page: list[dict[str, Any]] = []
    place = cursor or {"part": "plan", "shard": 0, "at": 0}
    if place["part"] == "plan":
        page, following = _planned(run_snapshot, status, limit, place["shard"], place["at"])
        if following is None or following["part"] == "plan" or len(page) == limit:
            return page, following
        place = following
    found, more = deliveries.recipients(
        broadcast.account,
        run_snapshot.run,
        status,
        limit - len(page),
        {"chunk": place["chunk"], "at": place["at"]},
    )
    return page + found, {"part": "ledger", **more} if more else None


def _planned(
    run_snapshot: RunSnapshot, status: str | None, limit: int, shard: int, skip: int
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Lines of the plan, from a shard's line ``skip`` on: of a few shards, so perhaps not ``limit``."""
    planned = plan_store.read_plan(run_snapshot.account, run_snapshot.run)
    done, packed = planned.done, planned.packed
    variants = {arm.id: arm.variant for arm in run_snapshot.arms}
    page: list[dict[str, Any]] = []
    read = 0
    for number in range(shard, run_snapshot.shards):
        counts = done.get(number)
        if packed is not None and counts is not None and not (counts.skipped or counts.held_out):
            continue
        if read == _SHARDS_PER_PAGE:
            return page, {"part": "plan", "shard": number, "at": 0}
        read += 1
        for index, line in enumerate(_lines(run_snapshot, number, variants, packed=packed is not None)):
            if (number == shard and index < skip) or status not in {None, line["status"]}:
                continue
            if len(page) == limit:
                return page, {"part": "plan", "shard": number, "at": index}
            page.append(line)
    return page, {"part": "ledger", "chunk": "", "at": 0} if packed is not None else None


def _lines(
    run_snapshot: RunSnapshot, shard: int, variants: dict[str, str | None], *, packed: bool
) -> Iterator[dict[str, Any]]:
    for part in plan_store.slices(run_snapshot.account, run_snapshot.run, shard, payloads=False):
        for reason, users in sorted(part.skipped.items()):
            yield from ({"user_id": user, "status": "skipped", "reason": reason} for user in users)
        yield from ({"user_id": user, "status": "held_out"} for user in part.held_out)
        for arm, users in [] if packed else sorted(part.arms.items()):
            variant = {"variant": variants[arm]} if variants[arm] else {}
            yield from ({"user_id": user, "status": "pending", **variant} for user in users)


def chunks_of(account: str, broadcast_id: str, run: str, users: Sequence[str]) -> dict[str, str]:
    """Whom of these friends a packed run is for, and in which of its chunks (or in a child of that)."""
    run_snapshot = run_snapshots.find_run_snapshot(account, broadcast_id, run)
    planned = plan_store.read_plan(account, run)
    if run_snapshot is None or planned.packed is None:
        return {}
    names = sorted(name for name in deliveries.chunk_names(account, run) if "." not in name)
    by_shard: dict[int, set[str]] = {}
    for user in users:
        by_shard.setdefault(friend_shard(user, run_snapshot.shards), set()).add(user)
    found: dict[str, str] = {}
    for shard, wanted in by_shard.items():
        at = plan.add(counts for number, counts in planned.done.items() if number < shard).arms
        for part in plan_store.slices(account, run, shard, payloads=False):
            for arm, some in part.arms.items():
                first = at.get(arm, 0)
                at[arm] = first + len(some)
                for index, user in enumerate(some):
                    if user in wanted:
                        name = plan.chunk_name(arm, first + index)
                        found[user] = names[bisect_right(names, name) - 1]
    return found


def why(broadcast: Broadcast, user: str) -> dict[str, Any]:
    """Why a friend is in the newest run or not, and what came of it: ``{"user_id", "outcome", "in_audience",
    "audience", "exclude"}`` with the conditions as trees. Raises NotFound for a friend never seen.

    The trees show the friend as of today; ``outcome`` (null: not in the run) is what was decided then.
    """
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
    shard = friend_shard(user, run_snapshot.shards)
    before: dict[str, int] = {}
    for part in plan_store.slices(run_snapshot.account, run_snapshot.run, shard, payloads=False):
        for reason, users in part.skipped.items():
            if user in users:
                return {"status": "skipped", "reason": reason}
        if user in part.held_out:
            return {"status": "held_out"}
        for arm, users in part.arms.items():
            if user in users:
                return _in_chunk(run_snapshot, shard, arm, before.get(arm, 0) + users.index(user), user)
            before[arm] = before.get(arm, 0) + len(users)
    return None


def _in_chunk(run_snapshot: RunSnapshot, shard: int, arm: str, position: int, user: str) -> dict[str, Any]:
    """The chunk is found by the recipient's number in its arm, which the names of chunks begin with."""
    planned = plan_store.read_plan(run_snapshot.account, run_snapshot.run)
    pending: dict[str, Any] = {"status": "pending"}
    if planned.packed is None:
        return pending
    position += sum(counts.arms.get(arm, 0) for number, counts in planned.done.items() if number < shard)
    name = deliveries.chunk_at(run_snapshot.account, run_snapshot.run, plan.chunk_name(arm, position))
    found = (
        deliveries.find_recipient(run_snapshot.account, run_snapshot.run, name.split(".")[0], user)
        if name
        else None
    )
    return {key: value for key, value in (found or pending).items() if key != "user_id"}
