"""The explorer itself: it finds shortest violations and stuck states, and does not trust in luck."""

from __future__ import annotations

from collections.abc import Iterable

from tests.model.explorer import Model, explore


def counter(*, unfair_last_step: bool = False, forbidden: int = 99) -> Model[int]:
    """Counts to 3 by ones and twos."""

    def steps(n: int) -> Iterable[tuple[str, int]]:
        if n < 3:
            yield ("!" if unfair_last_step and n == 2 else "") + "one", n + 1
        if n < 2:
            yield "!two", n + 2

    return Model("counter", 0, steps, lambda n: "forbidden" if n == forbidden else None, lambda n: n == 3)


def test_a_model_without_faults_is_searched_whole() -> None:
    """Every state is visited once."""
    result = explore(counter())
    assert (result.states, result.problem) == (4, None)
    assert "nothing wrong" in str(result)


def test_a_violation_comes_with_a_shortest_trace() -> None:
    """0 -> 2 is one step of two, not two of one."""
    result = explore(counter(forbidden=2))
    assert result.problem == "forbidden"
    assert result.trace == ("!two",)
    assert "1. !two" in str(result)


def test_what_only_luck_can_end_is_stuck() -> None:
    """When the last step is one that nothing may depend on, the way to it is reported."""
    result = explore(counter(unfair_last_step=True))
    assert result.problem is not None
    assert result.problem.startswith("stuck")
