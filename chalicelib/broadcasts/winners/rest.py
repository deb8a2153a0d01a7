"""The rest of a test's audience: who it is, and what it is judged by once the test is decided.

Its plan is a second one of the same run (``RunSnapshot.plan``), with slices, parts and chunks of its own in
the one ledger. It judges exactly the friends whom the slices of the first plan left for later, so nobody is
judged twice, and whoever is gone meanwhile comes to an end as well.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.broadcasts.model import REST, SLICE_SHEETS, RunSnapshot
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends

Pages = Callable[[int, str | None], tuple[list[Sheet], str | None]]
"""Sheets of a shard after a user id, in order, and the id to go on after (None: that was the last)."""


def stage_of(run_snapshot: RunSnapshot, decision: Mapping[str, Any] | None) -> RunSnapshot | None:
    """What the rest is judged by; None while nothing is decided, or when the rest gets nothing."""
    if decision is None or decision["sends"] is None:
        return None
    arm = next(arm for arm in run_snapshot.arms if arm.id == decision["sends"])
    sent = replace(arm, id=arm.id + REST, goes_at=decision["goes_at"], at=None)
    return replace(run_snapshot, stage=REST, arms=[sent], now=decision["at"])


def pages(run_snapshot: RunSnapshot) -> Pages:
    """Reads the sheets of the rest. Of a friend who is no more there is the id, and that it is erased."""
    known: dict[int, list[str]] = {}

    def read(shard: int, after: str | None) -> tuple[list[Sheet], str | None]:
        if shard not in known:
            known[shard] = users_of(run_snapshot, shard)
        users = known[shard]
        begin = bisect_right(users, after) if after is not None else 0
        some = users[begin : begin + SLICE_SHEETS]
        sheets = friends.load_many(run_snapshot.account, run_snapshot.shards, some)
        following = some[-1] if begin + len(some) < len(users) else None
        return [sheets.get(user) or Sheet(user_id=user, status="erased") for user in some], following

    return read


def users_of(run_snapshot: RunSnapshot, shard: int) -> list[str]:
    """Whom the first plan left for later, in order."""
    slices = plan_store.slices(run_snapshot.account, run_snapshot.run, shard, payloads=False)
    return [user for made in slices for user in made.rest]
