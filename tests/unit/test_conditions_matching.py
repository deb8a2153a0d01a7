"""``when.match``: every operator, dotted paths, folding, and what is refused."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.events.matching import BadMatch, captures, capturing, compile_match, fold, group_names

PROPS = {
    "text": "予約したいです",
    "kana": "ヨヤク",
    "amount": 1200,
    "ok": True,
    "params": {"date": "2026-12-01"},
    "items": [{"category": "lotion"}, {"category": "soap"}],
    "tags": ["a", "b"],
}


def holds(match: dict[str, Any], props: Any = PROPS) -> bool:
    return all(test.failure(props) is None for test in compile_match(match))


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({}, True),
        ({"text": "予約したいです"}, True),
        ({"text": "予約"}, False),
        ({"amount": 1200}, True),
        ({"amount": 1200.0}, True),
        ({"amount": "1200"}, False),
        ({"ok": True}, True),
        ({"ok": 1}, False),
        ({"amount": True}, False),
        ({"text": {"eq": "予約したいです"}}, True),
        ({"text": {"in": ["x", "予約したいです"]}}, True),
        ({"text": {"prefix": "予約"}}, True),
        ({"text": {"prefix": "約"}}, False),
        ({"text": {"contains": "したい"}}, True),
        ({"tags": {"contains": "b"}}, True),
        ({"tags": {"contains": "c"}}, False),
        ({"text": {"regex": "^予.*です$"}}, True),
        ({"text": {"regex": "した"}}, True),
        ({"text": {"regex": "^した"}}, False),
        ({"amount": {"gt": 1199, "lte": 1200}}, True),
        ({"amount": {"gt": 1200}}, False),
        ({"ok": {"gte": 0}}, False),
        ({"text": {"gt": 1}}, False),
        ({"params.date": "2026-12-01"}, True),
        ({"items.0.category": "lotion"}, True),
        ({"items.9.category": "lotion"}, False),
        ({"missing": "x"}, False),
        ({"params": {"contains": "d"}}, False),
        ({"kana": {"eq": "よやく"}}, False),
        ({"kana": {"regex": "^ﾖﾔ[ｸｹ]$", "fold": True}}, True),
        ({"kana": {"regex": "ﾖﾔｸ"}}, False),
        ({"amount": {"regex": "１", "fold": True}}, False),
        ({"kana": {"eq": "よやく", "fold": True}}, True),
        ({"kana": {"contains": "ﾔｸ", "fold": True}}, True),
        ({"kana": {"regex": "^ヨ", "fold": True}}, True),
        ({"text": {"prefix": "予約"}, "amount": {"lt": 1}}, False),
    ],
)
def test_operators(match: dict[str, Any], expected: bool) -> None:
    """Each operator on values it takes and on values it does not."""
    assert holds(match) is expected


@pytest.mark.parametrize(
    ("match", "text"),
    [
        ({"text": "予約"}, 'text is "予約したいです"'),
        ({"ok": False}, "ok is true"),
        ({"params": "x"}, 'params is {"date":"2026-12-01"}'),
        ({"missing": "x"}, "missing is missing"),
    ],
)
def test_what_was_seen_is_shown_as_json(match: dict[str, Any], text: str) -> None:
    """Never Python's own notation."""
    assert str(compile_match(match)[0].failure(PROPS)) == text


def test_folding_is_what_people_mean() -> None:
    """Full width, case, katakana, half width and spaces around do not matter when folding."""
    match = {"text": {"eq": "ABCよやく", "fold": True}}
    assert all(holds(match, {"text": text}) for text in ("ＡＢＣヨヤク", " abcﾖﾔｸ ", "Abcよやく"))


def in_hiragana(letter: str) -> str:
    """What Unicode's names say that a katakana letter is in hiragana; itself where it is in none."""
    names = [unicodedata.name(part) for part in unicodedata.normalize("NFD", letter)]
    try:
        pairs = [unicodedata.lookup(name.replace("KATAKANA", "HIRAGANA")) for name in names]
    except KeyError:
        return letter
    return unicodedata.normalize("NFC", "".join(pairs))


HIRAGANA = [*map(chr, range(0x3041, 0x3097)), *map(chr, range(0x309D, 0x30A0))]
KATAKANA = [*map(chr, range(0x30A1, 0x30FB)), *map(chr, range(0x30FC, 0x3100))]


@given(st.lists(st.sampled_from(KATAKANA), max_size=8).map("".join))
def test_katakana_is_the_hiragana_of_the_same_name(text: str) -> None:
    """The whole block, iteration marks and voiced wa, wi, we, wo included, in any order and either form."""
    assert fold("".join(map(in_hiragana, text))) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(text)
    assert fold(fold(text)) == fold(text)


def test_every_letter_of_the_kana_blocks_is_folded() -> None:
    """No katakana is left but the long mark, and what hiragana there is stays what it is."""
    left = {letter for letter in KATAKANA if re.search("[ァ-ヺヽ-ヿ]", fold(letter))}
    assert left == set()
    assert [letter for letter in HIRAGANA if fold(letter) not in {letter, "より"}] == []
    pairs = {"ヽ": "ゝ", "ヾ": "ゞ", "ヷ": "わ゙", "ヸ": "ゐ゙", "ヹ": "ゑ゙", "ヺ": "を゙", "ヿ": "こと", "ﾜﾞ": "わ゙"}
    for katakana, hiragana in pairs.items():
        assert holds({"text": {"eq": hiragana, "fold": True}}, {"text": katakana})
        assert holds({"text": {"regex": f"^{katakana}$", "fold": True}}, {"text": hiragana})


