"""``/v1/accounts/{account}/friends/{user}``: one friend, by hand. (Lists are the segments room's.)"""

from __future__ import annotations

from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import audit, get_account
from chalicelib.catalog.service import snapshot
from chalicelib.friends import activities, contents, edits, erasing, store
from chalicelib.friends.documents import Number
from chalicelib.friends.model import Sheet
from chalicelib.friends.views import Activity, Friend, activity_body, friend_body
from chalicelib.gateways import clock, inbox
from chalicelib.shared.bodies import json_body
from chalicelib.shared.errors import Conflict, Detail, InvalidInput, NotFound, Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.fields import Id
from chalicelib.shared.http import (
    Operation,
    http_errors,
    json_response,
    page,
    path_text,
    query_bool,
    query_cursor,
    query_int,
)
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.storable import is_storable
from chalicelib.shared.times import iso

bp = Blueprint(__name__)

_FRIEND = "/v1/accounts/{account}/friends/{user}"
_WAIT_S = 5.0
_POLL_S = 0.1
_USER_ID_LENGTH = 128
_WHOLE_TIMELINE = 10_000


class TagEdits(BaseModel):
    """Tags to add and to remove."""

    model_config = ConfigDict(extra="forbid")

    add: Annotated[list[Id], Field(max_length=100)] = []
    remove: Annotated[list[Id], Field(max_length=100)] = []


class ScoreEdits(BaseModel):
    """Points to add, values to set."""

    model_config = ConfigDict(extra="forbid")

    add: Annotated[dict[Id, Number], Field(max_length=100)] = {}
    set: Annotated[dict[Id, Number], Field(max_length=100)] = {}


class FriendPatch(BaseModel):
    """Changes by hand; an attribute of null is removed."""

    model_config = ConfigDict(extra="forbid")

    tags: TagEdits = TagEdits()
    attributes: Annotated[dict[Id, Any], Field(max_length=100)] = {}
    scores: ScoreEdits = ScoreEdits()


class Accepted(BaseModel):
    """The event under which the change will stand on the timeline."""

    event_id: str


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
    Operation("GET", _FRIEND, "One friend as known now", "viewer", response=Friend),
    Operation(
        "PATCH",
        _FRIEND,
        "Change tags, attributes and scores by hand",
        "editor",
        request=FriendPatch,
        response=Accepted,
        status=202,
        query={"wait": "true: answer 200 with the friend once the change is applied, 202 after 5 s"},
    ),
    Operation(
        "DELETE",
        _FRIEND,
        "Erase a friend for good",
        "editor",
        response=Erased,
        query={"erase": "must be true"},
    ),
    Operation(
        "GET",
        f"{_FRIEND}/activities",
        "The timeline, newest first",
        "viewer",
        response=Activity,
        query={"limit": "1 to 200", "cursor": "next_cursor of the page before"},
    ),
    Operation(
        "GET", f"{_FRIEND}/export", "Everything stored about a friend", "viewer", response=FriendExport
    ),
]


def user_path(raw: str) -> str:
    """A user id out of the path. Raises InvalidInput for what cannot be one."""
    user = path_text(raw)
    if not 1 <= len(user) <= _USER_ID_LENGTH:
        reason = f"must have 1 to {_USER_ID_LENGTH} characters"
        raise InvalidInput(f"user_id: {reason}", [Detail("user_id", reason)])
    return user


def _sheet(account: Account, user: str) -> Sheet:
    sheet = store.load(account.id, account.shards, user)
    if sheet is None:
        raise NotFound(f"there is no friend {user}")
    return sheet


def _body(account: Account, sheet: Sheet) -> dict[str, Any]:
    return friend_body(sheet, snapshot(account.id), clock.now())


@bp.route(_FRIEND, methods=["GET"])
@http_errors
def get_friend(account: str, user: str) -> Any:
    """``GET /friends/{u}``: the friend, scores decayed to now."""
    require(bp.current_request, "viewer", account)
    found = get_account(account)
    return json_response(_body(found, _sheet(found, user_path(user))))


