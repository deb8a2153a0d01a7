"""``/v1/accounts/{account}/friends/{user}``: one friend, by hand. (Lists are the segments room's.)"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from chalice.app import Blueprint
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.friends import edits, store, waking
from chalicelib.friends.applied import is_applied
from chalicelib.friends.documents import Number
from chalicelib.friends.views import Friend, friend_body
from chalicelib.gateways import clock, inbox
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import query_bool, query_int
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import Conflict, InvalidInput, NotFound
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.fields import Id
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit
from chalicelib.shared.times import iso
from chalicelib.shared.user_ids import BadUserId, user_id
from chalicelib.timeline import service as activities
from chalicelib.timeline.views import Activity, activity_body

bp = Blueprint(__name__)

_FRIEND = "/v1/accounts/{account}/friends/{user}"


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
    topics: Annotated[dict[Id, Literal["in", "out"]], Field(max_length=100)] = {}
    wording: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """How the friend put it, or what was agreed to: kept beside the topics."""


class Accepted(BaseModel):
    """The event under which the change will be on the timeline."""

    event_id: str


OPERATIONS = [
    Operation("GET", _FRIEND, "One friend as known now", "viewer", response=Friend),
    Operation(
        "PATCH",
        _FRIEND,
        "Change tags, attributes, scores and topics by hand",
        "editor",
        request=FriendPatch,
        response=Accepted,
        status=202,
        query={"wait": "true: answer 200 with the friend once the change is applied, 202 after 5 s"},
    ),
    Operation(
        "GET",
        f"{_FRIEND}/activities",
        "The timeline, newest first",
        "viewer",
        response=Activity,
        query={"limit": "1 to 200", "cursor": "next_cursor of the page before"},
    ),
]


def user_path(raw: str) -> str:
    """A user id out of the path. Raises InvalidInput for what cannot be one."""
    try:
        return user_id(raw)
    except BadUserId as error:
        raise InvalidInput.at("user_id", error.reason) from error


def known_friend(account: str, raw: str) -> str:
    """The user id out of the path of somebody who is known. Raises NotFound."""
    return str(sheet_of(get_account(account), user_path(raw))["user_id"])


def sheet_of(account: Account, user: str) -> Sheet:
    """The sheet of somebody who is known; a tombstone too. Raises NotFound."""
    sheet = store.load(account.id, account.shards, user)
    if sheet is None:
        raise NotFound(Reason("no_friend", user=user))
    return sheet


def _body(account: Account, sheet: Sheet) -> dict[str, Any]:
    return friend_body(sheet, snapshot(account.id), clock.now())


@bp.route(_FRIEND, methods=["GET"])
@http_errors
def get_friend(account: str, user: str) -> Any:
    """``GET /friends/{u}``: the friend, scores decayed to now."""
    require(bp.current_request, "viewer", account)
    found = get_account(account)
    return json_response(_body(found, sheet_of(found, user_path(user))))


@bp.route(_FRIEND, methods=["PATCH"])
@http_errors
def patch_friend(account: str, user: str) -> Any:
    """``PATCH /friends/{u}``: checked now, applied through the inbox."""
    request = bp.current_request
    principal = require(request, "editor", account)
    found, wait = get_account(account), query_bool(request, "wait")
    sheet = sheet_of(found, user_path(user))
    patch = json_body(request, FriendPatch).model_dump(mode="json")
    if sheet["status"] == "erased":
        raise Conflict(Reason("friend_erased"))
    catalog = snapshot(account)
    waking.refuse(principal, patch, catalog)
    edits.check(patch, sheet, catalog, found.zone)
    if (wrong := unfit(patch)) is not None:
        raise InvalidInput.at(*wrong)
    event = FriendEvent(
        event_id=new_ulid(),
        account_id=account,
        user_id=sheet["user_id"],
        type="console_edit",
        at=iso(clock.now()),
        props=patch | {"by": principal.who},
        source="console",
    )
    inbox.put_all([event], Reason("change_not_taken"))
    if wait and is_applied(event):
        return json_response(_body(found, sheet_of(found, event.user_id)))
    return json_response({"event_id": event.event_id}, 202)


@bp.route(f"{_FRIEND}/activities", methods=["GET"])
@http_errors
def list_activities(account: str, user: str) -> Any:
    """``GET /friends/{u}/activities``: newest first."""
    request = bp.current_request
    require(request, "viewer", account)
    limit, cursor = query_int(request, "limit", 50), query_cursor(request, "at", "event_id")
    sheet = sheet_of(get_account(account), user_path(user))
    found, following = activities.recent(account, sheet["user_id"], limit, cursor)
    return json_response(page([activity_body(activity) for activity in found], following, request))