@pytest.mark.parametrize(
    ("match", "path"),
    [
        ({"text": {"like": "x"}}, "text.like"),
        ({"text": {}}, "text"),
        ({"text": None}, "text"),
        ({"text": ["x"]}, "text"),
        ({"text": {"in": []}}, "text.in"),
        ({"text": {"in": [{}]}}, "text.in[0]"),
        ({"text": {"prefix": ""}}, "text.prefix"),
        ({"text": {"contains": 5}}, "text.contains"),
        ({"text": {"regex": "("}}, "text.regex"),
        ({"text": {"regex": "(?<=a)b"}}, "text.regex"),
        ({"text": {"gt": "1"}}, "text.gt"),
        ({"text": {"eq": "x", "fold": 1}}, "text.fold"),
        ({"a..b": "x"}, "a..b"),
    ],
)
def test_what_cannot_be_compiled_says_where(match: dict[str, Any], path: str) -> None:
    """BadMatch carries the path below ``match``."""
    with pytest.raises(BadMatch) as refused:
        compile_match(match)
    assert refused.value.path == path


@pytest.mark.timeout(30)
def test_regular_expressions_are_linear() -> None:
    """A pattern that takes a backtracking engine for ever answers at all."""
    test = compile_match({"text": {"regex": "(a+)+$"}})[0]
    assert test.failure({"text": "a" * 5000 + "b"}) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_a_test_never_raises(value: Any) -> None:
    """Whatever stands in props, a test holds or says what it saw."""
    operators: list[Any] = [
        "x", 1, True, {"eq": "x", "fold": True}, {"in": [1, "x"]}, {"prefix": "x"}, {"contains": "x"},
        {"regex": "x"}, {"gt": 1}, {"lte": 1.5},
    ]  # fmt: skip
    for wanted in operators:
        for test in compile_match({"a": wanted, "a.b.0": wanted}):
            assert test.failure({"a": value}) is None or str(test.failure({"a": value}))


def held(match: dict[str, Any], props: dict[str, Any]) -> dict[str, str]:
    return captures(capturing(compile_match(match)), props)


def test_groups_of_a_regex_are_captured() -> None:
    """By number and by name; a group that took no part is missing, and so is everything without a match."""
    match = {"text": {"regex": r"名前[:：]\s*(?P<name>\S+)(様)?"}}
    assert held(match, {"text": "名前： 山田"}) == {"1": "山田", "name": "山田"}
    assert held(match, {"text": "名前： 山田 "}) == {"1": "山田", "name": "山田"}
    assert held({"text": {"regex": "(a)(様)?"}}, {"text": "a様"}) == {"1": "a", "2": "様"}
    assert held(match, {"text": "x"}) == held(match, {}) == held(match, {"text": 5}) == {}
    assert group_names(compile_match(match)) == ["1", "2", "name"]


def test_folded_text_gives_folded_captures() -> None:
    """What was folded to be compared is what is captured."""
    match = {"text": {"regex": r"なまえ[:：](?P<name>\w+)", "fold": True}}
    assert held(match, {"text": "ナマエ：ＹＡＭＡＤＡ"}) == {"1": "yamada", "name": "yamada"}


def test_groups_of_several_tests_are_counted_on() -> None:
    """In the order of the paths, whatever order they were written in; tests without groups do not count."""
    match = {"b": {"regex": "(?P<two>2)"}, "c": {"regex": "(?:3)"}, "a": {"regex": "(1)(x)?"}}
    assert [test.path for test in capturing(compile_match(match))] == ["a", "b"]
    assert held(match, {"a": "1", "b": "2", "c": "3"}) == {"1": "1", "3": "2", "two": "2"}
    assert group_names(compile_match(match)) == ["1", "2", "3", "two"]
    assert group_names(compile_match({"a": {"contains": "("}, "b": {"regex": r"\("}})) == []


ITEMS = {"items": [{"category": "lotion", "amount": 500}, {"category": "soap", "tags": ["new", "gift"]}]}


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"items.*.category": "lotion"}, True),
        ({"items.*.category": {"in": ["milk", "soap"]}}, True),
        ({"items.*.category": "milk"}, False),
        ({"items.*.amount": {"gt": 100, "lt": 600}}, True),
        ({"items.*.amount": {"gt": 600}}, False),
        ({"items.*.tags.*": {"prefix": "gi"}}, True),
        ({"items.*.tags.*": "old"}, False),
        ({"items.*.category.*": "lotion"}, False),
        ({"nothing.*.here": "x"}, False),
        ({"items.*": "x"}, False),
    ],
)
def test_every_entry_of_a_list_is_looked_at(match: dict[str, Any], expected: bool) -> None:
    """``*``: the test holds when it holds of one of them, all of its operators of the same."""
    assert holds(match, ITEMS) is expected


def test_captures_of_the_first_entry_that_fits() -> None:
    """Groups hold what they found in the first text in which the expression is found."""
    assert held({"items.*.category": {"regex": "^(s.*)$"}}, ITEMS) == {"1": "soap"}
    with pytest.raises(BadMatch):
        compile_match({"*": "x"})
