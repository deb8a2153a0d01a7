"""How long a variable's text can become: the worst case that overflow warnings are made from."""

from __future__ import annotations

from typing import Any

from chalicelib.catalog.service import Snapshot
from chalicelib.messages import filters, links, variables
from chalicelib.messages.template import Expression, Filter
from chalicelib.messages.text import graphemes, units

_WIDE = "𠮷"
"""One character of two UTF-16 units and four bytes: what names may well consist of."""
_FRIEND = {"display_name": 20, "user_id": 128, "status": 9, "language": 10, "member_id": 128}
_TIMES = 24
_NUMBER = 20
_TEXT = 1000
_LINE_TEXT = 5000


def longest(expression: Expression, snapshot: Snapshot) -> str:
    """A text as long as the expression's can become."""
    text = _start(expression, snapshot)
    for used in expression.filters:
        text = _after(used, text)
    return text


def _start(expression: Expression, snapshot: Snapshot) -> str:
    if expression.kind == "literal":
        return expression.name
    if expression.kind == "link":
        return links.url_for(snapshot, expression.name) or ""
    first, *rest = expression.path
    name = rest[0] if rest else ""
    if first == "friend":
        wide = name in {"display_name", "member_id"}
        return (_WIDE if wide else "x") * _FRIEND.get(name, _TIMES)
    if first == "attribute":
        return _attribute(snapshot, name)
    if first in variables.KINDS:
        return "9" * (_NUMBER if first == "score" else _TIMES)
    return _WIDE * (_LINE_TEXT // 2)


def _attribute(snapshot: Snapshot, name: str) -> str:
    document = snapshot.find("attributes", name)
    body: dict[str, Any] = document.body if document else {}
    choices = [filters.as_text(one) for one in body.get("choices") or ()]
    kind = body.get("type", "text")
    if kind == "choice":
        return max(choices, key=units, default="")
    if kind == "multi_choice":
        return "、".join(choices)
    if kind == "text":
        return _WIDE * (_TEXT // 2)
    return "x" * {"boolean": 5, "number": _NUMBER}.get(kind, _TIMES)


def _after(used: Filter, text: str) -> str:
    args = [filters.as_text(arg) for arg in used.args]
    if filters.problem(used):
        return text
    if used.name == "truncate":
        most = int(used.args[0])
        return _WIDE * most if graphemes(text) > most else text
    if used.name == "date":
        return args[0].replace("%", "99") if args else "9999年12月31日"
    if used.name == "number":
        return "9" * 32
    if used.name == "yesno":
        return max(args, key=units)
    if used.name == "default":
        return max(args[0], text, key=units)
    if used.name == "urlencode":
        return "x" * len(text.encode("utf-8", "replace")) * 3
    return text
