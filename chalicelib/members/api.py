"""``/v1/accounts/{account}/members``: the company's customers, and who of them is which friend."""

from __future__ import annotations

import unicodedata
from itertools import islice
from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.model import Account, Principal
from chalicelib.accounts.service import get_account, line_credentials
from chalicelib.catalog.service import snapshot
from chalicelib.friends import service as friends
from chalicelib.friends import waking
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import query_bool, query_int
from chalicelib.http.routes import Operation
from chalicelib.members import logins, nonces, service, store
from chalicelib.shared.errors import Conflict, Detail, InvalidInput, NotFound, RuleViolation
from chalicelib.shared.fields import Id, Name, UserId
from chalicelib.shared.origins import BadAddress, origin_of
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.storable import unfit_name
from chalicelib.shared.times import iso
from chalicelib.sheets import values
from chalicelib.sheets.values import UnfitValue

bp = Blueprint(__name__)

_MEMBERS = "/v1/accounts/{account}/members"
_MEMBER = f"{_MEMBERS}/{{member}}"
_LINK = f"{_MEMBER}/link"
LONGEST_ID = 128


class MemberIn(BaseModel):
    """A member: the rank, and values of the account's attributes. What is left out is none."""

    model_config = ConfigDict(extra="forbid")

    rank: Name | None = None
    attributes: Annotated[dict[Id, Any], Field(max_length=100)] = {}


class MemberOut(BaseModel):
    """A member with the friends who are linked now; ``linked_at``: since when one of them is."""

    member_id: str
    rank: str | None
    attributes: dict[str, Any]
    user_ids: list[str]
    linked_at: str | None


class MemberPage(BaseModel):
    """Members."""

    items: list[MemberOut]
    next_cursor: str | None


class Deleted(BaseModel):
    """A member that is no more."""

    member_id: str
    deleted: bool


class LinkIn(BaseModel):
    """A friend."""

    model_config = ConfigDict(extra="forbid")

    user_id: UserId


class NonceIn(BaseModel):
    """The link token with which the friend came to the member site."""

    model_config = ConfigDict(extra="forbid")

    link_token: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[!-~]+$")]


class NonceOut(BaseModel):
    """A nonce of the member, and where the browser goes with it."""

    nonce: str
    expires_at: str
    redirect_url: str


class LoginIn(BaseModel):
    """Where the browser goes on afterwards, at an origin of the member site; or ``liff``: none, for a LIFF
    page.
    """

    model_config = ConfigDict(extra="forbid")

    return_url: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    liff: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> LoginIn:
        if (self.return_url is None) is not self.liff:
            raise ValueError(Reason("return_url_or_liff"))
        return self


class LoginOut(BaseModel):
    """Where the browser goes; ``t`` is what a LIFF page sends along with its ID token."""

    url: str | None
    t: str
    expires_at: str


@bp.route(_MEMBER, methods=["PUT"])
@http_errors
def put_member(account: str, member: str) -> Response:
    """``PUT /members/{m}``: 201 for a new one, 200 otherwise; the friends' sheets follow."""
    request = bp.current_request
    principal = require(request, "editor", account)
    id_, found = member_id(member), get_account(account)
    given = json_body(request, MemberIn)
    attributes = fitted(found, given.attributes)
    _refuse_waking(principal, account, id_, attributes)
    shown, is_new = service.put(account, id_, given.rank, attributes)
    return json_response(body(shown), 201 if is_new else 200)


@bp.route(_MEMBER, methods=["GET"])
@http_errors
def get_member(account: str, member: str) -> Response:
    """``GET /members/{m}``."""
    require(bp.current_request, "viewer", account)
    return json_response(body(service.get(account, member_id(member))))


@bp.route(_MEMBER, methods=["DELETE"])
@http_errors
def delete_member(account: str, member: str) -> Response:
    """``DELETE /members/{m}``: the friends are unlinked, what waited for them is forgotten."""
    require(bp.current_request, "editor", account)
    id_ = member_id(member)
    service.delete(account, id_)
    return json_response({"member_id": id_, "deleted": True})


