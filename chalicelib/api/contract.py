"""``GET /v1/openapi.json``, and the contract's error shape for what Chalice refuses by itself."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Blueprint, Chalice, Request, Response

from chalicelib.api import openapi
from chalicelib.http.answers import error_response, http_errors, json_response
from chalicelib.http.routes import Operation, operation_of, refuse_undeclared
from chalicelib.shared.errors import TodokuError
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_CODES = {400: "invalid_input", 404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}

OPERATIONS = [
    Operation("GET", "/v1/openapi.json", "This document", None),
    Operation(
        "POST", "/webhook/{account}", "LINE's events, signed with x-line-signature", None, any_query=True
    ),
]


@bp.route("/v1/openapi.json", methods=["GET"])
@http_errors
def openapi_json() -> Response:
    """``GET /v1/openapi.json``: the contract of every route; needs no key."""
    return Response(body=_text(bp.current_app), headers={"Content-Type": "application/json"})


@functools.cache
def _text(app: Chalice) -> str:
    return json.dumps(openapi.document(declared(app.routes)), ensure_ascii=False, separators=(",", ":"))


def declared(routes: Mapping[str, Mapping[str, Any]]) -> list[Operation]:
    """What the modules of these routes declare in their ``OPERATIONS``."""
    views = [entry.view_function for methods in routes.values() for entry in methods.values()]
    modules = sorted({view.__module__ for view in views} | {__name__})
    return [operation for name in modules for operation in getattr(sys.modules[name], "OPERATIONS", ())]


def in_our_shape(request: Request, get_response: Callable[[Request], Any]) -> Any:
    """Middleware: Chalice's own refusals (405, 415, 500) as ``{"error": {...}}``."""
    response = get_response(request)
    body = response.body
    if response.status_code < 400 or not isinstance(body, dict) or set(body) != {"Code", "Message"}:
        return response
    code = _CODES.get(response.status_code, "internal")
    message = "something went wrong on our side" if code == "internal" else str(body["Message"])
    kept = {name: value for name, value in response.headers.items() if name.lower() == "allow"}
    reason = Reason("plain_text", text=message).value()
    shape = {"error": {"code": code, "message": message, "reason": reason, "details": []}}
    return json_response(shape, response.status_code, kept)


def only_what_is_declared(request: Request, get_response: Callable[[Request], Any]) -> Any:
    """Middleware: what a path without a key would ignore is refused; the others ask for the key first."""
    operation = operation_of(request)
    if operation is not None and operation.role is None:
        try:
            refuse_undeclared(request)
        except TodokuError as error:
            return error_response(error)
    return get_response(request)


bp.register_middleware(in_our_shape, "http")
bp.register_middleware(only_what_is_declared, "http")
