"""``POST /events`` and ``POST /purchases``: one thing, or up to 500."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response

from chalicelib.accounts import idempotency
from chalicelib.accounts.access import require
from chalicelib.intake import model, service
from chalicelib.shared.bodies import parse_json, text_body
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.http import Operation, http_errors

bp = Blueprint(__name__)

MAX_BYTES = 8 << 20
MAX_DEPTH = 40


@bp.route("/v1/accounts/{account}/events", methods=["POST"])
@http_errors
def post_events(account: str) -> Response:
    """``POST /events``: one event, or ``{"events": [≤500]}``."""
    return _take(account, model.Event, "events")


@bp.route("/v1/accounts/{account}/purchases", methods=["POST"])
@http_errors
def post_purchases(account: str) -> Response:
    """``POST /purchases``: one order, or ``{"purchases": [≤500]}``."""
    return _take(account, model.Purchase, "purchases")


def _take(account: str, kind: model.Kind, field: str) -> Response:
    request = bp.current_request
    principal = require(request, "editor", account)
    items, many = _items(parse_json(text_body(request, MAX_BYTES), MAX_DEPTH), field)

    def run() -> dict[str, Any]:
        return {"results": service.take(account, kind, items, field if many else None)}

    return idempotency.once(request, principal, run)


def _items(body: Any, field: str) -> tuple[list[Any], bool]:
    if not isinstance(body, dict):
        raise InvalidInput("the body must be an object", [Detail("", "must be an object")])
    if field not in body:
        return [body], False
    unknown = sorted(body.keys() - {field})
    if unknown:
        raise InvalidInput(
            f"{unknown[0]}: is not a known field", [Detail(unknown[0], "is not a known field")]
        )
    items = body[field]
    if not isinstance(items, list) or len(items) > model.MAX_ITEMS:
        reason = f"must be a list of at most {model.MAX_ITEMS}"
        raise InvalidInput(f"{field}: {reason}", [Detail(field, reason)])
    return items, True


OPERATIONS = [
    Operation(
        "POST",
        "/v1/accounts/{account}/events",
        "Take in events of other systems: one, or up to 500",
        "editor",
        model.Events,
        model.Results,
    ),
    Operation(
        "POST",
        "/v1/accounts/{account}/purchases",
        "Take in purchases: one, or up to 500",
        "editor",
        model.Purchases,
        model.Results,
    ),
]
