"""The brake at work on a chunk that is about to be tried: who would be sent too much is left out, and who
causes more than a little of that is paused.

A chunk of a rule or a step (``own_watch``) enters each friend's log, and looks at the account's claims
before and after. A broadcast's chunk renews the claim of its run, a step's for many (``brake.is_wave``) its
own, and then looks at the logs. The order is the model's.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import decide, model, policies, runs, store
from chalicelib.deliveries.lately import brake
from chalicelib.deliveries.lately import store as lately_store
from chalicelib.deliveries.lately.brake import OWN_WORDS, Claim, Entry, Limits, Received
from chalicelib.deliveries.lately.store import Lately
from chalicelib.deliveries.model import CAUSES, Manifest, Status
from chalicelib.deliveries.sending import chunks
from chalicelib.shared import side_by_side
from chalicelib.shared.metrics import count
from chalicelib.shared.observability import logger
from chalicelib.shared.times import parse_iso, to_ms

REASON = "runaway"
_NOTHING = Received()


def stop(
    account: str, status: Status, manifest: Manifest, policy: policies.Policy, lately: Lately, now: datetime
) -> bool:
    """Whether this attempt is not made, because some of its friends would be sent too much: they are left out
    (those whom it may have reached already end as unknown), and the others go on by a message of their own.
    """
    limits = policy.brake
    if limits is None or manifest["category"] == "internal":
        return False
    look = _Look(account, manifest, limits, now, decide.to_be_tried(status, manifest))
    is_claimed = not status.own_watch or (
        brake.is_wave(manifest) and brake.has_room(lately.claims, manifest["token"])
    )
    hits = look.at_run(lately) if is_claimed else look.at_messages(lately)
    if not hits:
        return False
    kind, id_ = cause_of(manifest["cause"])
    some = hits[: brake.MOST_FRIENDS + 1]
    if lately_store.note_stops(account, f"{kind}:{id_}", some, now) > brake.MOST_FRIENDS:
        _pause(account, kind, id_, manifest["run"])
        # A run waits for a person, who may let it go on to all the others.
        hits = hits if status.own_watch else some
    chunks.leave_out(account, manifest["run"], status, hits, REASON, now)
    return True


def foreseen(account: str, users: Sequence[str], content: Mapping[str, Any], now: datetime) -> list[str]:
    """Whom of these friends the brake would leave out, were they sent this now. Writes nothing."""
    limits = policies.current(account).brake
    if limits is None or not users:
        return []
    manifest = {"run": "", "token": "", "cause": {}, **content}
    return _Look(account, manifest, limits, now, users).foreseen()


def _pause(account: str, kind: str, id_: str, run: str) -> None:
    """Pause the cause, and notify the operator: an alarm, and a line of the audit."""
    cause = CAUSES.entries.get(f"{kind}s")
    if kind == "broadcast":
        paused = runs.pause(account, run, REASON)  # and counts it
    else:
        paused = cause is not None and cause.pause(account, id_)
        if paused or cause is None:
            count("RunsHeld", account=account)
    if paused or cause is None:
        logger.warning("a runaway is stopped", extra={"account": account, "cause": kind, "id": id_})
    if paused:
        accounts.audit(account, "brake", f"{kind}.paused", f"{kind}s/{id_}")


def cause_of(cause: Mapping[str, Any]) -> tuple[str, str]:
    """Who is behind a chunk, as ``(kind, id)``: a broadcast, a scenario, a rule, or what acts like one."""
    for kind in ("broadcast", "scenario"):
        if cause.get(kind):
            return kind, str(cause[kind])
    kind, colon, rest = str(cause.get("rule", "")).partition(":")
    return (kind, rest.partition(":")[0]) if colon else ("rule", kind)


@dataclass(frozen=True)
class _Look:
    """One look at what the friends of a chunk were sent by others."""

    account: str
    manifest: Mapping[str, Any]
    limits: Limits
    now: datetime
    users: Sequence[str]
    _known: dict[str, Mapping[str, tuple[int, str]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def _by(self) -> str:
        return brake.name_of(self.manifest["token"])

    @cached_property
    def _shards(self) -> int:
        return accounts.get_account(self.account).shards

    @cached_property
    def _contents(self) -> Mapping[str, str | None]:
        """What each friend would be sent; None: that may be sent again at once."""
        if self.manifest.get("repeats"):
            return dict.fromkeys(self.users)
        if own := self.manifest.get("payloads"):
            return {user: brake.content_of(own[user]) for user in self.users}
        return dict.fromkeys(self.users, brake.content_of(self.manifest["messages"]))

    # messages of rules and steps

    def at_messages(self, lately: Lately) -> list[str]:
        """Enter the friends' logs; returns those whom it would be too much for."""
        logs = lately_store.logs(self.account, self._shards, self.users)
        claims = self._of_others(lately)
        entered = side_by_side.each(lambda user: self._enter(user, logs.get(user, ""), claims), self.users)
        hits = [user for user, is_in in zip(self.users, entered, strict=True) if not is_in]
        after = lately_store.read(self.account)
        if after.rev != lately.rev:
            claims, late = self._of_others(after), set(self.users) - set(hits)
            hits += [user for user in self.users if user in late and self._is_among(user, claims)]
        return hits

    def _of_others(self, lately: Lately) -> list[Claim]:
        """The claims without this delivery's own: it was a wave, and is the few that are left of one."""
        return [claim for claim in lately.claims if claim.run != self.manifest["token"]]

    def _enter(self, user: str, log: str, claims: Sequence[Claim]) -> bool:
        content = self._contents[user]
        while True:
            entries = brake.parse(log)
            if brake.is_fresh(entries, self._by, self.limits, self.now):
                return not self._is_among(user, claims)
            if self._is_too_much(user, entries, claims):
                return False
            own = Entry(to_ms(self.now), content or brake.NO_CONTENT, self._by)
            new = brake.written(brake.entered(entries, own, self.now))
            if lately_store.put_log(self.account, self._shards, user, log, new, self.now):
                return True
            log = lately_store.logs(self.account, self._shards, [user]).get(user, "")

    # a broadcast's run

    def at_run(self, lately: Lately) -> list[str]:
        """Renew the run's or the wave's claim; returns those whom it would be too much for."""
        return self._hits(brake.before(self._claim(lately), self.manifest["token"]))

    def foreseen(self) -> list[str]:
        """Those whom it would be too much for now."""
        return self._hits(lately_store.read(self.account).claims)

    def _hits(self, claims: Sequence[Claim]) -> list[str]:
        logs = lately_store.logs(self.account, self._shards, self.users)
        return [
            user for user in self.users if self._is_too_much(user, brake.parse(logs.get(user, "")), claims)
        ]

    def _claim(self, lately: Lately) -> Sequence[Claim]:
        source, run = cause_of(self.manifest["cause"])[1], self.manifest["token"]
        if self.manifest.get("payloads") and not self.manifest.get("repeats"):
            content = OWN_WORDS
        else:
            content = next(iter(self._contents.values()), None) or brake.NO_CONTENT
        while renewed := brake.claimed(lately.claims, source, run, content, self.limits, self.now):
            if lately_store.put_claims(self.account, renewed, lately.rev):
                return renewed
            lately = lately_store.read(self.account)
        return lately.claims

    # what runs and waves have sent

    def _is_too_much(self, user: str, entries: Sequence[Entry], claims: Sequence[Claim]) -> bool:
        """By a friend's log, and by claims that were read before it: what is logged meanwhile counts once."""
        alone = brake.counted_in_log(entries, self._contents[user], self._by, self.limits, self.now)
        names = {entry.by for entry in entries}
        others = [claim for claim in claims if brake.name_of(claim.run) not in names]
        return alone.is_too_much(self.limits) or self._is_among(user, others, alone)

    def _is_among(self, user: str, claims: Sequence[Claim], alone: Received = _NOTHING) -> bool:
        """Whether some claims, with what a friend was sent one by one, are too much."""
        content = self._contents[user]
        asked = brake.asked_about(claims, content, alone, self.limits, self.now)
        lines = (self._sent_in_run(claim).get(user) for claim in asked)
        timestamps = [(at, content is not None and sent == content) for at, sent in filter(None, lines)]
        return (alone + brake.count_received(timestamps, self.limits, self.now)).is_too_much(self.limits)

    def _sent_in_run(self, claim: Claim) -> Mapping[str, tuple[int, str]]:
        with self._lock:  # once for all friends of the chunk
            if claim.run not in self._known:
                self._known[claim.run] = sent_in_run(self.account, claim, self.users, self.now)
        return self._known[claim.run]


