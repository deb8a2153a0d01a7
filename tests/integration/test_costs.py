"""docs/costs.md says what is counted, and the counts hold."""

from __future__ import annotations

import json
import os
from typing import Any
from unittest import mock

import pytest

from chalicelib.gateways import queues
from tests import units

with mock.patch.dict(os.environ):
    from benchmarks import costs

COUNTS: dict[str, dict[str, float]] = json.loads(costs.COUNTS.read_text(encoding="utf-8"))
PRICES: dict[str, Any] = json.loads(costs.PRICES.read_text(encoding="utf-8"))
NEAR = {"dynamodb_write": 0.25, "dynamodb_read": 1.0}
"""A few friends share what many do, in other portions; what is read of a chunk, most of all."""


def test_the_page_is_current() -> None:
    """``python -m benchmarks.costs --page`` writes it."""
    assert costs.PAGE.read_text(encoding="utf-8") == costs.page(COUNTS, PRICES)


def test_the_bounds_hold() -> None:
    """A static broadcast to a million friends costs at most $2.50; a step in a wave at most
    six write units, the brake's entry among them, and seventeen where a friend is alone."""
    assert sum(costs.million(COUNTS, PRICES, "recipient").values()) <= 2.5
    assert COUNTS["step"]["dynamodb_write"] <= 5.3
    assert COUNTS["step_alone"]["dynamodb_write"] <= 17
    assert COUNTS["recipient"]["dynamodb_write"] <= 2.1


def test_the_counts_hold() -> None:
    """Counted anew with a few friends: nothing costs more, or less, than is written."""
    try:
        found = units.measured(friends=4)
    finally:
        queues.url.cache_clear()
    assert found.keys() == COUNTS.keys()
    for name in found.keys() - {"broadcast", "recipient_own", "idle_minute"}:
        for what, near in NEAR.items():
            assert found[name][what] == pytest.approx(COUNTS[name][what], abs=near), (name, what)
