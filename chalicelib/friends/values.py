"""Attribute values: six types, each checked with a reason that a person can act on."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from chalicelib.shared.errors import Detail, InvalidInput

TEXT_LENGTH = 1000
NUMBER_LIMIT = 1e15
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?\Z", re.ASCII
)
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?\Z")


class _Unfit(ValueError):
    """Why a value does not fit, as a sentence."""


class UnfitValue(InvalidInput):
    """The value does not fit the attribute's type."""


def fit(
    definition: Mapping[str, Any], value: Any, path: str = "value", *, zone: tzinfo, strict: bool = False
) -> Any:
    """The value as it is stored (of a moment with an offset, its date in the zone). Raises UnfitValue.

    Unless ``strict``, text is read as the type says (captured text, CSV, postback parameters):
    ``"12"`` as a number, ``"true"`` as a boolean, one choice as a list of one.
    """
    try:
        if definition["type"] == "date":
            return _date(value, zone)
        return _FITS[definition["type"]](definition, value, strict)
    except _Unfit as error:
        raise UnfitValue(f"{path}: {error}", [Detail(path, str(error))]) from error


def check(definition: Mapping[str, Any], value: Any, path: str = "value", *, strict: bool = False) -> None:
    """Raise UnfitValue unless the value fits, for documents: they are checked without a zone, which
    matters only to moments on the first and the last day of the calendar.
    """
    fit(definition, value, path, zone=UTC, strict=strict)


def _text(_: Mapping[str, Any], value: Any, strict: bool) -> str:
    if not strict and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise _Unfit("must be text")
    if len(value) > TEXT_LENGTH:
        raise _Unfit(f"must be at most {TEXT_LENGTH} characters, has {len(value)}")
    return unicodedata.normalize("NFC", value)


def number(value: Any) -> float:
    """A number given as one, or as text. Raises UnfitValue."""
    fitted: float = fit({"type": "number"}, value, zone=UTC)
    return fitted


def _number(_: Mapping[str, Any], value: Any, strict: bool) -> int | float:
    if not strict and isinstance(value, str):
        text = unicodedata.normalize("NFKC", value).strip().replace(",", "")
        if not _NUMBER.match(text):
            raise _Unfit(f"{value[:40]!r} is not a number")
        value = float(text) if "." in text else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unfit("must be a number")
    if not math.isfinite(value) or abs(value) > NUMBER_LIMIT:
        raise _Unfit("must be a finite number between -1e15 and 1e15")
    return value


def _boolean(_: Mapping[str, Any], value: Any, strict: bool) -> bool:
    if not strict and isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise _Unfit("must be true or false")
    return value


def _date(value: Any, zone: tzinfo) -> str:
    """A calendar date: of a moment with an offset the one in the zone, else as written (LINE's datetimepicker
    gives local times without an offset).
    """
    if not isinstance(value, str):
        raise _Unfit("must be a date like 2026-11-22")
    text = unicodedata.normalize("NFKC", value).strip().upper()
    if not _DATE.match(text):
        raise _Unfit(f"{value[:40]!r} is not a date like 2026-11-22")
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo is None else moment.astimezone(zone)).date().isoformat()
    except (ValueError, OverflowError) as error:
        raise _Unfit(f"{value[:40]!r} is not a day and time that the calendar has") from error


def _choice(definition: Mapping[str, Any], value: Any, strict: bool) -> str:
    if not isinstance(value, str):
        raise _Unfit("must be one of the choices, as text")
    for choice in definition.get("choices") or ():
        if _same(choice, value, strict):
            return str(choice)
    raise _Unfit(f"{value[:40]!r} is not one of {_listed(definition)}")


def _multi_choice(definition: Mapping[str, Any], value: Any, strict: bool) -> list[str]:
    """The chosen values, each once, in the order of the definition."""
    if not strict and isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise _Unfit("must be a list of choices")
    chosen = {_choice(definition, one, strict) for one in value}
    return [choice for choice in definition.get("choices") or () if choice in chosen]


def _same(choice: str, value: str, strict: bool) -> bool:
    wanted = unicodedata.normalize("NFC", value if strict else value.strip())
    return unicodedata.normalize("NFC", choice) == wanted


def _listed(definition: Mapping[str, Any]) -> str:
    return ", ".join(repr(choice) for choice in list(definition.get("choices") or ())[:20]) or "no choices"


_FITS = {
    "text": _text,
    "number": _number,
    "boolean": _boolean,
    "choice": _choice,
    "multi_choice": _multi_choice,
}
