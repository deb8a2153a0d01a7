"""What is wrong with messages before LINE says so: refusals, and warnings that an author may overrule.

``check`` judges final objects. A document with variables is judged with each as short as it can be (what is
too long even then can never work; what is the same for everybody is judged as it is), and as long as it can
be (a warning when that overflows), and empty where it can be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from chalicelib.catalog.service import Snapshot
from chalicelib.coupons.documents import id_at_line
from chalicelib.messages import expression_kinds, together, untracked, variables
from chalicelib.messages.limits import flex, imagemap, plain, templates
from chalicelib.messages.limits.node import EMPTY, Node, TemplatedText
from chalicelib.messages.places import URL_KEYS, Place
from chalicelib.messages.text import is_sound, units
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.template import (
    Expression,
    TemplateProblem,
    expressions,
    has_expressions,
    parse,
    strings,
)

MAX_MESSAGES = 5
MAX_DEPTH = 26
"""DynamoDB keeps at most 32 levels, and a document adds some around the message."""
MAX_BYTES = 300_000

_TYPES: dict[str, Callable[[Node], None]] = {
    "text": plain.check_text,
    "textV2": plain.check_text_v2,
    "sticker": plain.check_sticker,
    "image": plain.check_image,
    "video": plain.check_video,
    "audio": plain.check_audio,
    "location": plain.check_location,
    "coupon": plain.check_coupon,
    "imagemap": imagemap.check_imagemap,
    "template": templates.check_template,
    "flex": flex.check_flex,
}


def check(messages: list[dict[str, Any]]) -> list[Detail]:
    """What LINE would refuse in final message objects, in their order; empty when nothing."""
    if not 1 <= len(messages) <= MAX_MESSAGES:
        return [Detail("messages", Reason("message_count", n=len(messages), most=MAX_MESSAGES))]
    if _depth(messages) > MAX_DEPTH:
        return [Detail("messages", Reason("nested_levels", most=MAX_DEPTH))]
    found: list[Detail] = []
    objects: list[Any] = messages
    for n, message in enumerate(objects):
        if not isinstance(message, dict):
            found.append(Detail(f"messages[{n}]", Reason("must_be_object")))
            continue
        node = Node(message, f"messages[{n}]", found)
        kind = node.choice("type", _TYPES, required=True)
        if kind:
            _TYPES[kind](node)
            plain.check_common(node)
    found += [Detail(path, Reason("half_character")) for path in _unsound(messages)]
    size = len(json.dumps(messages, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > MAX_BYTES:
        found.append(Detail("messages", Reason("message_bytes", size=f"{size:,}", most=f"{MAX_BYTES:,}")))
    return found


def check_shape(messages: list[dict[str, Any]]) -> list[Detail]:
    """What LINE would refuse of a document whatever is filled in, in strings without variables."""
    if _depth(messages) > MAX_DEPTH:
        return check(messages)
    templates = _template_paths(messages)
    return [detail for detail in _with_nothing_filled(messages) if detail.path not in templates]


def check_templates(messages: list[dict[str, Any]]) -> list[Detail]:
    """What can never work in strings with variables, whoever the friend is."""
    if _depth(messages) > MAX_DEPTH:
        return []
    templates = _template_paths(messages)
    return [
        *variables.problems(messages),
        *(detail for detail in _with_nothing_filled(messages) if detail.path in templates),
        *_emoji_problems(messages),
    ]


def warnings(messages: list[dict[str, Any]], snapshot: Snapshot) -> list[Detail]:
    """What works, but may not do what its author means: overflows, values some friends lack, hidden parts."""
    if _depth(messages) > MAX_DEPTH:
        return []

    def span(expression: Expression, place: Place) -> expression_kinds.Span:
        return expression_kinds.span(expression, snapshot, place)

    known = {detail.path for detail in _with_nothing_filled(messages)}
    longest = check(_filled(messages, lambda one, place: span(one, place).longest))
    longest += check(_filled(messages, lambda one, place: span(one, place).most_characters))
    empty = check(_filled(messages, lambda one, place: span(one, place).shortest, empty=True))
    overflowing = {detail.path: detail for detail in reversed(longest) if detail.path not in known}
    emptied = [detail.path for detail in empty if detail.reason == EMPTY and detail.path not in known]
    return [
        *(_overflow(detail) for detail in reversed(overflowing.values())),
        *(Detail(path, Reason("may_be_empty")) for path in emptied),
        *_may_be_missing(messages),
        *_hidden(messages),
        *_outside_pickers(messages, "messages"),
        *(Detail(path, what) for path, what in untracked.untracked(messages, snapshot)),
        *unpublished(messages, snapshot),
    ]


def unpublished(messages: list[dict[str, Any]], snapshot: Snapshot) -> Iterator[Detail]:
    """Coupons that LINE has not made yet, or that are closed: nobody could be sent them."""
    for path, _, expression in expressions(messages):
        known = snapshot.find("coupons", expression.name) if expression.kind == "coupon" else None
        found = id_at_line(snapshot, expression.name) if known is not None else ""
        if isinstance(found, Reason):
            yield Detail(path, found)


def _with_nothing_filled(messages: list[dict[str, Any]]) -> list[Detail]:
    return check(_filled(messages, _least))


def _least(expression: Expression, place: Place) -> str:
    """The least that stands for an expression whatever friends and catalog become later."""
    if not expression_kinds.kind_of(expression).is_constant and not _is_either(expression):
        return ""
    return expression_kinds.span(expression, None, place).shortest


def _is_either(expression: Expression) -> bool:
    """Whether filters leave nothing of the variable but one of two texts."""
    return any(used.name == "yesno" for used in expression.filters)


def _template_paths(messages: list[dict[str, Any]]) -> set[str]:
    return {path for path, _, text in strings(messages, "messages") if has_expressions(text)}


def _overflow(detail: Detail) -> Detail:
    return Detail(detail.path, Reason("longest_overflows", why=detail.reason))


def _may_be_missing(messages: list[dict[str, Any]]) -> Iterator[Detail]:
    for path, _, expression in expressions(messages):
        answered = any(used.name in {"default", "yesno"} for used in expression.filters)
        if expression.kind != "variable" or answered or expression.name == "friend.user_id":
            continue
        yield Detail(path, _lacking(expression.path[0], expression.name))


def _lacking(first: str, name: str) -> Reason:
    if first == "event":
        return Reason("no_default_event", name=name)
    if first == "reservation":
        return Reason("no_default_reservation", name=name)
    return Reason("no_default_friend", name=name)


def _hidden(messages: list[dict[str, Any]]) -> Iterator[Detail]:
    missing = together.left_out(messages)
    if missing:
        many = Reason("quick_replies_left_out", missing=missing, most=together.MAX_QUICK_REPLIES)
        yield Detail("messages", many)
    for n, message in enumerate(messages):
        if message.get("quickReply") is not None and n < len(messages) - 1:
            yield Detail(f"messages[{n}].quickReply", Reason("quick_reply_moves"))
        entries = message.get("substitution")
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict) and entry.get("type") == "mention":
                yield Detail(f"messages[{n}].substitution.{name}", Reason("groups_only"))
    for path, key, text in strings(messages, "messages"):
        if key in {"uri", "desktop"} and units(text) > 1000:
            yield Detail(path, Reason("address_long_for_line"))


def _outside_pickers(value: Any, path: str) -> Iterator[Detail]:
    """Date pickers that begin where nothing can be picked: LINE does not say what it does about them."""
    if isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _outside_pickers(inner, f"{path}[{n}]")
    if not isinstance(value, dict):
        return
    if value.get("type") == "datetimepicker":
        least, initial, most = (_timestamp(value.get(key)) for key in ("min", "initial", "max"))
        if initial and (initial < least or (most and initial > most)):
            yield Detail(f"{path}.initial", Reason("outside_min_max"))
    for name, inner in value.items():
        yield from _outside_pickers(inner, f"{path}.{name}")


def _timestamp(value: Any) -> str:
    return value.upper() if isinstance(value, str) and not has_expressions(value) else ""


def _emoji_problems(messages: list[dict[str, Any]]) -> Iterator[Detail]:
    """Emojis of a text with variables point into the text as written, outside the variables."""
    for n, message in enumerate(messages):
        text, emojis = message.get("text"), message.get("emojis")
        if message.get("type") != "text" or not isinstance(text, str) or not isinstance(emojis, list):
            continue
        if not has_expressions(text):
            continue
        allowed = set(_dollars(text))
        for k, emoji in enumerate(emojis):
            if isinstance(emoji, dict) and emoji.get("index") not in allowed:
                yield Detail(f"messages[{n}].emojis[{k}].index", Reason("emoji_place"))


def _dollars(text: str) -> Iterator[int]:
    at = 0
    for part in _parts(text):
        if isinstance(part, str):
            yield from (at + units(part[:i]) for i, character in enumerate(part) if character == "$")
        at += units(part.source if isinstance(part, Expression) else part)


_Fill = Callable[[Expression, Place], str]


def _filled(messages: list[dict[str, Any]], fill: _Fill, *, empty: bool = False) -> list[Any]:
    """The messages with every variable as ``TemplatedText``; ``empty``: that it may be empty is reported."""
    objects: list[Any] = messages
    return [
        {
            name: _templated(inner, fill, name, braces=message.get("type") == "textV2", empty=empty)
            if name == "text" and isinstance(inner, str) and has_expressions(inner)
            else _value(name, inner, fill, empty=empty)
            for name, inner in message.items()
        }
        if isinstance(message, dict)
        else message
        for message in objects
    ]


def _value(key: str, value: Any, fill: _Fill, *, empty: bool) -> Any:
    if isinstance(value, str):
        return _templated(value, fill, key, braces=False, empty=empty) if has_expressions(value) else value
    if isinstance(value, dict):
        return {name: _value(name, inner, fill, empty=empty) for name, inner in value.items()}
    if isinstance(value, list):
        return [_value(key, inner, fill, empty=empty) for inner in value]
    return value


def _templated(text: str, fill: _Fill, key: str, *, braces: bool, empty: bool) -> TemplatedText:
    parts, pieces = _parts(text), list[str]()
    for part in parts:
        place = Place(address=key in URL_KEYS, first=not pieces, braces=braces)
        pieces.append(fill(part, place) if isinstance(part, Expression) else part)
    constant = [isinstance(part, str) or expression_kinds.kind_of(part).is_constant for part in parts]
    filled = TemplatedText("".join(pieces))
    filled.opens = not constant or not constant[0]
    filled.always = bool(constant) and all(constant)
    filled.empty = empty
    return filled


def _parts(text: str) -> tuple[str | Expression, ...]:
    try:
        return parse(text)
    except TemplateProblem:
        return ()


def _unsound(messages: list[dict[str, Any]]) -> Iterator[str]:
    return (path for path, _, text in strings(messages, "messages") if not is_sound(text))


def _depth(value: Any) -> int:
    deepest = 0
    stack: list[tuple[Any, int]] = [(value, 0)]
    while stack:
        current, depth = stack.pop()
        deepest = max(deepest, depth)
        if depth > MAX_DEPTH:
            break
        if isinstance(current, dict):
            stack.extend((one, depth + 1) for one in current.values())
        elif isinstance(current, list):
            stack.extend((one, depth + 1) for one in current)
    return deepest
