"""This room's jobs on ``bulk``, by the ``job`` of the message's body."""

from __future__ import annotations

from typing import Any

from chalicelib.friends import exports, imports, profiles

JOBS = frozenset({"import", "export", "profile"})


def bulk(body: dict[str, Any], receive_count: int, react: imports.React | None = None) -> None:
    """Do one message's work; ``react`` is the engine's reaction, for imports that fire rules."""
    if body["job"] == "import":
        imports.work(body, receive_count, react)
    elif body["job"] == "export":
        exports.work(body)
    elif body["job"] == "profile":
        profiles.fetch(body["account"], body["user_id"])
    else:
        raise ValueError(f"{body['job']} is no job of friends")
