"""The runaway brake: the same content does not reach a friend twice within a time, nor more messages than
so many, whatever rules, schedules, repetitions or other systems do. Pure; the protocol is searched by
``tests/model/test_brake.py``.

What a friend was sent one by one is in a **log** of their own, an entry for each message of the last
day. What a broadcast sends to many is a **claim** in one list of the account: who is in its run is
looked up only when that matters. Of two claims the one behind in the list gives way. A **wave**, a chunk for
many whom a step of a scenario reaches at once, is claimed too, so that none of them waits until all are in
their logs: there it is entered when it was sent, and its claim goes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from chalicelib.accounts.friend_tokens import without_live
from chalicelib.accounts.policies import Runaway
from chalicelib.links.liff_addresses import as_own
from chalicelib.shared.times import parse_duration, to_ms

MOST_FRIENDS, WITHIN = 10, timedelta(minutes=1)
"""When more friends than this would have been sent too much within this time, the cause is paused."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NO_CONTENT = "-"
"""In a log or a claim instead of the content of what may be sent again at once."""
OWN_WORDS = "*"
"""The content of a claim whose messages are made for each friend."""
_FRESH = timedelta(minutes=1)
_MOST_CLAIMS = 1000
_WAVE = 50
"""Fewer recipients are entered in their logs before they are sent to: each claim makes the list longer."""
_MOST_WAVES = 200
"""When so many are in the list others are entered in the logs first: it is one item, written for each."""
_LOGGED = timedelta(minutes=5)
"""So long the claim of a wave stays when its friends' logs have it: longer than a worker lives that has read
them before, and than clocks are apart.
"""


@dataclass(frozen=True)
class Limits:
    """What the brake allows: no same content within ``window``, and so many messages to one friend."""

    window: timedelta
    per_hour: int
    per_day: int

    @property
    def fresh(self) -> timedelta:
        """How long an entry or a claim is as good as new: repetitions within it cost no write."""
        return min(_FRESH, self.window / 10)


def read(body: Mapping[str, Any] | bool | None) -> Limits | None:
    """The limits of a policies' ``runaway``: on unless it is false."""
    if body is False:
        return None
    asked = Runaway.model_validate(body or {})
    return Limits(
        parse_duration(asked.same_content_within), asked.per_friend_per_hour, asked.per_friend_per_day
    )


def content_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """A short name of what messages contain; tokens in their addresses say whose they are, no more."""
    text = as_own(json.dumps(without_live(list(messages)), sort_keys=True, ensure_ascii=False))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def name_of(token: str) -> str:
    """A short name of the delivery that a chunk's token names."""
    return hashlib.sha256(token.encode()).hexdigest()[:8]


# What one friend was sent


class Entry(NamedTuple):
    """One message: when it was last tried (ms), its content, which delivery it was of."""

    at: int
    content: str
    by: str


def parse(text: str) -> list[Entry]:
    """The entries of a log."""
    parts = (line.split(":") for line in text.split())
    return [Entry(int(at), content, by) for at, content, by in parts]


def written(entries: Sequence[Entry]) -> str:
    """A log of these entries."""
    return " ".join(f"{entry.at}:{entry.content}:{entry.by}" for entry in entries)


def is_fresh(entries: Sequence[Entry], by: str, limits: Limits, now: datetime) -> bool:
    """Whether a delivery is in the log as of just now."""
    return any(entry.by == by and entry.at >= to_ms(now - limits.fresh) for entry in entries)


def entered(entries: Sequence[Entry], one: Entry, now: datetime) -> list[Entry]:
    """The log with a delivery's message in it; without what is older than a day."""
    kept = [entry for entry in entries if entry.by != one.by and entry.at > to_ms(now - DAY)]
    return [*kept, one]


def without(entries: Sequence[Entry], by: str) -> list[Entry]:
    """The log without a delivery."""
    return [entry for entry in entries if entry.by != by]


@dataclass(frozen=True)
class Received:
    """What a friend was sent by others than the delivery at hand: whether the same, and how much."""

    same: bool = False
    in_hour: int = 0
    in_day: int = 0

    def is_too_much(self, limits: Limits) -> bool:
        """Whether one more message is one too many."""
        return self.same or self.in_hour >= limits.per_hour or self.in_day >= limits.per_day

    def __add__(self, other: Received) -> Received:
        return Received(self.same or other.same, self.in_hour + other.in_hour, self.in_day + other.in_day)


