"""Addresses that actions call. Pure.

Whom an address calls is its author's decision alone: what friends write may only fill in what stands behind
``https://host/``, percent-encoded, and cannot climb out of where it stands in the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

from chalicelib.messages.template import Expression, TemplateProblem, parse
from chalicelib.shared.origins import BadAddress, Origin, origin_of
from chalicelib.shared.settings import settings

FIELDS = {"call_webhook": "url", "notify": "to"}
"""The actions that call an address, and where it stands."""
MAX_ADDRESS = 8_000
"""The longest address, filled in, that is called; servers take no longer ones."""
_FIXED = re.compile(r"https?://[^/?#]+/", re.IGNORECASE)


def problem(template: str) -> str | None:
    """Why an address can never be called; None when it can, or when its variables cannot be read."""
    try:
        origin = _origin(template)
    except TemplateProblem:
        return None
    except BadAddress as error:
        return f"must be an https address: {error}"
    if origin.scheme != "https" and not settings().is_local:
        return "must be an https address"
    if urlsplit(_with(template, lambda _: "x")).username is not None:
        return "must be an https address: a user and password before the host are never sent"
    return None


def fill(template: str, value: Callable[[Expression], str]) -> str:
    """The address with every value filled in. Raises TemplateProblem or BadAddress."""
    origin = _origin(template)
    filled = _with(template, lambda part: _encoded(part, value(part)))
    if len(filled) > MAX_ADDRESS:
        raise BadAddress(f"the address would be longer than {MAX_ADDRESS} characters")
    if origin_of(filled) != origin:
        raise BadAddress("a value would change whom the address calls")
    if _climbs(filled) != _climbs(_with(template, lambda _: "x")):
        raise BadAddress("a value would be a . or .. in the path of the address")
    return filled


def _origin(template: str) -> Origin:
    """Whom the address calls, whatever is filled in."""
    first, *more = parse(template)
    if (more or isinstance(first, Expression)) and not _FIXED.match(str(first)):
        raise BadAddress("variables may only stand behind https://host/, never in the host or port")
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
