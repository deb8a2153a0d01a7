"""What an expression may become, whoever the friend is: its shortest and longest texts. Pure.

Warnings are made from this, and refusals of what no friend could ever be sent. An expression comes to a few
values that can be named (a literal, the choices of an attribute, both sides of ``yesno``), to texts of a
certain size (a name, what was said), or both (``default``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.catalog.service import Snapshot
from chalicelib.links import service as links
from chalicelib.messages import filters, sizes, variables
from chalicelib.messages.places import Place, is_encoded, put
from chalicelib.messages.sizes import Size
from chalicelib.messages.text import graphemes, units
from chalicelib.shared.text.template import Expression, Filter
from chalicelib.sheets.values import TEXT_LENGTH

_FRIEND = {"display_name": 20, "user_id": 128, "language": 10, "member_id": 128, "rank": 100}
_WIDE_NAMES = frozenset({"display_name", "member_id", "rank"})
_TIME = 24
_NUMBER = 20
_LINE_TEXT = 5000
_LINK_ADDRESS = 600
"""The longest address of a member site, with LINE's token for an account link."""
_LINK_TOKEN = 300
"""What may say, behind a tracked address, who follows it."""
_PAGE_ADDRESS = 500
"""The longest address of a page of ours, with the friend's token."""
_COUPON = "01K" + "x" * 23
"""As long as LINE's ids of coupons are."""


@dataclass(frozen=True)
class Reach:
    """Values by name (None: missing), the shortest and longest among them, and the size of other texts."""

    values: tuple[Any, ...] = ()
    texts: Size | None = None


@dataclass(frozen=True)
class Span:
    """What an expression may be in its place: the shortest text, the longest by units and by characters."""

    shortest: str
    longest: str
    most_characters: str


def is_constant(expression: Expression) -> bool:
    """Whether it is the same for everybody, whatever the catalog and the friend."""
    return expression.kind == "literal"


def span(expression: Expression, snapshot: Snapshot | None, place: Place) -> Span:
    """The bounds of an expression; without a catalog links count as empty."""
    reach = _start(expression, snapshot)
    for used in expression.filters:
        if not filters.problem(used):
            reach = _after(used, reach)
    named = [filters.as_text(v) for v in reach.values if v is not None and not isinstance(v, Mapping)]
    found = [put(text, expression, place) for text in named]
    shortest = min(found, key=units, default="") if reach.texts is None else min(["x", *found], key=units)
    if reach.texts is not None:
        found.append(_in_place(reach.texts, encoded=is_encoded(expression, place), place=place).text())
    longest = max(found, key=units, default="")
    return Span(shortest, longest, max(found, key=graphemes, default=""))


def _in_place(size: Size, *, encoded: bool, place: Place) -> Size:
    if encoded:
        return sizes.encoded(size)
    # A text may be all braces, and each is doubled.
    return replace(size, units=size.units * 2, graphemes=size.graphemes * 2) if place.braces else size


def _start(expression: Expression, snapshot: Snapshot | None) -> Reach:
    if expression.kind == "literal":
        return Reach((expression.name,))
    if expression.kind == "link":
        url = (snapshot and links.url_for(snapshot, expression.name)) or ""
        return Reach((url, f"{url}?t={'x' * _LINK_TOKEN}"))
    if expression.kind == "coupon":
        return Reach((_COUPON,))
    if expression.kind == "form" or expression.path == variables.PREFERENCES:
        return Reach(("https://a.jp/f/a", "https://a.jp/".ljust(_PAGE_ADDRESS, "x")))
    first, *rest = expression.path
    name = rest[0] if rest else ""
    if first == "friend" and name == "status":
        return Reach(("following", "blocked", "unknown"))
    if first == "friend":
        most, wide = _FRIEND.get(name, _TIME), name in _WIDE_NAMES
        never_missing = name == "user_id"
        return Reach(() if never_missing else (None,), Size(most * 2 if wide else most, most, wide))
    if expression.path == variables.ACCOUNT_LINK:
        return Reach(("https://a.jp/?linkToken=x", "https://a.jp/".ljust(_LINK_ADDRESS, "x")))
    if first == "attribute":
        return _attribute(snapshot, name)
    if first in variables.KINDS:
        most = _NUMBER if first == "score" else _TIME
        return Reach((None,), Size(most, most, wide=False))
    return Reach((None,), Size(_LINE_TEXT, _LINE_TEXT))


def _attribute(snapshot: Snapshot | None, name: str) -> Reach:
    document = snapshot.find("attributes", name) if snapshot else None
    body: dict[str, Any] = document.body if document else {}
    choices = [filters.as_text(one) for one in body.get("choices") or ()]
    kind = body.get("type", "text")
    if kind == "choice":
        return Reach((None, *choices))
    if kind == "multi_choice":
        return Reach((None, [], *([one] for one in choices), choices))
    if kind == "boolean":
        return Reach((None, True, False))
    if kind == "text":
        return Reach((None,), Size(TEXT_LENGTH * 2, TEXT_LENGTH))
    most = _NUMBER if kind == "number" else _TIME
    return Reach((None,), Size(most, most, wide=False))


def _after(used: Filter, reach: Reach) -> Reach:
    rule = filters.FILTERS[used.name]
    values = []
    for value in reach.values:
        try:
            values.append(filters.run(used, value, variables.ANY_ZONE))
        except filters.FilterProblem:
            continue  # nothing is sent to whoever has it
    if reach.texts is not None:
        values += rule.values(used.args)
    return Reach(tuple(values), reach.texts and rule.size(used.args, reach.texts))
