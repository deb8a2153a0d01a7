"""Making the next snapshot of an account: the one before without who changed, and who changed as they are.

One at a time (a lease, for speed) and safe to kill anywhere: files go to a place of their own, and the
snapshot is in force with one conditional write. Who was changed while the files were written is found by the
next question: the floor lies before the beginning. The first snapshot, and one in a new format, reads the
table shard by shard; what does not fit the time goes on from the shards that are done.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from chalicelib.friends import marks, writers
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, objects
from chalicelib.mirror import columns, local_copy, marked, sql, store
from chalicelib.mirror.columns import FORMAT, LISTS, TABLES
from chalicelib.mirror.local_copy import Known
from chalicelib.mirror.marked import Marked
from chalicelib.mirror.store import InForce
from chalicelib.shared.ids import new_ulid, ulid_time
from chalicelib.shared.observability import logger
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso

_BATCH = 20_000
_LEAST_OBJECT = 16_777_216
"""Bytes, as DuckDB has it where nothing is set."""
_ROWS = dict.fromkeys(TABLES, 122_880) | {"sheets": 10_240}
"""Rows that are held in memory until they are written: of whole sheets fewer."""
EVERY = timedelta(hours=6)
"""By time alone; questions ask for the next one earlier when much has changed."""
KEPT_FOR = timedelta(minutes=20)
"""Longer than a compaction can be writing."""


@dataclass(frozen=True)
class Outcome:
    """What a compaction did; ``is_over``: nothing is left to do."""

    friends: int = 0
    changed: int = 0
    is_over: bool = True


def is_due(account: str, now: datetime) -> bool:
    """Whether an account that has a snapshot has had it for long. One that nobody asks has none."""
    in_force = store.find(account)
    return in_force is not None and parse_iso(in_force.taken_at) + EVERY <= now


def run(account: str, shards: int, left: TimeLeft = NO_LIMIT) -> Outcome | None:
    """Make the next snapshot; None when somebody else does, and where no question could find a change."""
    if not marks.can_be_asked(friends.partition(account, 0)):
        logger.warning("the table friends has no index by_change: there is no mirror")
        return None
    token = new_ulid()
    if not store.take_lease(account, token, clock.now()):
        return None
    try:
        return _run(account, shards, f"{local_copy.place_of(account)}{token}", left)
    finally:
        store.give_back(account, token)


def _run(account: str, shards: int, place: str, left: TimeLeft) -> Outcome:
    in_force, began, lowest_open = store.find(account), clock.now(), writers.lowest_open(account)
    base = in_force if in_force and in_force.format == FORMAT and in_force.covered <= shards else None
    folder = Path(tempfile.mkdtemp(prefix="todoku-mirror-"))
    try:
        bench = Bench(account, shards, base, folder)
        try:
            bench.open_base()
        except local_copy.Gone:
            base, bench = None, Bench(account, shards, None, folder)
            bench.open_base()
        changed = bench.take_changes()
        covered = bench.take_shards(left)
        if base is not None and covered == base.covered and not changed:
            held, place = base.friends, base.place
        else:
            held = bench.write(place)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    version = in_force.version + 1 if in_force else 1
    low, high = marks.since(began, lowest_open)
    made = InForce(version, place, low, high, iso(began), held, covered, FORMAT)
    if not store.publish(account, made, in_force):
        if in_force is None or place != in_force.place:
            delete(place)
        return Outcome(is_over=False)
    tidy(account, made, clock.now())
    return Outcome(held, changed, covered == shards)


def tidy(account: str, in_force: InForce, now: datetime) -> None:
    """Delete the files of snapshots that are not in force, but for what another compaction may be writing
    now. Who was reading one finds it gone, and reads the one in force.
    """
    places = {key.rpartition("/")[0] for key in objects.keys(local_copy.place_of(account))}
    for place in places - {in_force.place}:
        written = ulid_time(place.rpartition("/")[2])
        if place < in_force.place or now - written > KEPT_FOR:
            delete(place)


def delete(place: str) -> None:
    """Delete a snapshot's files."""
    for table in TABLES:
        objects.delete(f"{place}/{table}.parquet")


def _json(body: bytes) -> str:
    """How DuckDB reads one line of JSON."""
    return f"format = 'newline_delimited', maximum_object_size = {max(len(body) + 1, _LEAST_OBJECT)}"


