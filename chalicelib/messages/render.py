"""One message for one friend: every ``{{ ... }}`` filled in, or ``Unrenderable`` with the reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.service import Snapshot
from chalicelib.coupons.documents import id_at_line
from chalicelib.links.page_addresses import TokenMaker
from chalicelib.messages import checks, expression_kinds, filters
from chalicelib.messages.model import Unrenderable
from chalicelib.messages.places import URL_KEYS, Place, put
from chalicelib.messages.text import units
from chalicelib.messages.tracking import tracked
from chalicelib.messages.variables import Scope
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.template import Expression, Part, TemplateProblem, has_expressions, parse, strings

__all__ = ["Unrenderable", "is_static", "render", "settled"]

_DEFAULT_ZONE = ZoneInfo("Asia/Tokyo")


def is_static(body: Mapping[str, Any]) -> bool:
    """Whether the message has nothing to fill in, so that one payload serves every friend."""
    return not any(has_expressions(text) for _, _, text in strings(body.get("messages"), "messages"))


def settled(body: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """The message with what is the same for every friend: links in the place of addresses that are tracked,
    and LINE's ids of coupons. A coupon that is not published stays a name, and cannot be rendered.
    """
    body = tracked(body)

    def put_ids(value: Any) -> Any:
        if isinstance(value, str):
            return "".join(map(put_id, _readable(value))) if has_expressions(value) else value
        if isinstance(value, dict):
            return {name: put_ids(inner) for name, inner in value.items()}
        return [put_ids(inner) for inner in value] if isinstance(value, list) else value

    def put_id(part: Part) -> str:
        if isinstance(part, str):
            return part
        found = id_at_line(snapshot, part.name) if part.kind == "coupon" and not part.filters else None
        return found if isinstance(found, str) else part.source

    return {**body, "messages": put_ids(body["messages"])}


def render(
    body: Mapping[str, Any],
    sheet: Mapping[str, Any],
    snapshot: Snapshot,
    now: datetime,
    event: Mapping[str, Any] | None = None,
    zone: ZoneInfo = _DEFAULT_ZONE,
    token: TokenMaker | None = None,
    account_link: str | None = None,
) -> list[dict[str, Any]]:
    """The LINE message objects for one friend; ``event`` is the props of the event at hand, ``zone`` the
    account's, ``token`` makes the friend's tokens of tracked links and pages, ``account_link`` is where the
    friend begins to link as a member. Raises only Unrenderable: a value is missing and has no default, or
    LINE would refuse it.
    """
    body = tracked(body)
    messages: list[dict[str, Any]] = body["messages"]
    if is_static(body):
        return messages
    filler = _Filler(Scope(sheet, snapshot, now, event, token, account_link), zone)
    rendered = [filler.message(message) for message in messages]
    refused = checks.check(rendered)
    if refused:
        raise Unrenderable(Reason("message_refused", path=refused[0].path, why=refused[0].reason))
    return rendered


class _Filler:
    """Fills in the strings of message objects from one scope."""

    def __init__(self, scope: Scope, zone: ZoneInfo) -> None:
        self._scope = scope
        self._zone = zone

    def message(self, message: dict[str, Any]) -> dict[str, Any]:
        """One message object; its ``emojis`` still point at their ``$`` after the text has moved."""
        filled = {name: self._value(name, inner) for name, inner in message.items()}
        text = message.get("text")
        if isinstance(text, str) and has_expressions(text):
            filled["text"], moves = self._text(text, braces=message.get("type") == "textV2")
            if message.get("type") == "text" and isinstance(filled.get("emojis"), list):
                filled["emojis"] = [_moved(emoji, moves) for emoji in filled["emojis"]]
        return filled

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._string(value, address=key in URL_KEYS) if has_expressions(value) else value
        if isinstance(value, dict):
            return {name: self._value(name, inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._value(key, inner) for inner in value]
        return value

    def _string(self, text: str, *, address: bool) -> str:
        pieces: list[str] = []
        for part in _parts(text):
            if isinstance(part, str):
                pieces.append(part)
                continue
            pieces.append(put(self._fill(part), part, Place(address=address, first=not pieces)))
        return "".join(pieces)

    def _text(self, text: str, *, braces: bool) -> tuple[str, list[tuple[int, int, int]]]:
        """The text, and for each literal part (its start before, its end before, how far it moved)."""
        pieces: list[str] = []
        moves: list[tuple[int, int, int]] = []
        before = after = 0
        for part in _parts(text):
            if isinstance(part, str):
                piece, length = part, units(part)
                moves.append((before, before + length, after - before))
            else:
                piece, length = put(self._fill(part), part, Place(braces=braces)), units(part.source)
            pieces.append(piece)
            before += length
            after += units(piece)
        return "".join(pieces), moves

    def _fill(self, expression: Expression) -> str:
        value = expression_kinds.kind_of(expression).value(expression, self._scope)
        if isinstance(value, Reason):
            raise Unrenderable(value)
        for used in expression.filters:
            if wrong := filters.problem(used):
                raise Unrenderable(filters.refused(expression, wrong))
            try:
                value = filters.run(used, value, self._zone)
            except filters.FilterProblem as error:
                raise Unrenderable(filters.refused(expression, error.reason)) from error
        if value is None or isinstance(value, Mapping):
            raise Unrenderable(Reason("missing_value", name=expression.name))
        return filters.as_text(value)


def _parts(text: str) -> tuple[Part, ...]:
    try:
        return parse(text)
    except TemplateProblem as error:
        raise Unrenderable(error.reason) from error


def _readable(text: str) -> tuple[Part, ...]:
    try:
        return parse(text)
    except TemplateProblem:
        return (text,)


def _moved(emoji: Any, moves: list[tuple[int, int, int]]) -> Any:
    index = emoji.get("index") if isinstance(emoji, dict) else None
    if not isinstance(index, int | float):
        return emoji
    by = next((move for start, end, move in moves if start <= index < end), 0)
    return {**emoji, "index": index + by}
