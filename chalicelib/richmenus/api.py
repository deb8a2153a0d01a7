"""``/v1/accounts/{account}/rich-menus``: plan, publish, a picture of a menu, what is tapped of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.catalog.service import snapshot
from chalicelib.friends.api import sheet_of, user_path
from chalicelib.gateways import clock, objects
from chalicelib.http.answers import Finding, http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.queries import path_id, query_text
from chalicelib.http.routes import Operation
from chalicelib.richmenus import plan, preview, publishing, seen, taps
from chalicelib.richmenus.documents import KIND
from chalicelib.shared.errors import InvalidInput, NotFound
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import local_date
from chalicelib.sheets.model import DAYS_KEPT

bp = Blueprint(__name__)

_MENUS = "/v1/accounts/{account}/rich-menus"
_SEEN = "/v1/accounts/{account}/friends/{user}/rich-menu"
_USUAL, _MOST = timedelta(days=30), timedelta(days=DAYS_KEPT - 1)


class Nothing(BaseModel):
    """An action without parameters."""

    model_config = ConfigDict(extra="forbid")


class PlannedMenu(BaseModel):
    """What becomes of a menu; ``is_made``: a new one is made at LINE."""

    id: str
    state: Literal["new", "changed", "same", "removed"]
    is_made: bool


class FromTo(BaseModel):
    """A menu, and the one that takes its place; null: none."""

    from_: str | None = Field(alias="from")
    to: str | None


class Move(FromTo):
    """How many friends are moved, and how many of them LINE is asked to link: the others see the default."""

    friends: int
    linked: int


class Calls(BaseModel):
    """How often LINE is called: for menus, their pictures, aliases, the default, and friends by the page."""

    create: int
    image: int
    alias: int
    default: int
    link: int
    unlink: int


class Plan(BaseModel):
    """What a publication would do; ``exact`` false: friends are estimated by the part that was counted."""

    menus: list[PlannedMenu]
    default: FromTo
    moves: list[Move]
    calls: Calls
    problems: list[Finding]
    exact: bool
    as_of: str


class Publication(BaseModel):
    """The job that publishes: its ``result`` is ``{"moved", "refused", "calls"}``: friends whom LINE has
    linked, and whom it does not know.
    """

    job_id: str


class Area(BaseModel):
    """An area, from 0, and how often it was tapped by how many friends; null: not reported. ``link``: the
    tracked link that it opens.
    """

    area: int
    type: str | None
    label: str | None
    data: str | None
    link: str | None
    taps: int | None
    friends: int | None


class Asked(BaseModel):
    """A menu of the documents in the order in which they are asked: whether its period is on, and whether the
    friend fits its condition. The first of which both are true is seen.
    """

    id: str
    is_open: bool
    holds: bool


class Seen(BaseModel):
    """What a friend sees (``published``), and would see if the documents were published now (``planned``);
    null: no menu. ``switched``: an action has put them on this one, above the rules, ``until`` a moment.
    """

    user_id: str
    published: str | None
    planned: str | None
    switched: str | None
    until: str | None
    menus: list[Asked]


class Taps(BaseModel):
    """What is tapped of a menu, by local days; ``exact`` false: by the part that was counted."""

    areas: list[Area]
    exact: bool
    as_of: str


@bp.route(f"{_MENUS}/plan", methods=["GET"])
@http_errors
def rich_menu_plan(account: str) -> Response:
    """``GET /rich-menus/plan``."""
    require(bp.current_request, "viewer", account)
    return json_response(plan.plan(account))


@bp.route(f"{_MENUS}/publish", methods=["POST"])
@http_errors
def publish_rich_menus(account: str) -> Response:
    """``POST /rich-menus/publish``."""
    principal = require(bp.current_request, "publisher", account)
    accounts.get_account(account)
    json_body(bp.current_request, Nothing)

    def run() -> Response:
        job = publishing.begin(account, principal.who)
        accounts.audit(account, principal.who, "rich-menus.published", f"jobs/{job}")
        return json_response({"job_id": job}, 202)

    return once(bp.current_request, principal, run)


@bp.route(f"{_MENUS}/{{menu}}/preview.svg", methods=["GET"])
@http_errors
def rich_menu_preview(account: str, menu: str) -> Response:
    """``GET /rich-menus/{menu}/preview.svg``."""
    require(bp.current_request, "viewer", account)
    id_ = path_id(menu, "menu")
    body = snapshot(account).get(KIND, id_).body
    if body.get("rich_menu") is None:
        raise NotFound(Reason("menu_unmade", menu=id_))
    image = objects.find(f"media/{account}/{body['image']}/preview.jpg") if body.get("image") else None
    headers: dict[str, str | list[str]] = {
        "Content-Type": "image/svg+xml",
        "Content-Security-Policy": preview.POLICY,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(preview.draw(body["name"], body["rich_menu"], image), headers=headers)


@bp.route(f"{_MENUS}/{{menu}}/taps", methods=["GET"])
@http_errors
def rich_menu_taps(account: str, menu: str) -> Response:
    """``GET /rich-menus/{menu}/taps``."""
    request = bp.current_request
    require(request, "viewer", account)
    last = _day(request, "to") or local_date(clock.now(), accounts.get_account(account).zone)
    first = _day(request, "from") or max(date.min + _USUAL, last) - _USUAL
    if not timedelta(0) <= last - first <= _MOST:
        raise InvalidInput.at("to", Reason("days_after_from", most=_MOST.days))
    return json_response(taps.taps(account, path_id(menu, "menu"), first, last))


@bp.route(_SEEN, methods=["GET"])
@http_errors
def rich_menu_of_friend(account: str, user: str) -> Response:
    """``GET /friends/{user}/rich-menu``."""
    require(bp.current_request, "viewer", account)
    known = accounts.get_account(account)
    return json_response(seen.seen(known, sheet_of(known, user_path(user))))


def _day(request: Request, name: str) -> date | None:
    text = query_text(request, name)
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput.at(name, Reason("must_be_date")) from error


OPERATIONS = [
    Operation(
        "GET",
        f"{_MENUS}/plan",
        "What publishing the rich menus would do: who is moved, in how many calls",
        "viewer",
        None,
        Plan,
    ),
    Operation(
        "POST",
        f"{_MENUS}/publish",
        "Make the rich menus at LINE and move the friends",
        "publisher",
        Nothing,
        Publication,
        status=202,
    ),
    Operation(
        "GET",
        f"{_MENUS}/{{menu}}/preview.svg",
        "A rich menu as a picture, with its areas",
        "viewer",
    ),
    Operation(
        "GET",
        f"{_MENUS}/{{menu}}/taps",
        "How often each area of a rich menu was tapped",
        "viewer",
        None,
        Taps,
        query={"from": "The first local day (without: 30 days before the last).", "to": "The last one."},
    ),
    Operation(
        "GET", _SEEN, "Which rich menu a friend sees, and would see when published", "viewer", None, Seen
    ),
]
