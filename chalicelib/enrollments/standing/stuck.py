"""Sending those on who are stuck: their turn is put in the queue again, whatever became of the one before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from chalicelib.accounts.service import Account
from chalicelib.enrollments import decide, follow_ups, store
from chalicelib.enrollments.model import Enrollment, Result
from chalicelib.enrollments.service import runs_of
from chalicelib.enrollments.standing.waiting import is_stuck
from chalicelib.timers import service as timers


def retry(
    account: Account,
    program: decide.Program | None,
    scenario: str,
    users: Sequence[str],
    now: datetime,
    value: str | None = None,
) -> list[Result]:
    """Wake those of these friends who are stuck; answers one result per friend, in order. ``value``: in the
    run for that one alone. A turn that comes twice finds the friend moved on, so repeating it is harmless.

    Refused: ``not_active``, ``scenario_paused``, ``not_stuck`` (they wait for a due time to come).
    """
    runs: dict[str, list[Enrollment]] = defaultdict(list)
    for item in store.load(runs_of(account, scenario, users, value)).values():
        if item.state == "active":
            runs[item.user_id].append(item)
    stuck = [item for items in runs.values() for item in items if is_stuck(program, item, now)]
    timers.arm_all([follow_ups.entry(item, item.v, item.node, now) for item in stuck])
    woken = {item.user_id for item in stuck}
    refusal = "scenario_paused" if program is not None and program.paused else "not_stuck"
    return [
        Result(
            user,
            accepted=user in woken,
            why=None if user in woken else refusal if user in runs else "not_active",
        )
        for user in users
    ]
