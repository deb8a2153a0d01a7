"""A broadcast, its run and its plan as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.reasons import Reason, quoted, table
from chalicelib.shared.times import iso, parse_duration, parse_iso

SLICE_SHEETS = 1000
SLICE_BYTES = 250_000
"""A slice, and a chunk, stay well below an item's 400 KB."""
PART_RECIPIENTS = 10_000
"""About so many recipients are packed by one message."""

MAX_LATENESS = "60m"
DECIDE_AFTER, LEAST_PER_ARM = "4h", 30
"""When a test is decided, after its sample was sent, and with how many friends at least, unless it says so.
"""
LONGEST_TEST = timedelta(days=7)
REST = "+"
"""Marks what belongs to the rest of an audience, after a test: its plan, and the names of its chunks."""

EDITABLE = ("draft", "scheduled", "missed", "failed")
"""Until planning begins, and again when nothing was released: then it may be mended and started anew."""
RESTING = tuple(status for status in EDITABLE if status != "scheduled")
"""Of these, where nothing goes out without a publisher's act: an editor's to write."""
STARTABLE = EDITABLE
MOVING = ("planning", "awaiting_approval", "sending", "settling")
FINAL = ("done", "cancelled", "failed", "missed")


def kept_reason(reason: Reason) -> str:
    """Why a run ended, as it is stored: a code, or JSON."""
    kept = reason.kept()
    return kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False)


def read_reason(kept: str) -> Reason:
    """The reason that is stored so; what an earlier version has written in words is quoted."""
    if kept.startswith("["):
        return Reason.of(json.loads(kept))
    return Reason(kept) if kept in table() else quoted(kept)


@dataclass(frozen=True)
class Broadcast:
    """A broadcast: its document, and the state of its newest run. ``run`` None: it was never started."""

    account: str
    id: str
    body: dict[str, Any]
    revision: int
    status: str = "draft"
    reason: str | None = None
    run: str | None = None
    at: str | None = None
    every: dict[str, Any] | None = None
    step: str | None = None
    token: str | None = None
    executions: int = 0
    watch: int = 0
    go_at: str | None = None
    """When a person last allowed it to go on although it is late: by /resume or /approve."""
    rest_of: str | None = None
    """Its run is for friends alone whom this earlier one has not reached."""
    asked_by: str | None = None
    """Who sent or scheduled its run: somebody else approves it."""
    approved: bool = False
    approved_by: str | None = None
    approved_at: str | None = None
    rejected_by: str | None = None
    claim: str | None = None
    """Names who is about to put it in force; an edit, or another claim, takes it away."""
    claimed: tuple[str, ...] = ()
    """The documents that it will use then, as ``<kind>/<id>``."""
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    decides_at: str | None = None
    """When the winner of its run is looked for, once that is known."""

    @property
    def is_final(self) -> bool:
        """Whether its run has come to its end (or, missed, waits for a person to start it anew)."""
        return self.status in FINAL and (self.finished_at is not None or self.status == "missed")


@dataclass(frozen=True)
class Arm:
    """One payload of a run: a variant, or the only message (``variant`` None)."""

    id: str
    weight: float
    body: dict[str, Any]
    static: bool
    variant: str | None = None
    goes_at: str | None = None
    """When it would go out by the policies as the run was frozen: places under caps are those of then."""
    at: str | None = None
    """The time before which none of it is sent, of a variant that has a time of its own."""
    unit: str | None = None
    """The name under which LINE counts who looks at it."""

    @property
    def category(self) -> str:
        """The message's category, for the policies."""
        return str(self.body.get("category", "marketing"))

    @property
    def topic(self) -> str | None:
        """The message's own topic, if it has one."""
        return self.body.get("topic")


@dataclass(frozen=True)
class RunSnapshot:
    """A run's document as it was when planning began; never changes. ``now``: everybody is judged by it."""

    account: str
    broadcast: str
    run: str
    body: dict[str, Any]
    arms: list[Arm]
    catalog: Snapshot
    """The documents that judging reads, and no others."""
    now: str
    shards: int
    time_zone: str
    revision: int
    stage: str = ""
    """Empty: the whole audience, of which a test sends to a sample. ``REST``: whom the sample left, by the
    decision.
    """

    @property
    def plan(self) -> str:
        """What this stage's plan is kept under; what it sends is in the run's one ledger."""
        return self.run + self.stage


@dataclass
class Slice:
    """What became of up to 1,000 sheets of one shard. Users of an arm are in the order of the sheets."""

    from_key: str | None
    next_key: str | None = None
    arms: dict[str, list[str]] = field(default_factory=dict)
    payloads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    held_out: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    """Who is not of a test's sample: what they get is decided later."""
    emptied: bool = False
    """Its payloads were taken out, because every chunk is stored: it cannot be packed again."""

    @property
    def recipients(self) -> set[str]:
        """Everybody whom it sends to."""
        return {user for users in self.arms.values() for user in users}


@dataclass(frozen=True)
class Totals:
    """Counts over slices: recipients by arm, skipped by reason, held out, and who waits for a decision."""

    arms: dict[str, int]
    skipped: dict[str, int]
    held_out: int
    rest: int = 0

    @property
    def recipients(self) -> int:
        """Everybody who is to get a message that is known already."""
        return sum(self.arms.values())

    @property
    def to_be_sent(self) -> int:
        """Everybody who may get a message, now or once a test is decided."""
        return self.recipients + self.rest

    @property
    def planned(self) -> int:
        """Everybody whom the audience means."""
        return self.to_be_sent + sum(self.skipped.values()) + self.held_out


# When a broadcast is due, and when it is too late. Pure.


def is_too_late(body: Mapping[str, Any], at: str, go_at: str | None, now: datetime) -> bool:
    """Whether nobody may be sent to any more without asking: later than ``max_lateness`` after it was due,
    or after a person last allowed it to go on.
    """
    since = parse_iso(max(at, go_at or at))
    return now - since > parse_duration(str(body.get("max_lateness") or MAX_LATENESS))


def machine_time(at: str) -> str:
    """The whole second not before ``at``, as the state machine waits for it."""
    due_at = parse_iso(at)
    if due_at.microsecond:
        due_at = due_at.replace(microsecond=0) + timedelta(seconds=1)
    return iso(due_at)[:19] + "Z"
