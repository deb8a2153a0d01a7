"""The durable half of the local SQS: every message, queue and recent de-duplication id in one SQLite file.

Write-ahead log with ``synchronous=NORMAL``: a commit has reached the operating system before SQS answers,
so that killing any process, or all of them, loses nothing that was acknowledged. (A power failure may
lose the last seconds; on AWS nothing is lost either way.)

Visibility is not kept on purpose: when this process starts, no worker of the earlier platform lives, so
whatever was in flight may be taken at once. Receive counts are kept, so that a message that kills its
worker still ends among the dead letters.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, attributes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    attributes TEXT NOT NULL,
    message_group TEXT,
    dedup TEXT,
    dead_from TEXT,
    sent_ms INTEGER NOT NULL,
    visible_ms INTEGER NOT NULL,
    receives INTEGER NOT NULL,
    first_received_ms INTEGER
);
CREATE TABLE IF NOT EXISTS dedups (
    queue TEXT NOT NULL,
    scope TEXT NOT NULL,
    dedup TEXT NOT NULL,
    message_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (queue, scope, dedup)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dedups_by_time ON dedups (at_ms);
"""


@dataclass(slots=True)
class Message:
    """One message of one queue. Times are Unix milliseconds; ``sequence`` orders all messages ever sent."""

    sequence: int
    id: str
    queue: str
    body: str
    sent_ms: int
    visible_ms: int
    group: str | None = None
    dedup: str | None = None
    dead_from: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    receives: int = 0
    first_received_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Dedup:
    """What a de-duplication id stood for when it was first seen."""

    queue: str
    scope: str
    dedup: str
    message_id: str
    sequence: int
    at_ms: int


class Store:
    """The SQLite file. Not thread-safe by itself: its caller holds one lock."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA wal_autocheckpoint=4000")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def commit(self) -> Iterator[None]:
        """All writes of the block, or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def queues(self) -> dict[str, dict[str, str]]:
        """The attributes of every queue, by name."""
        return {name: json.loads(text) for name, text in self._db.execute("SELECT * FROM queues")}

    def put_queue(self, name: str, attributes: dict[str, str]) -> None:
        """Keep a queue."""
        self._db.execute("INSERT OR REPLACE INTO queues VALUES (?, ?)", (name, json.dumps(attributes)))

    def messages(self) -> Iterator[Message]:
        """Every message, in the order of sending; what had been received before is visible at once."""
        rows = self._db.execute(
            "SELECT sequence, id, queue, body, sent_ms, CASE receives WHEN 0 THEN visible_ms ELSE 0 END,"
            " message_group, dedup, dead_from, receives, first_received_ms, attributes"
            " FROM messages ORDER BY sequence"
        )
        names = ("sequence", "id", "queue", "body", "sent_ms", "visible_ms", "group", "dedup", "dead_from")
        for row in rows:
            known = dict(zip((*names, "receives", "first_received_ms"), row, strict=False))
            yield Message(**known, attributes=json.loads(row[-1]))

    def last_sequence(self) -> int:
        """The highest sequence number in the file, or 0."""
        (last,) = self._db.execute("SELECT COALESCE(MAX(sequence), 0) FROM messages").fetchone()
        return int(last)

    def put_messages(self, messages: Iterable[Message]) -> None:
        """Keep new messages."""
        self._db.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(m.sequence, m.id, m.queue, m.body, json.dumps(m.attributes), m.group, m.dedup),
                    *(m.dead_from, m.sent_ms, m.visible_ms, m.receives, m.first_received_ms),
                )
                for m in messages
            ],
        )

    def mark_received(self, messages: Iterable[Message]) -> None:
        """Keep the receive counts of messages."""
        self._db.executemany(
            "UPDATE messages SET receives = ?, first_received_ms = ? WHERE sequence = ?",
            [(m.receives, m.first_received_ms, m.sequence) for m in messages],
        )

    def delete_messages(self, sequences: Sequence[int]) -> None:
        """Forget messages."""
        self._db.executemany("DELETE FROM messages WHERE sequence = ?", [(s,) for s in sequences])

    def delete_queue(self, name: str) -> None:
        """Forget a queue with all it holds."""
        self._db.execute("DELETE FROM queues WHERE name = ?", (name,))
        self._db.execute("DELETE FROM messages WHERE queue = ?", (name,))
        self._db.execute("DELETE FROM dedups WHERE queue = ?", (name,))

    def dedups(self, since_ms: int) -> Iterator[Dedup]:
        """De-duplication ids first seen at or after a timestamp, oldest first."""
        rows = self._db.execute("SELECT * FROM dedups WHERE at_ms >= ? ORDER BY at_ms", (since_ms,))
        for row in rows:
            yield Dedup(*row)

    def put_dedups(self, dedups: Iterable[Dedup]) -> None:
        """Keep de-duplication ids."""
        self._db.executemany(
            "INSERT OR REPLACE INTO dedups VALUES (?, ?, ?, ?, ?, ?)",
            [(d.queue, d.scope, d.dedup, d.message_id, d.sequence, d.at_ms) for d in dedups],
        )

    def delete_dedups(self, before_ms: int) -> None:
        """Forget de-duplication ids first seen before a timestamp."""
        self._db.execute("DELETE FROM dedups WHERE at_ms < ?", (before_ms,))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
