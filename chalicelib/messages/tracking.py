"""Plain web addresses of a message that is to be tracked: each becomes a link of the account. Pure.

A message (or a broadcast that holds its own) with ``track`` is saved together with a link document for each
address in it, named by what it leads to. Whoever renders the message reads ``{{ link("url-…") }}`` in the
place of the address; from there on it is a tracked link like any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.catalog.kinds import Body
from chalicelib.links.documents import LONGEST_URL
from chalicelib.messages.text import units
from chalicelib.messages.untracked import as_registered, opens, web_addresses
from chalicelib.shared.ids import digest
from chalicelib.shared.text.template import strings

_LONGEST_NAME = 100
_SCHEME = re.compile(r"\Ahttps?://", re.IGNORECASE)


def links(body: Mapping[str, Any]) -> dict[str, Body]:
    """The link documents, by id, that a message needs."""
    return dict(_made(url, body) for _, url in _addresses(body))


def named(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``(path, id)`` of each address that is tracked."""
    for path, url in _addresses(body):
        yield path, _made(url, body)[0]


def tracked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The message as it is rendered: with links in the places of the addresses."""
    if not body.get("track"):
        return dict(body)

    def put(url: str) -> str | None:
        registered = _registered(url)
        return f'{{{{ link("{_made(registered, body)[0]}") }}}}' if registered else None

    messages = [_with_links(message, "message", put) for message in body["messages"]]
    return {name: value for name, value in body.items() if name != "track"} | {"messages": messages}


def _addresses(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """``(path, address as a link keeps it)``."""
    if not body.get("track"):
        return
    for path, key, text in strings(body["messages"], "messages"):
        is_text = key == "text" and path.count(".") == 1
        for _, _, url in web_addresses(text) if is_text else [(0, 0, text)] * opens(key):
            if (registered := _registered(url)) is not None:
                yield path, registered


def _registered(url: str) -> str | None:
    """The address as a link keeps it; None: none can, or it is not to be tracked."""
    found = as_registered(url)
    return found if found is not None and len(found) <= LONGEST_URL else None


def _made(url: str, body: Mapping[str, Any]) -> tuple[str, Body]:
    asked = body["track"]
    utm = (
        {name: value for name, value in (asked.get("utm") or {}).items() if value}
        if asked is not True
        else {}
    )
    id_ = f"url-{digest(url, json.dumps(utm, sort_keys=True))[:20]}"
    document = {"url": url, "name": _SCHEME.sub("", url)[:_LONGEST_NAME], "tags": []}
    return id_, document | ({"utm": utm} if utm else {})


def _with_links(value: Any, key: str, put: Callable[[str], str | None]) -> Any:
    if isinstance(value, list):
        return [_with_links(inner, key, put) for inner in value]
    if isinstance(value, str):
        return (put(value) if opens(key) else None) or value
    if not isinstance(value, dict):
        return value
    made = {name: _with_links(inner, name, put) for name, inner in value.items()}
    return _text_with_links(made, put) if key == "message" and isinstance(value.get("text"), str) else made


def _text_with_links(message: dict[str, Any], put: Callable[[str], str | None]) -> dict[str, Any]:
    """A text message; its emojis still point at their ``$``."""
    text, pieces, at = message["text"], list[str](), 0
    moves: list[tuple[int, int]] = []
    for start, end, url in web_addresses(text):
        link = put(url)
        if link is not None:
            pieces += [text[at:start], link]
            moves.append((units(text[:start]), units(link) - units(text[start:end])))
            at = end
    message = {**message, "text": "".join([*pieces, text[at:]])}
    if isinstance(message.get("emojis"), list):
        message["emojis"] = [_moved(emoji, moves) for emoji in message["emojis"]]
    return message


def _moved(emoji: Any, moves: list[tuple[int, int]]) -> Any:
    index = emoji.get("index") if isinstance(emoji, dict) else None
    if not isinstance(index, int):
        return emoji
    return {**emoji, "index": index + sum(by for place, by in moves if place < index)}
