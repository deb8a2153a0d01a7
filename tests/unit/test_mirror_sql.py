"""Three readers of one language agree: the predicate, the explanation, and SQL over the mirror's columns."""

from __future__ import annotations

import copy
import random
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.conditions import language as conditions
from chalicelib.conditions.model import Context
from chalicelib.friends import marks
from chalicelib.mirror import columns, compaction, reader, sql
from chalicelib.mirror.marked import UNMARKED, Marked, is_marked
from chalicelib.segments import sorting
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from tests import strategies
from tests.strategies import NOW, SCORES, a_snapshot

pytest.importorskip("duckdb")
TOKYO = ZoneInfo("Asia/Tokyo")
ZONES = st.sampled_from(["Asia/Tokyo", "America/New_York", "Europe/London", "America/Havana", "Africa/Cairo"])
DST = ["2026-03-08T06:59:59.999999+00:00", "2026-03-29T01:00:00+00:00", "2026-11-01T05:30:00+00:00"]
TIMESTAMPS = st.one_of(
    st.just(NOW),
    st.sampled_from(DST).map(datetime.fromisoformat),
    st.integers(-200 * 86_400_000_000, 40 * 86_400_000_000).map(lambda us: NOW + timedelta(microseconds=us)),
)


class Table:
    """Sheets in the mirror's columns, without a store."""

    def __init__(self, sheets):
        self._folder = tempfile.TemporaryDirectory()
        self._bench = compaction.Bench("salon", 4, None, Path(self._folder.name))
        self._bench.open_base()
        self.sheets = [sheet | {"user_id": f"U{n}"} for n, sheet in enumerate(sheets)]
        self._bench.take(Marked(sheet, 0, None) for sheet in self.sheets)
        self._bench.lay_down()
        for table in columns.TABLES:
            self._bench._connection.execute(f"CREATE VIEW {table} AS FROM new_{table}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bench._connection.close()
        self._folder.cleanup()

    def answers_of(self, part):
        """For each sheet: True or False by the columns alone, None: left to the predicate."""
        query = f"SELECT user_id, odd, {part.must}, {part.may} FROM friends f"
        rows = self._bench._connection.execute(query).fetchall()
        found = {user: None if odd or must is not may else must for user, odd, must, may in rows}
        return [found[sheet["user_id"]] for sheet in self.sheets]

    def agrees(self, condition, now, context):
        """How many sheets the columns alone could judge; whoever they judge, they judge right."""
        assert conditions.shape(condition) == []
        part = conditions.audience_to_sql(condition, context, now)
        test = conditions.compile_audience(condition, context)
        for answer, sheet in zip(answers := self.answers_of(part), self.sheets, strict=True):
            truth = test(sheet, now)
            tree = conditions.explain(condition, context, sheet, now)["value"]
            asked = conditions.asks_for_status(condition, context.snapshot)
            assert truth is (tree and (asked or sheet["status"] == "following"))
            assert answer in {None, truth}, (condition, sheet, now)
        return sum(answer is not None for answer in answers)


def agree(condition, sheets, now, context):
    with Table(sheets) as table:
        return table.agrees(condition, now, context)


SHEETS = st.lists(strategies.sheets(), min_size=4, max_size=8)


@settings(max_examples=20)
@given(st.lists(strategies.conditions(), min_size=6, max_size=6), SHEETS, TIMESTAMPS, ZONES)
def test_predicate_explanation_and_sql_agree(asked, sheets, now, zone):
    """Over any conditions, sheets and moments: what the columns say is what the sheet says."""
    for sheet in sheets[::2]:
        sheet["status"] = "following"
    with Table(sheets) as table:
        for condition in asked:
            table.agrees(condition, now, Context(a_snapshot(), ZoneInfo(zone)))


@settings(max_examples=25)
@given(st.lists(strategies.leaves(), min_size=8, max_size=8), SHEETS, TIMESTAMPS, ZONES)
def test_every_leaf_agrees(leaves, sheets, now, zone):
    """The same leaf by leaf, and with its opposite: no leaf is ever NULL."""
    for sheet in sheets:
        sheet["status"] = "following"
    context = Context(a_snapshot(), ZoneInfo(zone))
    with Table(sheets) as table:
        for leaf in leaves:
            table.agrees(leaf, now, context)
            table.agrees({"not": leaf}, now, context)


def a_sheet(**changes):
    sheet = new_sheet("salon", "U1", iso(NOW)) | {"status": "following"}
    return copy.deepcopy(sheet | changes)


HALF_LIFE = next(name for name, body in SCORES.items() if body.get("half_life"))


VALUES = st.tuples(st.sampled_from([1.0, 2.5, 5.0, 0.1, 1e-9, 100.0]), st.integers(0, 40 * 86_400_000))


@settings(max_examples=5)
@given(st.lists(VALUES, min_size=4, max_size=4))
def test_a_decayed_score_is_compared_where_rounding_decides(values):
    """Also with the very value that it has by now, and the ones beside it."""
    sheets = [
        a_sheet(scores={HALF_LIFE: {"value": value, "at": iso(NOW - timedelta(milliseconds=age_ms))}})
        for value, age_ms in values
    ]
    context = Context(a_snapshot(), TOKYO)
    with Table(sheets) as table:
        for sheet in sheets:
            asked = {"score": {"id": HALF_LIFE, "gte": 0}}
            seen = conditions.explain(asked, context, sheet, NOW)["seen"]
            for operand in (seen, seen + 1e-9, seen - 1e-9, round(seen, 3)):
                for operator in ("eq", "ne", "gt", "gte", "lt", "lte"):
                    table.agrees({"score": {"id": HALF_LIFE, operator: operand}}, NOW, context)


@pytest.mark.parametrize("direction", ["desc", "asc"])
def test_pages_by_a_score_are_those_of_the_sheets(direction):
    """Read on and on: everybody once, in the order of the sheets, with equals, with friends who changed, who
    are not meant, and who have no score. The first page needs the first pairs alone.
    """
    chance, context = random.Random(5), Context(a_snapshot(), TOKYO)
    at = [iso(NOW - timedelta(days=days)) for days in (3, 3, 40)]
    sheets = [
        a_sheet(scores={HALF_LIFE: {"value": float(chance.randrange(40)), "at": at[n % 3]}} if n % 7 else {})
        | {"status": "blocked" if n % 5 == 0 else "following"}
        for n in range(150)
    ]
    order = sorting.order(f"score:{HALF_LIFE}", direction, context, 4, NOW)
    part = conditions.audience_to_sql({"everyone": True}, context, NOW)
    is_meant = conditions.compile_audience({"everyone": True}, context)
    with Table(sheets) as table:
        rows = table._bench._connection.execute
        held = SimpleNamespace(rows=lambda query: rows(query).fetchall(), has_odd=lambda: False)
        question = reader.Question("salon", 4, part, lambda sheet: is_meant(sheet, NOW))
        settled = reader.Settled(question, held, table.sheets[:4], [1, 2, 3, 4])
        meant = [sheet for sheet in table.sheets if is_meant(sheet, NOW)]
        places = [(order.of(sheet), sheet["user_id"]) for sheet in meant]
        wanted = sorted(places, key=lambda place: reader._place(order, place))
        assert settled._first_of_pairs(order, 9, None) is not None
        found, after = [], None
        while page := settled.find(order, 9, after).items:
            found, after = found + page, page[-1]
    assert found == wanted


def test_what_columns_cannot_say_is_judged_from_the_sheet():
    """A whole number beyond 2^53, a moment in another form, a score with more digits: odd, never wrong."""
    context = Context(a_snapshot(), TOKYO)
    odd = [
        a_sheet(attributes={"visits": 2**53 + 1}),
        a_sheet(followed_at="2026-11-20T00:00:00Z"),
        a_sheet(scores={HALF_LIFE: {"value": 0.1234567891, "at": iso(NOW)}}),
    ]
    for sheet in odd:
        assert columns.rows(sheet, 1, 0, None)["friends"][4:6] == (True, "following")
    assert agree({"attribute": {"id": "visits", "gt": 2**53}}, odd, NOW, context) == 0


@pytest.mark.parametrize(
    "text", ["'", "''; DROP TABLE friends; --", "\\", "が", "か\u3099", "😀", 'a"b', "100%_"]
)
def test_any_text_is_only_text(text):
    """In a tag's place, an attribute's and an event's key: found by itself, and by nothing else."""
    context = Context(a_snapshot(), TOKYO)
    sheets = [a_sheet(attributes={"area": text}), a_sheet(attributes={"area": "x" + text})]
    assert agree({"attribute": {"id": "area", "eq": text}}, sheets, NOW, context) == 2
    assert agree({"attribute": {"id": "area", "contains": text}}, sheets, NOW, context) == 2
    assert agree({"event": {"type": "postback", "key": text}}, sheets, NOW, context) == 2
    assert agree({"source": {"first": text}}, [a_sheet(source={"first": text})], NOW, context) == 1


def test_the_columns_alone_judge_nearly_all():
    """Only answers to questions have no SQL, and what stands beside them still narrows it down."""
    context = Context(a_snapshot(), TOKYO)
    part = conditions.to_sql({"form": {"id": "skin-check", "question": "q", "eq": "x"}}, context, NOW)
    assert part == sql.UNKNOWN
    both = {"all": [{"tag": strategies.TAGS[0]}, {"form": {"id": "skin-check", "question": "q", "eq": "x"}}]}
    part = conditions.to_sql(both, context, NOW)
    assert "tags" in part.may
    assert not part.is_exact


def test_a_scenario_is_asked_for_by_the_run_that_represents_all():
    """Of several runs the one under way; who never was in it has no row. At which node is not in columns."""
    context = Context(a_snapshot(), TOKYO)

    def runs(**states):
        return {f"welcome#{n}": {"state": s, "node": "n1", "v": 1, "at": n} for n, s in states.items()}

    stand = [runs(a="active", b="finished"), runs(a="exited", b="finished"), {}]
    sheets = [a_sheet(scenarios=scenarios) for scenarios in stand]
    for state in ("active", "finished", "exited", "never"):
        assert agree({"scenario": {"id": "welcome", "state": state}}, sheets, NOW, context) == 3
    asked = {"scenario": {"id": "welcome", "state": "active", "node": "n1"}}
    assert conditions.to_sql(asked, context, NOW) == sql.UNKNOWN
    assert not is_marked(conditions.needs(asked, context.snapshot))


def test_a_very_long_condition_is_judged_sheet_by_sheet():
    """Hundreds of leaves make no query."""
    long = {"any": [{"tag": "t"}] * (conditions.MAX_IN_SQL + 1)}
    assert conditions.to_sql(long, Context(a_snapshot(), TOKYO), NOW) == sql.UNKNOWN


def test_every_asked_attribute_leaves_a_mark():
    """What a leaf, a list or a sort reads of a sheet is marked when it is written."""
    asked = {name for leaf in conditions.LEAVES.values() for name in leaf.needs} - UNMARKED
    assert asked | {"status", "display_name", "erased_at"} <= marks.MARKED
