"""One line of the log for each request to the API: by its route, never by its path or query, which may hold
ids and tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

from chalice.app import Request, Response

from chalicelib.shared import time_left
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.observability import invocation, log_fields, note


def log_request(request: Request, answer: Callable[[Request], Response]) -> Response:
    """Chalice's middleware: outside of all that answer, so that a line says what the caller got."""
    names = request.uri_params or {}
    account = str(names.get("account", ""))
    user = unquote(names.get("user") or names.get("user_id") or "")
    found = {"account": account if ID_PATTERN.match(account) else None, "user_id": user}
    with (
        log_fields(**{name: value for name, value in found.items() if value}),
        invocation(request.lambda_context, "api"),
        time_left.during(request.lambda_context),
    ):
        response = answer(request)
        note(method=request.method, resource=request.path, status=response.status_code)
        return response
