"""``GET /pages/{file}``: what pages load of ours; its name has a hash of what is in it."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.http.answers import http_errors
from chalicelib.http.routes import Operation
from chalicelib.pages.page import static_files
from chalicelib.shared.errors import NotFound
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)


@bp.route("/pages/{file}", methods=["GET"])
@http_errors
def page_file(file: str) -> Response:
    """``GET /pages/{file}``: kept by browsers for a year; another look has another name."""
    known = static_files().get(file)
    if known is None:
        raise NotFound(Reason("no_page_file"))
    text, content_type = known
    headers: dict[str, str | list[str]] = {
        "Content-Type": content_type,
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(body=text, headers=headers)


OPERATIONS = [Operation("GET", "/pages/{file}", "The style sheet and the script of friends' pages", None)]
