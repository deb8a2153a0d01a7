"""Two thousand of the inputs of ``make prove``: every door, hostile requests, the real workers."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests import prove

PART = 100


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("part", range(2_000 // PART))
def test_no_request_is_our_fault(part: int) -> None:
    """No 5xx, nothing that takes a second of the processor, no dead letter after a 2xx, errors in shape."""
    outcome = prove.prove(2, range(part * PART, (part + 1) * PART))
    assert outcome.wrong == []
    assert outcome.statuses["2xx"] > PART / 5, "most inputs never come past the door"
    assert outcome.statuses["4xx"] > PART / 5, "the inputs are not hostile"


def test_an_input_is_reproducible() -> None:
    """The same seed and number are the same request."""
    for number in range(50):
        assert prove.input_of(3, number) == prove.input_of(3, number)
    assert len({str(prove.input_of(3, number)) for number in range(50)}) > 45
