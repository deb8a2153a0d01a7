"""``did you mean``: the nearest known name, in bounded time."""

from __future__ import annotations

import pytest

from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("vpi", "vip"),
        ("VIP", "vip"),
        ("spring-sal", "spring-sale"),
        ("segmnet", "segment"),
        ("来店", "来店者"),
    ],
)
def test_a_slip_finds_the_name(name: str, nearest: str) -> None:
    """A slip of the finger, another case, a missing letter: the known name is offered."""
    known = ["vip", "spring-sale", "segment", "来店者"]
    found = did_you_mean(Reason("unknown_field"), name, known)
    assert str(found) == f'is not a known field (did you mean "{nearest}"?)'


def test_what_is_like_nothing_offers_nothing() -> None:
    """No name is near, or none is known: the sentence ends without a guess."""
    why = Reason("unknown_field")
    assert did_you_mean(why, "foo", ["condition", "limit"]) == why
    assert did_you_mean(why, "foo", []) == why


@pytest.mark.timeout(60)
def test_the_work_is_bounded() -> None:
    """A name of a megabyte among 20,000 known names ends soon (compared letter by letter: in hours)."""
    did_you_mean(Reason("unknown_field"), "a" * 1_000_000, [f"attribute-number-{n}" for n in range(20_000)])
    did_you_mean(
        Reason("unknown_field"), "attribute-numbre-7", [f"attribute-number-{n}" for n in range(20_000)]
    )
