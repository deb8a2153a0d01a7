"""A trial by hand: schedules whose platform dies at their moments.

    python -m tests.e2e.occurrences [--friends 1000] [--kills 3] [--seed 1]

Schedules fall due in successive minutes, each for friends of its own choice; the platform is killed when one
has just begun, when one is in its midst, and is away when another falls due. Each friend of an audience gets
each schedule's message once, the runs count as many as were meant, and a schedule that reaches everybody once
leaves out whom it has reached. Then the exit status is 0. It takes some eight minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.e2e.trial import Trial, run, user

_NAMES = ("gold", "some", "rest", "all")
_TAGS = ("gold", "silver", "bronze")
_AFTER_S = (1, 4, -5, 2)
"""So long after the moment of a schedule it is killed; before it: it is away when the moment comes."""


class Plan(NamedTuple):
    """A schedule, and whom it is for by what the trial knows of the friends."""

    name: str
    audience: dict[str, Any]
    meant: set[str]


def _plans(tags: dict[str, set[str]], blocked: set[str]) -> list[Plan]:
    def of(*names: str) -> set[str]:
        return {who for who, found in tags.items() if found & set(names)} - blocked

    everybody = set(tags) - blocked
    return [
        Plan("gold", {"tag": "gold"}, of("gold")),
        Plan("some", {"any": [{"tag": "gold"}, {"tag": "silver"}]}, of("gold", "silver")),
        Plan("rest", {"not": {"tag": "bronze"}}, everybody - of("bronze")),
        Plan("all", {"everyone": True}, everybody),
    ]


def _open(trial: Trial, tags: dict[str, set[str]]) -> str:
    words = {
        name: {"messages": [{"type": "text", "text": f"{name} 🎂"}]}
        for name in ("gold", "some", "rest", "all")
    }
    shop = trial.open("shop", **{f"messages__{name}": body for name, body in words.items()})
    for tag in _TAGS:
        trial.api.put(f"{shop}/tags/{tag}", {"name": tag})
    lines = "".join(f"{who},客,{'|'.join(sorted(found))}\n" for who, found in tags.items())
    trial.load(shop, "friends", "import", f"user_id,display_name,tags\n{lines}".encode())
    return shop


def _schedule(trial: Trial, shop: str, plan: Plan, due: datetime) -> None:
    body = {
        "name": plan.name,
        "every": {"time": f"{due + timedelta(hours=9):%H:%M}"},
        "audience": plan.audience,
        "once_per": "ever",
        "then": [{"send": {"message": plan.name}}],
    }
    trial.api.put(f"{shop}/schedules/{plan.name}", body)


def _compare(trial: Trial, shop: str, plans: list[Plan], first: datetime) -> None:
    got = Counter[tuple[str, str]]()
    last = dict[str, float]()
    for item in trial.sent():
        name = item["messages"][0]["text"].split()[0]
        got.update((name, who) for who in (item["to"] if isinstance(item["to"], list) else [item["to"]]))
        last[name] = item["at"]
    wanted = Counter((plan.name, who) for plan in plans for who in plan.meant)
    missing, extra = wanted - got, got - wanted
    assert not missing, f"{missing.total()} missing, as {sorted(missing)[:5]}"
    assert not extra, f"{extra.total()} too many, as {sorted(extra)[:5]}"
    for plan in plans:
        (found,) = trial.api.get(f"{shop}/schedules/{plan.name}/runs")["items"]
        counts = [found[name] for name in ("state", "audience", "done", "left_out")]
        assert counts == ["done", len(plan.meant), len(plan.meant), 0], (plan.name, found)
    print(f"{got.total()} messages from {first:%H:%M} UTC on, each once; last of each: {last}")


def main() -> int:
    """Everything, in real time."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.occurrences")
    parser.add_argument("--friends", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=20)
    asked = parser.parse_args()

    def work(trial: Trial) -> None:
        dice = Random(asked.seed)
        tags = {user(n): {tag for tag in _TAGS if dice.random() < 0.4} for n in range(asked.friends)}
        shop = _open(trial, tags)
        blocked = {who for who in tags if dice.random() < 0.1}
        for who in blocked:
            trial.sim.post(f"/_sim/friends/{who}/block", {"account": "shop"})
        trial.until("blocks", trial.idle)
        first = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
        plans = _plans(tags, blocked)
        dues = [first + timedelta(minutes=2 * n) for n in range(len(plans))]
        for plan, due in zip(plans, dues, strict=True):
            _schedule(trial, shop, plan, due)
        kills = [due + timedelta(seconds=s) for due, s in zip(dues, _AFTER_S, strict=True)][: asked.kills]
        trial.play(shop, [], kills)
        trial.until("the last moment", lambda: datetime.now(UTC) > dues[-1] + timedelta(seconds=20))

        def is_over() -> bool:
            runs = [trial.api.get(f"{shop}/schedules/{plan.name}/runs")["items"] for plan in plans]
            return all(found and found[0]["state"] == "done" for found in runs) and trial.idle()

        trial.until("all runs", is_over)
        _compare(trial, shop, plans, first)

    return run(work, asked.minutes)


if __name__ == "__main__":
    sys.exit(main())
