"""What messages cost, and what was saved by not sending them. Pure.

Saved is what a broadcast to everybody would have cost more, and what pushes would have cost in the place of
replies. It is an estimate: who follows is known by the day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.broadcasts.plans.quota import YEN_PER_MESSAGE

CAP = "cap"
TOPIC = "opted_out"
"""Reasons to skip by which a message to somebody who was meant is not sent."""


@dataclass(frozen=True)
class Reach:
    """A broadcast on one local day: whom its runs meant, and whom LINE took it for."""

    day: str
    planned: int
    accepted: int


@dataclass(frozen=True)
class ByLine:
    """How many messages LINE has sent in the month, by its own count; None: it did not say.

    ``missing``: days of the month that it has not counted yet.
    """

    sent: Mapping[str, int] | None = None
    missing: int = 0

    @property
    def replies(self) -> int | None:
        """The free ones."""
        return None if self.sent is None else self.sent["reply"]

    @property
    def charged(self) -> int | None:
        """The others."""
        return None if self.sent is None else sum(n for way, n in self.sent.items() if way != "reply")


@dataclass(frozen=True)
class Yen:
    """Yen spent, and saved by what. ``saved_by_replies`` None: LINE did not say how many there were."""

    spent: int
    by_ledger: int
    by_line: int | None
    saved: Mapping[str, int | None] = field(default_factory=dict)

    def answer(self) -> dict[str, object]:
        """As JSON."""
        named = {"spent": self.spent, "by_ledger": self.by_ledger, "by_line": self.by_line}
        return named | {"per_message": YEN_PER_MESSAGE, "saved": dict(self.saved), "saved_total": self.total}

    @property
    def total(self) -> int:
        """All that is known to be saved."""
        return sum(n or 0 for n in self.saved.values())


def yen(
    reaches: Iterable[Reach],
    following: Mapping[str, int | None],
    skipped: Mapping[str, int],
    ledger_yen: int,
    line: ByLine,
) -> Yen:
    """Out of broadcasts, who followed at the end of each day, whom policies left out, and LINE's count.

    Spent is the larger of two counts: the ledger knows of today, LINE of what others send.
    """
    left_out = sum(max(0, (following.get(one.day) or 0) - one.planned) for one in reaches if one.accepted)
    by_line = None if line.charged is None else line.charged * YEN_PER_MESSAGE
    saved = {
        "replies": None if line.replies is None else line.replies * YEN_PER_MESSAGE,
        "segments": left_out * YEN_PER_MESSAGE,
        "caps": skipped.get(CAP, 0) * YEN_PER_MESSAGE,
        "topics": skipped.get(TOPIC, 0) * YEN_PER_MESSAGE,
    }
    return Yen(max(ledger_yen, by_line or 0), ledger_yen, by_line, saved)
