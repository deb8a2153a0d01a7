"""Paths, queries and headers: decoded once, and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from urllib.parse import unquote

from chalice.app import Request, Response

from chalicelib.http.answers import error_response
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_iso

MAX_LIMIT = 200
"""The longest page of a list."""

_BROKEN_ESCAPE = re.compile("%(?![0-9A-Fa-f]{2})")


def decode_path(request: Request, respond: Callable[[Request], Response]) -> Response:
    """Chalice middleware: what is in the path is percent-decoded, once, before any view sees it.

    API Gateway's REST proxy events, ``chalice local`` and the local platform all hand it over as it was sent
    (https://github.com/aws/chalice/issues/511). ``+`` is a plus, and ``%2541`` is the text ``%41``.
    """
    names: dict[str, str] = request.uri_params or {}  # the event's own: views are called with its values
    try:
        names.update({name: _decoded(raw) for name, raw in names.items()})
    except InvalidInput as error:
        return error_response(error)
    return respond(request)


def path_id(text: str, what: str) -> str:
    """A caller-chosen id out of the path. Raises InvalidInput when it is not one."""
    if not ID_PATTERN.match(text):
        wrong = Reason("no_id", text=repr(text[:64]), what=what)
        raise InvalidInput(wrong, [Detail(what, Reason("id_wanted"))])
    return text


def _decoded(raw: str) -> str:
    """A path element as sent, as text. Raises InvalidInput when it is not percent-encoded UTF-8."""
    broken = InvalidInput(Reason("path_not_utf8", path=repr(raw[:64])))
    if _BROKEN_ESCAPE.search(raw):
        raise broken
    try:
        return unquote(raw, errors="strict")
    except UnicodeDecodeError as error:
        raise broken from error


def query_text(request: Request, name: str, default: str | None = None) -> str | None:
    """A query parameter, or the default when it is missing."""
    if request.query_params is None or name not in request.query_params:
        return default
    return str(request.query_params[name])


def query_int(request: Request, name: str, default: int, maximum: int = MAX_LIMIT) -> int:
    """A whole number of the query. Raises InvalidInput when it is not one or out of range."""
    text = query_text(request, name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,9}", text) or not 1 <= int(text) <= maximum:
        raise InvalidInput.at(name, Reason("whole_number_to", most=maximum))
    return int(text)


def query_choice(request: Request, name: str, choices: Sequence[str]) -> str | None:
    """One of some words, or None when it is missing. Raises InvalidInput for any other."""
    text = query_text(request, name)
    if text is not None and text not in choices:
        raise InvalidInput.at(name, Reason("must_be_one_of", choices=list(choices)))
    return text


def query_span(request: Request) -> tuple[datetime | None, datetime | None]:
    """``?from=`` and ``?to=``: the first time, the one before which; None: open. Raises InvalidInput."""
    since, until = _query_time(request, "from"), _query_time(request, "to")
    if since is not None and until is not None and since >= until:
        raise InvalidInput.at("to", Reason("later_than_start"))
    return since, until


def _query_time(request: Request, name: str) -> datetime | None:
    text = query_text(request, name)
    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError as error:
        raise InvalidInput.at(name, Reason("must_be_time_in_query")) from error


def query_bool(request: Request, name: str) -> bool:
    """A flag of the query: ``true`` or ``false``; missing is False."""
    text = query_text(request, name, "false")
    if text not in {"true", "false"}:
        raise InvalidInput.at(name, Reason("must_be_boolean"))
    return text == "true"


def if_match(request: Request) -> int | None:
    """The revision of an ``If-Match`` header (``12`` or ``"12"``), or None without one."""
    text = request.headers.get("if-match")
    if text is None:
        return None
    found = re.fullmatch(r'\s*"?([0-9]{1,15})"?\s*', text)
    if not found:
        raise InvalidInput.at("If-Match", Reason("must_be_revision"))
    return int(found[1])
