"""Attribute values: six types, each checked with a reason that a person can act on."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from chalicelib.shared import storable
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.reasons import Reason, Reasoned
from chalicelib.shared.times import CALENDAR_BEGINS

TEXT_LENGTH = 1000
NUMBER_LIMIT = 1e15
_DATE = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?\Z", re.ASCII
)
_NUMBER = re.compile(r"[+-]?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,15})?\Z")
"""Digits, or digits in groups of three: ``1,2,3`` is a list and no number."""


class _Unfit(Reasoned, ValueError):
    """Why a value does not fit."""


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
        return _stored(definition, value, zone, strict)
    except _Unfit as error:
        unfit = Reason("value_unfit", path=path, why=error.reason)
        raise UnfitValue(unfit, [Detail(path, error.reason)]) from error


def _stored(definition: Mapping[str, Any], value: Any, zone: tzinfo, strict: bool) -> Any:
    if definition["type"] == "date":
        return _date(value, zone)
    fitting = _FITS[definition["type"]](definition, value, strict)
    if (wrong := storable.unfit(fitting)) is not None:
        raise _Unfit(wrong[1])
    return fitting


def check(definition: Mapping[str, Any], value: Any, path: str = "value", *, strict: bool = False) -> None:
    """Raise UnfitValue unless the value fits, for documents: they are checked without a zone, which
    matters only to moments on the first and the last day of the calendar.
    """
    fit(definition, value, path, zone=UTC, strict=strict)


def _text(_: Mapping[str, Any], value: Any, strict: bool) -> str:
    if not strict and isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise _Unfit(Reason("must_be_text"))
    if len(value) > TEXT_LENGTH:
        raise _Unfit(Reason("too_long_by", most=TEXT_LENGTH, has=len(value)))
    return unicodedata.normalize("NFC", value)


def number(value: Any) -> float:
    """A number given as one, or as text. Raises UnfitValue."""
    try:
        return _number({}, value, strict=False)
    except _Unfit as error:
        raise UnfitValue(Reason("number_unfit", why=error.reason), [Detail("value", error.reason)]) from error


def _number(_: Mapping[str, Any], value: Any, strict: bool) -> int | float:
    if not strict and isinstance(value, str):
        text = unicodedata.normalize("NFKC", value).strip().replace("−", "-")
        if not _NUMBER.match(text):
            raise _Unfit(Reason("no_number", text=repr(value[:40])))
        text = text.replace(",", "")
        value = float(text) if "." in text else int(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unfit(Reason("must_be_number"))
    if not math.isfinite(value) or abs(value) > NUMBER_LIMIT:
        raise _Unfit(Reason("must_be_finite"))
    return value or 0  # there is no -0


def _boolean(_: Mapping[str, Any], value: Any, strict: bool) -> bool:
    if not strict and isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        raise _Unfit(Reason("must_be_boolean"))
    return value


def _date(value: Any, zone: tzinfo) -> str:
    """A calendar date: of a moment with an offset the one in the zone, else as written (LINE's datetimepicker
    gives local times without an offset).
    """
    if not isinstance(value, str):
        raise _Unfit(Reason("must_be_date"))
    text = unicodedata.normalize("NFKC", value).strip().upper()
    if not _DATE.match(text):
        raise _Unfit(Reason("no_date_like", text=repr(value[:40])))
    try:
        timestamp = datetime.fromisoformat(text)
        day = (timestamp if timestamp.tzinfo is None else timestamp.astimezone(zone)).date()
    except (ValueError, OverflowError) as error:
        raise _Unfit(Reason("not_in_calendar", text=repr(value[:40]))) from error
    if day.year < CALENDAR_BEGINS.year:
        raise _Unfit(Reason("before_calendar", text=repr(value[:40]), year=CALENDAR_BEGINS.year))
    return day.isoformat()


def _choice(definition: Mapping[str, Any], value: Any, strict: bool) -> str:
    if not isinstance(value, str):
        raise _Unfit(Reason("must_be_choice"))
    for choice in definition.get("choices") or ():
        if _same(choice, value, strict):
            return str(choice)
    raise _Unfit(Reason("no_choice_of", text=repr(value[:40]), choices=_listed(definition)))


def _multi_choice(definition: Mapping[str, Any], value: Any, strict: bool) -> list[str]:
    """The chosen values, each once, in the order of the definition."""
    if not strict and isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        raise _Unfit(Reason("must_be_choices"))
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
