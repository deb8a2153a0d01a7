"""Messages beside their documents: previews for a friend, and the doors of tracked links."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import store as friends
from chalicelib.gateways import clock, inbox
from chalicelib.messages import links
from chalicelib.messages.preview import preview, require_savable
from chalicelib.shared.bodies import json_body
from chalicelib.shared.errors import NotFound
from chalicelib.shared.http import Operation, http_errors, json_response, path_id, path_text
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso

bp = Blueprint(__name__)

_ROBOTS = ("line-poker", "bot", "crawler", "spider", "preview", "facebookexternalhit")
"""Words in the names of programs that look at links without being a friend."""
_DRAFT = "/v1/accounts/{account}/messages/preview"
_SAVED = "/v1/accounts/{account}/messages/{message}/preview"


class PreviewFor(BaseModel):
    """For whom: a friend, and the props of an event when the message speaks of one."""

    model_config = ConfigDict(extra="forbid")

    user_id: str = Field(min_length=1, max_length=128)
    event: dict[str, Any] | None = None


class PreviewDraft(PreviewFor):
    """Messages that are not saved."""

    messages: list[dict[str, Any]] = Field(min_length=1, max_length=5)


class Warned(BaseModel):
    """What may not do what its author means."""

    path: str
    message: str


class Preview(BaseModel):
    """The objects as this friend would get them, or why not."""

    messages: list[dict[str, Any]] | None
    unrenderable: str | None
    static: bool
    warnings: list[Warned]


@bp.route(_DRAFT, methods=["POST"])
@http_errors
def preview_draft(account: str) -> Response:
    """``POST /messages/preview``: messages as they would be sent to a friend; refuses what saving refuses."""
    require(bp.current_request, "viewer", account)
    asked = json_body(bp.current_request, PreviewDraft)
    snapshot = catalog.snapshot(account)
    require_savable(asked.messages, snapshot)
    return _preview(account, snapshot, asked.messages, asked)


@bp.route(_SAVED, methods=["POST"])
@http_errors
def preview_saved(account: str, message: str) -> Response:
    """``POST /messages/{message}/preview``: a saved message as it would be sent to a friend."""
    require(bp.current_request, "viewer", account)
    asked = json_body(bp.current_request, PreviewFor)
    snapshot = catalog.snapshot(account)
    body = snapshot.get("messages", path_id(message, "message")).body
    return _preview(account, snapshot, body["messages"], asked)


@bp.route("/r/{code}", methods=["GET", "HEAD"])
@http_errors
def follow_link(code: str) -> Response:
    """``GET /r/{code}``: to the registered URL of a tracked link, and nowhere else. HEAD only looks."""
    known, url = links.read_code(path_text(code)), None
    if known and accounts.find_account(known[0]):
        url = links.target(catalog.snapshot(known[0]), known[1])
    if known is None or url is None:
        raise NotFound("there is no such link")
    if bp.current_request.method == "GET":
        _note_click(*known)
    return Response(body="", status_code=302, headers={"Location": url, "Cache-Control": "no-store"})


def _note_click(account: str, link: str) -> None:
    """Put the click in the inbox, when the address says whose it is. Whatever happens, the friend goes on."""
    request = bp.current_request
    given = str(dict(request.query_params or {}).get("t") or "")
    agent = str(request.headers.get("user-agent", "")).casefold()
    if not given or any(robot in agent for robot in _ROBOTS):
        return
    try:
        token = friend_tokens.read(account, given)
        if token is not None and inbox.put([links.clicked(account, link, token, iso(clock.now()))]):
            logger.error("a click was refused by the inbox", extra={"account": account, "link": link})
    except Exception:  # noqa: BLE001 (a click that is lost is better than a friend who is)
        logger.exception("a click could not be kept", extra={"account": account, "link": link})


def _preview(
    account_id: str, snapshot: Snapshot, messages: list[dict[str, Any]], asked: PreviewFor
) -> Response:
    account = accounts.get_account(account_id)
    sheet = friends.load(account_id, account.shards, asked.user_id)
    if sheet is None:
        raise NotFound(f"there is no friend {asked.user_id}")
    return json_response(preview(messages, sheet, snapshot, clock.now(), asked.event, account.zone))


OPERATIONS = [
    Operation("POST", _DRAFT, "Messages as a friend would get them", "viewer", PreviewDraft, Preview),
    Operation("POST", _SAVED, "A saved message as a friend would get it", "viewer", PreviewFor, Preview),
    Operation(
        "GET",
        "/r/{code}",
        "A tracked link: to its registered URL",
        None,
        status=302,
        query={"t": "the friend token, which makes it a click of that friend"},
    ),
    Operation("HEAD", "/r/{code}", "Where a tracked link leads, without a click", None, status=302),
]
