"""Addresses that actions call. Pure.

Whom an address calls is its author's decision alone: what friends write may only fill in what follows
``https://host/``, percent-encoded, and cannot climb out of where it is in the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

from chalicelib.shared.origins import MAX_ADDRESS, BadAddress, Origin, origin_of, reachable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.text.template import Expression, TemplateProblem, parse

_FIXED = re.compile(r"https?://[^/?#]+/", re.IGNORECASE)


def problem(template: str) -> Reason | None:
    """Why an address can never be called; None when it can, or when its variables cannot be read."""
    try:
        origin = _origin(template)
    except TemplateProblem:
        return None
    except BadAddress as error:
        return Reason("must_be_https_since", why=error.reason)
    if origin.scheme != "https" and not settings().is_local:
        return Reason("must_be_https")
    try:
        reachable(_with(template, lambda _: "x"), on_laptop=settings().is_local)
    except BadAddress as error:
        return Reason("must_be_https_since", why=error.reason)
    return None


def fill(template: str, value: Callable[[Expression], str]) -> str:
    """The address with every value filled in. Raises TemplateProblem or BadAddress."""
    origin = _origin(template)
    filled = _with(template, lambda part: _encoded(part, value(part)))
    if len(filled) > MAX_ADDRESS:
        raise BadAddress(Reason("address_would_be_long", most=MAX_ADDRESS))
    if origin_of(filled) != origin:
        raise BadAddress(Reason("address_would_change"))
    if _climbs(filled) != _climbs(_with(template, lambda _: "x")):
        raise BadAddress(Reason("address_would_climb"))
    return filled


def _origin(template: str) -> Origin:
    """Whom the address calls, whatever is filled in."""
    first, *more = parse(template)
    if (more or isinstance(first, Expression)) and not _FIXED.match(str(first)):
        raise BadAddress(Reason("address_variables"))
    return origin_of(_with(template, lambda _: "x"))


def _with(template: str, value: Callable[[Expression], str]) -> str:
    return "".join(part if isinstance(part, str) else value(part) for part in parse(template))


def _encoded(part: Expression, value: str) -> str:
    already = bool(part.filters) and part.filters[-1].name == "urlencode"
    return value if already else quote(value, safe="")


def _climbs(address: str) -> int:
    """How many steps of the path mean the step itself or the one above, to whoever reads it."""
    steps = (unquote(step).partition(";")[0] for step in urlsplit(address).path.split("/"))
    return sum(step in {".", ".."} for step in steps)
