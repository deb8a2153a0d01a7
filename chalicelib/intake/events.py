"""What other systems report."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import EventType, Fact, Match
from chalicelib.events.sheet import Sheet
from chalicelib.shared.errors import Detail
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason


def _purchase(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.sheets import folds

    return folds.purchase(sheet, event)


def _refund(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.sheets import folds

    return folds.refund(sheet, event)


def _is_refund(match: Match, _snapshot: Snapshot, path: str) -> Iterator[Detail]:
    if "refund_of" in match:
        yield Detail(f"{path}.match.refund_of", Reason("refund_no_purchase"))


EVENTS: dict[str, EventType] = {
    "purchased": EventType(
        "intake",
        fold=_purchase,
        warn=_is_refund,
        is_by_friend=True,
        is_reported=True,
        reports_order=True,
        in_reports="purchased",
    ),
    "refunded": EventType(
        "intake", fold=_refund, is_reported=True, reports_order=True, in_reports="refunded"
    ),
}
