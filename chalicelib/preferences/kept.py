"""What is kept of a friend, as the friend reads it: a few lines on the page, everything in a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from chalicelib.accounts.friend_tokens import without_live
from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.friends.views import friend_body
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, local_date, parse_iso
from chalicelib.timeline import service as activities

MOST_LINES = 5_000
"""Events of the timeline in the file, the newest."""
_OF_FRIEND = ("user_id", "status", "display_name", "language", "followed_at", "blocked_at", "last_active_at")
_ALIKE = ("source", "attributes", "facts", "purchases", "member_id", "rank", "reservations", "forms")
_STAFF_S_OWN = frozenset({"raw", "by"})
"""Of events what is LINE's envelope, or names who of the staff did something."""


def lines(sheet: Mapping[str, Any], catalog: Snapshot, account: Account) -> list[dict[str, str]]:
    """``[{"name", "value"}]``, what is known alone."""
    return [{"name": name, "value": value} for name, value in _lines(sheet, catalog, account) if value]


def _lines(sheet: Mapping[str, Any], catalog: Snapshot, account: Account) -> Iterator[tuple[str, str]]:
    yield Reason("page_data_name").text(), str(sheet.get("display_name") or "")
    for code, name in (("page_data_since", "followed_at"), ("page_data_active", "last_active_at")):
        yield Reason(code).text(), _day(sheet.get(name), account)
    for id_, value in (sheet.get("attributes") or {}).items():
        yield _name(catalog, "attributes", id_), _text(value)
    tags = [_name(catalog, "tags", tag) for tag in sorted(sheet.get("tags") or {})]
    yield Reason("page_data_tags").text(), "、".join(tags)
    purchases = sheet.get("purchases") or {}
    count = int(purchases.get("count") or 0)
    orders = Reason("page_data_orders", count=count, total=f"{purchases.get('total') or 0:,}").text()
    yield Reason("page_data_purchases").text(), orders if count else ""
    forms = [_name(catalog, "forms", form) for form in sorted(sheet.get("forms") or {})]
    yield Reason("page_data_forms").text(), "、".join(forms)


def _name(catalog: Snapshot, kind: str, id_: str) -> str:
    document = catalog.find(kind, id_)
    return str(document.body.get("name") or id_) if document else id_


def _day(at: Any, account: Account) -> str:
    return local_date(parse_iso(at), account.zone).isoformat() if at else ""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return Reason("page_yes" if value else "page_no").text()
    return "、".join(map(str, value)) if isinstance(value, list) else str(value)


def everything(account: Account, sheet: Sheet, catalog: Snapshot, now: datetime) -> dict[str, Any]:
    """What the friend may take along: who they are to the account, and what happened, newest first."""
    friend = friend_body(sheet, catalog, now)
    about = {name: friend[name] for name in (*_OF_FRIEND, *_ALIKE)}
    about["tags"] = {tag: {"since": entry["since"]} for tag, entry in friend["tags"].items()}
    about["scores"] = {score: entry["value"] for score, entry in friend["scores"].items()}
    about["topics"] = friend["topics"]
    events = [_event(one) for one in _timeline(account.id, sheet["user_id"])]
    whole: dict[str, Any] = without_live(
        {"account": account.name, "made_at": iso(now), "friend": about, "events": events}
    )
    return whole


def _event(activity: Mapping[str, Any]) -> dict[str, Any]:
    props = {name: value for name, value in (activity.get("props") or {}).items() if name not in _STAFF_S_OWN}
    return {"at": activity["at"], "type": activity["type"], "key": activity.get("key"), "props": props}


def _timeline(account: str, user: str) -> list[activities.Activity]:
    found: list[activities.Activity] = []
    cursor: dict[str, Any] | None = None
    while len(found) < MOST_LINES:
        part, cursor = activities.recent(account, user, 200, cursor)
        found += part
        if cursor is None:
            break
    return found[:MOST_LINES]
