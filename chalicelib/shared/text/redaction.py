"""What may be in a log: no secret, nothing that anybody said, nobody's id.

A friend is named by ``friend_hash`` of the user id, so that a friend's lines can be found by whoever knows
the id already. Standard library only: the webhook's Lambda starts with it.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Mapping
from typing import Any

_LINE_ID = re.compile(r"\b[UCR][0-9a-f]{32}\b")
_INPUT = re.compile(r"input_value=.*?(?=, input_type=|\]|$)", re.DOTALL)
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|“[^”\n]*”")
_SECRET = re.compile(r"\b[0-9a-f]{32}\b|[A-Za-z0-9+/=_-]{41,}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_LONGEST = 1_000
_NAMES_OF_OURS = (KeyError, AttributeError)
"""Errors that quote what the code calls something, never what anybody wrote."""

NAMES = frozenset(
    {
        *(
            "account",
            "friend",
            "event",
            "broadcast",
            "scenario",
            "run",
            "chunk",
            "job",
            "job_id",
            "shard",
            "task",
        ),
        *(
            "kind",
            "minute",
            "rule",
            "link",
            "queue",
            "handler",
            "outcome",
            "method",
            "resource",
            "message_id",
        ),
        *("line_request_id", "effect", "command"),
    }
)
"""Fields of logs that hold names of the program's making or of documents."""


def friend_hash(user_id: str) -> str:
    """A friend's name in logs: 16 hex digits of the sha256 of the user id."""
    return hashlib.sha256(user_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def redact_name(text: str, user_id: str | None = None) -> str:
    """What a program has named (a run, a chunk, an event), without ids of friends that are in it."""
    if user_id:
        text = re.sub(rf"(?<!\w){re.escape(user_id)}(?!\w)", friend_hash(user_id), text)
    text = _LINE_ID.sub(lambda found: friend_hash(found[0]), text)
    return _NOT_ASCII.sub("…", text)[:_LONGEST]


def redact(text: str, user_id: str | None = None, *, quoted: bool = False) -> str:
    """A text that may be in a log. ``user_id``: an id of any form to take out; ``quoted`` stays."""
    text = redact_name(text, user_id)
    text = _INPUT.sub("input_value=…", text)
    if not quoted:
        text = _QUOTED.sub("'…'", text)
    return _SECRET.sub("(hidden)", text)


def redact_value(value: Any, user_id: str | None = None) -> Any:
    """A JSON value whose every text is redacted; under one of ``NAMES`` is a name."""
    if isinstance(value, str):
        return redact(value, user_id)
    if isinstance(value, Mapping):
        return {
            redact(str(key), user_id): redact_name(inner, user_id)
            if key in NAMES and isinstance(inner, str)
            else redact_value(inner, user_id)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_value(inner, user_id) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value), user_id)


def redact_exception(error: BaseException, user_id: str | None = None) -> str:
    """An error with its causes: where, of what type, and what of its message may be shown."""
    shown: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(shown) < 5:
        message = redact(str(seen), user_id, quoted=isinstance(seen, _NAMES_OF_OURS))
        frames = [f"{f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(seen.__traceback__)]
        shown.append("\n".join([f"{type(seen).__name__}: {message}", *frames[-12:]]))
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\ncaused by ".join(shown)
