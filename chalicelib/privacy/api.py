"""``DELETE …/friends/{user}`` and ``GET …/friends/{user}/export``: all of a friend goes, or is handed out."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel

from chalicelib.accounts.access import require
from chalicelib.accounts.friend_tokens import without_live
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.conversations import contents
from chalicelib.friends import orders
from chalicelib.friends.api import sheet_of, user_path
from chalicelib.friends.views import Friend, friend_body
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.queries import query_bool
from chalicelib.http.routes import Operation
from chalicelib.privacy import erasure
from chalicelib.shared.errors import Detail, InvalidInput, NotFound
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from chalicelib.timeline.views import Activity, activity_body

bp = Blueprint(__name__)

_FRIEND = "/v1/accounts/{account}/friends/{user}"
_WHOLE_TIMELINE = 10_000


class Erased(BaseModel):
    """What is left of an erased friend."""

    user_id: str
    status: str


class FriendExport(BaseModel):
    """Everything stored about one friend."""

    friend: Friend
    sheet: dict[str, Any]
    activities: list[Activity]
    contents: list[dict[str, Any]]


OPERATIONS = [
    Operation(
        "DELETE",
        _FRIEND,
        "Erase a friend for good",
        "editor",
        response=Erased,
        query={"erase": "must be true"},
        action="erase",
    ),
    Operation(
        "GET",
        f"{_FRIEND}/export",
        "Everything stored about a friend",
        "viewer",
        response=FriendExport,
        audited=True,
        action="export",
    ),
]


@bp.route(_FRIEND, methods=["DELETE"])
@http_errors
def erase_friend(account: str, user: str) -> Any:
    """``DELETE /friends/{u}?erase=true``: a tombstone instead of the sheet, no timeline, no contents."""
    request = bp.current_request
    require(request, "editor", account)
    if not query_bool(request, "erase"):
        reason = Reason("erase_true")
        raise InvalidInput(reason, [Detail("erase", reason)])
    found, name, at = get_account(account), user_path(user), iso(clock.now())
    try:
        sheet_of(found, name)
    except NotFound:
        orders.forget(found, name, at)  # one may have been reported that came no further
        raise
    erasure.erase(found, name, at)
    return json_response({"user_id": name, "status": "erased"})


@bp.route(f"{_FRIEND}/export", methods=["GET"])
@http_errors
def export_friend(account: str, user: str) -> Any:
    """``GET /friends/{u}/export``: the friend, the stored sheet and the whole timeline."""
    require(bp.current_request, "viewer", account)
    found = get_account(account)
    sheet = sheet_of(found, user_path(user))
    timeline: list[dict[str, Any]] = []
    cursor: dict[str, Any] | None = None
    while len(timeline) < _WHOLE_TIMELINE:
        part, cursor = activities.recent(account, sheet["user_id"], 100, cursor)
        timeline += [activity_body(activity) for activity in part]
        if cursor is None:
            break
    plain = {name: sorted(value) if isinstance(value, set) else value for name, value in sheet.items()}
    kept = contents.everything(account, sheet["user_id"])
    export = {
        "friend": friend_body(sheet, snapshot(account), clock.now()),
        "sheet": plain,
        "activities": timeline,
        "contents": kept,
    }
    answer: Response = json_response(without_live(export))  # what waits to be sent is on the sheet as well
    return answer
