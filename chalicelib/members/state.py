"""A member on a friend's sheet. Pure: the sheet is changed in place.

``member_id``, and ``member``: ``{"link", "v", "rank", "attributes"}``, the versions of the link and of the
member that the sheet shows, and what the member has given it. A report holds all of that, so only the
newer counts, and nothing depends on the order in which it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.members.model import Link, Member
from chalicelib.shared.reasons import Reason
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import Fact
from chalicelib.sheets.values import UnfitValue

Report = Mapping[str, Any]
"""``{"link", "v", "member_id", "rank", "attributes", "way"}``."""


def report_of(link: Link, member: Member | None) -> dict[str, Any]:
    """What is reported to a friend's sheet of their link; ``member`` None: they have none."""
    given = {"rank": member.rank, "attributes": member.attributes} if member else {}
    return {
        "link": link.v,
        "v": member.v if member else 0,
        "member_id": link.member if member else None,
        "way": link.way,
        "rank": None,
        "attributes": {},
        **given,
    }


def fold(
    sheet: Sheet, reported: Report, snapshot: Snapshot, zone: ZoneInfo, at: str
) -> tuple[list[Fact], list[Reason]]:
    """Show what was reported; returns the facts, and which attributes could not be set and why."""
    known = sheet.get("member") or {}
    if (reported["link"], reported["v"]) <= (known.get("link", 0), known.get("v", 0)):
        return [], []
    before, after = sheet.get("member_id"), reported["member_id"]
    facts: list[Fact] = []
    if before is not None and before != after:
        facts.append(("account_unlinked", before, {"member_id": before}))
    if after is not None and before != after:
        facts.append(("account_linked", after, {"member_id": after}))
    given: dict[str, Any] = {}
    refused: list[Reason] = []
    held = known.get("attributes") or {}
    for name in sorted(held.keys() | reported["attributes"].keys()):
        value = reported["attributes"].get(name)
        changed, why = _set(sheet, name, held.get(name), value, snapshot, zone, at)
        facts += changed
        if why is not None:
            refused.append(why)
        elif value is not None:
            given[name] = sheet["attributes"].get(name)
    sheet["member_id"] = after
    sheet["member"] = {
        "link": reported["link"],
        "v": reported["v"],
        "rank": reported["rank"],
        "attributes": {name: value for name, value in given.items() if value is not None},
    }
    return facts, refused


def _set(
    sheet: Sheet, name: str, held: Any, value: Any, snapshot: Snapshot, zone: ZoneInfo, at: str
) -> tuple[list[Fact], Reason | None]:
    """Set one attribute to what the member has (None: no more), unless somebody has changed it since."""
    now = sheet["attributes"].get(name)
    if value is None and now != held:
        return [], None
    if held is not None and now == held:
        # It is the member's own: clocks that differ must not keep it.
        at = max(at, sheet["attributes_at"].get(name, ""))
    document = snapshot.find("attributes", name)
    if value is not None and document is None:
        return [], Reason("no_document_any_more", kind="attribute", id=name)
    try:
        return folding.set_attribute(sheet, name, document.body if document else {}, value, at, zone), None
    except UnfitValue as error:
        return [], error.reason
