"""The state of a narrowcast's run, as a value; and what an answer of LINE makes of it. Pure.

LINE chooses who gets it, so there is no ledger: one item per run. Its request is fixed before the first
call and so is its key, so asking again is the same request. Model: ``tests/model/test_narrowcasts.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.deliveries.decide import Verdict
from chalicelib.deliveries.model import KEY_LIFE
from chalicelib.shared.times import iso, parse_iso

LEASE = timedelta(seconds=90)
"""So long nobody else asks LINE: longer than a call of this one can last."""
ACCEPTED, DONE, REFUSED, FAILED, UNKNOWN, CANCELLED = (
    *("accepted", "done", "refused", "failed", "unknown", "cancelled"),
)
ENDS = frozenset({DONE, REFUSED, FAILED, UNKNOWN, CANCELLED})


@dataclass(frozen=True)
class Narrowcast:
    """``messages``: what everybody gets. ``uploads``: audiences made for it, by what they are made of
    (``segment:<id>``, ``opted_out``). ``request``: LINE's request as JSON, once it is fixed.

    ``open_since``: when the first attempt was made that LINE may still accept. ``state`` None: not accepted;
    one of ``ENDS``: nothing more happens.
    """

    account: str
    broadcast: str
    run: str
    rev: int
    body: Mapping[str, Any]
    messages: tuple[Mapping[str, Any], ...]
    category: str
    topic: str | None
    uploads: Mapping[str, str]
    request: str | None = None
    attempts: int = 0
    open_since: str | None = None
    lease_until: str | None = None
    state: str | None = None
    request_id: str | None = None
    accepted_at: str | None = None
    phase: str | None = None
    target: int | None = None
    success: int | None = None
    failure: int | None = None
    why: Any = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ENDS

    @property
    def most(self) -> int | None:
        """How many it may reach; None: as many as LINE finds."""
        found = self.body["narrowcast"].get("max")
        return None if found is None else int(found)

    def is_leased(self, now: datetime) -> bool:
        """Whether somebody may be calling LINE just now."""
        return self.lease_until is not None and self.lease_until > iso(now)

    def is_expired(self, now: datetime) -> bool:
        """Whether LINE may have forgotten the key of an attempt that it may have accepted."""
        return self.open_since is not None and now - parse_iso(self.open_since) > KEY_LIFE


def marked(narrowcast: Narrowcast, now: datetime) -> Narrowcast:
    """Before a call: LINE may accept from now on."""
    return replace(
        narrowcast,
        attempts=narrowcast.attempts + 1,
        open_since=narrowcast.open_since or iso(now),
        lease_until=iso(now + LEASE),
    )


def after_answer(
    narrowcast: Narrowcast, verdict: Verdict, why: Any, now: datetime, *, was_open: bool
) -> Narrowcast:
    """After a call. ``was_open``: an earlier attempt may still be accepted, so that a refusal ends
    nothing.
    """
    freed = replace(narrowcast, lease_until=None)
    if verdict.kind == "accepted":
        at = iso(now)
        return replace(
            freed, state=ACCEPTED, request_id=verdict.request_id, accepted_at=at, open_since=None, why=None
        )
    if verdict.kind == "no_answer" or was_open:
        return freed
    if verdict.kind == "refused":
        return replace(freed, state=REFUSED, open_since=None, why=why)
    return replace(freed, open_since=None)


def after_progress(narrowcast: Narrowcast, found: Mapping[str, Any] | None, why: Any) -> Narrowcast:
    """With what LINE says of its progress; None: LINE knows it no more."""
    if found is None:
        return replace(narrowcast, state=UNKNOWN, why=why)
    phase = str(found.get("phase") or "")
    counts: dict[str, Any] = {
        ours: int(found[theirs])
        for ours, theirs in (
            ("target", "targetCount"),
            ("success", "successCount"),
            ("failure", "failureCount"),
        )
        if isinstance(found.get(theirs), int)
    }
    ended = {"succeeded": DONE, "failed": FAILED}.get(phase)
    seen = replace(narrowcast, phase=phase, **counts)
    return replace(seen, state=ended, why=why if ended == FAILED else None) if ended else seen


def numbers(narrowcast: Narrowcast | None) -> dict[str, Any]:
    """The run's progress in the shape of every broadcast's; it balances at every read. LINE has no more."""
    found: dict[str, Any] = {"planned": 0, "pending": 0, "accepted": 0, "skipped": {}, "failed": {}}
    found |= {"unknown": 0, "held_out": 0}
    if narrowcast is None or narrowcast.state in {None, REFUSED, CANCELLED}:
        return found
    success, failure = narrowcast.success or 0, narrowcast.failure or 0
    planned = max(narrowcast.target or 0, success + failure)
    rest = planned - success - failure
    found |= {"planned": planned, "accepted": success}
    found["failed"] = {"line_failed": failure} if failure else {}
    return found | {"unknown" if narrowcast.is_over else "pending": rest}
