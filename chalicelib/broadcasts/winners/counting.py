"""What the friends of a test's sample did: clicks or conversions, and blocks. Read from their sheets as
they are now.

Shard by shard and arm by arm, each count written once: whoever decides, decides by the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.broadcasts.model import RunSnapshot
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.broadcasts.winners import store
from chalicelib.broadcasts.winners.store import Count
from chalicelib.friends import service as friends
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.sheets.purchases import is_kept

_PAGE = 1_000
Sheet = Mapping[str, Any]


@dataclass(frozen=True)
class Counted:
    """How far a shard is counted: the arms that are still to be, and of the first of them so many friends."""

    arms: tuple[str, ...]
    users: int = 0
    successes: int = 0
    blocks: int = 0

    def body(self) -> dict[str, Any]:
        """As a message keeps it."""
        return vars(self)

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Counted:
        """From a message."""
        return cls(**{**body, "arms": tuple(body["arms"])})


def count_shard(
    run_snapshot: RunSnapshot, shard: int, at: Counted, left: TimeLeft = NO_LIMIT
) -> Counted | None:
    """Count the friends of these arms; where to go on when the time was over first, None when all are
    counted.
    """
    begun = at
    while at.arms:
        arm = at.arms[0]
        users = _users(run_snapshot, shard, arm)
        while at.users < len(users):
            if left.is_over and at != begun:
                return at
            at = _with_page(run_snapshot, at, users[at.users : at.users + _PAGE])
        count = Count(at.successes, at.blocks)
        store.put_count(run_snapshot.account, run_snapshot.run, arm, shard, count)
        at = Counted(at.arms[1:])
    return None


def _users(run_snapshot: RunSnapshot, shard: int, arm: str) -> list[str]:
    slices = plan_store.slices(run_snapshot.account, run_snapshot.run, shard, payloads=False)
    return [user for made in slices for user in made.arms.get(arm, ())]


def _with_page(run_snapshot: RunSnapshot, at: Counted, users: Sequence[str]) -> Counted:
    sheets = friends.behaviours(run_snapshot.account, run_snapshot.shards, users)
    metric = (run_snapshot.body.get("test") or {}).get("metric")
    success = _HAS_SUCCEEDED[str(metric)]
    delivery, run, since = run_snapshot.broadcast, run_snapshot.run, run_snapshot.now
    return Counted(
        at.arms,
        at.users + len(users),
        at.successes + sum(success(sheet, delivery, run) for sheet in sheets),
        at.blocks + sum(str(sheet.get("blocked_at") or "") >= since for sheet in sheets),
    )


def has_clicked(sheet: Sheet, delivery: str, run: str) -> bool:
    """Whether a friend has followed a link of this run."""
    known = (sheet.get("clicked") or {}).get(delivery) or {}
    return run == known.get("run") or run in (known.get("before") or {})


def has_converted(sheet: Sheet, delivery: str, run: str) -> bool:
    """Whether a friend has bought after following a link of this run, and before one of another delivery."""
    clicked = sheet.get("clicked") or {}
    known = clicked.get(delivery) or {}
    if not has_clicked(sheet, delivery, run):
        return False
    first = (known.get("first") or known["at"]) if run == known["run"] else known["before"][run]
    others = [one["at"] for name, one in clicked.items() if name != delivery]
    orders = ((sheet.get("purchases") or {}).get("orders") or {}).values()
    return any(is_kept(order) and _is_last(first, str(order["at"]), others) for order in orders)


def _is_last(click: str, bought_at: str, others: Sequence[str]) -> bool:
    return click <= bought_at and not any(click < other <= bought_at for other in others)


_HAS_SUCCEEDED = {"click": has_clicked, "conversion": has_converted}
METRICS = tuple(_HAS_SUCCEEDED)
