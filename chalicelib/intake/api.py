"""``POST /events`` and ``POST /purchases``: one thing, or up to 500."""

from __future__ import annotations

import functools
from typing import Any

from chalice.app import Blueprint, Response

from chalicelib.accounts import idempotency
from chalicelib.accounts.access import require
from chalicelib.http.answers import http_errors
from chalicelib.http.bodies import parse_json, text_body
from chalicelib.http.budget import Budget
from chalicelib.http.routes import Operation
from chalicelib.intake import model, order_imports, service
from chalicelib.rules import rights
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.transfers.api import HOW_READ, TEXT_TYPES, DryRun, JobAccepted, start_import

bp = Blueprint(__name__)

BUDGET = Budget(bytes=8 << 20, depth=40, values=1_000_000)
"""500 orders of 200 lines are many values."""


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


@bp.route("/v1/accounts/{account}/purchases/import", methods=["POST"], content_types=TEXT_TYPES)
@http_errors
def import_purchases(account: str) -> Response:
    """``POST /purchases/import``: a file of orders, or of their items."""
    answer: Response = start_import(bp.current_request, account, order_imports.start)
    return answer


def _take(account: str, kind: model.Kind, field: str) -> Response:
    request = bp.current_request
    principal = require(request, "editor", account)
    batch = _batch(parse_json(text_body(request, BUDGET.bytes), BUDGET), field)

    def run() -> dict[str, Any]:
        allow = functools.partial(rights.refuse_events, principal, account)
        return {"results": service.take(account, kind, batch, allow)}

    return idempotency.once(request, principal, run)


def _batch(body: Any, field: str) -> service.Batch:
    if not isinstance(body, dict):
        raise InvalidInput(Reason("body_must_be_object"), [Detail("", Reason("must_be_object"))])
    if field not in body:
        return service.Batch([body])
    unknown = sorted(body.keys() - {field, "fire"})
    if unknown:
        raise InvalidInput.at(unknown[0], Reason("unknown_field"))
    items = body[field]
    if not isinstance(items, list) or len(items) > model.MAX_ITEMS:
        raise InvalidInput.at(field, Reason("must_be_list_of_most", most=model.MAX_ITEMS))
    fire = body.get("fire")
    if fire is not None and not isinstance(fire, bool):
        raise InvalidInput.at("fire", Reason("must_be_boolean"))
    return service.Batch(items, field, fire is not False)


OPERATIONS = [
    Operation(
        "POST",
        "/v1/accounts/{account}/purchases/import",
        "Import purchases from CSV (inline up to 4 MB, or an upload)",
        "editor",
        response=JobAccepted,
        status=202,
        others={200: DryRun},
        query={"fire": "true: rules fire for the purchases", **HOW_READ},
        media_types=tuple(TEXT_TYPES),
    ),
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
