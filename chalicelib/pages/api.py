"""``GET /pages/{file}``: the style sheet of the pages, whose name has a hash of what is in it."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.http.answers import http_errors
from chalicelib.http.routes import Operation
from chalicelib.pages.page import style
from chalicelib.shared.errors import NotFound
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)


@bp.route("/pages/{file}", methods=["GET"])
@http_errors
def page_file(file: str) -> Response:
    """``GET /pages/{file}``: kept by browsers for a year; another look has another name."""
    name, text = style()
    if file != name:
        raise NotFound(Reason("no_page_file"))
    headers: dict[str, str | list[str]] = {
        "Content-Type": "text/css; charset=utf-8",
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body=text, headers=headers)


OPERATIONS = [Operation("GET", "/pages/{file}", "The style sheet of friends' pages", None)]
