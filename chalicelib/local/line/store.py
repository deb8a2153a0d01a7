"""Everything the simulator knows, in one SQLite file: what is committed survives a kill.

One connection behind one lock. ``synchronous=OFF`` with a write-ahead log keeps every commit through the
death of the process, which is what a laptop's kill tests need; only a power cut could take the last ones.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from chalicelib.local.line.httpd import dumps

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channels (
    account TEXT PRIMARY KEY, secret TEXT, token TEXT, webhook_url TEXT, name TEXT, bot_id TEXT)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS people (
    user_id TEXT PRIMARY KEY, name TEXT, colour TEXT, language TEXT, status_message TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS friends (
    account TEXT, user_id TEXT, status TEXT, at TEXT, PRIMARY KEY (account, user_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sends (
    seq INTEGER PRIMARY KEY, at TEXT, account TEXT, kind TEXT, status INTEGER, answered INTEGER,
    request_id TEXT, retry_key TEXT, recipient TEXT, body BLOB, skipped TEXT, delivered INTEGER,
    sent TEXT, error TEXT);
CREATE TABLE IF NOT EXISTS retry_keys (
    account TEXT, retry_key TEXT, at TEXT, kind TEXT, request_id TEXT, sent TEXT,
    PRIMARY KEY (account, retry_key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reply_tokens (
    token TEXT PRIMARY KEY, account TEXT, chat TEXT, event_at TEXT, received_at TEXT, used_at TEXT)
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, at TEXT, account TEXT, chat TEXT, event_id TEXT, event TEXT, shown TEXT,
    status INTEGER, answer TEXT);
CREATE INDEX IF NOT EXISTS events_by_chat ON events (account, chat, seq);
CREATE INDEX IF NOT EXISTS events_by_id ON events (event_id);
CREATE TABLE IF NOT EXISTS contents (
    message_id TEXT PRIMARY KEY, content_type TEXT, data BLOB, gone INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS usage (
    account TEXT, month TEXT, used INTEGER, PRIMARY KEY (account, month)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rich_menus (
    account TEXT, id TEXT, menu TEXT, content_type TEXT, image BLOB, PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rich_menu_links (
    account TEXT, user_id TEXT, id TEXT, PRIMARY KEY (account, user_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rich_menu_aliases (
    account TEXT, alias TEXT, id TEXT, PRIMARY KEY (account, alias)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS coupons (
    account TEXT, id TEXT, status TEXT, created INTEGER, coupon TEXT, PRIMARY KEY (account, id))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audiences (
    account TEXT, id INTEGER, type TEXT, description TEXT, status TEXT, request_id TEXT, click_url TEXT,
    route TEXT, created_at TEXT, changed_at TEXT, expires_at TEXT, PRIMARY KEY (account, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS audience_users (
    account TEXT, id INTEGER, user_id TEXT, PRIMARY KEY (account, id, user_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS narrowcasts (
    account TEXT, request_id TEXT, at TEXT, target INTEGER, failure INTEGER, PRIMARY KEY (account,
    request_id)) WITHOUT ROWID; CREATE TABLE IF NOT EXISTS reached ( account TEXT, request_id TEXT, users
    TEXT, PRIMARY KEY (account, request_id)) WITHOUT ROWID; CREATE TABLE IF NOT EXISTS link_tokens ( token
    TEXT PRIMARY KEY, account TEXT, user_id TEXT, at TEXT, used INTEGER DEFAULT 0) WITHOUT ROWID; CREATE
    TABLE IF NOT EXISTS login_channels ( account TEXT PRIMARY KEY, channel TEXT, secret TEXT, liff TEXT,
    endpoint TEXT) WITHOUT ROWID; CREATE TABLE IF NOT EXISTS login_codes ( code TEXT PRIMARY KEY, account
    TEXT, user_id TEXT, at TEXT, asked TEXT, used INTEGER) WITHOUT ROWID; CREATE TABLE IF NOT EXISTS
    login_grants ( refresh TEXT PRIMARY KEY, access TEXT, account TEXT, user_id TEXT, gone INTEGER)
    WITHOUT ROWID;
"""

EVERYBODY = ""
"""The user id under which an account's default rich menu is kept."""


class Store:
    """The file. ``with store.write():`` is one transaction and holds the lock."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.db = sqlite3.connect(directory / "line.sqlite", check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.executescript(_SCHEMA)
        last = self.one(
            "SELECT MAX("
            " COALESCE((SELECT MAX(seq) FROM sends), 0), COALESCE((SELECT MAX(seq) FROM events), 0),"
            " COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'last_seq'), 0)) AS seq"
        )
        self._seq: int = last["seq"] if last else 0

    def close(self) -> None:
        """Close the file."""
        with self.lock:
            self.db.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """All or nothing."""
        with self.lock:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        """Every row."""
        with self.lock:
            return self.db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        """The first row, if any."""
        with self.lock:
            row: sqlite3.Row | None = self.db.execute(sql, values).fetchone()
            return row

    def run(self, sql: str, *values: Any) -> int:
        """One statement; how many rows it changed."""
        with self.lock:
            return self.db.execute(sql, values).rowcount

    def next_seq(self) -> int:
        """A number larger than all before, kept beyond deletions and restarts."""
        with self.lock:
            self._seq += 1
            return self._seq

    def last_seq(self) -> int:
        """The number given last."""
        return self._seq

    def meta(self, name: str, default: Any) -> Any:
        """A kept setting."""
        row = self.one("SELECT value FROM meta WHERE name = ?", name)
        return default if row is None else orjson.loads(row["value"])

    def set_meta(self, name: str, value: Any) -> None:
        """Keep a setting."""
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, dumps(value))
