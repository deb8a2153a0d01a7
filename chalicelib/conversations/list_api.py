"""``/v1/accounts/{account}/conversations``: who wrote, whether somebody has read it, and who cares for it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.friends.api import known_friend
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import query_bool, query_int, query_text
from chalicelib.http.routes import Operation
from chalicelib.segments import audience, by_shard, mirror_queries
from chalicelib.shared.errors import Conflict, InvalidInput
from chalicelib.shared.fields import Name, Timestamp
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import from_ms, iso, parse_iso

bp = Blueprint(__name__)

_ALL = "/v1/accounts/{account}/conversations"
_ONE = f"{_ALL}/{{user}}"
MARKS = ("open", "waiting", "done")
Mark = Literal["open", "waiting", "done"]
_NEEDS = ("display_name", "facts", "chat_read_at", "chat_mark", "chat_assignee", "chat_note")


class Conversation(BaseModel):
    """One friend's conversation. ``unread``: the friend wrote after ``read_at``."""

    user_id: str
    display_name: str | None
    status: str
    last_at: str | None
    unread: bool
    read_at: str | None
    mark: Mark | None
    assignee: str | None
    note: str | None


class ConversationPatch(BaseModel):
    """What staff say of a conversation; null takes it away, what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    read_at: Timestamp | None = None
    mark: Mark | None = None
    assignee: Name | None = None
    note: Annotated[str, Field(max_length=2_000)] | None = None


@bp.route(_ALL, methods=["GET"])
@http_errors
def list_conversations(account: str) -> Response:
    """``GET /conversations?unread=&mark=``: newest first."""
    request = bp.current_request
    require(request, "viewer", account)
    limit, position = query_int(request, "limit", 50), query_cursor(request, "before", "user")
    unread, mark = query_bool(request, "unread"), query_text(request, "mark")
    if mark is not None and mark not in MARKS:
        raise InvalidInput.at("mark", Reason("must_be_one_of", choices=list(MARKS)))
    before = (position["before"], position["user"]) if position else None

    def wanted(one: dict[str, Any]) -> bool:
        return (
            one["last_at"] is not None
            and (not unread or one["unread"])
            and (mark is None or one["mark"] == mark)
            and (before is None or _place(one) < before)
        )

    found = get_account(account)
    newest = _by_activity(found, limit, wanted)
    if newest is None:
        newest = _Newest(heapq.nlargest(limit + 1, filter(wanted, map(_body, _sheets(found))), key=_place))
    shown = newest.conversations[:limit]
    following = _place(shown[-1]) if len(newest.conversations) > limit else newest.seen_to
    cursor = {"before": following[0], "user": following[1]} if following else None
    return json_response(page(shown, cursor, request))


@bp.route(_ONE, methods=["PATCH"])
@http_errors
def patch_conversation(account: str, user: str) -> Response:
    """``PATCH /conversations/{user}``: read up to a time, a mark, who cares for it, a note."""
    request = bp.current_request
    require(request, "editor", account)
    name = known_friend(account, user)
    given = json_body(request, ConversationPatch)
    values = {field: getattr(given, field) for field in given.model_fields_set}
    if "read_at" in values and values["read_at"] is not None:
        values["read_at"] = iso(parse_iso(values["read_at"]))
    sets = [((f"chat_{field}",), value) for field, value in values.items() if value is not None]
    removes = [(f"chat_{field}",) for field, value in values.items() if value is None]
    found = get_account(account)
    if values and not friends.update_paths(account, found.shards, name, sets, removes):
        raise Conflict(Reason("friend_erased"))
    sheet = friends.load(account, found.shards, name)
    assert sheet is not None, "a known friend keeps a sheet"
    return json_response(_body(sheet))


@dataclass(frozen=True)
class _Newest:
    """Conversations, newest first, one more than a page when there is more; ``seen_to``: what is older than
    this place there was no time for.
    """

    conversations: list[dict[str, Any]]
    seen_to: tuple[str, str] | None = None


_WROTE = {"event": {"type": "messaged"}}
_AHEAD, _WITHIN_S = 200, 8.0


def _by_activity(account: Account, limit: int, wanted: Callable[[dict[str, Any]], bool]) -> _Newest | None:
    """The same of those who wrote, as the mirror has them by their last activity, which no message is newer
    than: read as far as nobody further on can have written later. None: there is no mirror.
    """
    best: dict[str, dict[str, Any]] = {}
    asked: dict[str, Any] = {"also": _WROTE, "sort": "last_active", "order": "desc", "limit": _AHEAD}
    left = by_shard.within(_WITHIN_S)
    while True:
        found = mirror_queries.find(account, clock.now(), asked)
        if found is None:
            return None
        sheets = friends.load_many(account.id, account.shards, [user for _, user in found.items])
        best |= {one["user_id"]: one for one in filter(wanted, map(_body, sheets.values()))}
        newest = heapq.nlargest(limit + 1, best.values(), key=_place)
        if len(found.items) < _AHEAD:
            return _Newest(newest)
        key, user = found.items[-1]
        reached = (iso(from_ms(key)) if key is not None else "", "")
        if len(newest) > limit and _place(newest[-1]) >= reached:
            return _Newest(newest)
        if left.is_over:
            return _Newest([one for one in newest if _place(one) >= reached], reached)
        asked["after"] = [key, user]


def _sheets(account: Account) -> Any:
    for shard in range(account.shards):
        for sheets in audience.walk_shard(account.id, shard, needs=_NEEDS):
            yield from sheets


def _place(one: dict[str, Any]) -> tuple[str, str]:
    return one["last_at"], one["user_id"]


def _body(sheet: Sheet) -> dict[str, Any]:
    messaged = (sheet.get("facts") or {}).get("messaged") or {}
    last_at, read_at = messaged.get("last_at"), sheet.get("chat_read_at")
    return {
        "user_id": sheet["user_id"],
        "display_name": sheet.get("display_name"),
        "status": sheet["status"],
        "last_at": last_at,
        "unread": last_at is not None and (read_at is None or read_at < last_at),
        "read_at": read_at,
        **{name: sheet.get(f"chat_{name}") for name in ("mark", "assignee", "note")},
    }


_QUERY = {
    "unread": "true: only those with something unread",
    "mark": "open, waiting or done: only those with this mark",
    "limit": "1 to 200",
    "cursor": "next_cursor of the page before",
}
OPERATIONS = [
    Operation("GET", _ALL, "Conversations, newest first", "viewer", response=Conversation, query=_QUERY),
    Operation(
        "PATCH", _ONE, "Mark a conversation as read, say who cares", "editor", ConversationPatch, Conversation
    ),
]
