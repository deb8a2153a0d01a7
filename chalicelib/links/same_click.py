"""When opening a link once more is still the same click. Pure.

Programs fetch an address twice, and nobody shall make many events of one address: within ten seconds of the
click that was counted last, the same friend, link and run of a delivery (of a scenario: node) are one click,
wherever on the clock the seconds fall. The sheet knows when the friend last followed a link, and when a run;
a click is the same when both were then. Of no delivery, the link alone.
"""

from __future__ import annotations

from datetime import timedelta

from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import parse_iso
from chalicelib.sheets import folds
from chalicelib.sheets.sheet import fact_key, fact_names

WINDOW = timedelta(seconds=10)


def is_same(sheet: Sheet | None, event: FriendEvent) -> bool:
    """Whether an event is a click that the sheet has counted already."""
    if event.type != "link_clicked" or sheet is None:
        return False
    last = sheet["facts"].get(fact_names(event.type, fact_key(event))[-1], {}).get("last_at")
    if not _is_near(event.at, last):
        return False
    delivery = event.props.get("delivery")
    return not delivery or _is_near(event.at, _last_of_run(sheet, delivery, folds.run_of(event.props)))


def _last_of_run(sheet: Sheet, delivery: str, run: str) -> str | None:
    """When the friend last followed a link of a run; None: never, as far as the sheet knows."""
    known = sheet.get("clicked", {}).get(delivery, {})
    found: str | None = known["at"] if known.get("run") == run else known.get("before", {}).get(run)
    return found


def _is_near(at: str, last: str | None) -> bool:
    return last is not None and abs(parse_iso(at) - parse_iso(last)) < WINDOW
