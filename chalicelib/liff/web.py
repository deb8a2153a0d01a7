"""Answers to browsers: they go on, or a person reads a sentence."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib.pages import page
from chalicelib.shared.errors import TodokuError
from chalicelib.shared.reasons import Reason


def redirect(where: str, more: dict[str, str] | None = None) -> Response:
    """A browser goes on."""
    headers = {"Location": where, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(body="", status_code=302, headers={**headers, **(more or {})})


def refusal(request: Request, error: TodokuError) -> Response:
    """What a person reads when their browser cannot go on."""
    return page.refusal(request, Reason("page_refused_title"), error)
