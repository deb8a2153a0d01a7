"""``/v1/accounts/{account}/friends/{user}/messages``: the conversation, and what staff say in it."""

from __future__ import annotations

from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.accounts import idempotency
from chalicelib.accounts.access import require
from chalicelib.accounts.service import get_account
from chalicelib.conversations import contents
from chalicelib.conversations import service as chat
from chalicelib.friends.api import user_path
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import query_int
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import Conflict, NotFound
from chalicelib.shared.fields import Id
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_MESSAGES = "/v1/accounts/{account}/friends/{user}/messages"
_CONTENT = f"{_MESSAGES}/{{message_id}}/content"
_URL_LIFE_S = 300


class Line(BaseModel):
    """One thing that was sent. ``in``: by the friend; ``out``: to the friend."""

    model_config = ConfigDict(extra="allow")

    direction: str
    event_id: str
    at: str
    type: str
    message_id: str | None = None
    text: str | None = None
    content: dict[str, Any] | None = None
    unsent_at: str | None = None
    by: str | None = None
    messages: list[dict[str, Any]] | None = None
    status: str | None = None
    why: str | None = None
    until: str | None = None
    message: str | None = None
    run: str | None = None
    test: bool | None = None


class Conversation(BaseModel):
    """A page of the conversation, newest first."""

    items: list[Line]
    next_cursor: str | None


class StaffMessage(BaseModel):
    """What staff send: LINE message objects, or a saved message by its id."""

    model_config = ConfigDict(extra="forbid")

    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=5)] | None = None
    message: Id | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> StaffMessage:
        if (self.messages is None) is (self.message is None):
            raise ValueError(Reason("messages_or_message"))
        return self


class Sent(BaseModel):
    """The event under which it is on the timeline, and the run in the ledger."""

    event_id: str
    run: str


@bp.route(_MESSAGES, methods=["GET"])
@http_errors
def list_messages(account: str, user: str) -> Response:
    """``GET /friends/{u}/messages``: what was received and sent, newest first."""
    request = bp.current_request
    require(request, "viewer", account)
    limit, cursor = query_int(request, "limit", 50), query_cursor(request, "at", "event_id")
    found = chat.get_sheet(get_account(account), user_path(user))
    lines, following = chat.conversation(account, found["user_id"], limit, cursor)
    return json_response(page(lines, following, request))


@bp.route(_MESSAGES, methods=["POST"])
@http_errors
def send_messages(account: str, user: str) -> Response:
    """``POST /friends/{u}/messages``: staff say something to one friend."""
    request = bp.current_request
    principal = require(request, "publisher", account)
    name = user_path(user)
    chat.get_sheet(get_account(account), name)

    def run(event_id: str) -> Response:
        given = json_body(request, StaffMessage).model_dump(exclude_none=True)
        answer = chat.send(get_account(account), name, given, principal.who, event_id)
        return json_response(answer, 202)

    return idempotency.once_named(request, principal, run)


@bp.route(_CONTENT, methods=["GET"])
@http_errors
def message_content(account: str, user: str, message_id: str) -> Response:
    """``GET …/messages/{id}/content``: 302 to where the picture, video, sound or file can be read."""
    require(bp.current_request, "viewer", account)
    name, message = user_path(user), message_id
    record = contents.find_many(account, name, [message]).get(message)
    if record is None:
        chat.get_sheet(get_account(account), name)
        raise NotFound(Reason("no_content", message=message))
    if record["status"] == "pending":
        raise Conflict(Reason("content_pending", message=message))
    if record["status"] != "stored":
        raise NotFound(Reason("content_gone", message=message, why=Reason.of(record["why"])))
    url = contents.url(message, record, _URL_LIFE_S)
    return json_response({"url": url}, 302, {"Location": url, "Cache-Control": "no-store"})


OPERATIONS = [
    Operation(
        "GET",
        _MESSAGES,
        "What was sent to and by a friend, newest first",
        "viewer",
        response=Conversation,
        query={"limit": "1 to 200", "cursor": "next_cursor of the page before"},
    ),
    Operation(
        "POST",
        _MESSAGES,
        "Say something to one friend",
        "publisher",
        StaffMessage,
        Sent,
        status=202,
        action="say",
    ),
    Operation("GET", _CONTENT, "The picture, video, sound or file of a message", "viewer", status=302),
]
