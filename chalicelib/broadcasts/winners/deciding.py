"""A test is decided: once, at its planned time or when a person says so, by numbers that are stored.

The order is searched by ``tests/model/test_decision.py``. Each function may be repeated, by many at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import Any

from chalicelib.broadcasts.model import DECIDE_AFTER, LEAST_PER_ARM, Broadcast, RunSnapshot
from chalicelib.broadcasts.plans import packing
from chalicelib.broadcasts.winners import decide, store
from chalicelib.broadcasts.winners.counting import Counted
from chalicelib.broadcasts.winners.decide import Comparison, Measured, Verdict
from chalicelib.broadcasts.winners.store import Count, Ruling
from chalicelib.deliveries import policies
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_duration, parse_iso

Decision = Mapping[str, Any]


def is_tested(body: Mapping[str, Any]) -> bool:
    """Whether a broadcast's document looks for a winner."""
    return bool((body.get("test") or {}).get("metric"))


def find(run_snapshot: RunSnapshot) -> Decision | None:
    """The decision of a run, if there is one."""
    return store.find_decision(run_snapshot.account, run_snapshot.run)


def choose(broadcast: Broadcast, winner: str | None, by: str) -> bool:
    """A person decides what the rest gets (None: nothing); False when it is chosen or decided already."""
    choice = {"winner": winner, "by": by, "at": iso(clock.now())}
    return store.put_choice(broadcast.account, str(broadcast.run), choice, new_ulid())


def ensure(run_snapshot: RunSnapshot) -> Decision | None:
    """The decision of a run; None: not yet. Then what is missing is asked for, and the timers come back at
    the time it waits for.
    """
    account, run = run_snapshot.account, run_snapshot.run
    ruling = store.read(account, run)
    if ruling.decision is not None:
        return ruling.decision
    now, known = clock.now(), _counted_at(run_snapshot)
    chosen = ruling.choice is not None
    due = [arm.id for arm in run_snapshot.arms if chosen or (known[arm.id] or now) < now]
    asked = _ask_for_counts(run_snapshot, due, ruling)
    if len(due) == len(run_snapshot.arms) and not asked:
        store.put_decision(account, run, _decision(run_snapshot, ruling, now), ruling)
        return ensure(run_snapshot)  # whoever was first, and if a person was, by their choice
    return None


def give_up(run_snapshot: RunSnapshot) -> Decision | None:
    """The decision of a cancelled run: the rest gets nothing, unless it was decided before. None: the run
    has no test.
    """
    if not is_tested(run_snapshot.body):
        return None
    account, run = run_snapshot.account, run_snapshot.run
    ruling = store.read(account, run)
    if ruling.decision is None:
        nothing = {"winner": None, "sends": None, "dropped": "cancelled", "why": "cancelled"}
        store.put_decision(account, run, {**nothing, "at": iso(clock.now())}, ruling)
        return give_up(run_snapshot)
    return ruling.decision


def due_times(run_snapshot: RunSnapshot) -> list[datetime]:
    """When arms are counted, as far as that is known; at the last of all it is decided."""
    return [due_at for due_at in _counted_at(run_snapshot).values() if due_at]


def waits_for_a_time(run_snapshot: RunSnapshot) -> bool:
    """Whether only time is missing: nothing of the sample is on its way now."""
    known, now = _counted_at(run_snapshot), iso(clock.now())
    return all(known[arm.id] or (arm.at or "") > now for arm in run_snapshot.arms)


def _counted_at(run_snapshot: RunSnapshot) -> dict[str, datetime | None]:
    """When each arm is counted: so long after the last of it was sent. None: it is not sent to its end."""
    test = run_snapshot.body["test"]
    after = parse_duration(test.get("decide_after") or DECIDE_AFTER)
    ends = deliveries.ends(run_snapshot.account, run_snapshot.run)
    found: dict[str, datetime | None] = {}
    for arm in run_snapshot.arms:
        end = ends.get(arm.id, run_snapshot.now)
        found[arm.id] = parse_iso(end) + after if end else None
    return found


def _ask_for_counts(run_snapshot: RunSnapshot, due: Iterable[str], ruling: Ruling) -> bool:
    """Have counted what is not; False when everything is."""
    wanted: list[dict[str, Any]] = []
    for shard in range(run_snapshot.shards):
        arms = tuple(arm for arm in due if (arm, shard) not in ruling.counts)
        if arms:
            wanted.append({"shard": shard, "count": Counted(arms).body()})
    if wanted:
        packing.ask(run_snapshot, wanted)
    return bool(wanted)


def is_counted(run_snapshot: RunSnapshot, arms: Iterable[str]) -> bool:
    """Whether these arms are counted in every shard."""
    counts = store.read(run_snapshot.account, run_snapshot.run).counts
    return all((arm, shard) in counts for arm in arms for shard in range(run_snapshot.shards))


def _decision(run_snapshot: RunSnapshot, ruling: Ruling, now: datetime) -> dict[str, Any]:
    """The decision with every number behind it, as it is kept."""
    test = run_snapshot.body["test"]
    sent = deliveries.progress(run_snapshot.account, run_snapshot.run)["variants"]
    arms = [
        Measured(arm.id, sent.get(arm.id, {}).get("accepted", 0), count.successes, count.blocks)
        for arm in run_snapshot.arms
        for count in [_total(ruling, arm.id)]
    ]
    least = int(test.get("min_per_arm") or LEAST_PER_ARM)
    verdict = decide.decide(arms, least, test.get("if_none") or "control")
    winner, sends, why, by = verdict.winner, verdict.sends, verdict.why, None
    if ruling.choice is not None:
        winner = sends = ruling.choice["winner"]
        why, by = Reason("winner_chosen" if winner else "winner_refused"), ruling.choice["by"]
    return {
        "winner": winner,
        "sends": sends,
        "dropped": None if sends else "no_winner",
        "why": why.kept(),
        "by": by,
        "at": iso(now),
        "goes_at": iso(_goes_at(run_snapshot, sends, now)),
        "metric": test["metric"],
        "decide_after": test.get("decide_after") or DECIDE_AFTER,
        "min_per_arm": least,
        **_numbers(arms, verdict),
    }


def _total(ruling: Ruling, arm: str) -> Count:
    return reduce(Count.__add__, (one for (of, _), one in ruling.counts.items() if of == arm), Count())


def _goes_at(run_snapshot: RunSnapshot, sends: str | None, now: datetime) -> datetime:
    """When what the rest gets would go out by the policies of now."""
    arm = next((arm for arm in run_snapshot.arms if arm.id == sends), run_snapshot.arms[0])
    return policies.goes_out_at(policies.current(run_snapshot.account), arm.category, now)


def _numbers(arms: Iterable[Measured], verdict: Verdict) -> dict[str, Any]:
    return {
        "arms": [decide.shown(arm) for arm in arms],
        "p": verdict.decisive.p,
        "lift": verdict.decisive.lift,
        "alpha": verdict.alpha,
        "comparisons": [_compared(one) for one in verdict.comparisons],
        "blocked_more": [{"id": arm, "p": p} for arm, p in verdict.barred.items()],
    }


def _compared(one: Comparison) -> dict[str, Any]:
    return {
        "arm": one.arm,
        "against": one.against,
        "p": one.p,
        "lift": one.lift,
        "is_significant": one.is_significant,
    }
