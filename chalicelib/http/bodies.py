"""Bodies of requests: UTF-8, JSON, a pydantic model; everything wrong with them is named with its path."""

from __future__ import annotations

import binascii
import functools
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, get_args

from chalice.app import Request
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from chalicelib.http.budget import (
    MAX_BODY_BYTES,
    USUAL,
    Budget,
    Unfit,
    decimal_number,
    first_twin,
    refuse_over,
    whole_number,
)
from chalicelib.shared.errors import Detail, InvalidInput, TooLarge, UnsupportedMediaType
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason, reason_of
from chalicelib.shared.text.near_names import did_you_mean

M = TypeVar("M", bound=BaseModel)


def raw_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The request's body. Raises TooLarge, and UnsupportedMediaType for one that is compressed."""
    coding = str(request.headers.get("content-encoding") or "identity").strip().lower()
    if coding != "identity":
        raise UnsupportedMediaType(Reason("encoding_refused", coding=coding[:32]))
    try:
        raw: bytes | str = request.raw_body
    except (binascii.Error, UnicodeError) as error:
        raise InvalidInput(Reason("body_unread")) from error
    body = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    if len(body) > max_bytes:
        raise TooLarge(Reason("body_too_large", bytes=len(body), most=max_bytes))
    return body


def text_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> str:
    """The request's body as UTF-8 text (a leading byte order mark is dropped)."""
    try:
        return raw_body(request, max_bytes).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(Reason("body_not_utf8", byte=error.start)) from error


def json_body(request: Request, model: type[M]) -> M:
    """The request's JSON body as ``model``. Raises InvalidInput with one detail per wrong path.

    Types are strict: ``"5"`` is not a number. An empty body of a POST counts as ``{}``.
    """
    text = text_body(request)
    if not text.strip() and request.method == "POST":
        text = "{}"
    parse_json(text)
    return parse_model(model, text)


def parse_json(text: str, budget: Budget = USUAL) -> Any:
    """The value of a JSON text that every part of the house can hold. Raises InvalidInput, TooLarge.

    Refused: broken JSON, a name given twice, NaN and numbers that are too long or too large, half
    surrogate pairs, and what is over the budget.
    """
    if not text.strip():
        raise InvalidInput(Reason("json_needed"))
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_twins,
            parse_constant=lambda name: Unfit(Reason("no_json_number", name=name)),
            parse_float=decimal_number,
            parse_int=whole_number,
        )
    except RecursionError as error:
        raise InvalidInput(Reason("json_deeper", most=budget.depth)) from error
    except json.JSONDecodeError as error:
        raise InvalidInput(
            Reason("not_json", error=error.msg, line=error.lineno, column=error.colno)
        ) from error
    refuse_over(value, budget)
    return value


def parse_model(model: type[M], text: str, prefix: str = "") -> M:
    """A JSON text as ``model``, types strict. Raises InvalidInput with the paths below ``prefix``."""
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        details = what_is_wrong(model, error, prefix)
        raise InvalidInput.of(details, "the body") from error


def what_is_wrong(model: type[BaseModel], error: ValidationError, prefix: str = "") -> list[Detail]:
    """What pydantic found wrong, with paths below ``prefix`` and sentences that a person can act on."""
    return [
        Detail(join_path(prefix, path_of(e["loc"])), _reason(model, e))
        for e in error.errors(include_url=False)
    ]


def _reason(model: type[BaseModel], error: ErrorDetails) -> Reason:
    """What is wrong, without its subject, with an example where a form is wanted."""
    kind, location, context = error["type"], error["loc"], error.get("ctx") or {}
    if kind == "extra_forbidden":
        return did_you_mean(Reason("unknown_field"), str(location[-1]), _fields(model, location[:-1]))
    if kind == "string_type" and isinstance(error["input"], list):
        return Reason("one_text")
    if kind.startswith(("datetime_", "timezone_")):
        return Reason("time_wanted")
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return next((wanted for form, wanted in FORMS.items() if form in pattern), _other(error))
    if kind == "missing":
        return Reason("needed")
    if kind == "value_error":
        return reason_of(context["error"])
    wanted = _LIMITS.get(kind)
    return _other(error) if wanted is None else Reason(f"type_{kind}", **{n: context[n] for n in wanted})


def _other(error: ErrorDetails) -> Reason:
    return Reason("plain_text", text=error["msg"])


_LIMITS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("string_type", "int_type", "float_type", "bool_type", "list_type", "dict_type"), ()),
    **dict.fromkeys(("model_type", "finite_number"), ()),
    "literal_error": ("expected",),
    "string_too_short": ("min_length",),
    "string_too_long": ("max_length",),
    "too_short": ("min_length", "actual_length"),
    "too_long": ("max_length",),
    "greater_than": ("gt",),
    "greater_than_equal": ("ge",),
    "less_than": ("lt",),
    "less_than_equal": ("le",),
}
"""What pydantic refuses, with what it reports of its limits (https://docs.pydantic.dev/latest/errors/validation_errors/)."""


FORMS = {
    ID_PATTERN.pattern.removesuffix(r"\Z"): Reason("id_wanted"),
    "([01][0-9]|2[0-3]):[0-5][0-9]": Reason("time_of_day_wanted"),
    "^[A-Z]{3}$": Reason("currency_wanted"),
    "^[0-9A-Z]{26}$": Reason("upload_wanted"),
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": Reason("must_be_date"),
    "[smhdw]$": Reason("offset_wanted"),
    "^richmenu-": Reason("rich_menu_id_wanted"),
    "^[0-9a-z]{26}$": Reason("media_wanted"),
    "^[a-z0-9_-]{1,32}$": Reason("alias_wanted"),
    r"[^\x00-\x1f\x7f]": Reason("custom_name_wanted"),
    "^https://[!-~]+$": Reason("https_wanted"),
    "^https?://[!-~]+$": Reason("https_wanted"),
    "^[!-~]+$": Reason("plain_text_wanted"),
    "^[A-Za-z0-9_-]+$": Reason("random_name_wanted"),
}
"""What is in a pattern, and how to say it."""


@functools.lru_cache(maxsize=256)
def _fields(model: type[BaseModel], way: tuple[str | int, ...]) -> tuple[str, ...]:
    """The names that an object at this place may have; of a choice of models, those of all."""
    here = [model]
    for part in way:
        inner = [one for held in here for field in _named(held, part) for one in _models(field.annotation)]
        here = inner or here  # a place in a list, a name in a map, the tag of a choice
    return tuple(field.alias or name for held in here for name, field in held.model_fields.items())


def _named(model: type[BaseModel], name: str | int) -> list[FieldInfo]:
    return [field for own, field in model.model_fields.items() if name == (field.alias or own)]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models within a type: of a list's items, a map's values, each of a choice."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def path_of(location: Sequence[str | int]) -> str:
    """A pydantic location as a path: ``("then", 0, "add_tag")`` -> ``then[0].add_tag``."""
    path = ""
    for part in location:
        path = f"{path}[{part}]" if isinstance(part, int) else join_path(path, part)
    return path


def join_path(prefix: str, path: str) -> str:
    """Two parts of a path as one: ``rules.r1`` + ``then[0]``; ``a`` + ``[0]`` is ``a[0]``."""
    return f"{prefix}.{path}" if prefix and path and not path.startswith("[") else prefix + path


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Unfit:
    value = dict(pairs)
    if len(value) != len(pairs):
        twin = first_twin(name for name, _ in pairs) or ""
        return Unfit(Reason("name_twice_in_object", name=repr(twin[:64])))
    return value