class Bench:
    """A database in which the next snapshot is put together."""

    def __init__(self, account: str, shards: int, base: InForce | None, folder: Path) -> None:
        self._account, self._shards, self._base = account, shards, base
        self._folder = folder
        self._connection: Any = None
        self._next = 1
        self._values: dict[str, list[Any]] = {table: [] for table in TABLES if table != "sheets"}
        self._sheets: list[bytes] = []
        self._known: dict[str, Known] = {}

    def open_base(self) -> None:
        """Have the tables of the snapshot before (none: empty ones), and empty ones for what is new."""
        if self._connection is None:
            self._connection = local_copy.connect(self._folder)
        for table, fields in TABLES.items():
            typed = ", ".join(f"{name} {kind}" for name, kind in fields.items())
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE new_{table} ({typed})")
            if self._base is None:
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP VIEW old_{table} AS SELECT * FROM new_{table} LIMIT 0"
                )
            else:
                path = sql.text(str(local_copy.fetch(self._base.place, table, self._folder)))
                self._connection.execute(
                    f"CREATE OR REPLACE TEMP VIEW old_{table} AS FROM read_parquet({path})"
                )
        ((top,),) = self._connection.execute("SELECT coalesce(max(n), 0) FROM old_friends").fetchall()
        self._next = top + 1

    def take_changes(self) -> int:
        """Take the sheets that changed in the shards that the snapshot before holds; how many."""
        if self._base is None:
            return 0
        covered = range(self._base.covered)
        named = marked.changed(self._account, covered, self._base.changed)
        self._known = self._look_up(named)
        changed = [user for user, mark in named.items() if self._mark(user) != mark]
        self._connection.execute("CREATE TEMP TABLE gone (n BIGINT)")
        for start in range(0, len(changed), _BATCH):
            users = changed[start : start + _BATCH]
            self.take(marked.load(self._account, self._shards, users).values())
            numbers = [self._known[user][0] for user in users if user in self._known]
            if numbers:
                self._connection.execute(f"INSERT INTO gone SELECT unnest({numbers})")
        return len(changed)

    def _look_up(self, users: Iterable[str]) -> dict[str, Known]:
        """What the snapshot before has of these users; of ten million others nothing is fetched."""
        self._connection.execute("CREATE TEMP TABLE named (user_id VARCHAR)")
        body, typed = orjson.dumps({"user_id": list(users)}), {"user_id": "VARCHAR[]"}
        self._insert("named", "unnest(user_id)", "read_json", body, typed, _json(body))
        query = "SELECT user_id, n, mark FROM old_friends SEMI JOIN named USING (user_id)"
        found = self._connection.execute(query).fetchall()
        self._connection.execute("DROP TABLE named")
        return {user: (n, mark) for user, n, mark in found}

    def _mark(self, user: str) -> str | None:
        known = self._known.get(user)
        return known[1] if known else None

    def take_shards(self, left: TimeLeft) -> int:
        """Take the shards that no snapshot has held yet, as many as there is time for; up to which."""
        first = covered = self._base.covered if self._base else 0
        for shard in range(first, self._shards):
            if covered > first and left.is_over:
                break
            for page in marked.shard_pages(self._account, shard):
                self.take(page)
            covered = shard + 1
        return covered

    def take(self, found: Iterable[Marked]) -> None:
        """Take friends as they are."""
        for one in found:
            known = self._known.get(one.sheet["user_id"])
            n = known[0] if known else self._next
            self._next += 0 if known else 1
            for table, values in columns.rows(one.sheet, n, one.shard, one.mark).items():
                self._values[table] += values
            self._sheets.append(b"%d\t%b\n" % (n, columns.kept(one.sheet)))
        if len(self._sheets) >= _BATCH:
            self.lay_down()

    def lay_down(self) -> None:
        """Put the rows so far into the tables."""
        for table, values in self._values.items():
            most = _BATCH * len(TABLES[table])
            for start in range(0, len(values), most):
                self._append(table, values[start : start + most])
            values.clear()
        if self._sheets:
            typed = {"n": "BIGINT", "sheet": "VARCHAR"}
            how = "delim = '\t', quote = '', escape = '', header = false, auto_detect = false"
            self._insert("new_sheets", "n, sheet", "read_csv", b"".join(self._sheets), typed, how)
            self._sheets.clear()

    def _append(self, table: str, values: columns.Values) -> None:
        """A column at a time, each one list: a million names are read with the words for one."""
        fields = TABLES[table]
        body = orjson.dumps({name: values[at :: len(fields)] for at, name in enumerate(fields)})
        typed = {name: f"{kind}[]" for name, kind in fields.items()}
        picked = ", ".join(f"unnest({name})" for name in fields)
        self._insert(f"new_{table}", picked, "read_json", body, typed, _json(body))

    def _insert(
        self, table: str, picked: str, reader: str, body: bytes, typed: dict[str, str], how: str
    ) -> None:
        path = self._folder / "rows"
        path.write_bytes(body)
        kinds = ", ".join(f"{sql.text(name)}: {sql.text(kind)}" for name, kind in typed.items())
        source = f"{reader}({sql.text(str(path))}, columns = {{{kinds}}}, {how})"
        self._connection.execute(f"INSERT INTO {table} SELECT {picked} FROM {source}")
        path.unlink()

    def write(self, place: str) -> int:
        """Write the files of the snapshot to the object store; how many friends it holds."""
        self.lay_down()
        kept = "n NOT IN (SELECT n FROM gone)" if self._base is not None else "true"
        for table, fields in TABLES.items():
            names = ", ".join(fields)
            order = "ORDER BY name, n" if table in LISTS else ""
            union = f"SELECT {names} FROM old_{table} WHERE {kept} UNION ALL SELECT {names} FROM new_{table}"
            path = self._folder / f"next-{table}.parquet"
            how = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROWS[table]}"
            self._connection.execute(f"COPY ({union} {order}) TO {sql.text(str(path))} ({how})")
            with path.open("rb") as file:
                objects.put(f"{place}/{table}.parquet", file, "application/vnd.apache.parquet")
            path.unlink()
        ((old,),) = self._connection.execute(f"SELECT count(*) FROM old_friends WHERE {kept}").fetchall()
        ((new,),) = self._connection.execute("SELECT count(*) FROM new_friends").fetchall()
        self._connection.close()
        return int(old) + int(new)
