"""Lines of a file of members that have to do with each other are done in the order of the file."""

from __future__ import annotations

from chalicelib.transfers.member_imports import _apart


def test_lines_that_share_a_member_or_a_friend_are_together() -> None:
    """Also by way of a third line; empty cells join nobody."""
    lines = [
        [2, ["m1", "gold", "U1"]],
        [3, ["m2", "", ""]],
        [4, ["m3", "", "U1"]],
        [5, ["m4", "x"]],
        [6, ["m3", "", " U9 "]],
        [7, ["m5", "", "U9"]],
        [8, ["", "", ""]],
    ]
    groups = _apart(lines, [0, 2])
    assert sorted([line[0] for line in group] for group in groups) == [[2, 4, 6, 7], [3], [5], [8]]
