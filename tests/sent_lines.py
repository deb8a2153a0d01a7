"""What reports keep of what rules and others sent, held to the activities that it is made of."""

from __future__ import annotations

from collections import Counter
from typing import Any

from chalicelib.reports import journal
from chalicelib.reports.lines import SENT_BY_EFFECTS
from chalicelib.timeline import service as activities


def sent_lines(user: str = "U1") -> list[dict[str, Any]]:
    """The lines of what a friend was sent; they are those that a rebuild would write."""
    every = [one for part in range(journal.PARTS) for one in journal.lines("shop", part)]
    found = [dict(one.props) for one in every if one.user == user and one.kind == SENT_BY_EFFECTS]
    activities_kept = [one for page in activities.events("shop", user) for one in page]
    wanted = [
        line for one in activities_kept for line in journal.of_activity(one) if line.kind == SENT_BY_EFFECTS
    ]
    assert Counter(map(str, found)) == Counter(str(dict(line.props)) for line in wanted)
    return found