def sent_in_run(
    account: str, claim: Claim, users: Sequence[str], now: datetime
) -> dict[str, tuple[int, str]]:
    """Whom of these friends a run or wave sends to, or may have sent to: when (ms; still to come: now), and
    what.
    """
    found: dict[str, tuple[int, str]] = {}
    run, waiting = claim.run.partition("/")[0], [claim.chunk]
    if not claim.chunk:
        chunk_of = CAUSES["broadcasts"].chunks_of(account, claim.source, run, users)
        waiting = sorted(set(chunk_of.values()))
    while waiting:
        control, statuses = store.read(account, run, waiting)
        following = []
        for name, status in statuses.items():
            manifest = store.find_manifest(account, run, name)
            if manifest is None or (control.state == "cancelled" and decide.untouched(status)):
                continue
            if status.state in {"split", "replaced"}:
                following.append(f"{name}.1")
            for line in model.delivery_results(status, manifest):
                if line["status"] in {"pending", "accepted", "unknown"}:
                    at = parse_iso(line["at"]) if line.get("at") else now
                    own = manifest.get("payloads")
                    messages = own.get(line["user_id"]) if own else manifest["messages"]
                    found[line["user_id"]] = (to_ms(at), brake.content_of(messages or []))
        waiting = following
    wanted = set(users)
    return {user: line for user, line in found.items() if user in wanted}
