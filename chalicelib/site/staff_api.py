"""``GET /site``: what staff put into their pages, and what their site has to publish."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlsplit

from chalice.app import Blueprint, Response
from pydantic import BaseModel

from chalicelib.accounts import site_rules
from chalicelib.accounts.access import require
from chalicelib.accounts.service import get_account
from chalicelib.accounts.site_rules import SiteRules
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.routes import Operation
from chalicelib.links.service import public_url
from chalicelib.shared.reasons import LANGUAGES
from chalicelib.site import notice, watching

bp = Blueprint(__name__)

_SNIPPET = """<script>window.todoku = window.todoku || function () {{ (todoku.q = todoku.q || []).push(arguments) }}</script>
<script async src="{script}"></script>
"""  # noqa: E501 (as it is copied)


class SiteOut(BaseModel):
    """The tag's address, the lines for a page, the registered origins, what the account lets browsers say,
    and the text about external transmission, by language.
    """

    script: str
    snippet: str
    origins: list[str]
    rules: SiteRules
    notice: dict[str, str]


@bp.route("/v1/accounts/{account}/site", methods=["GET"])
@http_errors
def site(account: str) -> Response:
    """``GET /site``."""
    require(bp.current_request, "viewer", account)
    known, url = get_account(account, fresh=True), public_url()  # whoever has just saved it looks on
    script = f"{url}/t/{account}.js"
    body: dict[str, Any] = {
        "script": script,
        "snippet": _SNIPPET.format(script=script),
        "origins": known.site_origins,
        "rules": site_rules.of(known).model_dump(),
        "notice": {one: notice.text(known, urlsplit(url).netloc, one) for one in LANGUAGES},
    }
    return json_response(body)


class Shown(BaseModel):
    """Something that the tag has sent: the event and what it is about, whether a friend is known in the
    browser, and what became of it.
    """

    at: str
    event: str
    about: str
    known: bool
    status: Literal["accepted", "ignored", "rejected"]
    why: str | None


class SiteEvents(BaseModel):
    """The latest events of the sites, the newest first."""

    items: list[Shown]


@bp.route("/v1/accounts/{account}/site/events", methods=["GET"])
@http_errors
def site_latest(account: str) -> Response:
    """``GET /site/events``: what the tag sends, while somebody asks at least once a minute."""
    require(bp.current_request, "viewer", account)
    get_account(account)
    return json_response({"items": watching.look(account)}, 200, {"Cache-Control": "no-store"})


OPERATIONS = [
    Operation(
        "GET",
        "/v1/accounts/{account}/site",
        "The lines for the account's own sites, and the text that they have to publish",
        "viewer",
        None,
        SiteOut,
    ),
    Operation(
        "GET",
        "/v1/accounts/{account}/site/events",
        "The latest events of the sites, while somebody looks on",
        "viewer",
        None,
        SiteEvents,
    ),
]
