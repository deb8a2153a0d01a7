"""When opening a link once more is still the same click. Pure.

Programs fetch an address twice, and nobody shall make many events of one address: within ten seconds of the
click that was counted last, the same friend, link and run of a delivery are one click, wherever on the clock
the seconds fall.
"""

from __future__ import annotations

from datetime import timedelta

from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import parse_iso
from chalicelib.sheets.model import Sheet
from chalicelib.sheets.sheet import fact_key, fact_names

WINDOW = timedelta(seconds=10)


def is_same(sheet: Sheet | None, event: FriendEvent) -> bool:
    """Whether an event is a click that the sheet has counted already."""
    if event.type != "link_clicked" or sheet is None:
        return False
    last = sheet["facts"].get(fact_names(event.type, fact_key(event))[-1], {}).get("last_at")
    if last is None or abs(parse_iso(event.at) - parse_iso(last)) >= WINDOW:
        return False
    delivery = event.props.get("delivery")
    known = sheet.get("clicked", {}).get(delivery, {})
    return not delivery or event.props.get("run", "") in {known.get("run"), *known.get("before", ())}
