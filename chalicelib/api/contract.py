"""``GET /v1/openapi.json``, and the contract's error shape for what Chalice refuses by itself."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib.api import accounts, bundles, documents, keys, openapi, status
from chalicelib.shared.http import Operation, http_errors, json_response

bp = Blueprint(__name__)

_CODES = {400: "invalid_input", 404: "not_found", 405: "method_not_allowed", 415: "unsupported_media_type"}


@bp.route("/v1/openapi.json", methods=["GET"])
@http_errors
def openapi_json() -> Response:
    """``GET /v1/openapi.json``: the contract of every route; needs no key."""
    return Response(body=_document(), headers={"Content-Type": "application/json"})


def in_our_shape(request: Request, get_response: Callable[[Request], Any]) -> Any:
    """Middleware: Chalice's own refusals (405, 415, 500) as ``{"error": {...}}``."""
    response = get_response(request)
    body = response.body
    if response.status_code < 400 or not isinstance(body, dict) or set(body) != {"Code", "Message"}:
        return response
    code = _CODES.get(response.status_code, "internal")
    message = "something went wrong on our side" if code == "internal" else str(body["Message"])
    kept = {name: value for name, value in response.headers.items() if name.lower() == "allow"}
    shape = {"error": {"code": code, "message": message, "details": []}}
    return json_response(shape, response.status_code, kept)


bp.register_middleware(in_our_shape, "http")


def operations() -> list[Operation]:
    """What every route declares, over all rooms."""
    return [operation for listed in _LISTS for operation in listed]


@functools.cache
def _document() -> str:
    return json.dumps(openapi.document(operations()), ensure_ascii=False, separators=(",", ":"))


OPERATIONS = [
    Operation("GET", "/v1/openapi.json", "This document", None),
]
_LISTS = [
    OPERATIONS,
    status.OPERATIONS,
    accounts.OPERATIONS,
    keys.OPERATIONS,
    documents.OPERATIONS,
    bundles.OPERATIONS,
]
