"""The kinds of expressions: what each comes to for a friend, and what it may become, whoever the friend is
(its shortest and longest texts). Pure.

Warnings are made from this, and refusals of what no friend could ever be sent. An expression comes to a few
values that can be named (a literal, the choices of an attribute, both sides of ``yesno``), to texts of a
certain size (a name, a message text), or both (``default``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.catalog.service import Snapshot
from chalicelib.coupons.documents import id_at_line
from chalicelib.links import liff_addresses, page_addresses
from chalicelib.links import service as links
from chalicelib.messages import filters, sizes, variables
from chalicelib.messages.places import Place, is_encoded, put
from chalicelib.messages.sizes import Size
from chalicelib.messages.text import graphemes, units
from chalicelib.messages.variables import Scope
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


@dataclass(frozen=True)
class ExpressionKind:
    """What an expression of a kind is. ``value``: for a friend, in a message; a Reason where it cannot be.
    ``in_actions``: in the value of an action, where no token shows whose an address is (None: the same).
    ``reach``: what it may be, for whomever; without a catalog documents count as empty. ``is_constant``: it
    is the same for all.
    """

    value: Callable[[Expression, Scope], Any]
    reach: Callable[[Expression, Snapshot | None], Reach]
    in_actions: Callable[[Expression, Scope], Any] | None = None
    is_constant: bool = False


def kind_of(expression: Expression) -> ExpressionKind:
    """The kind of an expression."""
    return EXPRESSIONS[expression.kind]


def span(expression: Expression, snapshot: Snapshot | None, place: Place) -> Span:
    """The bounds of an expression; without a catalog links count as empty."""
    reach = kind_of(expression).reach(expression, snapshot)
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


def _link(expression: Expression, snapshot: Snapshot | None) -> Reach:
    url = (snapshot and links.url_for(snapshot, expression.name)) or ""
    return Reach((url, f"{url}?t={'x' * _LINK_TOKEN}"))


def _page(_expression: Expression, _snapshot: Snapshot | None) -> Reach:
    return Reach(("https://a.jp/f/a", "https://a.jp/".ljust(_PAGE_ADDRESS, "x")))


def _variable(expression: Expression, snapshot: Snapshot | None) -> Reach:
    first, *rest = expression.path
    name = rest[0] if rest else ""
    if expression.path == variables.PREFERENCES:
        return _page(expression, snapshot)
    if expression.path == variables.ACCOUNT_LINK:
        return Reach(("https://a.jp/?linkToken=x", "https://a.jp/".ljust(_LINK_ADDRESS, "x")))
    if first == "friend":
        return _of_friend(name)
    if first == "attribute":
        return _attribute(snapshot, name)
    if first in variables.KINDS:
        most = _NUMBER if first == "score" else _TIME
        return Reach((None,), Size(most, most, wide=False))
    return Reach((None,), Size(_LINE_TEXT, _LINE_TEXT))


def _of_friend(name: str) -> Reach:
    if name == "status":
        return Reach(("following", "blocked", "unknown"))
    most, wide = _FRIEND.get(name, _TIME), name in _WIDE_NAMES
    never_missing = name == "user_id"
    return Reach(() if never_missing else (None,), Size(most * 2 if wide else most, most, wide))


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


EXPRESSIONS: dict[str, ExpressionKind] = {
    "variable": ExpressionKind(variables.value_of, _variable),
    "literal": ExpressionKind(
        lambda expression, _scope: expression.name,
        lambda expression, _snapshot: Reach((expression.name,)),
        is_constant=True,
    ),
    "link": ExpressionKind(
        lambda expression, scope: liff_addresses.of_link(scope.snapshot, expression.name, scope.token),
        _link,
        in_actions=lambda expression, scope: links.url_for(scope.snapshot, expression.name),
    ),
    "form": ExpressionKind(
        lambda expression, scope: page_addresses.of_form(scope.snapshot, expression.name, scope.token), _page
    ),
    "coupon": ExpressionKind(
        lambda expression, scope: id_at_line(scope.snapshot, expression.name),
        lambda _expression, _snapshot: Reach((_COUPON,)),
    ),
}
"""By what is in ``{{ ... }}``: a name with dots, a text, or a word of ``shared/text/template``."""
