"""What other rooms may ask of friends: their sheets, by id, and changes of them by document path."""

from __future__ import annotations

from chalicelib.friends.store import (
    ERASED,
    behaviours,
    create_or_update,
    due_times,
    erase,
    heard_of,
    key,
    load,
    load_many,
    note_handed_over,
    partition,
    read_all,
    standings,
    to_sheet,
    update_paths,
)
from chalicelib.friends.writers import registered as registered_writer

__all__ = [
    "ERASED",
    "behaviours",
    "create_or_update",
    "due_times",
    "erase",
    "heard_of",
    "key",
    "load",
    "load_many",
    "note_handed_over",
    "partition",
    "read_all",
    "registered_writer",
    "standings",
    "to_sheet",
    "update_paths",
]
