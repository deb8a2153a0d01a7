"""Counting, sorting and compacting friends in columns: the mirror beside SQLite and beside a scan of sheets.

    python -m benchmarks.mirror [friends ...]      # 100,000 by default; 10,000,000 takes 15 GB of disk

Synthetic sheets of about 1 KB, laid down by the compaction's own code; beyond a million they are the same
again under other numbers. 200 friends changed since, whose sheets lie in the reader's memory as they do in a
warm process. Snapshots are made in one process and asked in another, whose memory counts. Everything runs on
one thread; times are processor time, the medians of the same run. Nothing is asked of a store: an answer
through HTTP pays for the index besides, one query for each shard (docs/mirror.md).
"""

from __future__ import annotations

import gc
import itertools
import resource
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.mirror import columns, compaction, local_copy, marked, reader
from chalicelib.mirror.marked import Marked
from chalicelib.mirror.store import InForce
from chalicelib.segments import sorting
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet

FRIENDS = (100_000,)
CHANGED, ROUNDS, SHARDS, KEPT = 200, 7, 64, 10_000
MADE, MOST_IN_SQLITE = 1_000_000, 1_000_000
NOW = datetime(2026, 11, 22, 6, 6, 38, tzinfo=UTC)
SCORE = {"name": "Interest", "half_life": "30d"}
SKIN = {"name": "Skin", "type": "choice", "choices": ["dry", "oily"]}
LOTION = {"purchase": {"category": "lotion", "last": {"days_ago": [25, 35]}}}
ASKED: dict[str, dict[str, Any]] = {
    "one tag": {"tag": "tag-7"},
    "tag and attribute": {"all": [{"tag": "tag-7"}, {"attribute": {"id": "skin", "eq": "dry"}}]},
    "score with decay": {"score": {"id": "interest", "gte": 30}},
    "tree of three": {"all": [{"any": [{"tag": "tag-7"}, {"tag": "tag-8"}]}, {"not": {"tag": "tag-9"}}]},
    "lotion, no visit for 60 days": {"all": [LOTION, {"friend": {"last_active": {"before": "60d"}}}]},
}
IN_SQLITE = {
    "one tag": "f.n IN (SELECT n FROM tags WHERE name = 'tag-7')",
    "tag and attribute": "f.n IN (SELECT n FROM tags WHERE name = 'tag-7') AND f.skin = 'dry'",
    "tree of three": (
        "(f.n IN (SELECT n FROM tags WHERE name = 'tag-7')"
        " OR f.n IN (SELECT n FROM tags WHERE name = 'tag-8'))"
        " AND NOT f.n IN (SELECT n FROM tags WHERE name = 'tag-9')"
    ),
}
CONTEXT = Context(
    Snapshot(
        "salon",
        1,
        "",
        {},
        {
            key: Document(*key, 1, body, iso(NOW))
            for key, body in {
                ("scores", "interest"): SCORE,
                ("attributes", "skin"): SKIN,
                **{("tags", f"tag-{n}"): {"name": str(n)} for n in range(100)},
            }.items()
        },
    ),
    ZoneInfo("Asia/Tokyo"),
)


def a_friend(chance: Random, number: int) -> dict[str, Any]:
    """A sheet of about 1 KB: five tags of a hundred, a score, an attribute, messages, perhaps lotion."""

    def ago(days: int) -> str:
        return iso(NOW - timedelta(seconds=chance.randrange(days * 86_400)))

    sheet = new_sheet("salon", f"U{number:032x}", iso(NOW - timedelta(days=300)))
    sheet |= {"status": "following" if chance.random() < 0.9 else "blocked", "followed_at": ago(300)}
    sheet |= {"display_name": f"友だち {number}", "language": "ja", "last_active_at": ago(120)}
    tags = {f"tag-{chance.randrange(100)}" for _ in range(5)}
    sheet["tags"] = {tag: {"since": ago(100), "by": "rule:skin", "at": iso(NOW)} for tag in tags}
    sheet["scores"] = {"interest": {"value": float(chance.randrange(100)), "at": ago(60)}}
    sheet["attributes"] = {"skin": chance.choice(["dry", "oily"])}
    day = f"{NOW - timedelta(days=chance.randrange(90)):%Y-%m-%d}"
    fact = {"count": 3, "first_at": ago(90), "last_at": ago(30), "days": {day: 3}}
    sheet["facts"] = {"messaged": fact, "messaged:text": fact}
    if chance.random() < 0.3:
        figures = {"count": 1, "total": 1200, "first_at": (at := ago(100)), "last_at": at}
        sheet["purchases"] = figures | {"categories": {"lotion": figures}, "products": {}}
    return sheet


