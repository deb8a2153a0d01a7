"""Bodies of requests: UTF-8, JSON, a pydantic model; everything wrong with them is named with its path."""

from __future__ import annotations

import binascii
import json
import math
from collections.abc import Sequence
from typing import Any, TypeVar

from chalice.app import Request
from pydantic import BaseModel, ValidationError

from chalicelib.shared.errors import Detail, InvalidInput, TooLarge

MAX_BODY_BYTES = 1 << 20
"""Bodies larger than this are 413 unless the route says otherwise."""
MAX_DEPTH = 100
"""JSON nested deeper than this is refused."""

M = TypeVar("M", bound=BaseModel)


def raw_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The request's body. Raises TooLarge."""
    try:
        raw: bytes | str = request.raw_body
    except (binascii.Error, UnicodeError) as error:
        raise InvalidInput("the body cannot be read") from error
    body = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    if len(body) > max_bytes:
        raise TooLarge(f"the body has {len(body)} bytes; this door takes at most {max_bytes}")
    return body


def text_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> str:
    """The request's body as UTF-8 text (a leading byte order mark is dropped)."""
    try:
        return raw_body(request, max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the body is not UTF-8 (byte {error.start})") from error


def json_body(
    request: Request, model: type[M], *, max_bytes: int = MAX_BODY_BYTES, max_depth: int = MAX_DEPTH
) -> M:
    """The request's JSON body as ``model``. Raises InvalidInput with one detail per wrong path.

    Types are strict: ``"5"`` is not a number. An empty body of a POST counts as ``{}``.
    """
    text = text_body(request, max_bytes)
    if not text.strip() and request.method == "POST":
        text = "{}"
    return parse_model(model, check_json(text, max_depth))


def check_json(text: str, max_depth: int = MAX_DEPTH) -> str:
    """The text, when it is JSON that every part of the house can hold. Raises InvalidInput.

    Refused: broken JSON, a name given twice, NaN and numbers beyond a double, half surrogate pairs,
    nesting deeper than ``max_depth``.
    """
    parse_json(text, max_depth)
    return text


def parse_json(text: str, max_depth: int = MAX_DEPTH) -> Any:
    """The value of a JSON text, checked as in ``check_json``."""
    if not text.strip():
        raise InvalidInput("a JSON body is needed")
    try:
        value = json.loads(
            text, object_pairs_hook=_no_twins, parse_constant=_no_constant, parse_float=_finite
        )
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("the JSON holds half of a surrogate pair") from error
    except RecursionError as error:
        raise InvalidInput(f"the JSON is nested deeper than {max_depth}") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidInput(f"the body is not JSON: {error.msg} ({where})") from error
    except ValueError as error:
        raise InvalidInput(f"the body is not JSON: {error}") from error
    if depth(value) > max_depth:
        raise InvalidInput(f"the JSON is nested deeper than {max_depth}")
    return value


def parse_model(model: type[M], text: str, prefix: str = "") -> M:
    """A JSON text as ``model``, types strict. Raises InvalidInput with the paths below ``prefix``."""
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        details = [
            Detail(join_path(prefix, path_of(e["loc"])), _reason(e["type"], e["msg"]))
            for e in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InvalidInput(_summary(details), details) from error


def _reason(kind: str, message: str) -> str:
    named = {"extra_forbidden": "is not a known field", "missing": "is needed"}
    return named.get(kind) or message.removeprefix("Value error, ")


def _summary(details: Sequence[Detail]) -> str:
    first = details[0]
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return f"{first.path or 'the body'}: {first.message}{more}"


def path_of(location: Sequence[str | int]) -> str:
    """A pydantic location as a path: ``("then", 0, "add_tag")`` -> ``then[0].add_tag``."""
    path = ""
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else join_path(path, part)
    return path


def join_path(prefix: str, path: str) -> str:
    """Two parts of a path as one: ``rules.r1`` + ``then[0]``; ``a`` + ``[0]`` is ``a[0]``."""
    return f"{prefix}.{path}" if prefix and path and not path.startswith("[") else prefix + path


def depth(value: Any) -> int:
    """How deep objects and lists are nested in a value; a scalar is 0."""
    deepest, stack = 0, [(value, 0)]
    while stack:
        item, level = stack.pop()
        if isinstance(item, dict | list):
            deepest = max(deepest, level + 1)
            children = item.values() if isinstance(item, dict) else item
            stack += [(child, level + 1) for child in children]
    return deepest


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twin = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twin[:64]!r} stands twice in one object")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:32]} is too large")
    return number
