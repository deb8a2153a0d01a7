"""Pictures, videos, sounds and files: what LINE calls them, and which of them LINE keeps for us. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

ContentKind = Literal["image", "video", "audio", "file"]
KINDS: tuple[ContentKind, ...] = get_args(ContentKind)


def is_kept_by_line(props: Mapping[str, Any]) -> bool:
    """Whether a message's content is at LINE (and not somewhere else on the web)."""
    raw = props.get("raw")
    provider = (raw if isinstance(raw, dict) else {}).get("contentProvider")
    kept = not isinstance(provider, dict) or provider.get("type", "line") == "line"
    return kept and props.get("message_type") in KINDS and bool(props.get("message_id"))
