"""Who is out of which topic, and what is held back from them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.catalog.snapshot import Snapshot

MARKETING = "marketing"
"""The topic that there always is: whatever is of the category ``marketing`` belongs to it."""
OUT, IN = "out", "in"


def is_out(sheet: Mapping[str, Any], topic: str, catalog: Snapshot) -> bool:
    """Whether a friend is out of a topic: by their own word, or by its default."""
    entry = (sheet.get("topics") or {}).get(topic)
    if entry is not None:
        return bool(entry["out"])
    return is_out_by_default(topic, catalog)


def is_out_by_default(topic: str, catalog: Snapshot) -> bool:
    """Whether who never said anything is out of a topic."""
    document = catalog.find("topics", topic)
    return document is not None and document.body.get("default") == OUT


def topics_of(message: Mapping[str, Any]) -> tuple[str, ...]:
    """The topics that a message (anything with its ``category`` and ``topic``) belongs to."""
    own = (str(message["topic"]),) if message.get("topic") else ()
    return (*own, MARKETING) if message.get("category", MARKETING) == MARKETING else own


def holds_back(sheet: Mapping[str, Any], message: Mapping[str, Any], catalog: Snapshot) -> bool:
    """Whether a friend is out of something that a message belongs to, and so does not get it."""
    return any(is_out(sheet, topic, catalog) for topic in topics_of(message))
