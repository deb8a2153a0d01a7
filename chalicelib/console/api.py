"""``/v1/session`` and ``/v1/me``: who is signed in."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.accounts import sessions
from chalicelib.accounts.access import principal_of, require
from chalicelib.accounts.model import Principal
from chalicelib.accounts.service import audit
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.routes import Operation, Role

bp = Blueprint(__name__)

Secret = Annotated[str, Field(min_length=1, max_length=512)]


class SignIn(BaseModel):
    """An API key, or a code of a sign-in link."""

    model_config = ConfigDict(extra="forbid")

    key: Secret | None = None
    code: Secret | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> SignIn:
        if (self.key is None) is (self.code is None):
            raise ValueError("needs either key or code")
        return self


class Me(BaseModel):
    """Who asks. ``account`` null: a key for every account."""

    key_id: str
    name: str
    role: Role
    account: str | None


class SignedOut(BaseModel):
    """The session is over."""

    signed_in: bool


@bp.route("/v1/session", methods=["POST"])
@http_errors
def sign_in() -> Response:
    """``POST /v1/session``: a key or a code for a cookie that replaces the key, for twelve hours."""
    request = bp.current_request
    given = json_body(request, SignIn)
    if given.key is not None:
        key, cookie = sessions.start(request, given.key)
    else:
        key, cookie = sessions.start_by_code(request, str(given.code))
    principal = principal_of(key)
    audit(key.account, principal.who, "session.started", principal.who)
    return json_response(_me(principal), 201, {"Set-Cookie": cookie, "Cache-Control": "no-store"})


@bp.route("/v1/session", methods=["DELETE"])
@http_errors
def sign_out() -> Response:
    """``DELETE /v1/session``: forget the session; without one nothing happens."""
    cookie = sessions.end(bp.current_request)
    return json_response({"signed_in": False}, 200, {"Set-Cookie": cookie})


@bp.route("/v1/me", methods=["GET"])
@http_errors
def who_am_i() -> Response:
    """``GET /v1/me``: the key behind the request."""
    principal = require(bp.current_request, "viewer")
    return json_response(_me(principal), 200, {"Cache-Control": "no-store"})


def _me(who: Principal) -> dict[str, str | None]:
    return {"key_id": who.key_id, "name": who.name, "role": who.role, "account": who.account}


OPERATIONS = [
    Operation("POST", "/v1/session", "Sign in to the console: a cookie for a key", None, SignIn, Me, 201),
    Operation("DELETE", "/v1/session", "Sign out", None, None, SignedOut),
    Operation("GET", "/v1/me", "Who asks: the key and its role", "viewer", None, Me),
]
