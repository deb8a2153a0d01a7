"""What a delivery is made of: chunks, their states, what each recipient came to. Values and pure counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

MULTICAST_MAX = 500
PUSH_MAX = 100
SAVE_EVERY = 25
"""A push chunk's answers are saved at least this often; at most this many are uncertain after a crash."""

FUNCTION_TIMEOUT_S = 60
LEASE = timedelta(seconds=FUNCTION_TIMEOUT_S + 30)
KEY_LIFE = timedelta(hours=20)
"""LINE remembers a retry key for 24 h; after 20 h an unanswered attempt is not repeated any more."""

OPEN_STATES = frozenset({"pending", "sending", "split"})
"""States of a chunk that has not come to its end; every other one is terminal."""

LETTERS: dict[str, tuple[str, str | None]] = {
    ".": ("pending", None),
    "?": ("pending", None),  # an attempt may be unanswered
    "a": ("accepted", None),
    "u": ("unknown", None),
    "i": ("skipped", "invalid_recipient"),
    "c": ("skipped", "cap"),
    "x": ("skipped", "cancelled"),
    "q": ("skipped", "quiet_hours"),
    "b": ("skipped", "blackout"),
    "e": ("skipped", "erased"),
    "f": ("failed", "line_400"),
    "3": ("failed", "line_403"),
    "4": ("failed", "line_404"),
    "L": ("failed", "line_413"),
    "o": ("failed", "line_4xx"),
}
"""One character per recipient of a push chunk: what came of it, and why."""

LETTER_OF: dict[tuple[str, str | None], str] = {
    outcome: letter for letter, outcome in LETTERS.items() if letter != "?"
}


def letter(status: str, reason: str | None) -> str:
    """The character of an outcome; refusals without a character of their own are ``line_4xx``."""
    return LETTER_OF.get((status, reason), "o" if status == "failed" else "x")


@dataclass(frozen=True)
class Chunk:
    """One piece of a run: who gets what. Immutable from the moment its manifest is written.

    ``messages``: the payload of a multicast, the same for all. ``payloads``: by user id, of a push chunk.
    ``cause`` says where it comes from, for readers; a broadcast's names ``{"broadcast": id}``.
    """

    account: str
    run: str
    chunk: str
    kind: Literal["multicast", "push"]
    recipients: list[str]
    messages: list[dict[str, Any]] | None = None
    payloads: dict[str, list[dict[str, Any]]] | None = None
    category: str = "marketing"
    cause: dict[str, Any] = field(default_factory=dict)
    variant: str | None = None
    shard: int = 0
    """The friends' shard that a rule's or a step's recipients were read from, for readers."""


@dataclass(frozen=True)
class Control:
    """What workers may do with a run: ``released``, ``paused`` (perhaps until a moment) or ``cancelled``."""

    state: str = "released"
    reason: str | None = None
    until: str | None = None


@dataclass(frozen=True)
class Status:
    """A chunk's state as it was read. ``chars`` of a push chunk: one of ``LETTERS`` per recipient.

    ``unanswered``: the numbers of a multicast's attempts that LINE may still accept. ``skipped`` counts, by
    reason, recipients of its manifest that were left out before the first attempt; ``n`` counts the others.
    """

    chunk: str
    kind: str
    n: int
    state: str = "pending"
    chars: str = ""
    attempts: int = 0
    unanswered: frozenset[int] = frozenset()
    first_attempt_at: str | None = None
    lease_until: str | None = None
    request_id: str | None = None
    reason: str | None = None
    drop: tuple[str, ...] = ()
    parent: str | None = None
    variant: str | None = None
    own_watch: bool = False
    watch: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    at: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether something may still happen to this chunk."""
        return self.state in OPEN_STATES

    @property
    def why_dropped(self) -> str:
        """Why those whom a split has dropped got nothing: LINE refused them, or the reason beside it."""
        return self.reason or "invalid_recipient"


def tally(status: Status) -> Counter[tuple[str, str | None]]:
    """How many recipients of one chunk came to what: ``{(status, reason): n}``, over all it was given."""
    counts: Counter[tuple[str, str | None]] = Counter()
    if status.kind == "push":
        counts.update(LETTERS[char] for char in status.chars)
        return counts
    for reason, n in status.skipped.items():
        counts["skipped", reason] += n
    if status.drop:
        counts["skipped", status.why_dropped] += len(status.drop)
    rest = status.n - len(status.drop)
    if status.state in {"pending", "sending", "split"}:
        counts["pending", None] += rest
    elif status.state != "replaced":
        counts[status.state, status.reason] += rest
    return +counts


def leaves(statuses: Iterable[Status]) -> list[Status]:
    """The statuses that count, of chunks given in order: a child counts once its parent is ``replaced``.

    A parent is read before its child (its name is the child's prefix), so a parent seen as ``replaced``
    has a child that is seen too, and one seen as ``split`` still speaks for it.
    """
    states: dict[str, str] = {}
    found: list[Status] = []
    for status in statuses:
        counts = status.parent is None or states.get(status.parent) == "replaced"
        states[status.chunk] = status.state if counts else "ignored"
        if counts:
            found.append(status)
    return found


def sum_up(statuses: Iterable[Status]) -> dict[str, Any]:
    """Counts over the leaves: ``{"total", "pending", "accepted", "skipped": {}, "failed": {}, "unknown"}``,
    and under ``variants`` the ``planned`` and ``accepted`` of each.
    """
    totals: dict[str, Any] = {"pending": 0, "accepted": 0, "skipped": {}, "failed": {}, "unknown": 0}
    total = 0
    variants: dict[str, dict[str, int]] = {}
    for status in leaves(statuses):
        for (name, reason), n in tally(status).items():
            total += n
            if name in {"skipped", "failed"}:
                by_reason = totals[name]
                by_reason[reason or "unnamed"] = by_reason.get(reason or "unnamed", 0) + n
            else:
                totals[name] += n
            if status.variant is not None:
                arm = variants.setdefault(status.variant, {"planned": 0, "accepted": 0})
                arm["planned"] += n
                arm["accepted"] += n if name == "accepted" else 0
    return {"total": total, **totals, "variants": variants}


def outcomes(status: Status, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What each recipient of a chunk came to: ``[{"user_id", "status", "reason"?, "variant"?, "at"?}]``.

    Those whom a child has taken over are the child's to tell.
    """
    found = []
    skips, dropped = manifest.get("skips") or {}, set(status.drop)
    for index, user in enumerate(manifest["recipients"]):
        if user in skips:
            name, reason = "skipped", skips[user]
        elif status.kind == "push":
            name, reason = LETTERS[status.chars[index]]
        elif user in dropped:
            name, reason = "skipped", status.why_dropped
        elif status.state == "replaced":
            continue
        elif status.is_open:
            name, reason = "pending", None
        else:
            name, reason = status.state, status.reason
        line: dict[str, Any] = {"user_id": user, "status": name}
        extras = {"reason": reason, "variant": status.variant, "at": status.at if name != "pending" else None}
        found.append(line | {key: value for key, value in extras.items() if value is not None})
    return found
