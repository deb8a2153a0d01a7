"""``/v1/accounts``: the LINE accounts of this installation."""

from __future__ import annotations

from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chalicelib.accounts import line_check, service, site_rules
from chalicelib.accounts.access import require
from chalicelib.accounts.model import CURRENCY, REACT_WITHIN, Account, Principal, is_time_zone
from chalicelib.accounts.policies import Policies
from chalicelib.accounts.site_rules import SiteRules
from chalicelib.api.kinds import KINDS, checked
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.catalog.validation import normal_body
from chalicelib.friends import orders
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.budget import first_twin
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import query_int
from chalicelib.http.routes import Operation
from chalicelib.schedules import service as schedules
from chalicelib.shared.errors import RuleViolation
from chalicelib.shared.fields import Duration, Name
from chalicelib.shared.origins import Origin, reachable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import duration_text, parse_duration

bp = Blueprint(__name__)


def _time_zone(name: str) -> str:
    if not is_time_zone(name):
        raise ValueError(Reason("no_time_zone", name=repr(name[:64])))
    return name


def _header_safe(text: str) -> str:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError(Reason("must_be_visible_ascii"))
    return text


def _origin(text: str) -> str:
    origin = _reachable(text)
    if text.rstrip("/") != str(origin):
        raise ValueError(Reason("origin_form", origin=str(origin)))
    return str(origin)


def _site(text: str) -> str:
    _reachable(text)
    if "#" in text:
        raise ValueError(Reason("address_fragment"))
    return text


def _reachable(text: str) -> Origin:
    """Whom an address calls. Raises ValueError unless it is https; on a laptop http will do."""
    origin = reachable(text, on_laptop=settings().is_local)
    if origin.scheme != "https" and not settings().is_local:
        raise ValueError(Reason("must_be_https"))
    return origin


def _relay(text: str) -> str:
    _reachable(text)
    if "#" in text:
        raise ValueError(Reason("relay_fragment"))
    ours = f"{settings().public_url}/webhook/"
    if text.startswith(ours):
        raise ValueError(Reason("relay_to_itself", address=ours))
    return text


def _each_once(urls: list[str]) -> list[str]:
    if first_twin(urls) is not None:
        raise ValueError(Reason("more_than_once"))
    return urls


Relay = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_relay)]
Site = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_site)]
SiteOrigin = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_origin)]
Secret = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_header_safe)]


class AccountIn(BaseModel):
    """A LINE account. The secrets are needed for a new account; they, the currency (at first JPY) and
    ``react_within`` (at first 1d) change only when given.
    """

    model_config = ConfigDict(extra="forbid")

    name: Name
    time_zone: Annotated[str, Field(max_length=64), AfterValidator(_time_zone)] = "Asia/Tokyo"
    channel_secret: Secret | None = None
    channel_access_token: Secret | None = None
    liff_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    login_channel_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    login_channel_secret: Secret | None = None
    member_site_url: Site | None = None
    member_site_origins: Annotated[list[SiteOrigin], Field(max_length=20)] = []
    site_origins: Annotated[list[SiteOrigin], Field(max_length=20)] = []
    site: SiteRules = SiteRules()
    relay_urls: Annotated[list[Relay], Field(max_length=5), AfterValidator(_each_once)] = []
    shards: Annotated[int, Field(ge=1, le=service.MAX_SHARDS)] | None = None
    policies: Policies | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    react_within: Duration | None = None


class AccountOut(BaseModel):
    """An account without its secrets; ``policies`` are those of its document ``policies/default``."""

    id: str
    name: str
    time_zone: str
    liff_id: str | None
    login_channel_id: str | None
    member_site_url: str | None
    member_site_origins: list[str]
    site_origins: list[str]
    site: SiteRules
    relay_urls: list[str]
    shards: int
    currency: str
    react_within: str
    policies: dict[str, Any]
    created_at: str


class AccountPage(BaseModel):
    """Accounts that the key may see."""

    items: list[AccountOut]
    next_cursor: str | None


class Problem(BaseModel):
    """Something that keeps the account from working."""

    message: str
    reason: dict[str, Any]


class AccountCheck(BaseModel):
    """What LINE says of an account: whose token it is (``bot``), which ``webhook`` it calls, what came of its
    ``test`` call; null: not asked, because of the problem before. ``wanted``: the address it should call.
    """

    ok: bool
    wanted: str
    bot: dict[str, Any] | None
    webhook: dict[str, Any] | None
    test: dict[str, Any] | None
    problems: list[Problem]


@bp.route("/v1/accounts/{account}", methods=["PUT"])
@http_errors
def put_account(account: str) -> Response:
    """``PUT /v1/accounts/{account}``: create (201) or replace (200); policies left out stay as they are."""
    request = bp.current_request
    principal = require(request, "admin", account, must_exist=False)
    given = json_body(request, AccountIn)
    line = {
        name: value
        for name in ("channel_secret", "channel_access_token", "login_channel_secret")
        if (value := getattr(given, name)) is not None
    }
    wanted = Account(
        id=account,
        name=given.name,
        time_zone=given.time_zone,
        shards=0,
        liff_id=given.liff_id,
        login_channel_id=given.login_channel_id,
        member_site_url=given.member_site_url,
        member_site_origins=given.member_site_origins,
        site_origins=given.site_origins,
        site=given.site.model_dump(),
        relay_urls=given.relay_urls,
        **_kept(account, given),
    )
    saved, is_new = service.put_account(wanted, line, shards=given.shards, by=principal.who)
    if given.policies is not None:
        _save_policies(account, given.policies, principal)
    schedules.look_at_all(account)  # their local times may be other times in UTC now
    return json_response(_answer(saved), 201 if is_new else 200)


@bp.route("/v1/accounts/{account}", methods=["GET"])
@http_errors
def get_account(account: str) -> Response:
    """``GET /v1/accounts/{account}``."""
    require(bp.current_request, "viewer", account)
    return json_response(
        _answer(service.get_account(account, fresh=True))
    )  # it is saved again as it was seen


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
    return json_response(page([_answer(account) for account in shown], following, request))


@bp.route("/v1/accounts/{account}/check", methods=["POST"])
@http_errors
def check_account(account: str) -> Response:
    """``POST /v1/accounts/{account}/check``: ask LINE, and have LINE call the webhook."""
    require(bp.current_request, "admin", account)
    found = line_check.check(account)
    problems = [{"message": reason.text(), "reason": reason.value()} for reason in found.pop("problems")]
    asked = dict.fromkeys(("bot", "webhook", "test"))
    return json_response({"ok": not problems, **asked, **found, "problems": problems})


def _kept(account: str, given: AccountIn) -> dict[str, Any]:
    """What stays as it is when it is left out. Raises RuleViolation where another currency would mix sums."""
    known = service.find_account(account, fresh=True)
    currency = given.currency or (known.currency if known else CURRENCY)
    if known and currency != known.currency and orders.are_there(account):
        raise RuleViolation.at("currency", Reason("one_currency", currency=known.currency))
    within = parse_duration(given.react_within) if given.react_within else known and known.react_within
    return {"currency": currency, "react_within": REACT_WITHIN if within is None else within}


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
        "member_site_url": account.member_site_url,
        "member_site_origins": account.member_site_origins,
        "site_origins": account.site_origins,
        "site": site_rules.of(account).model_dump(),
        "relay_urls": account.relay_urls,
        "shards": account.shards,
        "currency": account.currency,
        "react_within": duration_text(account.react_within),
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
        "POST",
        "/v1/accounts/{account}/check",
        "Whether token and webhook work at LINE",
        "admin",
        None,
        AccountCheck,
    ),
]
