"""``/v1/accounts/{account}/rich-menus``: what a publication would do, and to publish."""

from __future__ import annotations

from typing import Literal

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.http.answers import Finding, http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.routes import Operation
from chalicelib.richmenus import plan, publishing

bp = Blueprint(__name__)

_MENUS = "/v1/accounts/{account}/rich-menus"


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
    """The job that publishes: its ``result`` is ``{"moved", "calls"}``."""

    job_id: str


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
]
