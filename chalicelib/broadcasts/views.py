"""A broadcast as it is answered."""

from __future__ import annotations

from typing import Any

from chalicelib.broadcasts.model import MOVING, Head
from chalicelib.broadcasts.plans import plan, planning
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock
from chalicelib.links import clicks
from chalicelib.shared.times import iso


def view(head: Head) -> dict[str, Any]:
    """The document, where its newest run stands, and numbers that balance at this moment."""
    numbers = plan.NOTHING
    arms: dict[str, dict[str, int]] = {}
    clicked: dict[str, int] = {}
    if head.run is not None and head.status not in {"draft", "scheduled"}:
        numbers, arms = planning.progress(head.account, head.run)
        clicked = clicks.by_variant(head.account, head.id, head.run) if head.body.get("variants") else {}
    status, reason = status_of(head)
    return {
        **head.body,
        "id": head.id,
        "revision": head.revision,
        "status": status,
        "status_reason": reason,
        "run": head.run,
        "at": head.at,
        "every": head.every,
        "progress": numbers,
        "variants": [_variant(variant, arms, clicked) for variant in head.body.get("variants") or ()],
        "decision": None,
        "approval": _approval(head),
        "created_at": head.created_at,
        "started_at": head.started_at,
        "finished_at": head.finished_at,
    }


def _approval(head: Head) -> dict[str, Any] | None:
    """Who asked for what waits for an approval, or waited for one, and who said what."""
    if head.status != "awaiting_approval" and not head.approved and head.rejected_by is None:
        return None
    said = {"approved_by": head.approved_by, "at": head.approved_at, "rejected_by": head.rejected_by}
    return {"asked_by": head.asked_by, **said}


def _variant(
    variant: dict[str, Any], arms: dict[str, dict[str, int]], clicked: dict[str, int]
) -> dict[str, Any]:
    numbers = arms.get(variant["id"], {"planned": 0, "accepted": 0})
    return {**variant, **numbers, "clicks": clicked.get(variant["id"], 0)}


def status_of(head: Head) -> tuple[str, str | None]:
    """The status and its reason as the world sees them: a run on its way may be paused."""
    if head.run is not None and head.status in MOVING:
        control = deliveries.control(head.account, head.run)
        over = control.until is not None and control.until <= iso(clock.now())
        if control.state == "paused" and not over:
            return "paused", control.reason
    return head.status, head.reason
