"""The interval of a count from some of its shards."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.segments.estimate import interval


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=64), st.integers(0, 200))
def test_the_interval_is_one_and_never_below_what_was_counted(counts, unread):
    """low <= high, low >= what was seen; exact when every shard was read."""
    low, high = interval(counts, len(counts) + unread)
    assert sum(counts) <= low <= high
    if unread == 0:
        assert low == high == sum(counts)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Friends fall into shards by a hash: 95 % of intervals from 6 of 64 shards hold the total."""
    chance = random.Random(7)
    held = 0
    for _ in range(400):
        shards = [0] * 64
        for _ in range(640):
            shards[chance.randrange(64)] += 1
        low, high = interval(shards[:6], 64)
        held += low <= 640 <= high
    assert held >= 370
