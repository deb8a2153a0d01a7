"""What a sheet keeps of the limits of rules (``limits``): what each day has used, and what may be forgotten.

A memory of days is ``{"on": the newest day, "used": its use, "past": [the day before it, …]}``. Without
``past`` nothing is known of the days before ``on``: they count as used up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

DAYS_REMEMBERED = 31
"""So many days, the newest and those before it, are remembered; an older one counts as used up."""
_RECENT_DAYS = 2


def used(memory: Mapping[str, Any], day: str) -> float:
    """What a day has used, as far as it is remembered."""
    memory = _read(memory)
    ago = _ago(memory, day) if memory else -1
    past = memory.get("past", ())
    if ago == 0:
        return float(memory["used"])
    return float(past[ago - 1]) if 0 < ago <= len(past) else 0.0


def is_forgotten(memory: Mapping[str, Any], day: str) -> bool:
    """Whether a day is older than all that is remembered: what it has used is not known."""
    memory = _read(memory)
    if not memory:
        return False
    ago = _ago(memory, day)
    return ago >= DAYS_REMEMBERED or (ago > 0 and "past" not in memory)


def with_used(memory: Mapping[str, Any], day: str, used: float) -> dict[str, Any]:
    """The memory with what a day that is not forgotten has used by now."""
    memory = _read(memory)
    value = int(used) if used == int(used) else used
    ago = _ago(memory, day) if memory else -DAYS_REMEMBERED
    if ago == 0:
        return {**memory, "used": value}
    if ago > 0:
        past = [*memory["past"], *[0] * (ago - len(memory["past"]))]
        past[ago - 1] = value
        return {**memory, "past": past}
    newest = {"on": day, "used": value}
    if -ago >= DAYS_REMEMBERED:
        return newest | {"past": []}
    if "past" not in memory:
        return newest
    past = [*[0] * (-ago - 1), memory["used"], *memory["past"]][: DAYS_REMEMBERED - 1]
    return newest | {"past": _without_end(past)}


def is_idle(state: Mapping[str, Any], today: date, days: int = _RECENT_DAYS) -> bool:
    """Whether a limit's last use, or the day that it last counted on, is so many days ago."""
    return last_used(state) < (today - timedelta(days=days)).isoformat()


def last_used(state: Mapping[str, Any]) -> str:
    """The date of a limit's last use; empty when it keeps none."""
    days: list[str] = [_read(memory).get("on", "") for _, memory in _memories(state)]
    return max([str(state.get("last_at", ""))[:10], *days])


def idle(states: Mapping[str, Mapping[str, Any]], today: date) -> list[str]:
    """The rules whose states are missed least, the longest unused first: limits and points per day that
    have counted nothing for two days, cooldowns that began more than 31 days ago.
    """
    return [
        name
        for name in by_age(states)
        if ("runs" in (state := states[name]) and is_idle(state, today, DAYS_REMEMBERED))
        or (_is_daily(state) and is_idle(state, today))
    ]


def by_age(states: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The rules, the longest unused first; ``once`` and ``every`` behind all others."""
    return sorted(states, key=lambda n: (_is_for_ever(states[n]), last_used(states[n])))


def details(states: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str, Any]]:
    """What only late events miss, the longest unused first: ``(name, owner, key, what stays of it)``."""
    for name in by_age(states):
        for path, memory in _memories(states[name]):
            if memory.get("past"):
                yield f"limits.{name}.{path}.past", memory, "past", None
        runs = states[name].get("runs", ())
        if len(runs) > 1:
            yield f"limits.{name}.runs", states[name], "runs", runs[-1:]


def _is_daily(state: Mapping[str, Any]) -> bool:
    return "days" in state or ("points" in state and "n" not in state)


def _is_for_ever(state: Mapping[str, Any]) -> bool:
    """Whether it may be the state of ``once`` or ``every``: what they count is never over."""
    return "n" in state and "runs" not in state and "days" not in state


def _memories(state: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if state.get("days"):
        yield "days", state["days"]
    for score, memory in (state.get("points") or {}).items():
        yield f"points.{score}", memory


def _read(memory: Mapping[str, Any]) -> Mapping[str, Any]:
    """A memory as it is kept today; older sheets hold what was used by date."""
    if not memory or "on" in memory:
        return memory
    on = max(memory)
    newest = date.fromisoformat(on)
    days = ((newest - timedelta(days=n)).isoformat() for n in range(1, DAYS_REMEMBERED))
    return {"on": on, "used": memory[on], "past": _without_end([memory.get(day, 0) for day in days])}


def _ago(memory: Mapping[str, Any], day: str) -> int:
    return (date.fromisoformat(memory["on"]) - date.fromisoformat(day)).days


def _without_end(past: list[Any]) -> list[Any]:
    """Without the zeros at the end: days that used nothing."""
    while past and not past[-1]:
        past.pop()
    return past