@bp.route(_MEMBERS, methods=["GET"])
@http_errors
def list_members(account: str) -> Response:
    """``GET /members``: all of them, in no order."""
    request = bp.current_request
    require(request, "viewer", account)
    limit, position = query_int(request, "limit", 100), query_cursor(request, "part", "after")
    after = (position["part"], position["after"]) if position else None
    found = list(islice(store.list_members(account, after), limit + 1))
    shown = service.show(account, [member for _, member in found[:limit]])
    last = found[limit - 1] if len(found) > limit else None
    following = {"part": last[0], "after": last[1].id} if last else None
    return json_response(page([body(one) for one in shown], following, request))


@bp.route(_LINK, methods=["POST"])
@http_errors
def link_member(account: str, member: str) -> Response:
    """``POST /members/{m}/link``: the friend is this member from now on."""
    request = bp.current_request
    principal = require(request, "editor", account)
    id_, replace = member_id(member), query_bool(request, "replace")
    service.get(account, id_)
    given = json_body(request, LinkIn)

    def run() -> dict[str, Any]:
        _known(get_account(account), given.user_id)
        waking.refuse(principal, {"facts": [("account_linked", {"member_id": id_})]}, snapshot(account))
        service.link(account, id_, given.user_id, "api", replace_other=replace)
        return body(service.get(account, id_))

    return once(request, principal, run)


@bp.route(_LINK, methods=["DELETE"])
@http_errors
def unlink_member(account: str, member: str) -> Response:
    """``DELETE /members/{m}/link``: the friend is this member no more."""
    request = bp.current_request
    principal = require(request, "editor", account)
    id_ = member_id(member)
    service.get(account, id_)
    given = json_body(request, LinkIn)
    waking.refuse(principal, {"facts": [("account_unlinked", {"member_id": id_})]}, snapshot(account))
    service.unlink(account, id_, given.user_id, "api")
    return json_response(body(service.get(account, id_)))


@bp.route(f"{_MEMBER}/nonce", methods=["POST"])
@http_errors
def make_nonce(account: str, member: str) -> Response:
    """``POST /members/{m}/nonce``: the member has signed in; LINE links who brought the token."""
    request = bp.current_request
    require(request, "editor", account)
    id_ = member_id(member)
    service.get(account, id_)
    given = json_body(request, NonceIn)
    nonce, until = nonces.make(account, id_)
    where = nonces.dialog(given.link_token, nonce)
    return json_response(
        {"nonce": nonce, "expires_at": iso(until), "redirect_url": where}, 201, {"Cache-Control": "no-store"}
    )


@bp.route(f"{_MEMBER}/login", methods=["POST"])
@http_errors
def begin_login(account: str, member: str) -> Response:
    """``POST /members/{m}/login``: the member has signed in at the site; LINE Login or LIFF says who they
    are.
    """
    request = bp.current_request
    require(request, "editor", account)
    id_, found = member_id(member), get_account(account)
    service.get(account, id_)
    given = json_body(request, LoginIn)
    if found.login_channel_id is None or "login_channel_secret" not in line_credentials(account):
        raise RuleViolation(Reason("no_login_channel"))
    if given.return_url is not None:
        _refuse_foreign(found, given.return_url)
    token, until = logins.begin(account, id_, given.return_url)
    url: str | None = f"{settings().public_url.rstrip('/')}/link/{account}/start?t={token}"
    if given.liff:
        url = f"{settings().line_liff_url}/{found.liff_id}?t={token}" if found.liff_id else None
    body = {"url": url, "t": token, "expires_at": iso(until)}
    return json_response(body, 201, {"Cache-Control": "no-store"})


