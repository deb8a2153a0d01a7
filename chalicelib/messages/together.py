"""What is sent together: the objects of one call to LINE. Pure.

LINE shows the quick replies of the last object of a call and of no other, so those of all move there, in the
order in which they are sent; what does not fit into the 13 that LINE takes is counted, to be reported.
https://developers.line.biz/en/docs/messaging-api/using-quick-reply/
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

MAX_OBJECTS = 5
"""Message objects of one call."""
MAX_QUICK_REPLIES = 13

Messages = list[dict[str, Any]]


def arrange(
    parts: Sequence[Sequence[Mapping[str, Any]]], *, keep: Collection[int] = ()
) -> tuple[list[Messages], list[int]]:
    """The parts of one call with their quick replies on the last object, and how many of each had no room.

    ``keep``: the parts whose quick replies stay before those of the others (a question needs its answers).
    """
    items = [(n, item) for n, part in enumerate(parts) for item in _quick_replies(part)]
    wanted = [entry for n, entry in enumerate(items) if entry[1] not in [item for _, item in items[:n]]]
    by_need = sorted(range(len(wanted)), key=lambda at: (wanted[at][0] not in keep, at))
    shown = [wanted[at] for at in sorted(by_need[:MAX_QUICK_REPLIES])]
    left_out = [sum(of == n for of, _ in wanted) - sum(of == n for of, _ in shown) for n in range(len(parts))]
    bare = [[_without(message) for message in part] for part in parts]
    last = next((part for part in reversed(bare) if part), None)
    if last is not None and shown:
        last[-1]["quickReply"] = {"items": [item for _, item in shown]}
    return bare, left_out


def arranged(messages: Sequence[Mapping[str, Any]]) -> Messages:
    """The objects of one call with all their quick replies on the last."""
    if not any("quickReply" in message for message in messages[:-1]):
        return list(messages)  # type: ignore[arg-type]
    return arrange([messages])[0][0]


def left_out(messages: Sequence[Mapping[str, Any]]) -> int:
    """How many quick replies of the objects of one call have no room."""
    return arrange([messages])[1][0]


def _quick_replies(messages: Sequence[Mapping[str, Any]]) -> list[Any]:
    found: list[Any] = []
    for message in messages:
        quick_reply = message.get("quickReply")
        items = quick_reply.get("items") if isinstance(quick_reply, Mapping) else None
        found += items if isinstance(items, list) else []
    return found


def _without(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "quickReply"}
