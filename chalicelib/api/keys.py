"""``/v1/keys``: API keys. A key's text is answered once, when it is made; only its hash is kept."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ConfigDict

from chalicelib.accounts import service
from chalicelib.accounts.access import bearer, require
from chalicelib.accounts.idempotency import HEADER, once
from chalicelib.accounts.model import ApiKey
from chalicelib.shared.errors import Detail, NotAllowed, NotFound, RuleViolation
from chalicelib.shared.fields import Id, Name
from chalicelib.shared.http import (
    Operation,
    Role,
    http_errors,
    json_body,
    json_response,
    page,
    path_id,
    query_cursor,
    query_int,
    raw_body,
)
from chalicelib.shared.ids import new_secret

bp = Blueprint(__name__)


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


class KeyOut(BaseModel):
    """What is known of a key."""

    id: str
    name: str
    role: Role
    account: str | None
    created_at: str
    created_by: str


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
            raise NotAllowed("an account's key makes keys of that account only")
        try:
            made = service.create_key(key, given.name, given.role, given.account, principal.who)
        except NotFound as error:
            raise RuleViolation(error.message, [Detail("account", error.message)]) from error
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
    return json_response(page([_answer(key) for key in shown], following))


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
    asked = f"{repeatable}\n".encode() + raw_body(request)
    return f"tdk_{hmac.new(bearer(request).encode(), asked, hashlib.sha256).hexdigest()}"


def _answer(key: ApiKey) -> dict[str, Any]:
    names = ("id", "name", "role", "account", "created_at", "created_by")
    return {name: getattr(key, name) for name in names}


_PAGE = {"limit": "Items per page, at most 200.", "cursor": "next_cursor of the page before."}
OPERATIONS = [
    Operation("POST", "/v1/keys", "Make an API key", "admin", KeyIn, KeyMade, 201),
    Operation("GET", "/v1/keys", "API keys, without their texts", "admin", None, KeyPage, query=_PAGE),
    Operation("DELETE", "/v1/keys/{key}", "Delete an API key", "admin", None, KeyGone),
]
