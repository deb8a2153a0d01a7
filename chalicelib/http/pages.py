"""Pages of lists, and the cursors that lead from one to the next."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from chalice.app import Request

from chalicelib.http.language import LANG
from chalicelib.http.queries import query_text
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import is_storable


def page(
    items: Sequence[Any], next_position: Mapping[str, Any] | None = None, request: Request | None = None
) -> dict[str, Any]:
    """A page of a list; ``next_position`` is where this ``request`` goes on, None at the end."""
    cursor = None
    if next_position is not None:
        assert request is not None, "a list that goes on says for whom"
        cursor = encode_cursor({_LIST: _list_of(request), **next_position})
    return {"items": list(items), "next_cursor": cursor}


_LIST = "list"
"""Names the list in a cursor, so that it serves no other one."""

_MOST_PLACES = 8

_LONGEST_PLACE = 1_024
"""Bytes; DynamoDB's limit for a sort key."""


def _list_of(request: Request) -> str:
    """A name of the list that a request asks for: its path with the ids in it, and its filters."""
    query = dict(request.query_params or {})
    filters = {name: text for name, text in query.items() if name not in {"cursor", "limit", LANG}}
    asked = [request.path, dict(request.uri_params or {}), filters]
    return digest(json.dumps(asked, sort_keys=True))[:12]


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
    """The position of ``?cursor=``, or None. Raises InvalidInput unless this list made it.

    ``fields`` are texts that can be a key; what else a position has is texts of that kind or small numbers.
    """
    text = query_text(request, "cursor")
    if not text:
        return None
    position = decode_cursor(text)
    if position.pop(_LIST, None) != _list_of(request) or len(position) > _MOST_PLACES:
        raise _bad_cursor()
    if not all(map(_is_place, position.values())):
        raise _bad_cursor()
    if any(not isinstance(position.get(name), str) for name in fields):
        raise _bad_cursor()
    return position


def _is_place(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return False
    if isinstance(value, int):
        return 0 <= value < 1 << 53
    return is_storable(value) and len(value.encode()) <= _LONGEST_PLACE


def _bad_cursor() -> InvalidInput:
    return InvalidInput.at("cursor", Reason("cursor_unknown"))