def _refuse_foreign(account: Account, url: str) -> None:
    """Raises InvalidInput for what is no address, RuleViolation for one that is not the member site's."""
    try:
        origin = origin_of(url)
    except BadAddress as error:
        raise InvalidInput.at("return_url", error.reason) from error
    if "@" in url.partition("://")[2].partition("/")[0] or str(origin) not in account.member_site_origins:
        raise RuleViolation.at("return_url", Reason("other_origin", origin=str(origin)))


def member_id(text: str) -> str:
    """A member's id, in the form in which it is kept. Raises InvalidInput for what cannot be one."""
    composed = unicodedata.normalize("NFC", text)
    why = unfit_name(composed)
    if why is None and len(composed) > LONGEST_ID:
        why = Reason("at_most_characters", most=LONGEST_ID)
    if why is not None:
        raise InvalidInput.at("member_id", why)
    return composed


def fitted(account: Account, attributes: dict[str, Any]) -> dict[str, Any]:
    """Values as they are stored. Raises RuleViolation for unknown attributes, InvalidInput for values."""
    catalog = snapshot(account.id)
    unknown = [name for name in attributes if catalog.find("attributes", name) is None]
    if unknown:
        raise RuleViolation.of(
            [Detail(f"attributes.{n}", Reason("no_document", kind="attribute", id=n)) for n in unknown]
        )
    found: dict[str, Any] = {}
    wrong: list[Detail] = []
    for name, value in attributes.items():
        if value is None:
            continue
        document = catalog.get("attributes", name).body
        try:
            found[name] = values.fit(document, value, f"attributes.{name}", zone=account.zone, strict=True)
        except UnfitValue as error:
            wrong += error.details
    if wrong:
        raise InvalidInput.of(wrong)
    return found


def body(shown: service.Shown) -> dict[str, Any]:
    """A member as it is answered."""
    return {
        "member_id": shown.member.id,
        "rank": shown.member.rank,
        "attributes": shown.member.attributes,
        "user_ids": shown.user_ids,
        "linked_at": shown.linked_at,
    }


def _refuse_waking(principal: Principal, account: str, member: str, attributes: dict[str, Any]) -> None:
    """Raises NotAllowed for an editor's change that would wake, at a friend, what may reach friends."""
    known = store.find_members(account, [member]).get(member)
    if known is None or not known.places:
        return
    names = known.attributes.keys() | attributes.keys()
    changed = {n: attributes.get(n) for n in names if attributes.get(n) != known.attributes.get(n)}
    waking.refuse(principal, {"attributes": changed}, snapshot(account))


def _known(account: Account, user: str) -> None:
    sheet = friends.load(account.id, account.shards, user)
    if sheet is None:
        raise NotFound(Reason("no_friend", user=user))
    if sheet["status"] == "erased":
        raise Conflict(Reason("friend_erased"))


OPERATIONS = [
    Operation(
        "PUT", _MEMBER, "Put a member; the sheets of their friends follow", "editor", MemberIn, MemberOut
    ),
    Operation("GET", _MEMBER, "One member, with their friends", "viewer", response=MemberOut),
    Operation("DELETE", _MEMBER, "Delete a member and unlink their friends", "editor", response=Deleted),
    Operation(
        "GET",
        _MEMBERS,
        "The account's members",
        "viewer",
        response=MemberPage,
        query={"limit": "1 to 200", "cursor": "next_cursor of the page before"},
    ),
    Operation(
        "POST",
        _LINK,
        "Link a friend with a member",
        "editor",
        LinkIn,
        MemberOut,
        query={"replace": "true: also a friend who is linked with another member"},
    ),
    Operation(
        "POST", f"{_MEMBER}/nonce", "A nonce for LINE's account link", "editor", NonceIn, NonceOut, 201
    ),
    Operation(
        "POST", f"{_MEMBER}/login", "Begin a link by LINE Login or LIFF", "editor", LoginIn, LoginOut, 201
    ),
    Operation("DELETE", _LINK, "End a friend's link with a member", "editor", LinkIn, MemberOut),
]
