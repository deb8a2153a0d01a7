"""Who wins a test, and what the rest gets."""

from __future__ import annotations

import pytest

from chalicelib.broadcasts.winners.decide import Measured, Verdict, decide


def of(*arms: tuple[int, int] | tuple[int, int, int], least: int = 1, if_none: str = "control") -> Verdict:
    """Arms ``a``, ``b`` … as ``(sent, successes[, blocks])``."""
    measured = [Measured("abcdefgh"[n], one[0], one[1], *(one[2:] or (0,))) for n, one in enumerate(arms)]
    return decide(measured, least, if_none)


def test_the_better_arm_wins_with_its_numbers() -> None:
    """Two arms at 5 %: the p-value of the two-proportion test, and how much larger the rate is."""
    found = of((1000, 100), (1000, 130))
    assert (found.winner, found.sends, found.why.code, found.alpha) == ("b", "b", "winner_found", 0.05)
    assert found.decisive is not None
    assert (found.decisive.p, found.decisive.lift) == pytest.approx((0.03548845, 0.3))
    assert of((1000, 130), (1000, 100)).winner == "a"


def test_several_arms_share_the_five_percent() -> None:
    """What is enough for one comparison is not for one of three; the best of those that are sure wins."""
    found = of((1000, 100), (1000, 130), (1000, 100), (1000, 100))
    assert (found.winner, found.alpha) == (None, 0.05 / 3)
    assert found.decisive is not None
    assert found.decisive.arm == "b"
    assert of((1000, 100), (1000, 150), (1000, 151)).winner == "c"
    assert of((1000, 150), (1000, 90), (1000, 80)).winner == "a"
    assert of((1000, 150), (1000, 90), (1000, 140)).winner is None


@pytest.mark.parametrize(("if_none", "sends"), [("control", "a"), ("best", "b"), ("nobody", None)])
def test_without_a_winner_the_rest_gets_what_the_author_chose(if_none: str, sends: str | None) -> None:
    """The control, the arm with the highest rate, or nothing."""
    found = of((100, 10), (100, 11), if_none=if_none)
    assert (found.winner, found.sends, found.why.code) == (None, sends, "winner_none")


def test_too_few_friends_decide_nothing() -> None:
    """However large the difference."""
    found = of((1000, 10), (99, 90), least=100)
    assert (found.winner, found.sends, found.why.code) == (None, "a", "winner_too_few")


def test_an_arm_that_is_blocked_more_cannot_win() -> None:
    """Nor is it sent for want of a winner, be it the control; the next best may win."""
    found = of((1000, 100, 2), (1000, 200, 20))
    assert (found.winner, found.sends, found.why.code) == (None, "a", "winner_blocked")
    assert set(found.barred) == {"b"}
    assert of((1000, 100, 2), (1000, 200, 20), (1000, 150, 2)).winner == "c"
    bad_control = of((1000, 100, 20), (1000, 100, 2))
    assert (bad_control.winner, bad_control.sends) == (None, "b")
    assert of((1000, 100, 20), (1000, 100, 2), if_none="nobody").sends is None
    assert of((1000, 100, 2), (1000, 200, 4)).winner == "b"