@bp.route(_FRIEND, methods=["PATCH"])
@http_errors
def patch_friend(account: str, user: str) -> Any:
    """``PATCH /friends/{u}``: checked now, applied through the inbox."""
    request = bp.current_request
    principal = require(request, "editor", account)
    found, wait = get_account(account), query_bool(request, "wait")
    patch = json_body(request, FriendPatch).model_dump(mode="json")
    sheet = _sheet(found, user_path(user))
    if sheet["status"] == "erased":
        raise Conflict("this friend was erased")
    edits.check(patch, sheet, snapshot(account), found.zone)
    if not is_storable(patch):
        raise InvalidInput("a value holds characters or numbers that cannot be stored")
    event = FriendEvent(
        event_id=new_ulid(),
        account_id=account,
        user_id=sheet["user_id"],
        type="console_edit",
        at=iso(clock.now()),
        props=patch | {"by": principal.who},
        source="console",
    )
    if inbox.put([event]):
        raise Unavailable("the inbox did not take the change; nothing was changed")
    if wait and _applied(event):
        return json_response(_body(found, _sheet(found, event.user_id)))
    return json_response({"event_id": event.event_id}, 202)


def _applied(event: FriendEvent) -> bool:
    """Wait until the event's activity is there, at most 5 s."""
    began = clock.now()
    while (clock.now() - began).total_seconds() < _WAIT_S:
        if activities.find(event.account_id, event.user_id, event.event_id):
            return True
        clock.sleep(_POLL_S)
    return False


@bp.route(_FRIEND, methods=["DELETE"])
@http_errors
def erase_friend(account: str, user: str) -> Any:
    """``DELETE /friends/{u}?erase=true``: a tombstone instead of the sheet, no timeline, no contents."""
    request = bp.current_request
    principal = require(request, "editor", account)
    if not query_bool(request, "erase"):
        reason = "say erase=true: the friend and the timeline are deleted for good"
        raise InvalidInput(reason, [Detail("erase", reason)])
    found, name = get_account(account), user_path(user)
    _sheet(found, name)
    audit(account, principal.who, "erase", f"friends/{name}")
    erasing.erase(found, name, iso(clock.now()))
    return json_response({"user_id": name, "status": "erased"})


@bp.route(f"{_FRIEND}/activities", methods=["GET"])
@http_errors
def list_activities(account: str, user: str) -> Any:
    """``GET /friends/{u}/activities``: newest first."""
    request = bp.current_request
    require(request, "viewer", account)
    limit, cursor = query_int(request, "limit", 50), query_cursor(request, "at", "event_id")
    sheet = _sheet(get_account(account), user_path(user))
    found, following = activities.recent(account, sheet["user_id"], limit, cursor)
    return json_response(page([activity_body(activity) for activity in found], following))


@bp.route(f"{_FRIEND}/export", methods=["GET"])
@http_errors
def export_friend(account: str, user: str) -> Any:
    """``GET /friends/{u}/export``: the friend, the stored sheet and the whole timeline."""
    principal = require(bp.current_request, "viewer", account)
    found = get_account(account)
    sheet = _sheet(found, user_path(user))
    timeline: list[dict[str, Any]] = []
    cursor: dict[str, Any] | None = None
    while len(timeline) < _WHOLE_TIMELINE:
        part, cursor = activities.recent(account, sheet["user_id"], 100, cursor)
        timeline += [activity_body(activity) for activity in part]
        if cursor is None:
            break
    audit(account, principal.who, "export", f"friends/{sheet['user_id']}")
    plain = {name: sorted(value) if isinstance(value, set) else value for name, value in sheet.items()}
    kept = contents.everything(account, sheet["user_id"])
    answer: Response = json_response(
        {"friend": _body(found, sheet), "sheet": plain, "activities": timeline, "contents": kept}
    )
    return answer
