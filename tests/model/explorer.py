"""A small breadth-first explorer of state spaces.

A model is a set of pure functions over hashable states. ``explore`` visits every reachable state once, in
order of distance, so the trace of a violation is a shortest one. It checks

- ``invariant`` in every state: a sentence when it is broken, None when it holds;
- that nobody is stuck: from every reachable state a state that ``is_done`` accepts can be reached by fair
  steps alone. Fair steps are what the system does by itself; unfair ones (crashes, losses, duplicates, a
  refusing LINE, an operator) begin with ``!`` and may happen, but nothing may depend on them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


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


def explore(model: Model[S], limit: int = 400_000) -> Result:
    """Search all of it. Raises AssertionError beyond ``limit`` states: a model has to stay small."""
    came_from: dict[S, tuple[S, str] | None] = {model.start: None}
    fair_into: dict[S, list[S]] = {}
    queue: deque[S] = deque([model.start])
    done: list[S] = []
    steps = 0
    while queue:
        state = queue.popleft()
        problem = model.invariant(state)
        if problem:
            return Result(model.name, len(came_from), steps, problem, _trace(came_from, state))
        if model.is_done(state):
            done.append(state)
        for step, following in model.steps(state):
            steps += 1
            if following not in came_from:
                came_from[following] = (state, step)
                queue.append(following)
            if not step.startswith("!"):
                fair_into.setdefault(following, []).append(state)
        assert len(came_from) <= limit, f"{model.name} has more than {limit} states"
    stuck = _first_stuck(came_from, fair_into, done)
    if stuck is not None:
        problem = "stuck: nothing the system does by itself ends well from here"
        return Result(model.name, len(came_from), steps, problem, (*_trace(came_from, stuck), f"= {stuck}"))
    return Result(model.name, len(came_from), steps)


def _first_stuck(
    came_from: dict[S, tuple[S, str] | None], fair_into: dict[S, list[S]], done: list[S]
) -> S | None:
    safe = set(done)
    queue = deque(done)
    while queue:
        for before in fair_into.get(queue.popleft(), ()):
            if before not in safe:
                safe.add(before)
                queue.append(before)
    return next((state for state in came_from if state not in safe), None)


def _trace(came_from: dict[S, tuple[S, str] | None], state: S) -> tuple[str, ...]:
    steps: list[str] = []
    step = came_from[state]
    while step is not None:
        steps.append(step[1])
        step = came_from[step[0]]
    return tuple(reversed(steps))
