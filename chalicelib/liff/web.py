"""Answers to browsers: they go on, or a person reads a sentence."""

from __future__ import annotations

from chalice.app import Request, Response

from chalicelib.liff import pages
from chalicelib.shared.errors import TodokuError, Unavailable
from chalicelib.shared.reasons import Reason


def redirect(where: str, more: dict[str, str] | None = None) -> Response:
    """A browser goes on."""
    headers = {"Location": where, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response(body="", status_code=302, headers={**headers, **(more or {})})


def refusal(request: Request, error: TodokuError) -> Response:
    """What a person reads when their browser cannot go on."""
    more = {"Retry-After": "5"} if isinstance(error, Unavailable) else {}
    return plain(request, Reason("page_refused_title"), error.reason, error.status, more)


def plain(request: Request, title: Reason, text: Reason, status: int, more: dict[str, str]) -> Response:
    """A page with one sentence."""
    asked = dict(request.query_params or {}).get("lang")
    language = pages.language_of(request.headers.get("accept-language"), asked)
    body = pages.plain(title, text, language)
    return Response(body, status_code=status, headers={**pages.protection(with_sdk=False), **more})
