"""A snapshot on this machine's disk: fetched once, its tables laid out for DuckDB as questions need them.

DuckDB is imported here and in ``compaction`` only, when there is something to ask: the functions that have it
are those with its layer (docs/operations/mirror.md).
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.gateways import objects
from chalicelib.mirror import columns, sql
from chalicelib.mirror.store import InForce

MEMORY = "360MB"
KEPT_SHEETS = 20_000
Known = tuple[int, str | None]
"""A friend in the snapshot: the number, and the mark of the sheet."""


def is_installed() -> bool:
    """Whether this machine or function has DuckDB."""
    return importlib.util.find_spec("duckdb") is not None


def connect(folder: Path) -> Any:
    """A database in a folder; it takes one core, and so much memory at most."""
    duckdb = importlib.import_module("duckdb")
    config = {"threads": 1, "memory_limit": MEMORY, "temp_directory": str(folder / "spill")}
    connection = duckdb.connect(str(folder / "copy.duckdb"), config=config)
    connection.execute("SET preserve_insertion_order = false")
    return connection


def place_of(account: str) -> str:
    """How the names of an account's snapshots begin in the object store."""
    return f"mirror/{account}/"


class Gone(Exception):
    """A file of the snapshot is not there any more: another one is in force."""


def fetch(place: str, table: str, folder: Path) -> Path:
    """A table of a snapshot as a file in a folder. Raises Gone."""
    path = folder / f"{table}.parquet"
    if not path.exists():
        file = objects.open_file(f"{place}/{table}.parquet")
        if file is None:
            raise Gone(place)
        part = path.with_suffix(".part")
        with file, part.open("wb") as target:
            shutil.copyfileobj(file, target)
        part.rename(path)
    return path


class Copy:
    """One snapshot, and what is known of those who changed since. Many threads may ask."""

    def __init__(self, in_force: InForce) -> None:
        self.in_force = in_force
        self.judged: dict[str, tuple[str, Sheet | None]] = {}
        """Sheets that were read because they changed, by the mark they were read for."""
        self._known: dict[str, Known | None] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="todoku-mirror-"))
        self._connection = connect(self._folder)
        self._laid_out: set[str] = set()
        self._has_odd: bool | None = None
        self._lock = threading.Lock()
        self._users, self._retired = 0, False

    @contextmanager
    def in_use(self) -> Iterator[Copy]:
        """Its files stay for the time of the block."""
        with self._lock:
            self._users += 1
        try:
            yield self
        finally:
            with self._lock:
                self._users -= 1
            self._tidy()

    def retire(self) -> None:
        """Delete it as soon as nobody uses it."""
        self._retired = True
        self._tidy()

    def _tidy(self) -> None:
        if self._retired and self._users == 0:
            self._connection.close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The answer to a query over the tables of ``columns.TABLES``. Raises Gone."""
        for table in columns.TABLES:
            if f" {table} " in query:
                self._lay_out(table)
        found: list[tuple[Any, ...]] = self._connection.cursor().execute(query).fetchall()
        return found

    def has_odd(self) -> bool:
        """Whether there is anybody of whom the columns cannot say everything."""
        if self._has_odd is None:
            self._has_odd = bool(self.rows("SELECT 1 FROM friends f WHERE f.odd LIMIT 1"))
        return self._has_odd

    def _lay_out(self, table: str) -> None:
        with self._lock:
            if table in self._laid_out:
                return
            path = fetch(self.in_force.place, table, self._folder)
            kind = "VIEW" if table == "sheets" else "TABLE"
            source = f"read_parquet({sql.text(str(path))})"
            self._connection.execute(f"CREATE {kind} {table} AS SELECT * FROM {source}")
            if kind == "TABLE":
                self._connection.execute("CHECKPOINT")
                path.unlink()
            self._laid_out.add(table)

    def known(self, users: Iterable[str]) -> dict[str, Known | None]:
        """What the snapshot has of these friends; None where it has nobody."""
        new = [user for user in users if user not in self._known]
        if new:
            named = ", ".join(map(sql.text, new))
            query = f"SELECT user_id, n, mark FROM friends WHERE user_id IN ({named})"
            found = {user: (n, mark) for user, n, mark in self.rows(query)}
            self._known |= {user: found.get(user) for user in new}
        return {user: self._known[user] for user in users}
