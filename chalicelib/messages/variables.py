"""What each name in a template stands for on a fact sheet, and what it refers to in the catalog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.service import Snapshot
from chalicelib.links import page_addresses
from chalicelib.links.page_addresses import TokenMaker
from chalicelib.messages import filters
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.template import (
    DOCUMENTS,
    Expression,
    TemplateProblem,
    expressions,
    has_expressions,
    names,
    parse,
    strings,
)
from chalicelib.sheets import sheet as sheets

FRIEND_FIELDS = (
    "display_name",
    "user_id",
    "status",
    "language",
    "member_id",
    "rank",
    "created_at",
    "followed_at",
    "last_active_at",
)
ACCOUNT_LINK = ("account_link", "url")
"""The variable of the messages that ``link_account`` sends."""
PREFERENCES = ("preferences_url",)
"""The variable that is where the friend says what they want to get."""
ANY_ZONE = ZoneInfo("Asia/Tokyo")
"""Where a text is tried whose account does not matter."""
KINDS = {"attribute": "attributes", "score": "scores", "tag": "tags"}
"""The first word of a catalog variable -> the kind of document it names."""


@dataclass(frozen=True)
class Scope:
    """All that a variable can see: one fact sheet, one catalog revision, one instant, maybe one event."""

    sheet: Mapping[str, Any]
    snapshot: Snapshot
    now: datetime
    event: Mapping[str, Any] | None = None
    token: TokenMaker | None = None
    """Makes the friend's tokens of tracked links and of pages; None: addresses do not show whose they are."""
    account_link: str | None = None
    """Where the friend begins to link as a member; None: nowhere but in what ``link_account`` sends."""


def _of_friend(sheet: Mapping[str, Any], name: str) -> Any:
    return (sheet.get("member") or {}).get("rank") if name == "rank" else sheet.get(name)


def value_of(expression: Expression, scope: Scope) -> Any:
    """The value of a variable; None when the friend has none."""
    first, *rest = expression.path
    if first == "friend":
        return _of_friend(scope.sheet, rest[0]) if len(rest) == 1 and rest[0] in FRIEND_FIELDS else None
    if first == "event":
        return _dig(scope.event, rest)
    if first == "reservation":
        return _dig(scope.sheet.get("reservation"), rest)
    if expression.path == ACCOUNT_LINK:
        return scope.account_link
    if expression.path == PREFERENCES:
        return page_addresses.of_preferences(scope.snapshot.account_id, scope.token)
    if first in KINDS and len(rest) == 1:
        return {"attribute": _attribute, "score": _score, "tag": _tag}[first](rest[0], scope)
    return None


def problem(expression: Expression) -> Reason | None:
    """Why an expression can never work, whatever the catalog holds; None when it can."""
    for used in expression.filters:
        wrong = filters.problem(used)
        if wrong:
            return wrong
    if expression.kind == "literal":
        return _literal_problem(expression)
    return _name_problem(expression) if expression.kind == "variable" else None


def _literal_problem(expression: Expression) -> Reason | None:
    value: Any = expression.name
    try:
        for used in expression.filters:
            value = filters.run(used, value, ANY_ZONE)
    except filters.FilterProblem as error:
        return filters.refused(expression, error.reason)
    return None


def references(messages: Any) -> Iterator[Reference]:
    """Every document that the messages' variables and links name."""
    for path, _, expression in expressions(messages):
        if expression.kind in DOCUMENTS:
            yield Reference(path, DOCUMENTS[expression.kind], expression.name)
        elif expression.kind == "variable" and expression.path[0] in KINDS and len(expression.path) == 2:
            yield Reference(path, KINDS[expression.path[0]], expression.path[1])


def problems(messages: Any) -> Iterator[Detail]:
    """Every template that cannot be read and every name or filter that does not exist, with its path."""
    for path, name in names(messages, "messages"):
        if has_expressions(name):
            yield Detail(path, Reason("variable_in_name", name=name[:40]))
    for path, _, text in strings(messages, "messages"):
        if not has_expressions(text):
            continue
        try:
            parts = parse(text)
        except TemplateProblem as error:
            yield Detail(path, Reason("template_braces", why=error.reason))
            continue
        for part in parts:
            wrong = problem(part) if isinstance(part, Expression) else None
            if wrong:
                yield Detail(path, wrong)


def _name_problem(expression: Expression) -> Reason | None:
    first, *rest = expression.path
    if first == "friend":
        if len(rest) == 1 and rest[0] in FRIEND_FIELDS:
            return None
        return Reason("no_friend_field", name=expression.name, known=list(FRIEND_FIELDS))
    if first == ACCOUNT_LINK[0]:
        return None if expression.path == ACCOUNT_LINK else Reason("account_link_url")
    if first in {"event", "reservation"}:
        return None if rest else Reason("event_needs_property")
    if first in KINDS:
        return None if len(rest) == 1 else Reason("variable_needs_id", kind=first)
    return None if expression.path == PREFERENCES else Reason("no_variable", name=expression.name)


def _attribute(name: str, scope: Scope) -> Any:
    return _dig(scope.sheet.get("attributes"), [name])


def _score(name: str, scope: Scope) -> Any:
    entry = _dig(scope.sheet.get("scores"), [name])
    definition = scope.snapshot.find("scores", name)
    if not isinstance(entry, dict) or definition is None:
        return None
    try:
        return sheets.score_value(entry, definition.body, scope.now)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _tag(name: str, scope: Scope) -> Any:
    return _dig(scope.sheet.get("tags"), [name, "since"])


def _dig(value: Any, path: list[str]) -> Any:
    for name in path:
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name[:6]) < len(value):
            value = value[int(name[:6])]
        else:
            return None
    return value
