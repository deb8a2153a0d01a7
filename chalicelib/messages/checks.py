"""What is wrong with messages before LINE says so: refusals, and warnings that an author may overrule.

``check`` judges final objects. A document with variables is judged twice: with its variables empty (what
is too long even then can never work) and with each as long as it can be (a warning when that overflows).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from chalicelib.catalog.service import Snapshot
from chalicelib.messages import bounds, variables
from chalicelib.messages.limits import flex, imagemap, plain, templates
from chalicelib.messages.limits.spot import Holey, Spot
from chalicelib.messages.template import (
    Expression,
    TemplateProblem,
    expressions,
    has_expressions,
    parse,
    strings,
)
from chalicelib.messages.text import is_sound, units
from chalicelib.shared.errors import Detail

MAX_MESSAGES = 5
MAX_DEPTH = 26
"""DynamoDB keeps at most 32 levels, and a document adds some around the message."""
MAX_BYTES = 300_000

_TYPES: dict[str, Callable[[Spot], None]] = {
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
        return [Detail("messages", f"has {len(messages)} objects; LINE takes 1 to {MAX_MESSAGES}")]
    if _depth(messages) > MAX_DEPTH:
        return [Detail("messages", f"is nested deeper than {MAX_DEPTH} levels")]
    found: list[Detail] = []
    objects: list[Any] = messages
    for n, message in enumerate(objects):
        if not isinstance(message, dict):
            found.append(Detail(f"messages[{n}]", "must be an object"))
            continue
        spot = Spot(message, f"messages[{n}]", found)
        kind = spot.choice("type", _TYPES, required=True)
        if kind:
            _TYPES[kind](spot)
            plain.check_common(spot)
    found += [Detail(path, "has half a character (a lone surrogate)") for path in _unsound(messages)]
    size = len(json.dumps(messages, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > MAX_BYTES:
        found.append(Detail("messages", f"is {size:,} bytes of JSON; at most {MAX_BYTES:,} are kept"))
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
    known = {detail.path for detail in _with_nothing_filled(messages)}
    longest = check(_filled(messages, lambda expression: bounds.longest(expression, snapshot)))
    return [
        *(_overflow(detail) for detail in longest if detail.path not in known),
        *_may_be_missing(messages),
        *_hidden(messages),
    ]


def _with_nothing_filled(messages: list[dict[str, Any]]) -> list[Detail]:
    return check(_filled(messages, lambda _expression: ""))


def _template_paths(messages: list[dict[str, Any]]) -> set[str]:
    return {path for path, _, text in strings(messages, "messages") if has_expressions(text)}


def _overflow(detail: Detail) -> Detail:
    advice = "shorten a variable with | truncate(n)"
    return Detail(detail.path, f"with the longest values it {detail.message}; {advice}")


def _may_be_missing(messages: list[dict[str, Any]]) -> Iterator[Detail]:
    for path, _, expression in expressions(messages):
        answered = any(used.name in {"default", "yesno"} for used in expression.filters)
        if expression.kind != "variable" or answered or expression.name == "friend.user_id":
            continue
        lacking = "where no event is at hand" if expression.path[0] == "event" else "to friends who have none"
        yield Detail(path, f"{expression.name} has no default: the message is not sent {lacking}")


def _hidden(messages: list[dict[str, Any]]) -> Iterator[Detail]:
    for n, message in enumerate(messages):
        if message.get("quickReply") is not None and n < len(messages) - 1:
            yield Detail(f"messages[{n}].quickReply", "is not shown: only the last message's quick reply is")
        entries = message.get("substitution")
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            if isinstance(entry, dict) and entry.get("type") == "mention":
                yield Detail(f"messages[{n}].substitution.{name}", "works in groups only, not one to one")
    for path, key, text in strings(messages, "messages"):
        if key in {"uri", "desktop"} and units(text) > 1000:
            yield Detail(path, "is longer than 1,000 characters, which older LINE apps do not open")


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
                yield Detail(f"messages[{n}].emojis[{k}].index", "must point at a $ outside the variables")


def _dollars(text: str) -> Iterator[int]:
    at = 0
    for part in _parts(text):
        if isinstance(part, str):
            yield from (at + units(part[:i]) for i, character in enumerate(part) if character == "$")
        at += units(part.source if isinstance(part, Expression) else part)


def _filled(value: Any, fill: Callable[[Expression], str]) -> Any:
    if isinstance(value, str):
        return _holey(value, fill) if has_expressions(value) else value
    if isinstance(value, dict):
        return {name: _filled(inner, fill) for name, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, fill) for inner in value]
    return value


def _holey(text: str, fill: Callable[[Expression], str]) -> Holey:
    parts = _parts(text)
    filled = Holey("".join(fill(part) if isinstance(part, Expression) else part for part in parts))
    filled.opens = text.startswith("{{")
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
