"""What an expression may become, whoever the friend is: its shortest and longest texts. Pure.

Warnings are made from this, and refusals of what no friend could ever be sent. An expression comes to a few
values that can be named (a literal, the choices of an attribute, both sides of ``yesno``), to texts of a
certain size (a name, what was said), or both (``default``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib.catalog.service import Snapshot
from chalicelib.links import service as links
from chalicelib.messages import filters, variables
from chalicelib.messages.places import Place, is_encoded, put
from chalicelib.messages.text import CLUSTER_UNITS, graphemes, units
from chalicelib.shared.text.template import Expression, Filter
from chalicelib.sheets.values import TEXT_LENGTH

_FRIEND = {"display_name": 20, "user_id": 128, "language": 10, "member_id": 128, "rank": 100}
_WIDE_NAMES = frozenset({"display_name", "member_id", "rank"})
_TIME = 24
_NUMBER = 20
_GROUPED = 24
"""``-999,999,999,999,999,999``: what ``number`` makes of the largest it takes, but for decimals."""
_LINE_TEXT = 5000
_LINK_ADDRESS = 600
"""The longest address of a member site, with LINE's token for an account link."""
_LINK_TOKEN = 300
"""What may say, behind a tracked address, who follows it."""
_PAGE_ADDRESS = 500
"""The longest address of a page of ours, with the friend's token."""
_COUPON = "01K" + "x" * 23
"""As long as LINE's ids of coupons are."""
_LONG_DATE = datetime(2028, 12, 30, 23, 59, 59, tzinfo=UTC)
"""A moment of which every part of a date pattern is as long as it can be."""
_BASE, _MARK = "あ", "\u302a"
"""A character, and a mark that joins it: both of one UTF-16 unit and three bytes, the most there is."""


@dataclass(frozen=True)
class Size:
    """The most that texts have; ``wide``: also characters beyond ASCII."""

    units: int
    graphemes: int
    wide: bool = True

    def text(self) -> str:
        """A text of this size, whatever is counted: units, characters, bytes."""
        if not self.wide:
            return "x" * self.units
        return _BASE * self.graphemes + _MARK * (self.units - self.graphemes)


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
        return _encoded(size)
    # A text may be all braces, and each is doubled.
    return replace(size, units=size.units * 2, graphemes=size.graphemes * 2) if place.braces else size


def _encoded(size: Size) -> Size:
    most = size.units * (9 if size.wide else 3)
    return Size(most, most, wide=False)


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
    values = []
    for value in reach.values:
        try:
            values.append(filters.run(used, value, variables.ANY_ZONE))
        except filters.FilterProblem:
            continue  # nothing is sent to whoever has it
    if used.name == "yesno" and reach.texts is not None:
        values += used.args
    if used.name == "date" and reach.texts is not None:
        pattern = str(used.args[0]) if used.args else filters.DEFAULT_DATE
        values.append(filters.format_date(_LONG_DATE, pattern))
    return Reach(tuple(values), reach.texts and _size_after(used, reach.texts))


def _size_after(used: Filter, size: Size) -> Size | None:
    """The size of what a filter makes of texts of a size; None: its values say it all."""
    if used.name in {"yesno", "date"}:
        return None
    if used.name == "truncate":
        return _truncated(used, size)
    if used.name == "number":
        digits = int(used.args[0]) if used.args else 0
        most = _GROUPED + (digits + 1 if digits else 0)
        return Size(most, most, wide=False)
    if used.name == "urlencode":
        return _encoded(size)
    if used.name == "upper" and size.wide:
        return Size(size.units * 3, size.graphemes * 3)  # ﬃ becomes FFI
    if used.name == "lower" and size.wide:
        return Size(size.units * 2, size.graphemes)  # İ becomes i and a dot above
    return size


def _truncated(used: Filter, size: Size) -> Size:
    most, end = int(used.args[0]), str(used.args[1]) if len(used.args) > 1 else "…"
    if size.units <= most:
        return size
    each = CLUSTER_UNITS if size.wide else 1
    kept = max(most - graphemes(end), 0)
    whole = min(size.units, most * each), min(size.graphemes, most)
    shortened = min(size.units, kept * each) + units(end), min(size.graphemes, kept) + graphemes(end)
    return Size(max(whole[0], shortened[0]), max(whole[1], shortened[1]), wide=size.wide or not end.isascii())
