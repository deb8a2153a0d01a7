"""``/v1/accounts``: the LINE accounts of this installation, and each one's audit log."""

from __future__ import annotations

from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.accounts import service
from chalicelib.accounts.access import require
from chalicelib.accounts.model import Account, Principal, is_time_zone
from chalicelib.accounts.policies import Policies
from chalicelib.api.kinds import KINDS, checked
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.catalog.validation import normal_body
from chalicelib.shared.fields import Name
from chalicelib.shared.http import (
    Operation,
    http_errors,
    json_body,
    json_response,
    page,
    query_cursor,
    query_int,
)

bp = Blueprint(__name__)


def _time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError(f"{name[:64]!r} is not a time zone such as Asia/Tokyo")
    return name


def _header_safe(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("must be visible ASCII characters without spaces, as LINE's console shows it")
    return text


Secret = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_header_safe)]


class AccountIn(BaseModel):
    """A LINE account. The secrets are needed for a new account; later they change only when given."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_time_zone)] = "Asia/Tokyo"
    channel_secret: Secret | None = None
    channel_access_token: Secret | None = None
    liff_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    login_channel_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    shards: Annotated[int, Field(ge=1, le=service.MAX_SHARDS)] | None = None
    policies: Policies | None = None


class AccountOut(BaseModel):
    """An account without its secrets; ``policies`` are those of its document ``policies/default``."""

    id: str
    name: str
    time_zone: str
    liff_id: str | None
    login_channel_id: str | None
    shards: int
    policies: dict[str, Any]
    created_at: str


class AccountPage(BaseModel):
    """Accounts that the key may see."""

    items: list[AccountOut]
    next_cursor: str | None


class AuditLine(BaseModel):
    """Who did what to what."""

    at: str
    who: str
    action: str
    target: str


class AuditPage(BaseModel):
    """An account's audit log, newest first."""

    items: list[AuditLine]
    next_cursor: str | None


@bp.route("/v1/accounts/{account}", methods=["PUT"])
@http_errors
def put_account(account: str) -> Response:
    """``PUT /v1/accounts/{account}``: create (201) or replace (200); policies left out stay as they are."""
    request = bp.current_request
    principal = require(request, "admin", account, must_exist=False)
    given = json_body(request, AccountIn)
    line = {
        name: value
        for name in ("channel_secret", "channel_access_token")
        if (value := getattr(given, name)) is not None
    }
    wanted = Account(
        id=account,
        name=given.name,
        time_zone=given.time_zone,
        shards=0,
        liff_id=given.liff_id,
        login_channel_id=given.login_channel_id,
    )
    saved, is_new = service.put_account(wanted, line, shards=given.shards, by=principal.who)
    if given.policies is not None:
        _save_policies(account, given.policies, principal)
    return json_response(_answer(saved), 201 if is_new else 200)


@bp.route("/v1/accounts/{account}", methods=["GET"])
@http_errors
def get_account(account: str) -> Response:
    """``GET /v1/accounts/{account}``."""
    require(bp.current_request, "viewer", account)
    return json_response(_answer(service.get_account(account)))


@bp.route("/v1/accounts", methods=["GET"])
@http_errors
def list_accounts() -> Response:
    """``GET /v1/accounts``: every account; with an account's key that one only."""
    request = bp.current_request
    principal = require(request, "viewer")
    limit, position = query_int(request, "limit", 100), query_cursor(request, "after")
    accounts = [a for a in service.list_accounts() if principal.account in {None, a.id}]
    if position:
        accounts = [account for account in accounts if account.id > position["after"]]
    shown = accounts[:limit]
    following = {"after": shown[-1].id} if len(accounts) > limit else None
    return json_response(page([_answer(account) for account in shown], following))


@bp.route("/v1/accounts/{account}/audit", methods=["GET"])
@http_errors
def audit(account: str) -> Response:
    """``GET /v1/accounts/{account}/audit``: who changed what, newest first."""
    request = bp.current_request
    require(request, "admin", account)
    position = query_cursor(request, "before")
    lines, following = service.audit_log(
        account, query_int(request, "limit", 100), position["before"] if position else None
    )
    return json_response(page(lines, {"before": following} if following else None))


def _save_policies(account: str, policies: Policies, principal: Principal) -> None:
    body = normal_body(KINDS["policies"], policies.model_dump(by_alias=True, exclude_unset=True), "policies")
    catalog.save(account, [Write("policies", "default", body)], checked(account), principal.who)


def _answer(account: Account) -> dict[str, Any]:
    policies = catalog.snapshot(account.id).find("policies", "default")
    return {
        "id": account.id,
        "name": account.name,
        "time_zone": account.time_zone,
        "liff_id": account.liff_id,
        "login_channel_id": account.login_channel_id,
        "shards": account.shards,
        "policies": policies.body if policies else account.policies,
        "created_at": account.created_at,
    }


_PAGE = {"limit": "Items per page, at most 200.", "cursor": "next_cursor of the page before."}
OPERATIONS = [
    Operation(
        "GET", "/v1/accounts", "The accounts that the key may see", "viewer", None, AccountPage, query=_PAGE
    ),
    Operation(
        "PUT", "/v1/accounts/{account}", "Create or replace an account", "admin", AccountIn, AccountOut
    ),
    Operation("GET", "/v1/accounts/{account}", "One account", "viewer", None, AccountOut),
    Operation(
        "GET", "/v1/accounts/{account}/audit", "Who changed what", "admin", None, AuditPage, query=_PAGE
    ),
]
