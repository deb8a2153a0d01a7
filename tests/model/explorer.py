"""A small breadth-first explorer of state spaces.

A model is a set of pure functions over hashable states. ``explore`` visits every reachable state once, in
order of distance, so the trace of a violation is a shortest one. It checks

- ``invariant`` in every state: a sentence when it is broken, None when it holds;
- that nobody is stuck: from every reachable state a state that ``is_done`` accepts can be reached by fair
  steps alone. Fair steps are what the system does by itself; unfair ones (crashes, losses, duplicates, a
  refusing LINE, an operator) begin with ``!`` and may happen, but nothing may depend on them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)
MOST_STATES = 400_000


@dataclass(frozen=True)
class Model(Generic[S]):
    """What can happen, what must always hold, and where everything may rest."""

    name: str
    start: S
    steps: Callable[[S], Iterable[tuple[str, S]]]
    invariant: Callable[[S], str | None]
    is_done: Callable[[S], bool]


@dataclass(frozen=True)
class Result:
    """How much was searched, and the first thing that is wrong with the way to it."""

    name: str
    states: int
    steps: int
    problem: str | None = None
    trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.problem is None:
            return f"{self.name}: {self.states} states, {self.steps} steps, nothing wrong"
        way = "\n".join(f"  {n:2}. {step}" for n, step in enumerate(self.trace, 1))
        return f"{self.name}: {self.problem} after {len(self.trace)} steps\n{way}"


def explore(model: Model[S]) -> Result:
    """Search all of it. Raises AssertionError beyond ``MOST_STATES``: a model has to stay small."""
    # Hundreds of thousands of small values, none of them garbage: collecting takes half of the time.
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return _explore(model)
    finally:
        if was_enabled:
            gc.enable()


def must_hold(model: Model[S], *, more_than: int) -> None:
    """Nothing is wrong with a protocol, in any of more states than that."""
    result = explore(model)
    assert result.problem is None, str(result)
    assert result.states > more_than, str(result)


def must_break(model: Model[S]) -> None:
    """Something is wrong with a mutation of it; the shortest way there is printed."""
    result = explore(model)
    assert result.problem is not None, f"nothing wrong with {model.name!r}?"
    print(result)


def _explore(model: Model[S]) -> Result:
    number: dict[S, int] = {model.start: 0}
    states: list[S] = [model.start]
    came_from: list[tuple[int, str]] = [(-1, "")]
    fair_into: list[list[int]] = [[]]
    done: list[int] = []
    steps = 0
    for here, state in enumerate(states):  # grows while it is walked: breadth first
        problem = model.invariant(state)
        if problem:
            return Result(model.name, len(states), steps, problem, _trace(came_from, here))
        if model.is_done(state):
            done.append(here)
        for step, following in model.steps(state):
            steps += 1
            there = number.setdefault(following, len(states))
            if there == len(states):
                states.append(following)
                came_from.append((here, step))
                fair_into.append([])
            if step[0] != "!":
                fair_into[there].append(here)
        assert len(states) <= MOST_STATES, f"{model.name} has more than {MOST_STATES} states"
    stuck = _first_stuck(fair_into, done)
    if stuck is not None:
        problem = "stuck: nothing the system does by itself ends well from here"
        trace = (*_trace(came_from, stuck), f"= {states[stuck]}")
        return Result(model.name, len(states), steps, problem, trace)
    return Result(model.name, len(states), steps)


def _first_stuck(fair_into: list[list[int]], done: list[int]) -> int | None:
    safe = bytearray(len(fair_into))
    reached = list(done)
    for here in done:
        safe[here] = 1
    for here in reached:
        for before in fair_into[here]:
            if not safe[before]:
                safe[before] = 1
                reached.append(before)
    stuck = safe.find(0)
    return None if stuck < 0 else stuck


def _trace(came_from: list[tuple[int, str]], here: int) -> tuple[str, ...]:
    steps: list[str] = []
    while here > 0:
        here, step = came_from[here]
        steps.append(step)
    return tuple(reversed(steps))
