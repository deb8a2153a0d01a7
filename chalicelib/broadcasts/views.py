"""A broadcast as it is answered."""

from __future__ import annotations

from typing import Any

from chalicelib.broadcasts.model import MOVING, Broadcast, read_reason
from chalicelib.broadcasts.narrowcasts import numbers as narrowcasts
from chalicelib.broadcasts.plans import plan
from chalicelib.broadcasts.winners import deciding
from chalicelib.broadcasts.winners import store as winner_store
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock
from chalicelib.links import clicks
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso


def view(broadcast: Broadcast) -> dict[str, Any]:
    """The document, the state of its newest run, and numbers that balance now."""
    numbers = plan.NOTHING
    arms: dict[str, dict[str, int]] = {}
    clicked: dict[str, int] = {}
    if broadcast.run is not None and broadcast.status not in {"draft", "scheduled"}:
        numbers, arms = narrowcasts.progress(broadcast.account, broadcast.run, broadcast.body)
        clicked = clicks.by_variant(broadcast.account, broadcast.id, broadcast.run)
    status, reason = status_of(broadcast)
    return {
        **broadcast.body,
        "id": broadcast.id,
        "revision": broadcast.revision,
        "status": status,
        **shown_reason(reason),
        "run": broadcast.run,
        "at": broadcast.at,
        "every": broadcast.every,
        "progress": numbers,
        "clicks": sum(clicked.values()),
        "variants": [_variant(variant, arms, clicked) for variant in broadcast.body.get("variants") or ()],
        "decision": decision(broadcast, broadcast.run),
        "line": narrowcasts.shown(broadcast),
        "decides_at": broadcast.decides_at if broadcast.status in MOVING else None,
        "approval": _approval(broadcast),
        "created_at": broadcast.created_at,
        "started_at": broadcast.started_at,
        "finished_at": broadcast.finished_at,
    }


def shown_reason(kept: str | None) -> dict[str, Any]:
    """Why a run is as it is: ``status_reason``, the code of what it comes to; ``why``, in words;
    ``reason``, the same as a value.
    """
    if kept is None:
        return {"status_reason": None, "why": None, "reason": None}
    reason = innermost = read_reason(kept)
    while innermost.code in {"at", "and_more"} and isinstance(why := innermost.params.get("why"), Reason):
        innermost = why
    return {"status_reason": innermost.code, **reason.shown()}


def decision(broadcast: Broadcast, run: str | None) -> dict[str, Any] | None:
    """How the test of a run was decided, with its numbers; None: not yet, or there is none."""
    if run is None or not deciding.is_tested(broadcast.body):
        return None
    found = winner_store.find_decision(broadcast.account, run)
    if found is None:
        return None
    left = {"winner", "why", "sends", "dropped", "goes_at"}
    numbers: dict[str, Any] = {"arms": [], "p": None, "lift": None, "by": None}
    numbers |= {name: value for name, value in found.items() if name not in left}
    return {"winner": found["winner"], **Reason.of(found["why"]).shown(), "sent": found["sends"], **numbers}


def _approval(broadcast: Broadcast) -> dict[str, Any] | None:
    """Who asked for what waits for an approval, or waited for one, and who said what."""
    if broadcast.status != "awaiting_approval" and not broadcast.approved and broadcast.rejected_by is None:
        return None
    approval = {
        "approved_by": broadcast.approved_by,
        "at": broadcast.approved_at,
        "rejected_by": broadcast.rejected_by,
    }
    return {"asked_by": broadcast.asked_by, **approval}


def _variant(
    variant: dict[str, Any], arms: dict[str, dict[str, int]], clicked: dict[str, int]
) -> dict[str, Any]:
    numbers = arms.get(variant["id"], {"planned": 0, "accepted": 0})
    return {**variant, **numbers, "clicks": clicked.get(variant["id"], 0)}


def status_of(broadcast: Broadcast) -> tuple[str, str | None]:
    """The status and its reason as the world sees them: a run on its way may be paused."""
    if broadcast.run is not None and broadcast.status in MOVING:
        control = deliveries.control(broadcast.account, broadcast.run)
        over = control.until is not None and control.until <= iso(clock.now())
        if control.state == "paused" and not over:
            return "paused", control.reason
    return broadcast.status, broadcast.reason
