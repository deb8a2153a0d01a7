"""Coupons: made, listed, shown and closed, with LINE's limits.

https://developers.line.biz/en/reference/messaging-api/#coupon
"""

from __future__ import annotations

import secrets
from typing import Any

import orjson

from chalicelib.local.line.bot_api import read_object
from chalicelib.local.line.calls import Call, Handler
from chalicelib.local.line.httpd import Response, dumps, error
from chalicelib.local.line.routing import Route
from chalicelib.local.line.sending import Refused
from chalicelib.local.line.validation.messages import refusal
from chalicelib.local.line.validation.report import Part, Report

_STATUSES = ("DRAFT", "RUNNING", "CLOSED")
_MOST_VALID = 5_000
_PICTURES = ("imageUrl", "barcodeImageUrl")
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PRICES = {"discount": ("fixed", "percentage", "explicit"), "cashBack": ("fixed", "percentage")}
_FIELDS = frozenset(
    {"title", "timezone", "visibility", "acquisitionCondition", "maxUseCountPerTicket", "startTimestamp"}
    | {"endTimestamp", "reward", "description", "usageCondition", "couponCode", "imageUrl", "barcodeImageUrl"}
)


def _check(body: dict[str, Any]) -> None:
    """Raise Refused for what LINE would not make."""
    report = Report()
    coupon = Part(body, "", report)
    coupon.only(_FIELDS)
    coupon.text("title", 60)
    coupon.text("timezone", 40)
    coupon.choice("visibility", ("UNLISTED", "PUBLIC"), required=True)
    if body.get("maxUseCountPerTicket") not in {1, -1}:
        coupon.child("maxUseCountPerTicket").wrong("Must be 1 or -1")
    begins = coupon.number("startTimestamp", 0, 2**53)
    ends = coupon.number("endTimestamp", 0, 2**53)
    if begins is not None and ends is not None and ends <= begins:
        coupon.child("endTimestamp").wrong("Must be after startTimestamp")
    for name, most in (("description", 1000), ("usageCondition", 100), ("couponCode", 16)):
        coupon.text(name, most, required=False, least=0)
    for name in _PICTURES:
        coupon.url(name, required=False)
    _check_acquisition(coupon.child("acquisitionCondition"))
    if body.get("reward") is not None:
        _check_reward(coupon.child("reward"))
    if report.details:
        found = refusal(report)
        raise Refused(400, found.message, found.details)


def _check_acquisition(part: Part) -> None:
    if not part.is_object():
        return
    part.choice("type", ("normal", "lottery"), required=True)
    if part.type == "lottery":
        part.number("lotteryProbability", 1, 99)
        if part.value.get("maxAcquireCount") != -1:
            part.number("maxAcquireCount", 1, 999_999)


def _check_reward(part: Part) -> None:
    if not part.is_object():
        return
    part.choice("type", ("discount", "free", "gift", "cashBack", "others"), required=True)
    price = part.child("priceInfo")
    if price.value is None or not price.is_object():
        return
    price.choice("type", _PRICES.get(part.type, ()), required=True)
    if price.type == "fixed":
        price.number("fixedAmount", 1, 2**53)
    elif price.type == "percentage":
        price.number("percentage", 1, 99)
    elif price.type == "explicit":
        price.number("originalPrice", 1, 2**53)
        price.number("priceAfterDiscount", 0, 2**53)


def _create(call: Call) -> Response:
    body = read_object(call.request)
    _check(body)
    valid = call.sim.store.one(
        "SELECT COUNT(*) AS n FROM coupons WHERE account = ? AND status = 'RUNNING'", call.account
    )
    if valid and valid["n"] >= _MOST_VALID:
        raise Refused(400, "The number of valid coupons has reached its limit")
    made = "01K" + "".join(secrets.choice(_LETTERS) for _ in range(23))
    now = int(call.sim.now().timestamp())
    call.sim.store.run(
        "INSERT INTO coupons VALUES (?, ?, 'RUNNING', ?, ?)", call.account, made, now, dumps(body)
    )
    return Response(body={"couponId": made})


def _row(call: Call) -> Any:
    row = call.sim.store.one(
        "SELECT * FROM coupons WHERE account = ? AND id = ?", call.account, call.names["coupon"]
    )
    if row is None:
        raise Refused(404, "Not found")
    return row


def _get(call: Call) -> Response:
    row = _row(call)
    body = orjson.loads(row["coupon"])
    shown = {"couponId": row["id"], "status": row["status"], "createdTimestamp": row["created"]}
    # Pictures are copied when a coupon is made.
    copies = {name: f"https://oa-coupon.example/{row['id']}/{name}" for name in _PICTURES if name in body}
    return Response(body={**body, **copies, **shown, "maxTicketPerUser": 1})


def _list(call: Call) -> Response:
    query = call.request.query
    statuses = query.get("status", "").split(",") if query.get("status") else list(_STATUSES)
    limit, start = query.get("limit", "20"), query.get("start", "0")
    if not (limit.isdigit() and 1 <= int(limit) <= 100 and start.isdigit()) or set(statuses) - {*_STATUSES}:
        return error(400, "The value for a parameter is invalid")
    rows = call.sim.store.all(
        "SELECT id, status, coupon FROM coupons WHERE account = ? ORDER BY created DESC, id DESC",
        call.account,
    )
    found = [row for row in rows if row["status"] in statuses][int(start) :]
    items = [{"couponId": row["id"], "title": orjson.loads(row["coupon"])["title"]} for row in found]
    more = {"next": str(int(start) + int(limit))} if len(items) > int(limit) else {}
    return Response(body={"items": items[: int(limit)], **more})


def _close(call: Call) -> Response:
    if _row(call)["status"] == "CLOSED":
        return error(410, "The coupon is already closed")
    call.sim.store.run(
        "UPDATE coupons SET status = 'CLOSED' WHERE account = ? AND id = ?",
        call.account,
        call.names["coupon"],
    )
    return Response()


ROUTES: list[Route[Handler]] = [
    Route("GET", "/v2/bot/coupon", "coupon", _list),
    Route("POST", "/v2/bot/coupon", "coupon", _create),
    Route("GET", "/v2/bot/coupon/{coupon}", "coupon", _get),
    Route("PUT", "/v2/bot/coupon/{coupon}/close", "coupon", _close),
]
"""LINE's endpoints about coupons."""
