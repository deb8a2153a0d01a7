"""Messages beside their documents: previews for a friend."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.http.answers import Finding, http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.queries import path_id
from chalicelib.http.routes import Operation
from chalicelib.messages import documents
from chalicelib.messages.documents import Track
from chalicelib.messages.preview import preview, require_savable
from chalicelib.shared.errors import NotFound
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

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
    track: Track | None = None


class Preview(BaseModel):
    """The objects as this friend would get them, or why not."""

    messages: list[dict[str, Any]] | None
    unrenderable: str | None
    reason: dict[str, Any] | None = None
    static: bool
    warnings: list[Finding]


@bp.route(_DRAFT, methods=["POST"])
@http_errors
def preview_draft(account: str) -> Response:
    """``POST /messages/preview``: messages as they would be sent to a friend; refuses what saving refuses."""
    require(bp.current_request, "viewer", account)
    asked = json_body(bp.current_request, PreviewDraft)
    snapshot = catalog.snapshot(account)
    require_savable(asked.messages, snapshot)
    body = asked.model_dump(include={"messages", "track"}, exclude_none=True)
    companions = [
        catalog.Write(*one) for one in documents.companions(body) if one[:2] not in snapshot.documents
    ]
    return _preview(account, catalog.candidate(snapshot, companions) if companions else snapshot, body, asked)


@bp.route(_SAVED, methods=["POST"])
@http_errors
def preview_saved(account: str, message: str) -> Response:
    """``POST /messages/{message}/preview``: a saved message as it would be sent to a friend."""
    require(bp.current_request, "viewer", account)
    snapshot = catalog.snapshot(account)
    body = snapshot.get("messages", path_id(message, "message")).body
    asked = json_body(bp.current_request, PreviewFor)
    return _preview(account, snapshot, body, asked)


def _preview(account_id: str, snapshot: Snapshot, body: dict[str, Any], asked: PreviewFor) -> Response:
    account = accounts.get_account(account_id)
    sheet = friends.load(account_id, account.shards, asked.user_id)
    if sheet is None:
        raise NotFound(Reason("no_friend", user=asked.user_id))
    return json_response(preview(body, sheet, snapshot, clock.now(), asked.event, account.zone))


OPERATIONS = [
    Operation("POST", _DRAFT, "Messages as a friend would get them", "viewer", PreviewDraft, Preview),
    Operation("POST", _SAVED, "A saved message as a friend would get it", "viewer", PreviewFor, Preview),
]
