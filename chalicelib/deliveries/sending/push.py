"""A push chunk: a call, a retry key and a status character for each recipient.

Characters are saved before the first call and every 25 answers; each save marks the next 25 as about to
be tried. So a crash leaves at most 25 recipients about whom LINE must be asked again. These 25 are called at
the same time: a worker's pace is 25 divided by how long LINE takes, within its share of LINE's limit.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from chalicelib.deliveries import changes, decide, health, receipts
from chalicelib.deliveries.model import FUNCTION_TIMEOUT_S, SAVE_EVERY, STATUSES, outcome_of
from chalicelib.deliveries.sending import chunks
from chalicelib.deliveries.sending.attempts import Attempt
from chalicelib.gateways import clock
from chalicelib.shared import time_left
from chalicelib.shared.observability import carried

BUDGET_S = FUNCTION_TIMEOUT_S / 3
"""A chunk stops after this long, or when the invocation's time is over, and goes on in its next message."""

AT_ONCE = SAVE_EVERY
"""Calls of one worker that are under way at the same time."""

_SILENT_MAX = 3
"""After so many calls in a row without an answer the rest waits."""

_ACCEPTED = decide.Verdict("accepted")


def send(attempt: Attempt, *, cancelled: bool) -> None:
    """Try everybody who is not at an end yet; of a cancelled run, only those who may have got it."""
    before = attempt.status.chars.replace(".", "x") if cancelled else attempt.status.chars
    waiting, started = decide.to_attempt(before), clock.now()
    until = started + timedelta(seconds=time_left.current().seconds(at_most=BUDGET_S))
    window, rest = waiting[:SAVE_EVERY], waiting[SAVE_EVERY:]
    chars = decide.marked(before, window)
    saved = "".join(chars)
    if not changes.mark(attempt.account, attempt.run, attempt.status, attempt.by, started, saved):
        return
    verdict = _ACCEPTED
    while window:
        chars, verdict = _send_window(attempt, before, chars, window, until)
        if verdict.kind != "accepted" or clock.now() > until:
            rest = []
        window, rest = rest[:SAVE_EVERY], rest[SAVE_EVERY:]
        chars = decide.marked(chars, window)
        if not _save(attempt, saved, chars, more=bool(window)):
            return  # another worker has taken over from what we saved last
        saved = "".join(chars)
    _end(attempt, "".join(chars), verdict)


def _save(attempt: Attempt, saved: str, chars: Sequence[str], *, more: bool) -> bool:
    return changes.save_chars(
        attempt.account,
        attempt.run,
        attempt.chunk,
        attempt.number,
        saved,
        "".join(chars),
        lease=more,
        now=clock.now(),
    )


def _send_window(
    attempt: Attempt, before: str, chars: Sequence[str], window: Sequence[int], until: datetime
) -> tuple[list[str], decide.Verdict]:
    """Call for each recipient of a window, all at once; returns the characters, and what stopped it.

    No call begins after ``until``: a window of slow answers must not outlive the lease.
    """
    found, brake = list(chars), _Brake(until)

    def call(index: int) -> decide.Verdict | None:
        user = attempt.manifest["recipients"][index]
        body = {"to": user, "messages": attempt.manifest["payloads"][user]}
        return brake.guard(lambda: attempt.call("push", body, user))

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="push") as threads:
        for index, verdict in zip(window, threads.map(carried(call), window), strict=True):
            if verdict is None:
                found[index] = before[index]
            else:
                found[index] = decide.after_answer(verdict, was_open=before[index] == "?")
    return found, brake.verdict


class _Brake:
    """Lets calls begin until one of them says that the next ones are in vain, or until it is too late."""

    def __init__(self, until: datetime) -> None:
        self.verdict = _ACCEPTED
        self._until = until
        self._silent = 0
        self._stopped = False
        self._lock = threading.Lock()

    def guard(self, call: Callable[[], decide.Verdict]) -> decide.Verdict | None:
        """The verdict of a call; None: it was not begun."""
        if self._stopped or clock.now() > self._until:
            return None
        try:
            verdict = call()
        except BaseException:
            # Whatever ends this attempt also ends the calls that have not begun.
            self._stopped = True
            raise
        with self._lock:
            self._silent = self._silent + 1 if verdict.kind == "no_answer" else 0
            if verdict.kind in {"later", "quota", "credentials"} or self._silent >= _SILENT_MAX:
                self._stopped, self.verdict = True, verdict
        return verdict


def _end(attempt: Attempt, chars: str, verdict: decide.Verdict) -> None:
    ended = [
        index
        for index, (was, now) in enumerate(zip(attempt.status.chars, chars, strict=True))
        if was != now and outcome_of(now)[0] != "pending"
    ]
    health.note(attempt.account, Counter(outcome_of(chars[index]) for index in ended))
    unsent = [index for index in ended if STATUSES[outcome_of(chars[index])[0]].has_reasons]
    chunks.give_back(attempt.account, attempt.manifest, [attempt.manifest["recipients"][i] for i in unsent])
    is_over = not set(chars) & {".", "?"}
    if ended or is_over:
        receipts.ask(attempt.manifest, accepted=set(chars) == {"a"})
    if not is_over:
        unanswered = verdict.kind != "accepted" or "?" in chars
        attempt.go_on(verdict, decide.backoff_s(attempt.number) if unanswered else 0)