def count_received(timestamps: Sequence[tuple[int, bool]], limits: Limits, now: datetime) -> Received:
    """Of messages as ``(timestamp in ms, whether they have the same content)``."""
    window, hour, day = (to_ms(now - span) for span in (limits.window, HOUR, DAY))
    return Received(
        any(same and at > window for at, same in timestamps),
        sum(at > hour for at, _ in timestamps),
        sum(at > day for at, _ in timestamps),
    )


def counted_in_log(
    entries: Sequence[Entry], content: str | None, by: str, limits: Limits, now: datetime
) -> Received:
    """What a log says of the others. ``content`` None: the same may be sent again."""
    others = [(entry.at, entry.content == content) for entry in entries if entry.by != by]
    return count_received(others, limits, now)


# What many were sent


@dataclass(frozen=True)
class Claim:
    """What is being sent to many: when that was last noted (ms), and its contents.

    ``run``: a broadcast's, or of a wave of the scenario ``source`` the token of its chunk (``run/chunk``).
    ``logged``: since when a wave that has ended is in its friends' logs (ms).
    """

    source: str
    run: str
    at: int
    contents: tuple[str, ...]
    logged: int = 0

    @property
    def chunk(self) -> str:
        """The chunk of a wave; empty: a broadcast's run."""
        return self.run.rpartition("/")[2] if "/" in self.run else ""

    def is_over(self, now: datetime) -> bool:
        """Whether it may go: everybody who may still ask finds what it sent in the logs."""
        return 0 < self.logged < to_ms(now - _LOGGED)

    def may_send(self, content: str | None) -> bool:
        """Whether it may send this to somebody (``OWN_WORDS``: anything)."""
        if content is None:
            return False
        return content in self.contents or OWN_WORDS in {content, *self.contents}


def is_wave(manifest: Mapping[str, Any]) -> bool:
    """Whether a chunk is a step's for many, who all get the same, and may not get it again at once."""
    is_step = manifest["kind"] == "multicast" and bool(manifest["cause"].get("scenario"))
    return is_step and not manifest.get("repeats") and len(manifest["recipients"]) >= _WAVE


def has_room(claims: Sequence[Claim], token: str) -> bool:
    """Whether a wave may be claimed, or is."""
    return sum(bool(one.chunk) for one in claims) < _MOST_WAVES or any(one.run == token for one in claims)


def claimed(
    claims: Sequence[Claim], source: str, run: str, content: str, limits: Limits, now: datetime
) -> list[Claim] | None:
    """The list with a run's claim in it as of now; None: it is there already.

    Renewed within the window it keeps its place: whoever is behind it has given way to it, and still does.
    """
    own = next((claim for claim in claims if claim.run == run), None)
    at, kept = to_ms(now), [claim for claim in claims if claim.at > to_ms(now - DAY)][-_MOST_CLAIMS:]
    if own is None:
        return [*kept, Claim(source, run, at, (content,))]
    contents = own.contents if content in own.contents else (*own.contents, content)
    if own.at >= to_ms(now - limits.fresh) and not own.logged:
        if contents == own.contents:
            return None
        at = own.at
    renewed = replace(own, at=at, contents=contents, logged=0)
    if own.at > to_ms(now - limits.window):
        return [renewed if claim.run == run else claim for claim in kept]
    return [*(claim for claim in kept if claim.run != run), renewed]


def before(claims: Sequence[Claim], run: str) -> list[Claim]:
    """The claims to which a run gives way (a message, which has none: all of them)."""
    found: list[Claim] = []
    for claim in claims:
        if claim.run == run:
            break
        found.append(claim)
    return found


def asked_about(
    claims: Sequence[Claim], content: str | None, alone: Received, limits: Limits, now: datetime
) -> list[Claim]:
    """The claims of which it has to be looked up who is in them, for a friend who was sent ``alone`` one by
    one: all, where together they may be too many messages, else those that may send the same.
    """
    most = count_received([(at, False) for at in _at_most(claims, limits)], limits, now)
    if (most + alone).is_too_much(limits):
        return list(claims)
    since = to_ms(now - limits.window - limits.fresh)
    return [claim for claim in claims if claim.may_send(content) and claim.at > since]


def _at_most(claims: Sequence[Claim], limits: Limits) -> Iterator[int]:
    """When these can have sent something to one friend (ms): waves with the same content, within the
    window once.
    """
    last: dict[tuple[str, tuple[str, ...]], int] = {}
    window = limits.window // timedelta(milliseconds=1)
    for claim in sorted(claims, key=lambda one: one.at):
        same = (claim.source, claim.contents)
        if not claim.chunk or same not in last or claim.at >= last[same] + window:
            last[same] = claim.at
            yield claim.at
