"""``/v1/accounts/{account}/audiences``: LINE's audiences, and those that are made of our segments."""

from __future__ import annotations

from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, Field, model_validator

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once_named
from chalicelib.audiences import service
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import path_id, query_int
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.fields import Every, Id, Name, Strict
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_ALL = "/v1/accounts/{account}/audiences"
_ONE = f"{_ALL}/{{audience}}"


class Sync(Strict):
    """When it is made anew."""

    every: Every


class NewAudience(Strict):
    """Made of a segment, whose friends are handed to LINE (with ``sync`` again and again); or of who
    tapped a link (``click``, of one address: ``url``) or saw (``impression``) what a narrowcast brought.
    """

    id: Id
    name: Name
    segment: Id | None = None
    click: Id | None = None
    impression: Id | None = None
    url: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    sync: Sync | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> NewAudience:
        if sum(given is not None for given in (self.segment, self.click, self.impression)) != 1:
            raise ValueError(Reason("audience_of_one"))
        if (self.url and not self.click) or (self.sync and not self.segment):
            raise ValueError(Reason("audience_of_one"))
        return self

    @property
    def asked(self) -> tuple[str, dict[str, Any]]:
        """Its kind, and what it is made of."""
        if self.segment is not None:
            return "upload", {"segment": self.segment}
        url = {"url": self.url} if self.url else {}
        return (
            ("click", {"broadcast": self.click} | url)
            if self.click
            else (
                "impression",
                {"broadcast": self.impression},
            )
        )


class Nothing(Strict):
    """An action without parameters."""


class AudienceOut(BaseModel):
    """An audience. ``id`` null: LINE's tools made it, and its path is LINE's number. ``type`` and
    ``status`` are LINE's words, also such as are new; of ours ``UPLOADING`` before LINE has it,
    ``FAILED`` when it cannot be made, ``GONE`` when LINE has it no more. ``count`` is LINE's, 0 where
    LINE hides it.
    """

    id: str | None
    audience_group_id: int | None
    name: str | None
    type: str | None
    status: str | None
    count: int | None
    created_at: str | None
    expires_at: str | None
    permission: str | None
    create_route: str | None
    request_id: str | None
    click_url: str | None
    failed_type: str | None
    segment: str | None
    broadcast: str | None
    sync: dict[str, Any] | None
    next_sync_at: str | None
    synced_at: str | None
    job_id: str | None
    left_out: int
    why: str | None
    reason: dict[str, Any] | None


class AudiencePage(BaseModel):
    """Ours of which LINE has none yet, then LINE's list, newest first."""

    items: list[AudienceOut]
    next_cursor: str | None


class Deleted(BaseModel):
    """What remains of a deleted audience."""

    id: str
    deleted: bool


@bp.route(_ALL, methods=["GET"])
@http_errors
def list_audiences(account: str) -> Response:
    """``GET /audiences``: every audience of the channel, also those made elsewhere."""
    request = bp.current_request
    require(request, "viewer", account)
    accounts.get_account(account)
    limit, position = query_int(request, "limit", 40), query_cursor(request)
    number = position.get("page", 0) if position is not None else 1
    if not isinstance(number, int) or number < 1:
        raise InvalidInput.at("cursor", Reason("cursor_unknown"))
    items, following = service.page(account, limit, number)
    return json_response(page(items, {"page": following} if following else None, request))


@bp.route(_ALL, methods=["POST"])
@http_errors
def add_audience(account: str) -> Response:
    """``POST /audiences``: have a segment's friends handed to LINE, by a job."""
    request = bp.current_request
    principal = require(request, "publisher", account)
    found = accounts.get_account(account)
    asked = json_body(request, NewAudience)
    every = asked.sync.every.model_dump(exclude_none=True) if asked.sync else None

    def run(job: str) -> Response:
        made = service.create(found, asked.id, asked.name, asked.asked, principal.who, job, every)
        accounts.audit(account, principal.who, "audience.created", asked.id)
        return json_response(made, 202)

    return once_named(request, principal, run)


@bp.route(_ONE, methods=["GET"])
@http_errors
def get_audience(account: str, audience: str) -> Response:
    """``GET /audiences/{id}``: one, as LINE has it now."""
    require(bp.current_request, "viewer", account)
    accounts.get_account(account)
    return json_response(service.get(account, path_id(audience, "audience")))


@bp.route(_ONE, methods=["DELETE"])
@http_errors
def delete_audience(account: str, audience: str) -> Response:
    """``DELETE /audiences/{id}``: away with it, here and at LINE."""
    principal = require(bp.current_request, "publisher", account)
    accounts.get_account(account)
    name = path_id(audience, "audience")
    service.delete(account, name)
    accounts.audit(account, principal.who, "audience.deleted", name)
    return json_response({"id": name, "deleted": True})


@bp.route(f"{_ONE}/sync", methods=["POST"])
@http_errors
def sync_audience(account: str, audience: str) -> Response:
    """``POST /audiences/{id}/sync``: make it anew of its segment as it is now."""
    request = bp.current_request
    principal = require(request, "publisher", account)
    found = accounts.get_account(account)
    name = path_id(audience, "audience")
    service.require_known(account, name)
    json_body(request, Nothing)

    def run(job: str) -> Response:
        made = service.sync(found, name, principal.who, job)
        accounts.audit(account, principal.who, "audience.synced", name)
        return json_response(made, 202)

    return once_named(request, principal, run)


OPERATIONS = [
    Operation(
        "GET",
        _ALL,
        "LINE's audiences, all types",
        "viewer",
        None,
        AudiencePage,
        query={
            "limit": "Items per page; LINE gives 40 at most.",
            "cursor": "next_cursor of the page before.",
        },
    ),
    Operation(
        "POST", _ALL, "Hand a segment's friends to LINE", "publisher", NewAudience, AudienceOut, status=202
    ),
    Operation("GET", _ONE, "An audience as LINE has it now", "viewer", None, AudienceOut),
    Operation("DELETE", _ONE, "Delete an audience, here and at LINE", "publisher", None, Deleted),
    Operation(
        "POST", f"{_ONE}/sync", "Make it anew of its segment", "publisher", Nothing, AudienceOut, status=202
    ),
]
