"""Friends cut into chunks: by number, and by the bytes of what is theirs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.enrollments import rendering
from chalicelib.sheets.trim import size_of


@given(st.lists(st.integers(0, 300_000), max_size=40))
def test_nobody_is_lost_and_every_piece_fits(sizes: list[int]) -> None:
    """In order, all of them once; a piece is within the bytes unless it is one friend alone."""
    payloads = {f"u{n:03}": [{"type": "text", "text": "x" * size}] for n, size in enumerate(sizes)}
    found = rendering.pieces(payloads, payloads)
    assert [user for piece in found for user in piece] == list(payloads)
    for piece in found:
        assert 1 <= len(piece) <= 100
        weight = sum(size_of(payloads[user]) + 2 * len(user) for user in piece)
        assert weight <= rendering.CHUNK_BYTES or len(piece) == 1


def test_numbers_are_lines() -> None:
    """500 friends of one message for all, 100 with messages of their own."""
    users = [f"u{n}" for n in range(501)]
    assert [len(piece) for piece in rendering.pieces(users, {})] == [500, 1]
    own = {user: [{"type": "text", "text": user}] for user in users}
    assert [len(piece) for piece in rendering.pieces(users, own)] == [100, 100, 100, 100, 100, 1]
    assert rendering.pieces([], {}) == []
