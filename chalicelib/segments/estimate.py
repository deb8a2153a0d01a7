"""How many friends an audience has in all, from the shards read so far. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

_T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26, 10: 2.23}
"""Two-sided 95 % points of Student's t by degrees of freedom."""


def interval(counts: Sequence[int], shards: int) -> tuple[int, int]:
    """A 95 % interval of the total, from the exact counts of some of the shards.

    Friends fall into shards by a hash, so the shards read are a random sample of all shards; the
    interval shrinks to nothing when all are read, and never lies below what was counted already.
    """
    seen, read = sum(counts), len(counts)
    if read >= shards:
        return seen, seen
    if read < 2:
        return seen, seen * shards + 3 * shards
    mean = statistics.fmean(counts)
    # Few friends per shard: never less spread than chance alone gives (Poisson, and 1 for none at all).
    deviation = max(statistics.stdev(counts), math.sqrt(max(mean, 1 / read)))
    error = _T95.get(read - 1, 2.0) * deviation * shards * math.sqrt((1 - read / shards) / read)
    return max(seen, math.floor(mean * shards - error)), math.ceil(mean * shards + error)
