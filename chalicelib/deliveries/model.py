"""What a delivery is made of: chunks, their states, what each recipient came to. Values and pure counts."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

from chalicelib.shared.tables import Table

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

UNANSWERED = "?"
"""Of a push chunk's recipient: an attempt may be unanswered."""
Outcome: TypeAlias = tuple[str, str | None]
"""What a recipient came to: the status, and why where the status has reasons."""


@dataclass(frozen=True)
class DeliveryStatus:
    """What a recipient may come to. ``letter``: its character in a push chunk, of a status without reasons.

    ``has_reasons``: counted by reason. ``is_planned``: known before the ledger, which has nothing of it.
    ``metric``: what an operator hears of it.
    """

    letter: str | None = None
    has_reasons: bool = False
    is_planned: bool = False
    metric: str | None = None


@dataclass(frozen=True)
class SkipReason:
    """Why a recipient got nothing: ``skipped`` by us, or ``failed`` because LINE refused it. ``letter``: its
    character in a push chunk.
    """

    letter: str
    status: str = "skipped"


@dataclass(frozen=True)
class Cause:
    """What may be behind deliveries, by its kind of document: broadcasts, rules.

    ``pause`` (account, id): stop it until a person resumes it; False when it is stopped already, or gone.
    ``chunks_of`` (account, id, run, friends): whom of these a run of it is for, and in which chunk.
    """

    pause: Callable[[str, str], bool]
    chunks_of: Callable[[str, str, str, Sequence[str]], Mapping[str, str]] = lambda *_: {}


CAUSES = Table("causes", Cause)
STATUSES = Table("statuses", DeliveryStatus)
SKIP_REASONS = Table("skip_reasons", SkipReason)


@functools.cache
def letters() -> Mapping[str, Outcome]:
    """One character per recipient of a push chunk: what came of it, and why. Raises ValueError."""
    entries: list[tuple[str, Outcome]] = [
        (kind.letter, (name, None)) for name, kind in STATUSES.items() if kind.letter
    ]
    entries += [(kind.letter, (kind.status, name)) for name, kind in SKIP_REASONS.items()]
    if len(found := dict(entries)) < len(entries):
        raise ValueError("two outcomes have the same character")
    return {**found, UNANSWERED: ("pending", None)}


def outcome_of(char: str) -> Outcome:
    """What a character of a push chunk says."""
    return letters()[char]


def letter(status: str, reason: str | None) -> str:
    """The character of an outcome. Raises KeyError for one that is not declared."""
    char = STATUSES[status].letter if reason is None else SKIP_REASONS[reason].letter
    if char is None or outcome_of(char) != (status, reason):
        raise KeyError((status, reason))
    return char


@dataclass(frozen=True)
class Chunk:
    """One piece of a run: who gets what. Immutable from when its manifest is written.

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
    topic: str | None = None
    repeats: bool = False
    """Whether a friend may be sent the same again at once."""
    cause: dict[str, Any] = field(default_factory=dict)
    variant: str | None = None
    shard: int = 0
    """The friends' shard that a rule's or a step's recipients were read from, for readers."""
    reserved_at: str | None = None
    """A time of the period in which its places under caps were reserved, if not the manifest's own."""
    not_before: str | None = None
    """Until then it is not tried."""
    unit: str | None = None
    """The name under which LINE counts who looks at it; part of each request, and so fixed with the chunk."""


class Manifest(TypedDict):
    """A chunk as the ledger keeps it. Fields that say nothing are not there; the rest is as of ``Chunk``.

    ``skips``: the reason of each recipient that was left out when it was put. ``token``: who put it.
    """

    account: str
    run: str
    chunk: str
    kind: Literal["multicast", "push"]
    recipients: list[str]
    messages: NotRequired[list[dict[str, Any]]]
    payloads: NotRequired[dict[str, list[dict[str, Any]]]]
    category: str
    topic: NotRequired[str]
    repeats: NotRequired[bool]
    cause: dict[str, Any]
    variant: NotRequired[str]
    shard: NotRequired[int]
    reserved_at: NotRequired[str]
    not_before: NotRequired[str]
    unit: NotRequired[str]
    skips: NotRequired[dict[str, str]]
    token: str
    at: str


@dataclass(frozen=True)
class Control:
    """What workers may do with a run: ``released``, ``paused`` (perhaps until a time) or ``cancelled``.

    ``slowed_at``: when LINE last answered one of its workers with 429 (a rate, not the quota).
    """

    state: str = "released"
    reason: str | None = None
    until: str | None = None
    slowed_at: str | None = None
    lifted: bool = False
    """Whether a person has let it go on although the brake had stopped it."""


@dataclass(frozen=True)
class Status:
    """A chunk's state as it was read. ``chars`` of a push chunk: one of ``letters`` per recipient.

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
    not_before: str | None = None

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
        counts.update(outcome_of(char) for char in status.chars)
        return counts
    for reason, n in status.skipped.items():
        counts["skipped", reason] += n
    if status.drop:
        counts["skipped", status.why_dropped] += len(status.drop)
    rest = status.n - len(status.drop)
    if status.state in OPEN_STATES:
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
    totals: dict[str, Any] = {
        name: {} if kind.has_reasons else 0 for name, kind in STATUSES.items() if not kind.is_planned
    }
    total = 0
    variants: dict[str, dict[str, int]] = {}
    for status in leaves(statuses):
        for (name, reason), n in tally(status).items():
            total += n
            if STATUSES[name].has_reasons:
                by_reason = totals[name]
                by_reason[reason or "unnamed"] = by_reason.get(reason or "unnamed", 0) + n
            else:
                totals[name] += n
            if status.variant is not None:
                arm = variants.setdefault(status.variant, {"planned": 0, "accepted": 0})
                arm["planned"] += n
                arm["accepted"] += n if name == "accepted" else 0
    return {"total": total, **totals, "variants": variants}


def delivery_results(status: Status, manifest: Manifest) -> list[dict[str, Any]]:
    """What each recipient of a chunk came to: ``[{"user_id", "status", "reason"?, "variant"?, "at"?}]``.

    Those whom a child has taken over are in the child's results.
    """
    found = []
    reason: str | None
    skips, dropped = manifest.get("skips") or {}, set(status.drop)
    for index, user in enumerate(manifest["recipients"]):
        if user in skips:
            name, reason = "skipped", skips[user]
        elif status.kind == "push":
            name, reason = outcome_of(status.chars[index])
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
