"""The HTTP conventions of every route: bodies in, cursors and pages, errors out, and what a route declares.

A view stands under ``@bp.route(...)`` and ``@http_errors``; it raises the errors of
``chalicelib.shared.errors`` and never builds an error answer itself.
"""

from __future__ import annotations

import base64
import functools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec
from urllib.parse import unquote

from chalice.app import Request, Response
from pydantic import BaseModel

from chalicelib.shared.bodies import json_body, raw_body, text_body
from chalicelib.shared.errors import Detail, InvalidInput, TodokuError, Unavailable
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.observability import logger

__all__ = [
    "MAX_LIMIT",
    "Operation",
    "Role",
    "decode_cursor",
    "encode_cursor",
    "error_response",
    "http_errors",
    "if_match",
    "json_body",
    "json_response",
    "page",
    "path_id",
    "path_text",
    "query_bool",
    "query_cursor",
    "query_int",
    "query_text",
    "raw_body",
    "text_body",
]

MAX_LIMIT = 200
"""The longest page of a list."""

Role = Literal["viewer", "editor", "publisher", "admin"]
P = ParamSpec("P")


@dataclass(frozen=True)
class Operation:
    """What a route declares for the published contract.

    ``path`` is the route's path as registered. ``role`` None: no key is needed. ``request`` and
    ``response`` None: no body, or one that is not described by a model. ``query`` maps a query
    parameter's name to a sentence about it.
    """

    method: str
    path: str
    summary: str
    role: Role | None
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None
    status: int = 200
    query: Mapping[str, str] | None = None
    media_types: Sequence[str] = ("application/json",)


def http_errors(view: Callable[P, Any]) -> Callable[P, Response]:
    """Translate what a view raises into the error shape of the contract. Stands under ``@bp.route``."""

    @functools.wraps(view)
    def translated(*args: P.args, **kwargs: P.kwargs) -> Response:
        try:
            answer = view(*args, **kwargs)
        except TodokuError as error:
            return error_response(error)
        except Exception as error:  # noqa: BLE001 (the door: whatever happened, the answer has its shape)
            if is_outage(error):
                logger.exception("something we depend on did not answer")
                return error_response(Unavailable("a service we depend on did not answer; try again"))
            logger.exception("unexpected error in a view")
            return error_response(TodokuError("something went wrong on our side; it has been logged"))
        return answer if isinstance(answer, Response) else Response(body=answer)

    return translated


def error_response(error: TodokuError) -> Response:
    """The answer for an error: its status and ``{"error": {...}}``."""
    return json_response(error.body(), error.status)


def json_response(body: Any, status: int = 200, headers: Mapping[str, Any] | None = None) -> Response:
    """A JSON answer in UTF-8."""
    all_headers: dict[str, Any] = {"Content-Type": "application/json", **(headers or {})}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(body=text, status_code=status, headers=all_headers)


def is_outage(error: BaseException) -> bool:
    """Whether AWS said "not now" (throttled, unreachable, timed out), directly or as a cause."""
    from botocore.exceptions import ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as NoConnection

    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, HTTPClientError | NoConnection):
            return True
        if isinstance(seen, ClientError) and seen.response["Error"]["Code"] in _OUTAGES:
            return True
        seen = seen.__cause__ or getattr(seen, "cause", None)
    return False


_OUTAGES = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "InternalServerError",
        "InternalFailure",
        "ServiceUnavailable",
        "SlowDown",
    }
)


# Paths, queries, headers


def path_id(raw: str, what: str) -> str:
    """A caller-chosen id out of the path. Raises InvalidInput when it is not one."""
    text = path_text(raw)
    if not ID_PATTERN.match(text):
        reason = "ids are 1 to 64 of a-z, 0-9, - and _, and begin with a letter or digit"
        raise InvalidInput(f"{text[:64]!r} is not a {what} id: {reason}", [Detail(what, reason)])
    return text


def path_text(raw: str) -> str:
    """A path element as text, percent-decoded (Chalice's local gateway hands it over encoded)."""
    try:
        return unquote(raw, errors="strict") if "%" in raw else raw
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{raw[:64]!r} is not percent-encoded UTF-8") from error


def query_text(request: Request, name: str, default: str | None = None) -> str | None:
    """A query parameter, or the default when it is missing."""
    if request.query_params is None or name not in request.query_params:
        return default
    return str(request.query_params[name])


def query_int(request: Request, name: str, default: int, minimum: int = 1, maximum: int = MAX_LIMIT) -> int:
    """A whole number of the query. Raises InvalidInput when it is not one or out of range."""
    text = query_text(request, name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,9}", text) or not minimum <= int(text) <= maximum:
        reason = f"must be a whole number from {minimum} to {maximum}"
        raise InvalidInput(f"{name}: {reason}", [Detail(name, reason)])
    return int(text)


def query_bool(request: Request, name: str) -> bool:
    """A flag of the query: ``true`` or ``false``; missing is False."""
    text = query_text(request, name, "false")
    if text not in {"true", "false"}:
        raise InvalidInput(f"{name}: must be true or false", [Detail(name, "must be true or false")])
    return text == "true"


def if_match(request: Request) -> int | None:
    """The revision of an ``If-Match`` header (``12`` or ``"12"``), or None without one."""
    text = request.headers.get("if-match")
    if text is None:
        return None
    found = re.fullmatch(r'\s*"?([0-9]{1,15})"?\s*', text)
    if not found:
        reason = 'must be a revision such as 12 or "12"'
        raise InvalidInput(f"If-Match: {reason}", [Detail("If-Match", reason)])
    return int(found[1])


# Lists


def page(items: Sequence[Any], next_cursor: Mapping[str, Any] | str | None = None) -> dict[str, Any]:
    """A page of a list; ``next_cursor`` is the position to go on from, None at the end."""
    if isinstance(next_cursor, Mapping):
        next_cursor = encode_cursor(next_cursor)
    return {"items": list(items), "next_cursor": next_cursor}


def encode_cursor(position: Mapping[str, Any]) -> str:
    """A position as an opaque text for URLs. It is readable and forgeable: never put a secret in it,
    and never take an account out of it."""
    text = json.dumps(position, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> dict[str, Any]:
    """The position of a cursor. Raises InvalidInput when it is none of ours."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,4096}", cursor):
        raise _bad_cursor()
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise _bad_cursor() from error
    if not isinstance(position, dict):
        raise _bad_cursor()
    return position


def query_cursor(request: Request, *fields: str) -> dict[str, Any] | None:
    """The position of ``?cursor=``, or None. Its ``fields`` must be texts, else InvalidInput."""
    text = query_text(request, "cursor")
    if not text:
        return None
    position = decode_cursor(text)
    if any(not isinstance(position.get(name), str) for name in fields):
        raise _bad_cursor()
    return position


def _bad_cursor() -> InvalidInput:
    reason = "use next_cursor of the page before, unchanged"
    return InvalidInput(f"cursor: {reason}", [Detail("cursor", reason)])
