"""Whether two shares differ, and how sure that is: two-proportion tests and Wilson's interval. Pure.

The usual test is the pooled z-test. It is an approximation that promises too much of small numbers, so where
a cell of the 2 x 2 table expects fewer than five, Fisher's exact test is used in its place (Cochran's rule).
"""

from __future__ import annotations

from math import erfc, exp, lgamma, sqrt
from statistics import NormalDist
from typing import NamedTuple

LEAST_EXPECTED = 5
"""With fewer in a cell the normal distribution is no good likeness of it."""


class Share(NamedTuple):
    """``hits`` of ``of``."""

    hits: int
    of: int

    @property
    def rate(self) -> float:
        """Between 0 and 1; 0 of nothing is 0."""
        return self.hits / self.of if self.of else 0.0


def p_value(a: Share, b: Share) -> float:
    """How probable it is that two shares differ as much as these do, or more, if nothing but chance makes
    them differ (two-sided).
    """
    if not a.of or not b.of:
        return 1.0
    return exact_p(a, b) if _least_expected(a, b) < LEAST_EXPECTED else pooled_p(a, b)


def pooled_p(a: Share, b: Share) -> float:
    """The pooled z-test, two-sided."""
    pooled = (a.hits + b.hits) / (a.of + b.of)
    error = sqrt(pooled * (1 - pooled) * (1 / a.of + 1 / b.of))
    return erfc(abs(a.rate - b.rate) / error / sqrt(2)) if error else 1.0


def exact_p(a: Share, b: Share) -> float:
    """Fisher's exact test, two-sided: the tables that are no more probable than this one, together."""
    hits, everybody = a.hits + b.hits, a.of + b.of
    fewest, most = max(0, hits - b.of), min(hits, a.of)
    seen = _table(a.hits, a.of, hits, everybody) * (1 + 1e-7)
    each = (_table(n, a.of, hits, everybody) for n in range(fewest, most + 1))
    return min(1.0, sum(chance for chance in each if chance <= seen))


def _table(n: int, of: int, hits: int, everybody: int) -> float:
    """The chance that ``n`` of all hits fall among these, if they fall on anybody alike."""
    return exp(_ways(hits, n) + _ways(everybody - hits, of - n) - _ways(everybody, of))


def _ways(of: int, chosen: int) -> float:
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)


def _least_expected(a: Share, b: Share) -> float:
    hits, everybody = a.hits + b.hits, a.of + b.of
    return min(a.of, b.of) * min(hits, everybody - hits) / everybody


def interval(share: Share, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval, which stays within 0 and 1 and is honest about few hits."""
    if not share.of:
        return 0.0, 1.0
    z, n, rate = NormalDist().inv_cdf((1 + confidence) / 2), share.of, share.rate
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, middle - half) if share.hits else 0.0, min(1.0, middle + half)