def sheets_of(number: int) -> Iterator[list[dict[str, Any]]]:
    """So many friends, always the same, some thousands at a time."""
    chance = Random(1)
    for begun in range(0, number, KEPT):
        yield [a_friend(chance, n) for n in range(begun, min(begun + KEPT, number))]


def make(number: int, folder: Path) -> None:
    """Lay a snapshot of so many friends down in a folder, and the next one after a hundredth has changed;
    print what each takes.
    """
    spent, sheets, real = 0.0, [], min(number, MADE)
    bench = _bench(folder, None)
    for sheets in sheets_of(real):
        before = time.process_time()
        bench.take(Marked(sheet, 0, "old") for sheet in sheets)
        spent += time.process_time() - before
    bench.lay_down()
    for n in range(1, number // real):
        _again(bench, n * real, real)
    print(f"\n{number:,} friends: {spent:.1f} s of CPU for {real:,} sheets,", end=" ")
    _timed("the first files", lambda: bench.write("place"), folder)
    size = sum(path.stat().st_size for path in (folder / "place").iterdir())
    bench = _bench(folder, InForce(1, "place", "", "", iso(NOW), number, SHARDS, columns.FORMAT))
    changed = list(itertools.islice(itertools.chain.from_iterable(sheets_of(real)), number // 100))
    named = {sheet["user_id"]: "new" for sheet in changed}
    loaded = {sheet["user_id"]: Marked(sheet, 0, "new") for sheet in changed}
    with (
        mock.patch.object(marked, "changed", return_value=named),
        mock.patch.object(marked, "load", lambda _, __, users: {user: loaded[user] for user in users}),
    ):
        _timed("the next snapshot", lambda: (bench.take_changes(), bench.write("next")), folder)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{size / 1e6:,.0f} MB of files, {most:,} MB of memory at most", flush=True)


def _bench(folder: Path, base: InForce | None) -> compaction.Bench:
    work = Path(tempfile.mkdtemp(dir=folder))
    bench = compaction.Bench("salon", SHARDS, base, work)
    with _files(folder):
        bench.open_base()
    return bench


def _again(bench: compaction.Bench, higher: int, up_to: int) -> None:
    """The first friends once more, their numbers that much higher."""
    for table in columns.TABLES:
        other = f", user_id || '-{higher}' AS user_id" if table == "friends" else ""
        rows = f"SELECT * REPLACE (n + {higher} AS n{other}) FROM new_{table} WHERE n <= {up_to}"
        bench._connection.execute(f"INSERT INTO new_{table} {rows}")  # noqa: SLF001


def _timed(what: str, work: Callable[[], Any], folder: Path) -> None:
    before = time.process_time()
    with _files(folder):
        work()
    print(f"{what} {time.process_time() - before:.1f} s;", end=" ", flush=True)


@contextmanager
def _files(folder: Path) -> Iterator[None]:
    """A folder in the object store's place."""
    with (
        mock.patch("chalicelib.gateways.objects.put", lambda key, file, _: _keep(folder / key, file)),
        mock.patch("chalicelib.gateways.objects.open_file", lambda key: (folder / key).open("rb")),
    ):
        yield


def _keep(path: Path, file: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as target:
        shutil.copyfileobj(file, target)


def median_ms(work: Callable[[], Any]) -> float:
    """The median processor time of some rounds, after one that is not counted."""
    work()
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        before = time.process_time()
        work()
        times.append(time.process_time() - before)
    return statistics.median(times) * 1000


def in_sqlite(copy: local_copy.Copy, folder: Path) -> sqlite3.Connection:
    """The same friends in SQLite, with the indexes that one would make."""
    base = sqlite3.connect(folder / "friends.sqlite")
    base.execute("PRAGMA synchronous = OFF")
    base.execute("CREATE TABLE friends (n INTEGER PRIMARY KEY, status TEXT, skin TEXT)")
    base.execute("CREATE TABLE tags (name TEXT, n INTEGER, PRIMARY KEY (name, n)) WITHOUT ROWID")
    rows = "SELECT f.n, f.status, a.words FROM friends f LEFT JOIN attributes a ON a.n = f.n"
    base.executemany("INSERT INTO friends VALUES (?, ?, ?)", copy.rows(rows))
    base.executemany("INSERT INTO tags VALUES (?, ?)", copy.rows("SELECT name, n FROM tags t"))
    base.commit()
    return base


def questions(copy: local_copy.Copy, changed: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Each question with what it settles to: two hundred sheets judged by the predicate."""
    numbers = [known[0] for s in changed if (known := copy.known([s["user_id"]])[s["user_id"]]) is not None]
    for name, condition in ASKED.items():
        test = language.compile_audience(condition, CONTEXT)
        question = reader.Question(
            "salon",
            SHARDS,
            language.audience_to_sql(condition, CONTEXT, NOW),
            lambda sheet, test=test: test(sheet, NOW),
        )
        yield name, reader.Settled(question, copy, changed, numbers)


def ask(number: int, folder: Path) -> None:
    """Print the figures of a snapshot."""
    sheets = next(sheets_of(KEPT))
    with _files(folder):
        copy = local_copy.Copy(InForce(1, "place", "", "", iso(NOW), number, SHARDS, columns.FORMAT))
        asked = dict(questions(copy, sheets[:CHANGED]))
        print(f"  {'':<30} {'mirror':>10} {'SQLite':>10} {'scan':>10}   ms")
        own = {name: median_ms(settled.count) for name, settled in asked.items()}
        own["first 50 by a score"] = median_ms(lambda: _sorted(copy, asked["one tag"]))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        beside = _in_sqlite(copy, folder) if number <= MOST_IN_SQLITE else {}
        for name, ms in own.items():
            scan = ""
            if settled := asked.get(name):
                each = median_ms(lambda test=settled.question.test: sum(map(test, sheets))) / len(sheets)
                scan = f"{each * number:.1f}"
            other = f"{beside[name]:.1f}" if name in beside else ""
            print(f"  {name:<30} {ms:10.1f} {other:>10} {scan:>10}")
        copy.retire()
    print(f"  {most:,} MB of memory at most, asking", flush=True)


def _sorted(copy: local_copy.Copy, like: reader.Settled) -> reader.Found:
    """The first page of everybody by a score, with the same friends changed."""
    everyone = reader.Question(
        "salon", SHARDS, language.audience_to_sql({"everyone": True}, CONTEXT, NOW), bool
    )
    order = sorting.order("score:interest", "desc", CONTEXT, SHARDS, NOW)
    return reader.Settled(everyone, copy, like.changed, like.numbers).find(order, 50, None)


def _in_sqlite(copy: local_copy.Copy, folder: Path) -> dict[str, float]:
    base = in_sqlite(copy, folder)
    query = "SELECT count(*) FROM friends f WHERE f.status = 'following' AND "
    return {
        name: median_ms(lambda where=where: base.execute(query + where).fetchall())
        for name, where in IN_SQLITE.items()
    }


PARTS: dict[str, Callable[[int, Path], None]] = {"make": make, "ask": ask}
ALONE = 10_000
"""From so many on each part has a process of its own, whose memory is reported."""


def main() -> None:
    """Make and ask each size."""
    if sys.argv[1:] and sys.argv[1] in PARTS:
        PARTS[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
        return
    for number in [int(one.replace(",", "")) for one in sys.argv[1:]] or FRIENDS:
        folder = tempfile.mkdtemp(prefix="todoku-benchmark-")
        try:
            for name, part in PARTS.items():
                if number < ALONE:
                    part(number, Path(folder))
                else:
                    command = [sys.executable, "-m", "benchmarks.mirror", name, str(number), folder]
                    subprocess.run(command, check=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
