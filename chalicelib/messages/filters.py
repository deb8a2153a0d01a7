"""Filters: a value in, a value out. ``None`` is a missing value; only ``default`` and ``yesno`` answer it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from chalicelib.messages.text import shorten, sound
from chalicelib.shared.reasons import Reason, Reasoned, reason_of
from chalicelib.shared.text.template import Argument, Expression, Filter

DEFAULT_DATE = "%Y年%-m月%-d日"
_WEEKDAYS = "月火水木金土日"
_TOO_LARGE, _DIGITS = Decimal(10) ** 18, 2
_CONTEXT = Context(prec=40)
_DATE_TOKEN = re.compile(r"%(-?[A-Za-z%])")


class FilterProblem(Reasoned, ValueError):
    """The value is not of the kind that the filter takes."""


def as_text(value: Any) -> str:
    """A value as people read it: whole numbers without a point, lists joined with 、."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.10g}"
        return text if float(text) else "0"
    if isinstance(value, list | tuple | set | frozenset):
        return "、".join(as_text(one) for one in value)
    return sound(str(value))


def _default(value: Any, args: tuple[Argument, ...], _zone: ZoneInfo) -> Any:
    return args[0] if value in (None, "", [], ()) else value


def _upper(value: Any, _args: tuple[Argument, ...], _zone: ZoneInfo) -> Any:
    return as_text(value).upper()


def _lower(value: Any, _args: tuple[Argument, ...], _zone: ZoneInfo) -> Any:
    return as_text(value).lower()


def _truncate(value: Any, args: tuple[Argument, ...], _zone: ZoneInfo) -> Any:
    return shorten(as_text(value), int(args[0]), str(args[1]) if len(args) > 1 else "…")


def _number(value: Any, args: tuple[Argument, ...], _zone: ZoneInfo) -> Any:
    number = _decimal(value)
    if not number.is_finite() or abs(number) >= _TOO_LARGE:
        raise FilterProblem(Reason("too_large_a_number", text=as_text(value)[:40]))
    digits = int(args[0]) if args else _DIGITS
    # Half a unit goes away from zero, as people round; and nothing is ever "-0".
    rounded = round_half_up(number, digits)
    text = f"{rounded:,.{digits}f}"
    return text if args else text.rstrip("0").rstrip(".")


def round_half_up(number: Decimal, digits: int) -> Decimal:
    """The number with so many digits behind the point; what comes out as nothing has no sign."""
    return number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP, _CONTEXT) + 0


def _decimal(value: Any) -> Decimal:
    """A number, or a text of one, exactly as it is written."""
    try:
        return Decimal(int(value)) if isinstance(value, int) else Decimal(str(value).strip())
    except ArithmeticError as error:
        raise FilterProblem(Reason("no_number", text=repr(as_text(value)[:40]))) from error


def _date(value: Any, args: tuple[Argument, ...], zone: ZoneInfo) -> Any:
    return format_date(_timestamp(value, zone), str(args[0]) if args else DEFAULT_DATE)


def _join(value: Any, args: tuple[Argument, ...], _zone: ZoneInfo) -> Any:
    many = value if isinstance(value, list | tuple) else [value]
    return str(args[0]).join(as_text(one) for one in many)


def _yesno(value: Any, args: tuple[Argument, ...], _zone: ZoneInfo) -> Any:
    return args[0] if value not in (None, False, "", 0) else args[1]


def _urlencode(value: Any, _args: tuple[Argument, ...], _zone: ZoneInfo) -> Any:
    return quote(as_text(value), safe="")


@dataclass(frozen=True)
class FilterRule:
    """How a filter is used: its function and how many arguments it takes, of which kinds."""

    apply: Callable[[Any, tuple[Argument, ...], ZoneInfo], Any]
    kinds: tuple[str, ...] = ()
    required: int = 0
    takes_missing: bool = False


