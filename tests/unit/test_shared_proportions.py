"""Shares compared: against published implementations, and against chance itself."""

from __future__ import annotations

import random
from bisect import bisect
from itertools import accumulate
from math import comb

import pytest

from chalicelib.broadcasts.winners.decide import Measured, decide
from chalicelib.shared.proportions import Share, exact_p, interval, p_value, pooled_p

# hits, of, hits, of; then proportions_ztest of statsmodels 0.14 and fisher_exact of scipy 1.16.
TESTS = [
    (12, 100, 25, 100, 0.017915660, 0.027942706),
    (100, 1000, 130, 1000, 0.035488450, 0.041904548),
    (480, 9600, 575, 9600, 0.002624242, 0.002895484),
    (3, 40, 9, 42, 0.074467961, 0.117165851),
    (0, 50, 6, 50, 0.011521990, 0.026661076),
    (1, 1000, 9, 1000, 0.011207215, 0.021177529),
    (498, 500, 488, 500, 0.007112735, 0.012345635),
    (7, 12, 2, 30, 0.000227406, 0.000806451),
]
# hits, of, confidence; then binomtest(...).proportion_ci(method="wilson") of scipy 1.16.
INTERVALS = [
    (0, 10, 0.95, 0.000000000, 0.277532800),
    (5, 50, 0.95, 0.043475765, 0.213602314),
    (12, 100, 0.95, 0.069994064, 0.198120994),
    (480, 9600, 0.95, 0.045817427, 0.054542566),
    (50, 50, 0.95, 0.928652401, 1.000000000),
    (5, 50, 0.99, 0.033990884, 0.259730790),
]
FEW = {(0, 50, 6, 50), (7, 12, 2, 30)}
"""Where a cell expects fewer than five."""


@pytest.mark.parametrize(("a", "n", "b", "m", "pooled", "exact"), TESTS)
def test_p_values_are_those_of_others(a: int, n: int, b: int, m: int, pooled: float, exact: float) -> None:
    """Both tests agree with other implementations, whichever share is named first; few hits are tested
    exactly.
    """
    one, two = Share(a, n), Share(b, m)
    assert pooled_p(one, two) == pooled_p(two, one) == pytest.approx(pooled, abs=1e-8)
    assert exact_p(one, two) == pytest.approx(exact, abs=1e-8)
    assert exact_p(two, one) == pytest.approx(exact, abs=1e-8)
    assert p_value(one, two) == (exact_p(one, two) if (a, n, b, m) in FEW else pooled_p(one, two))


@pytest.mark.parametrize(("hits", "of", "confidence", "low", "high"), INTERVALS)
def test_intervals_are_those_of_others(
    hits: int, of: int, confidence: float, low: float, high: float
) -> None:
    """Wilson's interval."""
    assert interval(Share(hits, of), confidence) == pytest.approx((low, high), abs=1e-8)


def test_nothing_is_no_evidence() -> None:
    """Nobody, nobody who did it, everybody who did it: nothing differs, and nothing is known of nobody."""
    for one, two in (
        (Share(0, 0), Share(5, 10)),
        (Share(0, 900), Share(0, 90)),
        (Share(90, 90), Share(900, 900)),
    ):
        assert p_value(one, two) == 1
    assert interval(Share(0, 0)) == (0, 1)


def _draws(of: int, rate: float, seed: int) -> list[int]:
    """How many of ``of`` do it, ten thousand times."""
    chances = accumulate(comb(of, n) * rate**n * (1 - rate) ** (of - n) for n in range(of + 1))
    table, dice = list(chances), random.Random(seed)
    return [min(bisect(table, dice.random()), of) for _ in range(10_000)]


@pytest.mark.parametrize("arms", [2, 4])
def test_chance_alone_seldom_wins(arms: int) -> None:
    """2,000 tests in which all arms are alike, of clicks and of blocks: at most 5 % name a winner."""
    clicks, blocks = _draws(1000, 0.05, seed=arms), _draws(1000, 0.01, seed=100 + arms)
    wins = 0
    for _ in range(2000):
        measured = [Measured(str(n), 1000, clicks.pop(), blocks.pop()) for n in range(arms)]
        wins += decide(measured, 1, "control").winner is not None
    assert 0.01 < wins / 2000 <= 0.05


def test_a_true_difference_is_found() -> None:
    """Of 5 % against 8 % with 1,000 friends each, four in five tests and more find the better arm."""
    worse, better = _draws(1000, 0.05, seed=5), _draws(1000, 0.08, seed=6)
    found = [
        decide([Measured("a", 1000, worse[n], 0), Measured("b", 1000, better[n], 0)], 1, "control").winner
        for n in range(2000)
    ]
    assert found.count("b") / 2000 > 0.75
    assert found.count("a") == 0
