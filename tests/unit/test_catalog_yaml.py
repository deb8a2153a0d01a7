"""YAML bundles: read as people mean them, written so that every reader reads them back."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog import yaml_text
from chalicelib.shared.errors import InvalidInput, TooLarge

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]))
    | st.sampled_from(
        ["21:00", "no", "on", "~", "null", "1e5", "0x1F", "010", "<<", "=", "2026-04-01", "1_000", ".inf"]
    ),
    lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), x, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_what_is_written_is_read_back(value: Any) -> None:
    """Our YAML gives the same JSON value to our reader and to any YAML 1.1 reader."""
    text = yaml_text.write(value)
    assert yaml_text.read(text) == value
    assert yaml.safe_load(text) == value


plain = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=5)


@given(st.dictionaries(plain, plain | st.integers() | st.booleans() | st.none(), max_size=3))
def test_json_is_yaml(value: dict[str, Any]) -> None:
    """A JSON text of visible characters means the same as YAML."""
    assert yaml_text.read(json.dumps(value, ensure_ascii=False)) == value


def test_scalars_are_what_they_look_like() -> None:
    """Times, dates, yes and no, and numbers with leading zeros are text; decimal numbers are numbers."""
    text = "{a: 21:00, b: no, c: 2026-04-01, d: 0123, e: 12, f: -1.5, g: 1e3, h: true, i: ~, j: , k: .inf,"
    text += " l: 1_0}"
    assert yaml_text.read(text) == {
        "a": "21:00",
        "b": "no",
        "c": "2026-04-01",
        "d": "0123",
        "e": 12,
        "f": -1.5,
        "g": 1000.0,
        "h": True,
        "i": None,
        "j": None,
        "k": ".inf",
        "l": "1_0",
    }


def test_aliases_and_merges_work_when_they_are_small() -> None:
    """People may write a part once and refer to it."""
    text = "a: &x {k: 1}\nb: *x\nc: {<<: *x, m: 2}\n"
    assert yaml_text.read(text) == {"a": {"k": 1}, "b": {"k": 1}, "c": {"k": 1, "m": 2}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "a: [",
        "a: 1\na: 2",
        "a: {b: 1, b: 1}",
        "? &x b\n: 1\n*x : 1",
        "1: a",
        "true: a",
        "? [a]\n: 1",
        "a: &x [*x]",
        "a: *nowhere",
        "a: !!python/object/apply:os.system [ls]",
        "a: !!timestamp 2026-01-01",
        "a: !!binary aGk=",
        "!!set {a}",
        "a: !!bool x",
        "!!str [a]: 1",
        "a: !!int x",
        "a: !mine x",
        "a: 1\n---\nb: 2",
        "a: \x00",
        'a: "\\ud83d"',
        "a: 1e999",
        "a: " + "1" * 5000,
        "[" * 500_000,
        "{a: " * 200_000,
        "- " * 300_000,
    ],
)
def test_what_cannot_be_a_bundle_is_refused(text: str) -> None:
    """Broken, ambiguous, executable, bottomless and explosive YAML is invalid input, never a crash."""
    with pytest.raises(InvalidInput):
        yaml_text.read(text)


def test_names_are_counted_before_anything_is_built() -> None:
    """An object of too many names, and a name that stands twice among many, are refused where they stand."""
    many = ", ".join(f"a{n}: {{b: 1}}" for n in range(10_001))
    with pytest.raises(TooLarge, match="more than 10000 names in one object"):
        yaml_text.read("tags: {" + many + "}")
    with pytest.raises(InvalidInput, match=r"'a' is given twice \(line 3, column 3\)"):
        yaml_text.read("tags:\n" + "  a: {b: [1, {a: 2}]}\n" * 30_000)


@given(st.text(max_size=80))
def test_no_text_crashes_the_reader(text: str) -> None:
    """Any text is a JSON value or invalid input."""
    try:
        value = yaml_text.read(text)
    except InvalidInput:
        return
    json.dumps(value, allow_nan=False)
