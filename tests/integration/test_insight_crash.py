"""LINE's numbers of a run, and a process that dies: at every crossing, before and after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.broadcasts.insight import service, store
from chalicelib.gateways import seam
from chalicelib.gateways.line import NoAnswer
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers
from chalicelib.timers.model import Entry
from tests.deliveries_builders import SHOP, START, Crashed, an_account

ENDED = START
BODY: dict[str, Any] = {"first": iso(ENDED), "ended": iso(ENDED), "units": [["a", "u-a"], ["b", "u-b"]]}


class World:
    """The seam's guard: a clock, LINE's numbers, entries that were armed, where to die."""

    def __init__(self) -> None:
        self.now, self.armed, self.crossings = ENDED, list[Entry](), 0
        self.crash_at, self.after, self.silent = 0, False, 0

    def guard(self, name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name == "clock:now":
            return self.now
        self.crossings += 1
        dies = self.crossings == self.crash_at
        if dies and not self.after:
            raise Crashed
        answer = self._line(str(detail["unit"])) if name == "line:insight_unit" else call()
        if dies:
            raise Crashed
        return answer

    def _line(self, unit: str) -> dict[str, Any]:
        self.silent -= 1
        if self.silent >= 0:
            raise NoAnswer("timeout")
        return {"overview": {"uniqueImpression": 20 + len(unit), "uniqueClick": None}}

    def come(self) -> bool:
        """Everything that is due is asked for until its owner has moved on, as the timers do; whether
        somebody died.
        """
        died = False
        for _ in range(10):
            for entry in [one for one in self.armed if one.due_at <= self.now]:
                try:
                    if not service.is_pulled(entry):
                        service.pull(entry.account, entry.id, entry.body)
                except Crashed:
                    died = True
            self.now += timedelta(minutes=3)
        return died


@pytest.mark.parametrize("after", [False, True])
def test_no_number_is_lost_wherever_the_process_dies(
    cloud: None, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """What LINE told is kept for both variants, also when it was silent at first; and nothing is asked for
    without end.
    """
    world = World()
    monkeypatch.setattr(timers, "arm", world.armed.append)
    with seam.guarded(world.guard):
        an_account(SHOP)
        crash_at, died = 0, True
        while died:
            crash_at += 1
            run = f"run-{crash_at}"
            world.now = ENDED + timedelta(days=1)
            world.armed[:] = [Entry("shop", service.KIND, run, crash_at, world.now, body=BODY)]
            world.crossings, world.crash_at, world.after, world.silent = 0, crash_at, after, crash_at % 2
            died = world.come()
            world.crash_at = 0
            world.now += timedelta(hours=2)
            world.come()
            found = store.find("shop", run)
            assert found is not None, crash_at
            assert {name: arm["impressions"] for name, arm in found.arms.items()} == {"a": 23, "b": 23}
            assert all(service.is_pulled(one) for one in world.armed)
        assert crash_at > 3
