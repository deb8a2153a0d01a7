"""How friends came through a scenario, node by node: who passed and by which way, who left there, how long
they stayed; and what became of the arms of a split. Of each friend and value the last run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.accounts.service import Account
from chalicelib.enrollments import funnel, store
from chalicelib.enrollments.model import Enrollment, of_passed
from chalicelib.events.sheet import Sheet
from chalicelib.segments import by_shard
from chalicelib.shared.proportions import Share, interval, p_value
from chalicelib.sheets import positions

KIND = "passing"
GOAL = "goal"
ALPHA = 0.05
"""How often, at most, chance may be taken for a difference, in all comparisons of a split together."""
_WAITING, _LEFT, _WAY, _STAYED, _ENDED = "waiting", "left", "way", "stayed", "ended"
_DIGITS = 2
"""Times are counted by their first digits, so that the median of a million friends needs few numbers."""


def find(account: Account, scenario: str, by: str) -> tuple[Passing, str | None]:
    """What was counted within the time of a request, and the job that counts exactly if it is estimated."""
    found, job = funnel.counted(account, KIND, scenario, counter(account, scenario), by)
    return Passing(found), job


def counter(account: Account, scenario: str) -> by_shard.Each:
    """Counts what these friends' runs came through."""

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        places: list[store.Place] = [
            (account.id, scenario, sheet["user_id"], value)
            for sheet in sheets
            for value in positions.runs(sheet, scenario)
        ]
        found: Counter[str] = Counter()
        for item in (store.load(places) if places else {}).values():
            found.update(_lines(item))
        return found

    return each


def _lines(item: Enrollment) -> Iterator[str]:
    if item.state == "active":
        yield f"{_WAITING}#{item.node}"
    elif item.state == "exited":
        yield f"{_LEFT}#{item.node}"
    ended = (GOAL if item.reason == GOAL else "other") if item.state == "exited" else item.state
    for node, seconds, way in map(of_passed, item.passed):
        yield f"{_WAY}#{node}#{way}"
        yield f"{_STAYED}#{node}#{_rounded(seconds)}"
        if way.startswith("arm "):
            yield f"{_ENDED}#{node}#{way}#{ended}"


def _rounded(seconds: int) -> int:
    """A time by its first two digits."""
    unit: int = 10 ** max(0, len(str(seconds)) - _DIGITS)
    return seconds // unit * unit


@dataclass(frozen=True)
class Passing:
    """What was counted: texts like ``way#<node>#<way>``, and how many friends."""

    counts: Mapping[str, int]

    def of(self, what: str, node: str) -> dict[str, int]:
        """The numbers of a node, by what follows its name."""
        begin = f"{what}#{node}#"
        found = {name.removeprefix(begin): n for name, n in self.counts.items() if name.startswith(begin)}
        return dict(sorted(found.items()))

    def node(self, name: str, kind: str) -> dict[str, Any]:
        """A node's row."""
        ways = self.of(_WAY, name)
        return {
            "node": name,
            "type": kind,
            "waiting": self.counts.get(f"{_WAITING}#{name}", 0),
            "passed": sum(ways.values()),
            "left": self.counts.get(f"{_LEFT}#{name}", 0),
            "median_s": _median(self.of(_STAYED, name)),
            "ways": ways,
        }

    def split(self, name: str, successes: Iterable[str]) -> list[dict[str, Any]]:
        """A split's arms with their shares of success, each compared with the first one."""
        ended, wanted = self.of(_ENDED, name), set(successes)
        arms: dict[str, Counter[bool]] = {}
        for text, n in ended.items():
            arm, _, how = text.partition("#")
            arms.setdefault(arm, Counter())[how in wanted] += n
        names = sorted(arms, key=lambda arm: int(arm.removeprefix("arm ")))
        shares = {arm: Share(arms[arm][True], arms[arm].total()) for arm in names}
        return [_arm(arm, shares, ALPHA / max(1, len(names) - 1)) for arm in names]


def _arm(arm: str, shares: Mapping[str, Share], alpha: float) -> dict[str, Any]:
    share, control = shares[arm], next(iter(shares.values()))
    low, high = interval(share)
    p = None if share is control else p_value(share, control)
    return {
        "arm": arm,
        "runs": share.of,
        "successes": share.hits,
        "rate": round(share.rate, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "p": None if p is None else round(p, 6),
        "lift": round(share.rate / control.rate - 1, 4) if p is not None and control.rate else None,
        "significant": None if p is None else p < alpha,
    }


def _median(stays: Mapping[str, int]) -> int | None:
    """The median of times that were counted by their first digits."""
    middle, seen = sum(stays.values()) / 2, 0
    for seconds, n in sorted((int(text), n) for text, n in stays.items()):
        seen += n
        if seen >= middle:
            return seconds
    return None
