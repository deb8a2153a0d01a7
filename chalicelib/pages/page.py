"""A page as an answer: a template, words in the reader's language, and headers that keep out the rest."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec
from urllib.parse import parse_qs

from chalice.app import Blueprint, Request, Response

from chalicelib.http import multipart
from chalicelib.http.answers import is_outage
from chalicelib.http.bodies import raw_body, text_body
from chalicelib.http.language import preferred
from chalicelib.http.multipart import Part
from chalicelib.shared.errors import InvalidInput, TodokuError, Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import LANGUAGES, Language, Reason, in_language

P = ParamSpec("P")

FORM = "application/x-www-form-urlencoded"
_HERE = Path(__file__).parent
_STATIC = {"page.css": "text/css; charset=utf-8", "file.js": "text/javascript; charset=utf-8"}
"""What pages load of ours, and its type."""
_MOST_FIELDS = 500
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' https: data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex",
}
WITH_SCRIPT = {
    "Content-Security-Policy": _HEADERS["Content-Security-Policy"].replace(
        "style", "script-src 'self'; style", 1
    )
}
"""The headers of a page on which our own script may run; it works without it."""
_PROBLEM = Reason("page_problem")


@functools.cache
def static_files() -> dict[str, tuple[str, str]]:
    """What pages load: text and type by the name under which it is served, which has a hash of it."""
    texts = {name: (_HERE / "static" / name).read_text(encoding="utf-8") for name in _STATIC}
    return {_served(name, text): (text, _STATIC[name]) for name, text in texts.items()}


def _served(name: str, text: str) -> str:
    stem, _, suffix = name.partition(".")
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.{suffix}"


@functools.cache
def _address(name: str) -> str:
    """Where a file of ours is below ``pages/``."""
    stem, _, suffix = name.partition(".")
    return next(one for one in static_files() if one.startswith(f"{stem}-") and one.endswith(suffix))


def page(
    request: Request,
    template: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    /,
    **values: Any,
) -> Response:
    """A page of ours. Within the template ``say(code, …)`` is the sentence of a reason."""
    up = "../" * (request.path.count("/") - 1)
    body = text(template, language_of(request), up, values)
    return Response(body=body, status_code=status, headers={**_HEADERS, **(headers or {})})


def text(template: str, language: Language, up: str, values: Mapping[str, Any]) -> str:
    """A page's HTML. ``up``: from where it is shown to where our paths begin."""
    loaded = {"style": f"{up}pages/{_address('page.css')}", "script": f"{up}pages/{_address('file.js')}"}
    shared = {"language": language, "say": _say, **loaded}
    with in_language(language):
        return str(_templates().get_template(template).render(**shared, **values))


def message_page(
    request: Request, title: Reason, text: Reason, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """A page with one sentence."""
    return page(request, "message.html", status, headers, title=title, text=text)


def refusal(request: Request, title: Reason, error: TodokuError) -> Response:
    """What a person reads when their browser cannot go on."""
    more = {"Retry-After": "5"} if isinstance(error, Unavailable) else {}
    return message_page(request, title, error.reason, error.status, more)


def go(where: str) -> Response:
    """On to another page, by GET: what was sent is not sent again when the page is loaded again."""
    headers: dict[str, str | list[str]] = {
        "Location": where,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return Response(body="", status_code=303, headers=headers)


def page_errors(bp: Blueprint) -> Callable[[Callable[P, Response]], Callable[P, Response]]:
    """Whatever a view raises is a page that says what to do. Stands under ``@bp.route``."""

    def wrapped(view: Callable[P, Response]) -> Callable[P, Response]:
        @functools.wraps(view)
        def answered(*args: P.args, **kwargs: P.kwargs) -> Response:
            try:
                return view(*args, **kwargs)
            except TodokuError as error:
                return refusal(bp.current_request, _PROBLEM, error)
            except Exception as error:  # noqa: BLE001 (the friend is at our address)
                logger.exception("a page failed")
                reason = Reason("outage") if is_outage(error) else Reason("our_side_logged")
                return refusal(bp.current_request, _PROBLEM, Unavailable(reason))

        return answered

    return wrapped


def language_of(request: Request) -> Language:
    """``?lang=``, the phone's languages, Japanese."""
    asked = dict(request.query_params or {}).get("lang")
    found = next((one for one in LANGUAGES if one == asked), None)
    return found or preferred(request.headers.get("accept-language") or "ja")


def fields(request: Request) -> dict[str, list[str]]:
    """What a form sent, each field with its values. Raises InvalidInput for what no page of ours sends."""
    try:
        return parse_qs(
            text_body(request), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as error:
        raise InvalidInput(Reason("page_unread")) from error


@dataclass(frozen=True)
class Sent:
    """What a form sent: each field with its values, and the files that were chosen, by field."""

    fields: dict[str, list[str]]
    files: dict[str, Part]


def sent(request: Request, most_bytes: int) -> Sent:
    """What a form sent, maybe with files. Raises TooLarge, InvalidInput for what no page of ours sends."""
    content_type = str(request.headers.get("content-type") or "")
    if not multipart.is_multipart(content_type):
        return Sent(fields(request), {})
    found = Sent({}, {})
    try:
        for part in multipart.parts(content_type, raw_body(request, most_bytes)):
            if part.filename is None:
                found.fields.setdefault(part.name, []).append(part.data.decode("utf-8"))
            elif part.data:
                found.files.setdefault(part.name, part)
    except (multipart.Unreadable, UnicodeDecodeError) as error:
        raise InvalidInput(Reason("page_unread")) from error
    return found


def _say(code: str, **params: Any) -> str:
    return Reason(code, **params).text()


@functools.cache
def _templates() -> Any:
    # Imported here: most of the functions never make a page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
