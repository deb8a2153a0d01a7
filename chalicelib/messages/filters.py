"""Filters: a value in, a value out. ``None`` is a missing value; only ``default`` and ``yesno`` answer it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from chalicelib.messages import sizes
from chalicelib.messages.sizes import Size
from chalicelib.messages.text import shorten, sound
from chalicelib.shared.reasons import Reason, Reasoned, reason_of
from chalicelib.shared.text.template import Argument, Expression, Filter

DEFAULT_DATE = "%Y年%-m月%-d日"
_WEEKDAYS = "月火水木金土日"
_TOO_LARGE = Decimal(10) ** 18
_CONTEXT = Context(prec=40)
_LONG_DATE = datetime(2028, 12, 30, 23, 59, 59, tzinfo=UTC)
"""A timestamp of which every part of a date pattern is as long as it can be."""
_DATE_TOKEN = re.compile(r"%(-?[A-Za-z%])")


Takes = Callable[[Argument], Reason | None]
"""What is wrong with an argument; None when nothing is."""


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
    digits = int(args[0]) if args else sizes.DIGITS
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


def _any(_arg: Argument) -> Reason | None:
    return None


def _a_text(arg: Argument) -> Reason | None:
    return None if isinstance(arg, str) else Reason("filter_needs_text")


def _a_count(arg: Argument) -> Reason | None:
    return None if isinstance(arg, int) and 1 <= arg <= 5000 else Reason("filter_needs_count")


def _digits(arg: Argument) -> Reason | None:
    return None if isinstance(arg, int) and 0 <= arg <= 6 else Reason("filter_needs_digits")


def _a_pattern(arg: Argument) -> Reason | None:
    if (wrong := _a_text(arg)) is not None:
        return wrong
    unknown = (token for token in _DATE_TOKEN.findall(str(arg)) if _date_token(_LONG_DATE, token) is None)
    return next((Reason("filter_no_token", token=token) for token in unknown), None)


def _no_values(_args: tuple[Argument, ...]) -> tuple[Any, ...]:
    return ()


def _both(args: tuple[Argument, ...]) -> tuple[Any, ...]:
    return args


def _longest_date(args: tuple[Argument, ...]) -> tuple[Any, ...]:
    return (format_date(_LONG_DATE, str(args[0]) if args else DEFAULT_DATE),)


@dataclass(frozen=True)
class FilterRule:
    """What a filter is: its function, and the arguments that it takes.

    ``size``: how large what it makes of texts is at the most; None: it is always one of ``values``. What is
    known of a message's length before anybody gets it follows from these two.
    """

    apply: Callable[[Any, tuple[Argument, ...], ZoneInfo], Any]
    size: Callable[[tuple[Argument, ...], Size], Size | None]
    takes: tuple[Takes, ...] = ()
    required: int = 0
    values: Callable[[tuple[Argument, ...]], tuple[Any, ...]] = _no_values
    takes_missing: bool = False


FILTERS: dict[str, FilterRule] = {
    "default": FilterRule(_default, sizes.same, (_any,), 1, takes_missing=True),
    "upper": FilterRule(_upper, sizes.upper),
    "lower": FilterRule(_lower, sizes.lower),
    "truncate": FilterRule(_truncate, sizes.truncated, (_a_count, _a_text), 1),
    "number": FilterRule(_number, sizes.number, (_digits,)),
    "date": FilterRule(_date, sizes.named, (_a_pattern,), values=_longest_date),
    "join": FilterRule(_join, sizes.same, (_a_text,), 1),
    "yesno": FilterRule(_yesno, sizes.named, (_any, _any), 2, values=_both, takes_missing=True),
    "urlencode": FilterRule(_urlencode, sizes.urlencoded),
}


def problem(used: Filter) -> Reason | None:
    """What is wrong with the use of a filter; None when nothing is."""
    rule = FILTERS.get(used.name)
    if rule is None:
        return Reason("filter_unknown", filter=used.name, known=sorted(FILTERS))
    if not rule.required <= len(used.args) <= len(rule.takes):
        return _count(rule, used)
    for takes, arg in zip(rule.takes, used.args, strict=False):
        if wrong := takes(arg):
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
    """The timestamp in a pattern of ``%Y %y %m %-m %d %-d %H %-H %M %-M %S %a %A`` (weekdays in Japanese)."""
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
    if rule.required < len(rule.takes):
        most = len(rule.takes)
        return Reason("filter_arguments", filter=used.name, least=rule.required, most=most, given=given)
    if rule.required == 1:
        return Reason("filter_one_argument", filter=used.name, given=given)
    return Reason("filter_argument", filter=used.name, takes=rule.required, given=given)
