"""Counting, sorting and compacting friends in columns: the mirror beside SQLite and beside a scan of sheets.

    python -m benchmarks.mirror [friends ...]      # 100,000 by default; 1,000,000 takes some minutes and 3 GB
    of disk

Synthetic sheets of about 1 KB, laid down by the compaction's own code; 200 friends changed since, whose
sheets lie in the reader's memory as they do in a warm process. Everything runs on one thread; times are
processor time, the medians of the same run. Nothing is asked of a store: an answer through HTTP pays for the
index besides, one query for each shard (docs/mirror.md).
"""

from __future__ import annotations

import gc
import itertools
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.mirror import columns, compaction, local_copy, reader
from chalicelib.mirror.marked import Marked
from chalicelib.mirror.store import Head
from chalicelib.segments import sorting
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet

FRIENDS = (100_000,)
CHANGED, ROUNDS, SHARDS = 200, 7, 64
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


def made(number: int, folder: Path) -> tuple[float, list[dict[str, Any]]]:
    """Lay a snapshot of so many friends down in a folder; the processor time, and the first sheets."""
    chance, spent = Random(1), 0.0
    (folder / "bench").mkdir()
    bench = compaction.Bench("salon", SHARDS, None, folder / "bench")
    bench.open_base()
    kept: list[dict[str, Any]] = []
    for begun in range(0, number, 10_000):
        sheets = [a_friend(chance, n) for n in range(begun, min(begun + 10_000, number))]
        kept += sheets[: max(0, 10_000 - len(kept))]
        before = time.process_time()
        bench.take(Marked(sheet, 0, "old") for sheet in sheets)
        spent += time.process_time() - before
    before = time.process_time()
    with mock.patch("chalicelib.gateways.objects.put", lambda key, file, _: _keep(folder / key, file)):
        bench.write("place")
    return spent + time.process_time() - before, kept


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


def measure(number: int, folder: Path) -> None:
    """Print the figures of one size."""
    spent, sheets = made(number, folder)
    size = sum(path.stat().st_size for path in (folder / "place").iterdir())
    print(f"\n{number:,} friends: compacted in {spent:.1f} s of CPU, {size / 1e6:,.0f} MB of files")
    with mock.patch("chalicelib.gateways.objects.open_file", lambda key: (folder / key).open("rb")):
        copy = local_copy.Copy(Head(1, "place", "", iso(NOW), number, SHARDS, columns.FORMAT))
        changed = sheets[:CHANGED]
        base = in_sqlite(copy, folder)
        print(f"  {'':<30} {'mirror':>10} {'SQLite':>10} {'scan':>10}   ms")
        for name, settled in questions(copy, changed):
            scan = median_ms(lambda s=settled: sum(map(s.question.test, sheets))) * number / len(sheets)
            where = IN_SQLITE.get(name)
            query = f"SELECT count(*) FROM friends f WHERE f.status = 'following' AND {where}"
            beside = (
                f"{median_ms(lambda q=query: base.execute(q).fetchall()):10.1f}" if where else f"{'':>10}"
            )
            print(f"  {name:<30} {median_ms(settled.count):10.1f} {beside} {scan:10.1f}")
        order = sorting.order("score:interest", "desc", CONTEXT, SHARDS, NOW)
        *_, (_, settled) = itertools.islice(questions(copy, changed), 1)
        everyone = reader.Question(
            "salon", SHARDS, language.audience_to_sql({"everyone": True}, CONTEXT, NOW), bool
        )
        listed = reader.Settled(everyone, copy, settled.changed, settled.numbers)
        print(f"  {'first 50 by a score':<30} {median_ms(lambda: listed.find(order, 50, None)):10.1f}")
        copy.retire()
    print(f"  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:,} MB of memory at most so far")


def main() -> None:
    """Measure and print."""
    for number in [int(one.replace(",", "")) for one in sys.argv[1:]] or FRIENDS:
        folder = Path(tempfile.mkdtemp(prefix="todoku-benchmark-"))
        try:
            measure(number, folder)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
