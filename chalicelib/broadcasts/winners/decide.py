"""Which arm of a test has won, from what was counted at the planned time. Pure.

Each arm is compared with the control (the first variant) at 5 % in all: with several arms each comparison has
its part of that (Bonferroni). The best of those that beat the control wins; the control wins when it beats
all others. An arm whose friends block the account significantly more than those of the other arms together
cannot win, and is not sent to the rest either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.shared.proportions import Share, interval, p_value
from chalicelib.shared.reasons import Reason

ALPHA = 0.05
"""How often, at most, a difference that is only chance may be taken for one."""


@dataclass(frozen=True)
class Measured:
    """An arm of the sample: how many got its message, and of them did what counts, or blocked us."""

    id: str
    sent: int
    successes: int
    blocks: int

    @property
    def share(self) -> Share:
        """Successes of those who got it."""
        return Share(self.successes, self.sent)

    @property
    def blocked(self) -> Share:
        """Blocks of those who got it."""
        return Share(self.blocks, self.sent)


@dataclass(frozen=True)
class Comparison:
    """An arm against the control. ``lift``: how much larger its rate is, as a part of the control's."""

    arm: str
    against: str
    p: float
    lift: float | None
    is_significant: bool


@dataclass(frozen=True)
class Verdict:
    """Who has won (None: nobody), what the rest gets (None: nothing), why, and the numbers behind it."""

    winner: str | None
    sends: str | None
    why: Reason
    alpha: float
    comparisons: Sequence[Comparison]
    barred: Mapping[str, float]
    """The arms that cannot win, and the p-value of their blocks."""
    decisive: Comparison
    """The comparison that the verdict rests on, or the one that came nearest."""


def decide(arms: Sequence[Measured], least: int, if_none: str) -> Verdict:
    """The verdict about two arms or more, the control first. ``least``: with fewer in any arm nobody wins."""
    alpha = ALPHA / (len(arms) - 1)
    compared = [_compare(arm, arms[0], alpha) for arm in arms[1:]]
    barred = {arm.id: p for arm in arms if (p := _p_of_more_blocks(arm, arms)) < alpha}
    is_enough = min(arm.sent for arm in arms) >= least
    winner, decisive = _winner(arms, compared, barred) if is_enough else (None, None)
    return Verdict(
        winner=winner,
        sends=winner or _instead(arms, barred, if_none),
        why=_why(winner, barred) if is_enough else Reason("winner_too_few", least=least),
        alpha=alpha,
        comparisons=compared,
        barred=barred,
        decisive=decisive or min(compared, key=lambda one: one.p),
    )


def _compare(arm: Measured, control: Measured, alpha: float) -> Comparison:
    p = p_value(arm.share, control.share)
    return Comparison(arm.id, control.id, p, lift(arm.share, control.share), p < alpha)


def lift(share: Share, of: Share) -> float | None:
    """How much larger a rate is than another, as a part of that; None of nothing."""
    return share.rate / of.rate - 1 if of.rate else None


def _winner(
    arms: Sequence[Measured], compared: Sequence[Comparison], barred: Mapping[str, float]
) -> tuple[str | None, Comparison | None]:
    control, rates = arms[0], {arm.id: arm.share.rate for arm in arms}
    sure = [one for one in compared if one.is_significant]
    better = [one for one in sure if rates[one.arm] > rates[control.id] and one.arm not in barred]
    if better:
        best = max(better, key=lambda one: rates[one.arm])
        return best.arm, best
    worse = [one for one in sure if rates[one.arm] < rates[control.id]]
    if len(worse) == len(compared) and control.id not in barred:
        return control.id, max(worse, key=lambda one: one.p)
    return None, None


def _p_of_more_blocks(arm: Measured, arms: Sequence[Measured]) -> float:
    """The p-value of an arm's blocks against those of the others together; 1 where it has no more."""
    others = [other.blocked for other in arms if other is not arm]
    together = Share(sum(one.hits for one in others), sum(one.of for one in others))
    return p_value(arm.blocked, together) if arm.blocked.rate > together.rate else 1.0


def _instead(arms: Sequence[Measured], barred: Mapping[str, float], if_none: str) -> str | None:
    """What the rest gets when nobody has won."""
    allowed = [arm for arm in arms if arm.id not in barred]
    if if_none == "nobody" or not allowed:
        return None
    if if_none == "control" and allowed[0] is arms[0]:
        return arms[0].id
    return max(allowed, key=lambda arm: arm.share.rate).id


def _why(winner: str | None, barred: Mapping[str, float]) -> Reason:
    if winner is not None:
        return Reason("winner_found", variant=winner)
    return Reason("winner_blocked", variants=sorted(barred)) if barred else Reason("winner_none")


def shown(arm: Measured) -> dict[str, Any]:
    """An arm with its rates and their 95 % intervals, as answers have it."""
    (low, high), (block_low, block_high) = interval(arm.share), interval(arm.blocked)
    return {
        "id": arm.id,
        "sent": arm.sent,
        "successes": arm.successes,
        "rate": arm.share.rate,
        "low": low,
        "high": high,
        "blocks": arm.blocks,
        "block_rate": arm.blocked.rate,
        "block_low": block_low,
        "block_high": block_high,
    }
