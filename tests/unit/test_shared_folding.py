"""One folding for searches, choices and matches: width, case, kana and composition do not count."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.shared.text.folding import fold, is_named_like

NAMES = ["ガーデン 花子", "Ｔａｎａｋａ", "ﾎﾟﾁ", "Éva", "辻󠄀", "👩‍👩‍👧 家族"]


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_found_however_it_is_composed(name: str, form: str) -> None:
    """Both sides are folded: a name from a Mac (NFD) is found by what a phone types, and the other way."""
    other = unicodedata.normalize(form, name)
    assert is_named_like(other, name)
    assert is_named_like(name, other)


@pytest.mark.parametrize(
    ("wanted", "name"),
    [("がーでん", "ガーデン 花子"), ("tanaka", "Ｔａｎａｋａ"), ("ぽち", "ﾎﾟﾁ"), ("éVA", "Éva")],
)
def test_width_case_and_kana_do_not_count(wanted: str, name: str) -> None:
    """People type a name as they like."""
    assert is_named_like(wanted, name)


def test_what_is_no_name_is_passed_over() -> None:
    """A friend without a name is found by the id alone."""
    assert is_named_like("u02", None, "U02")
    assert not is_named_like("花", None, "U02")


@given(st.text())
def test_composition_never_counts(text: str) -> None:
    """Every text is the same in all of Unicode's forms."""
    forms = {fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert len(forms) == 1
