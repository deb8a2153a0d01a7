"""``/v1/accounts/{account}/coupons``: publish, close, and LINE's own list."""

from __future__ import annotations

from collections.abc import Callable

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once_named
from chalicelib.catalog.service import snapshot
from chalicelib.coupons import publishing
from chalicelib.coupons.documents import AT_LINE, KIND, PUBLISHED
from chalicelib.gateways.line import NoAnswer
from chalicelib.gateways.line_sdk import coupons as at_line
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import path_id, query_int, query_text
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import InvalidInput, Unavailable
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_ALL = f"/v1/accounts/{{account}}/{KIND}"
_ONE = f"{_ALL}/{{coupon}}"


class Nothing(BaseModel):
    """An action without parameters."""

    model_config = ConfigDict(extra="forbid")


class CouponJob(BaseModel):
    """The job that does it; its ``result`` is ``{"coupon_id"}``, LINE's id."""

    job_id: str


class CouponAtLine(BaseModel):
    """A coupon of the channel, also one that LINE's manager made; ``coupon``: the document it is of."""

    coupon_id: str
    title: str
    coupon: str | None


class CouponsAtLine(BaseModel):
    """A page of LINE's list."""

    items: list[CouponAtLine]
    next_cursor: str | None


@bp.route(f"{_ONE}/publish", methods=["POST"])
@http_errors
def publish_coupon(account: str, coupon: str) -> Response:
    """``POST /coupons/{coupon}/publish``."""
    return _begun(account, coupon, "coupon.published", publishing.begin)


@bp.route(f"{_ONE}/close", methods=["POST"])
@http_errors
def close_coupon(account: str, coupon: str) -> Response:
    """``POST /coupons/{coupon}/close``."""
    return _begun(account, coupon, "coupon.closed", publishing.begin_closing)


def _begun(account: str, coupon: str, done: str, begin: Callable[[str, str, str, str], None]) -> Response:
    request = bp.current_request
    principal = require(request, "publisher", account)
    accounts.get_account(account)
    name = path_id(coupon, "coupon")
    snapshot(account).get(KIND, name)
    json_body(request, Nothing)

    def run(job: str) -> Response:
        begin(account, name, principal.who, job)
        accounts.audit(account, principal.who, done, name)
        return json_response({"job_id": job}, 202)

    return once_named(request, principal, run)


@bp.route(f"{_ALL}/{AT_LINE}", methods=["GET"])
@http_errors
def coupons_at_line(account: str) -> Response:
    """``GET /coupons/at-line``: every coupon of the channel, also those made elsewhere."""
    request = bp.current_request
    require(request, "viewer", account)
    accounts.get_account(account)
    status = query_text(request, "status")
    statuses = [status.upper()] if status else []
    if not set(statuses) <= set(at_line.STATUSES):
        choices = [name.lower() for name in at_line.STATUSES]
        raise InvalidInput.at("status", Reason("must_be_one_of", choices=choices))
    limit = min(query_int(request, "limit", 50), at_line.MOST_PER_PAGE)
    start = (query_cursor(request) or {}).get("start")
    token = accounts.line_credentials(account)["channel_access_token"]
    try:
        found, following = at_line.page(token, statuses, limit, start)
    except Refused as error:
        raise Unavailable(Reason("line_busy" if error.is_later else "line_silent")) from error
    except NoAnswer as error:
        raise Unavailable(Reason("line_silent")) from error
    ours = {d.body["coupon_id"]: id_ for id_, d in snapshot(account).all(PUBLISHED).items()}
    items = [
        {"coupon_id": one["couponId"], "title": one.get("title") or "", "coupon": ours.get(one["couponId"])}
        for one in found
    ]
    return json_response(page(items, {"start": following} if following else None, request))


OPERATIONS = [
    Operation(
        "POST", f"{_ONE}/publish", "Make a coupon at LINE", "publisher", Nothing, CouponJob, status=202
    ),
    Operation(
        "POST",
        f"{_ONE}/close",
        "End a coupon at LINE, also for those who hold it",
        "publisher",
        Nothing,
        CouponJob,
        status=202,
    ),
    Operation(
        "GET",
        f"{_ALL}/{AT_LINE}",
        "LINE's coupons, also those made elsewhere",
        "viewer",
        None,
        CouponsAtLine,
        query={
            "status": "running, draft or closed; without: all.",
            "limit": "Items per page; LINE gives 100 at most.",
            "cursor": "next_cursor of the page before.",
        },
    ),
]
