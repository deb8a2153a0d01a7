"""What a narrowcast would do, as far as anybody can know before LINE has chosen. Changes nothing."""

from __future__ import annotations

from typing import Any

from chalicelib.audiences import service as audiences
from chalicelib.broadcasts.model import Broadcast
from chalicelib.broadcasts.narrowcasts import documents, planning
from chalicelib.broadcasts.plans import planning as plans
from chalicelib.catalog import service as catalog
from chalicelib.gateways import clock
from chalicelib.segments import service as segments

_WITHIN_S = 8.0


def preview(broadcast: Broadcast) -> dict[str, Any]:
    """In the shape of every preview; ``count`` is how many it may reach at most (``exact`` False), and
    ``findings`` are LINE's thresholds.
    """
    narrowcast = broadcast.body["narrowcast"]
    snapshot = catalog.snapshot(broadcast.account)
    (arm,) = plans.arms_of(broadcast.body, snapshot, clock.now())
    messages = planning.messages_of(arm, snapshot, broadcast.account)
    count = _at_most(broadcast.account, narrowcast)
    return {
        "count": count,
        "exact": False,
        "waterfall": [],
        "skipped": {},
        "held_out": 0,
        "rest": 0,
        "variants": [],
        "overlap": {"received": 0, "scheduled": []},
        "links": [],
        "samples": [{"user_id": None, "variant": None, "messages": messages}],
        "findings": [detail.body() for detail in documents.thresholds(narrowcast)],
    }


def _at_most(account: str, narrowcast: dict[str, Any]) -> int:
    """The smaller of ``max`` and the one list that it names, or all friends."""
    recipient, most = narrowcast.get("recipient") or {}, narrowcast.get("max")
    found: int | None = None
    if set(recipient) == {"audience"}:
        known = audiences.find(account, recipient["audience"])
        found = known.count if known else None
    if found is None:
        condition = recipient if set(recipient) == {"segment"} else {"everyone": True}
        found = segments.count(account, condition, clock.now(), _WITHIN_S).high
    return found if most is None else min(found, int(most))
