"""Which part answers a request: the Messaging API, ``/_sim``, or the phone page."""

from __future__ import annotations

import traceback
from pathlib import Path

from chalicelib.local.line.endpoints import serve
from chalicelib.local.line.httpd import Application, Request, Response, error
from chalicelib.local.line.login import account_link, liff, line_me, oauth
from chalicelib.local.line.simulator import Simulator

PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src * data: blob:; media-src * data: blob:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
}


def application(sim: Simulator) -> Application:
    """The whole simulator as a function from requests to answers."""

    def answer(request: Request) -> Response:
        try:
            if request.path.startswith(("/v2/", "/v3/", "/bot/")):
                return sim.answer(request)
            for answered in (oauth.answer, liff.answer, line_me.answer):
                if (response := answered(sim, request)) is not None:
                    return response
            if request.path == account_link.DIALOG:
                return account_link.dialog(sim, request)
            if request.path.startswith("/_sim/"):
                return serve(sim, request)
            return _page(request)
        except Exception:  # noqa: BLE001 (a simulator that dies of one request helps nobody)
            traceback.print_exc()
            return error(500, "Internal server error")

    return answer


def _page(request: Request) -> Response:
    name = "index.html" if request.path == "/" else request.path.lstrip("/")
    file = PAGE / name
    if request.method != "GET" or file.parent != PAGE or file.suffix not in _TYPES or not file.is_file():
        return error(404, "Not found")
    return Response(200, file.read_bytes(), dict(_PAGE_HEADERS), _TYPES[file.suffix])