FILTERS: dict[str, FilterRule] = {
    "default": FilterRule(_default, ("any",), 1, takes_missing=True),
    "upper": FilterRule(_upper),
    "lower": FilterRule(_lower),
    "truncate": FilterRule(_truncate, ("count", "text"), 1),
    "number": FilterRule(_number, ("digits",)),
    "date": FilterRule(_date, ("date",)),
    "join": FilterRule(_join, ("text",), 1),
    "yesno": FilterRule(_yesno, ("any", "any"), 2, takes_missing=True),
    "urlencode": FilterRule(_urlencode),
}


def problem(used: Filter) -> Reason | None:
    """What is wrong with the use of a filter; None when nothing is."""
    rule = FILTERS.get(used.name)
    if rule is None:
        return Reason("filter_unknown", filter=used.name, known=sorted(FILTERS))
    if not rule.required <= len(used.args) <= len(rule.kinds):
        return _count(rule, used)
    for kind, arg in zip(rule.kinds, used.args, strict=False):
        wrong = _argument_problem(kind, arg)
        if wrong:
            return Reason("filter_wrong", filter=used.name, why=wrong)
    return None


def refused(expression: Expression, why: Reason) -> Reason:
    """Why a filter of an expression does not take its value."""
    return Reason("filter_refused", name=expression.name, source=expression.source, why=why)


def run(used: Filter, value: Any, zone: ZoneInfo) -> Any:
    """The value after one filter. Raises FilterProblem."""
    rule = FILTERS[used.name]
    if value is None and not rule.takes_missing:
        return None
    try:
        return rule.apply(value, used.args, zone)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise FilterProblem(reason_of(error)) from error


def format_date(timestamp: datetime, pattern: str) -> str:
    """The moment in a pattern of ``%Y %y %m %-m %d %-d %H %-H %M %-M %S %a %A`` (weekdays in Japanese)."""
    return _DATE_TOKEN.sub(lambda token: _date_token(timestamp, token[1]) or token[0], pattern)


def _date_token(timestamp: datetime, token: str) -> str | None:
    plain = {
        "Y": f"{timestamp.year:04d}",
        "y": f"{timestamp.year % 100:02d}",
        "S": f"{timestamp.second:02d}",
        "a": _WEEKDAYS[timestamp.weekday()],
        "A": f"{_WEEKDAYS[timestamp.weekday()]}曜日",
        "%": "%",
    }
    numbers = {"m": timestamp.month, "d": timestamp.day, "H": timestamp.hour, "M": timestamp.minute}
    if token in plain:
        return plain[token]
    number = numbers.get(token[-1])
    if number is None:
        return None
    return str(number) if token.startswith("-") else f"{number:02d}"


def _timestamp(value: Any, zone: ZoneInfo) -> datetime:
    text = as_text(value)
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time(), zone)
        timestamp = datetime.fromisoformat(text)
        return timestamp.replace(tzinfo=zone) if timestamp.tzinfo is None else timestamp.astimezone(zone)
    except (ValueError, OverflowError) as error:
        raise FilterProblem(Reason("no_date", text=repr(text[:40]))) from error


def _count(rule: FilterRule, used: Filter) -> Reason:
    given = len(used.args)
    if rule.required < len(rule.kinds):
        most = len(rule.kinds)
        return Reason("filter_arguments", filter=used.name, least=rule.required, most=most, given=given)
    if rule.required == 1:
        return Reason("filter_one_argument", filter=used.name, given=given)
    return Reason("filter_argument", filter=used.name, takes=rule.required, given=given)


def _argument_problem(kind: str, arg: Argument) -> Reason | None:
    whole = isinstance(arg, int)
    if kind == "count" and not (whole and 1 <= int(arg) <= 5000):
        return Reason("filter_needs_count")
    if kind == "digits" and not (whole and 0 <= int(arg) <= 6):
        return Reason("filter_needs_digits")
    if kind in {"text", "date"} and not isinstance(arg, str):
        return Reason("filter_needs_text")
    if kind == "date":
        for token in _DATE_TOKEN.findall(str(arg)):
            if _date_token(datetime(2000, 1, 1), token) is None:  # noqa: DTZ001 (only the pattern is tried)
                return Reason("filter_no_token", token=token)
    return None
