"""The budget of a request: small requests stay small, whatever they hold, and refusals name the place."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog import yaml_text
from chalicelib.http.bodies import parse_json
from chalicelib.http.budget import MAX_COLUMNS, Budget, refuse_over
from chalicelib.shared.errors import MAX_DETAILS, MAX_SENTENCE, Detail, InvalidInput, TodokuError, TooLarge
from chalicelib.shared.reasons import quoted
from chalicelib.transfers.csv_file import CsvFile

SMALL = Budget(bytes=100, depth=3, names=4, values=10)


@given(
    st.recursive(
        st.integers(-99, 99) | st.text("aか💇", max_size=3),
        lambda x: st.lists(x, max_size=12) | st.dictionaries(st.text("aか💇", max_size=3), x, max_size=6),
        max_leaves=15,
    )
)
def test_what_is_refused_is_what_is_over(value: Any) -> None:
    """A value is refused exactly when it has more levels, names or values than its budget."""
    over = levels(value) > SMALL.depth or names(value) > SMALL.names or values(value) > SMALL.values
    refused = False
    try:
        parse_json(json.dumps(value), SMALL)
    except (InvalidInput, TooLarge):
        refused = True
    assert refused is over


def levels(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(levels, value.values() if isinstance(value, dict) else value), default=0)


def names(value: Any) -> int:
    if not isinstance(value, dict | list):
        return 0
    inner = max(map(names, value.values() if isinstance(value, dict) else value), default=0)
    return max(inner, len(value) if isinstance(value, dict) else 0)


def values(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + sum(map(values, children))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"a": [1, {"b": ' + "9" * 400 + "}]}", "a[1].b"),
        ('{"a": [1, {"b": 0.' + "9" * 400 + "}]}", "a[1].b"),
        ('{"a": {"b": -' + "9" * 5000 + "}}", "a.b"),
        ('{"a": {"b": 1e999}}', "a.b"),
        ('{"a": {"b": NaN}}', "a.b"),
        ('{"a": [{"b": 1, "c": 2, "b": 3}]}', "a[0]"),
        ('{"a": ["\\ud83d"]}', "a[0]"),
        ('{"a": {"\\ud83d": 1}}', "a"),
        ('{"a": ' + "[" * 101 + "]" * 101 + "}", "a" + "[0]" * 99),
    ],
)
def test_refusals_name_the_place(text: str, path: str) -> None:
    """What no value can be is 400 with the path of the place where it stands."""
    with pytest.raises(InvalidInput) as caught:
        parse_json(text)
    assert [detail.path for detail in caught.value.details] == [path]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {str(n): n for n in range(10_001)}}, "a"),
        ({"a": [0] * 200_001}, "a"),
        ({"a": [[0] * 1_000] * 1_000}, "a"),
    ],
)
def test_too_much_is_too_large(value: Any, path: str) -> None:
    """Too many names or values are 413 with the path."""
    with pytest.raises(TooLarge) as caught:
        refuse_over(value)
    assert caught.value.details[0].path.startswith(path)


def aliases(scalar: str, times: int) -> str:
    return f"a: &x {scalar}\nb: [" + ",".join(["*x"] * times) + "]"


def bomb() -> str:
    lines = ["a0: &x0 [" + ",".join("1" * 10) + "]"]
    lines += [f"a{n}: &x{n} [" + ",".join([f"*x{n - 1}"] * 10) + "]" for n in range(1, 10)]
    return "\n".join(lines)


@pytest.mark.parametrize("text", [bomb(), aliases("y" * 64_000, 10_000)])
def test_aliases_count_as_if_they_were_written_out(text: str) -> None:
    """A YAML that is small only because it repeats itself is as large as what it says."""
    with pytest.raises(TooLarge):
        yaml_text.read(text)


def test_yaml_has_the_budget_of_json() -> None:
    """Long numbers, wide and deep objects are refused in YAML with the path, as in JSON."""
    for text, path in (
        ("a: {b: " + "9" * 400 + "}", "a.b"),
        ("a: {b: 1e999}", "a.b"),
    ):
        with pytest.raises((InvalidInput, TooLarge)) as caught:
            yaml_text.read(text)
        assert caught.value.details[0].path == path
    with pytest.raises(TooLarge, match="line 1"):  # found before anything is built that has a path
        yaml_text.read("a: {" + ",".join(f"n{n}: 1" for n in range(10_001)) + "}")


@pytest.mark.parametrize(
    "read",
    [
        lambda: parse_json("{" + ",".join(f'"n{n}":1' for n in range(30_000)) + ',"n29999":1}'),
        lambda: parse_json("[" + ",".join('{"a":1,"a":2}' for _ in range(60_000)) + "]"),
        lambda: parse_json("[" + "9" * 1_000_000 + "]"),
        lambda: parse_json("[" * 1_000_000),
        lambda: yaml_text.read(aliases("y" * 90_000, 1_000)),
        lambda: yaml_text.read("a: [" + "9" * 500_000 + "]"),
        lambda: yaml_text.read("a: [" + "1," * 500_000 + "]"),
        lambda: yaml_text.read("---\n" * 250_000),
        lambda: a_table(",".join(f"c{n}" for n in range(40_000)) + "\nx\n"),
        lambda: a_table(",".join(["c"] * 200_000) + "\nx\n"),
        lambda: a_table("\n" * 1_000_000, most_lines=200_000),
        lambda: a_table("user_id\n" + ",\n" * 500_000, most_lines=200_000),
    ],
)
@pytest.mark.timeout(30)
def test_refusing_is_quick(read: Callable[[], Any]) -> None:
    """A megabyte of nonsense is refused in a time that grows with its size (with its square: in minutes)."""
    with pytest.raises((InvalidInput, TooLarge)):
        read()


def a_table(text: str, most_lines: int | None = None) -> list[str]:
    """The header of a CSV text whose lines are read to the end."""
    table = CsvFile(io.BytesIO(text.encode()), most_lines)
    assert all(record.cells for record in table.records())
    return table.header


def test_tables_have_a_width() -> None:
    """The widest table is read; one column more is too large."""
    header = a_table(",".join(f"c{n}" for n in range(MAX_COLUMNS)))
    assert len(header) == MAX_COLUMNS
    with pytest.raises(TooLarge):
        a_table(",".join(f"c{n}" for n in range(MAX_COLUMNS + 1)))


def test_answers_name_a_hundred_details_and_how_many_more() -> None:
    """However much is wrong, an error stays readable: 100 details, a count, and sentences with an end."""
    details = [Detail("p" * 5_000, quoted("m" * 5_000 + "\ud83d"))] * (MAX_DETAILS + 7)
    error = TodokuError(quoted("x" * 1_000_000), details).body()["error"]
    assert len(error["details"]) == MAX_DETAILS + 1
    assert error["details"][-1]["message"] == "and 7 more"
    assert error["details"][-1]["reason"] == {"code": "more_wrong", "params": {"more": 7}}
    assert (
        max(len(text) for one in error["details"] for text in (one["path"], one["message"]))
        == MAX_SENTENCE + 1
    )
    assert len(error["message"]) == MAX_SENTENCE + 1
