"""Names of derived things: the same for the same parts, others for any other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.shared.events import FriendEvent, inbox_message
from chalicelib.shared.ids import digest

PARTS = st.lists(st.text(alphabet="ab|\\あ😀", max_size=4), min_size=1, max_size=4)


@given(PARTS, PARTS)
def test_other_parts_have_another_digest(one: list[str], other: list[str]) -> None:
    """Wherever the parts hold what joins them."""
    assert (digest(*one) == digest(*other)) == (one == other)


def test_an_event_is_no_duplicate_of_another_friends() -> None:
    """The inbox drops what has the same id: the name of a friend never runs into that of an event."""
    ids = {
        inbox_message(FriendEvent(event, "shop", user, "custom:x", "2026-11-22T06:00:00.000Z")).dedup
        for user, event in (("a|b", "c"), ("a", "b|c"), ("a|b|c", ""), ("a\\|b", "c"), ("a\\", "b|c"))
    }
    assert len(ids) == 5
