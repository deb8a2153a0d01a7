"""``/console``: the web console's files, as ``make setup`` or ``make package`` built them into ``dist/``.

Names of files hold a hash of their content and are kept by browsers for a year; the page itself is not kept.
"""

from __future__ import annotations

import functools
import html
import re
from pathlib import Path

from chalice.app import Blueprint, Request, Response

from chalicelib.http.answers import http_errors
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import NotFound, Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

bp = Blueprint(__name__)

DIST = Path(__file__).parent / "dist"
PREFIX = "__TODOKU_PREFIX__"
"""The mark in the built page where the stage's prefix belongs."""
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}(\.[A-Za-z0-9_-]{1,100})?\.(js|css|svg)")
_STYLES = ("sha256-38RhXrc7EdReTKsOm23ZPOCUgniTUUcjky8QOOrQx6o=",)
"""Of the style elements that react-aria-components puts into the page."""


@bp.route("/console", methods=["GET"])
@http_errors
def console_page() -> Response:
    """``GET /console``: the page. 503 with a sentence when it was not built."""
    request = bp.current_request
    text = _read("index.html")
    if text is None:
        return _unbuilt()
    page = text.replace(PREFIX, html.escape(stage_prefix(request)))
    return _answer(page, ".html", {"Cache-Control": "no-store", **_protection(request)})


@bp.route("/console/{file}", methods=["GET"])
@http_errors
def console_file(file: str) -> Response:
    """``GET /console/{file}``: one of the page's files."""
    found = _NAME.fullmatch(file)
    text = _read(file) if found else None
    if found is None or text is None:
        raise NotFound(Reason("no_console_file"))
    kept = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return _answer(text, f".{found[2]}", kept)


def stage_prefix(request: Request) -> str:
    """What precedes our paths in the outside world: API Gateway's stage (``/api``), or nothing."""
    path = str((request.context or {}).get("path") or "")
    prefix = path.removesuffix(request.path)
    return prefix if prefix != path and re.fullmatch(r"(/[A-Za-z0-9_-]{1,128})?", prefix) else ""


def _read(name: str) -> str | None:
    path = DIST / name
    try:
        return _text(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@functools.lru_cache(maxsize=64)
def _text(path: Path, _written: int) -> str:
    return path.read_text(encoding="utf-8")


def _answer(text: str, suffix: str, headers: dict[str, str]) -> Response:
    return Response(text, headers={"Content-Type": f"{_TYPES[suffix]}; charset=utf-8", **headers})


def _unbuilt() -> Response:
    raise Unavailable(Reason("console_unbuilt"))


def _protection(request: Request) -> dict[str, str]:
    """Nothing but our own files runs; pictures of messages come from wherever they are."""
    host = str(request.headers.get("host", "")).partition(":")[0]
    loopback = " http://127.0.0.1:*" if host in {"127.0.0.1", "localhost"} else ""
    styles = " ".join(f"'{digest}'" for digest in _STYLES)
    rules = (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' {styles}",
        f"img-src 'self' data: https:{loopback}",
        f"media-src blob: https:{loopback}",
        f"connect-src 'self' {_uploads()}{loopback}",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    return {
        "Content-Security-Policy": "; ".join(rules),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def _uploads() -> str:
    """Where browsers put large files, at addresses signed for each: the bucket by both of its names."""
    at = settings()
    return f"https://{at.bucket}.s3.amazonaws.com https://{at.bucket}.s3.{at.region}.amazonaws.com"


OPERATIONS = [
    Operation("GET", "/console", "The web console", None),
    Operation("GET", "/console/{file}", "A file of the web console", None),
]
