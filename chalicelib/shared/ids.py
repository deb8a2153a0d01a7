"""Identifiers: made here, and nowhere else."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
import zlib
from datetime import datetime

from ulid import ULID

ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
"""Caller-chosen ids of documents, accounts, broadcasts."""

_RETRY_NAMESPACE = uuid.UUID("6f1b5f0e-6d5c-5a43-9a51-7a3b6f2f8f10")


def new_ulid() -> str:
    """A fresh ULID: 26 characters, sortable by time."""
    return str(ULID())


def ulid_time(ulid: str) -> datetime:
    """When a ULID was made."""
    return ULID.from_str(ulid).datetime


def friend_shard(user_id: str, shards: int) -> int:
    """The shard of a friend: ``crc32(user_id) mod shards``; fixed for the account's life."""
    return zlib.crc32(user_id.encode()) % shards


def retry_key(account: str, run: str, chunk: str, recipient: str | None = None) -> str:
    """LINE's ``X-Line-Retry-Key`` of a chunk (or of one recipient of a push chunk): uuid5 of its names."""
    parts = [account, run, chunk] if recipient is None else [account, run, chunk, recipient]
    return str(uuid.uuid5(_RETRY_NAMESPACE, "\x00".join(parts)))


def digest(*parts: str) -> str:
    """sha256 (hex) of the parts: stable names for derived things, others for whatever other parts.

    Joined by ``|``, with those of the parts themselves marked: where one part ends belongs to the name.
    """
    marked = (part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)
    return hashlib.sha256("|".join(marked).encode()).hexdigest()


def new_secret() -> str:
    """256 fresh random bits as URL-safe text."""
    return secrets.token_urlsafe(32)
