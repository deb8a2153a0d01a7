"""``/v1/keys``: API keys. A key's text is answered once, when it is made; only its hash is kept."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Annotated, Any

from chalice.app import Blueprint, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict

from chalicelib.accounts import service
from chalicelib.accounts.access import bearer, require
from chalicelib.accounts.idempotency import HEADER, once
from chalicelib.accounts.model import ApiKey
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body, raw_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import path_id, query_int
from chalicelib.http.routes import Operation, Role
from chalicelib.shared.errors import Detail, InvalidInput, NotAllowed, NotFound, RuleViolation
from chalicelib.shared.fields import Duration, Id, Name
from chalicelib.shared.ids import new_secret
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_duration, parse_iso

bp = Blueprint(__name__)


def _grace(text: str) -> str:
    if parse_duration(text) > MOST_GRACE:
        raise ValueError(Reason("at_most_30d"))
    return text


MOST_GRACE = timedelta(days=30)
Grace = Annotated[Duration, AfterValidator(_grace)]


class KeyIn(BaseModel):
    """A key to make; without ``account`` it is for every account."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    role: Role
    account: Id | None = None


class KeyMade(BaseModel):
    """A new key, shown once."""

    id: str
    key: str


class Rotation(BaseModel):
    """How long the old text of a key is still taken: at least as long as it takes to carry the new one."""

    model_config = ConfigDict(extra="forbid")

    grace: Grace = "24h"


class KeyRotated(BaseModel):
    """The new text of a key, shown once; until when the old one is taken."""

    id: str
    key: str
    previous_expires_at: str


class KeyOut(BaseModel):
    """What is known of a key. ``last_used_at`` is exact to ten minutes; null: not used since it is noted.

    ``expires_at``: this text was replaced, and is refused from then on.
    """

    id: str
    name: str
    role: Role
    account: str | None
    created_at: str
    created_by: str
    last_used_at: str | None
    expires_at: str | None


class KeyPage(BaseModel):
    """Keys, oldest first."""

    items: list[KeyOut]
    next_cursor: str | None


class KeyGone(BaseModel):
    """A deleted key."""

    id: str
    deleted: bool


@bp.route("/v1/keys", methods=["POST"])
@http_errors
def create_key() -> Response:
    """``POST /v1/keys``: make a key; an account's admin makes keys of that account."""
    request = bp.current_request
    principal = require(request, "admin")
    key = _new_key(request)

    def run() -> Response:
        given = json_body(request, KeyIn)
        if principal.account is not None and given.account != principal.account:
            raise NotAllowed(Reason("keys_of_own_account"))
        try:
            made = service.create_key(key, given.name, given.role, given.account, principal.who)
        except NotFound as error:
            raise RuleViolation(error.reason, [Detail("account", error.reason)]) from error
        return json_response({"id": made.id}, 201)

    return once(request, principal, run, unkept=lambda body: {**body, "key": key})


@bp.route("/v1/keys", methods=["GET"])
@http_errors
def list_keys() -> Response:
    """``GET /v1/keys``: every key; with an account's key those of the account."""
    request = bp.current_request
    principal = require(request, "admin")
    limit, position = query_int(request, "limit", 100), query_cursor(request, "at", "id")
    keys = service.list_keys(principal.account)
    if position:
        keys = [key for key in keys if (key.created_at, key.id) > (position["at"], position["id"])]
    shown = keys[:limit]
    following = {"at": shown[-1].created_at, "id": shown[-1].id} if len(keys) > limit else None
    return json_response(page([_answer(key) for key in shown], following, request))


@bp.route("/v1/keys/{key}/rotate", methods=["POST"])
@http_errors
def rotate_key(key: str) -> Response:
    """``POST /v1/keys/{key}/rotate``: a new text under the same id; the old one is taken for a while."""
    request = bp.current_request
    principal = require(request, "admin")
    key_id, text = path_id(key, "key"), _new_key(request)

    def run() -> Response:
        grace = parse_duration(json_body(request, Rotation).grace)
        made = service.rotate_key(text, key_id, grace, principal.account, principal.who)
        ends = iso(parse_iso(made.created_at) + grace)
        return json_response({"id": key_id, "previous_expires_at": ends}, 201)

    return once(request, principal, run, unkept=lambda body: {**body, "key": text})


@bp.route("/v1/keys/{key}", methods=["DELETE"])
@http_errors
def delete_key(key: str) -> Response:
    """``DELETE /v1/keys/{key}``: the key with this id is refused from now on."""
    principal = require(bp.current_request, "admin")
    key_id = path_id(key, "key")
    service.delete_key(key_id, principal.account, principal.who)
    return json_response({"id": key_id, "deleted": True})


def _new_key(request: Request) -> str:
    """A fresh key; under an Idempotency-Key one that only this asker can make again.

    The answer to a repeated request must hold the same key, and it must not be stored: so it is computed
    from the asker's own key, which is not stored either.
    """
    repeatable = request.headers.get(HEADER.lower())
    if repeatable is None:
        return f"tdk_{new_secret()}"
    if request.headers.get("authorization") is None:
        raise InvalidInput.at(HEADER, Reason("session_repeats_no_key"))
    asked = f"{repeatable}\n{(request.uri_params or {}).get('key', '')}\n".encode() + raw_body(request)
    return f"tdk_{hmac.new(bearer(request).encode(), asked, hashlib.sha256).hexdigest()}"


def _answer(key: ApiKey) -> dict[str, Any]:
    names = ("id", "name", "role", "account", "created_at", "created_by", "last_used_at", "expires_at")
    return {name: getattr(key, name) for name in names}


_PAGE = {"limit": "Items per page, at most 200.", "cursor": "next_cursor of the page before."}
OPERATIONS = [
    Operation("POST", "/v1/keys", "Make an API key", "admin", KeyIn, KeyMade, 201),
    Operation("GET", "/v1/keys", "API keys, without their texts", "admin", None, KeyPage, query=_PAGE),
    Operation(
        "POST", "/v1/keys/{key}/rotate", "Give an API key a new text", "admin", Rotation, KeyRotated, 201
    ),
    Operation("DELETE", "/v1/keys/{key}", "Delete an API key", "admin", None, KeyGone),
]
