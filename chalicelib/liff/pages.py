"""The page of every LIFF address: static, without a word of what was asked; its script does the rest.

https://developers.line.biz/en/docs/liff/opening-liff-app/
"""

from __future__ import annotations

import functools
import hashlib
import html
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chalicelib.accounts.model import Account
from chalicelib.shared.settings import settings

_FOLDER = Path(__file__).parent / "page"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_LINE = "https://*.line.me https://*.line-scdn.net https://*.line-apps.com"
"""Where LINE's SDK loads parts of itself, and whom it asks."""

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(account: Account) -> str:
    """The page of an account's LIFF app."""
    text = (_FOLDER / "page.html").read_text(encoding="utf-8")
    filled = {
        "LIFF": account.liff_id or "",
        "BASE": f"{urlsplit(settings().public_url).path.rstrip('/')}/liff/{account.id}",
        "NAME": account.name,
        "SDK": settings().liff_sdk_url,
        "SCRIPT": address("page.js"),
        "STYLE": address("page.css"),
    }
    for name, value in filled.items():
        text = text.replace(f"%{name}%", html.escape(value))
    return text


def protection() -> dict[str, Any]:
    """Nothing but our own file and LINE's SDK runs."""
    sdk = urlsplit(settings().liff_sdk_url)
    line = f"{sdk.scheme}://{sdk.netloc} {_LINE}"
    rules = [
        "default-src 'none'",
        f"script-src 'self' {line}",
        f"connect-src 'self' {line}",
        "style-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return _HEADERS | {"Content-Security-Policy": "; ".join(rules)}


def address(name: str) -> str:
    """Where browsers find a file of the page: its name holds a hash of what it is."""
    stem, _, ending = name.partition(".")
    return f"{urlsplit(settings().public_url).path.rstrip('/')}/liff-page/{stem}.{_hash(name)}.{ending}"


def file(named: str) -> tuple[str, str] | None:
    """A file of the page and its type, by the name with its hash; None: there is none."""
    stem, _, rest = named.partition(".")
    kept, _, ending = rest.partition(".")
    path = _FOLDER / f"{stem}.{ending}"
    if f".{ending}" not in _TYPES or path.name not in {"page.js", "page.css"} or kept != _hash(path.name):
        return None
    return path.read_text(encoding="utf-8"), _TYPES[path.suffix]


@functools.cache
def _hash(name: str) -> str:
    return hashlib.sha256((_FOLDER / name).read_bytes()).hexdigest()[:16]
