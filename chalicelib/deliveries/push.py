"""A push chunk: a call, a retry key and a status character for each recipient.

Characters are saved before the first call and every 25 answers; each save marks the next 25 as about to
be tried. So a crash leaves at most 25 recipients about whom LINE must be asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from chalicelib.deliveries import changes, chunks, decide, receipts
from chalicelib.deliveries.attempts import Attempt
from chalicelib.deliveries.model import FUNCTION_TIMEOUT_S, LETTERS, SAVE_EVERY
from chalicelib.gateways import clock

BUDGET = timedelta(seconds=FUNCTION_TIMEOUT_S // 3)
"""A chunk stops after this long and goes on in its next message; a call takes 10 s at most."""

_SILENT_MAX = 3
"""After so many calls in a row without an answer the rest waits."""

_GOING_ON = decide.Verdict("accepted")


def send(attempt: Attempt, *, cancelled: bool) -> None:
    """Try everybody who is not at an end yet; of a cancelled run, only those who may have got it."""
    before = attempt.status.chars.replace(".", "x") if cancelled else attempt.status.chars
    waiting, started = decide.to_attempt(before), clock.now()
    window, rest = waiting[:SAVE_EVERY], waiting[SAVE_EVERY:]
    chars = decide.marked(before, window)
    saved = "".join(chars)
    if not changes.mark(attempt.account, attempt.run, attempt.status, attempt.by, started, saved):
        return
    verdict = _GOING_ON
    while window:
        chars, verdict = _send_window(attempt, before, chars, window, started + BUDGET)
        if verdict.kind != "accepted" or clock.now() > started + BUDGET:
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
    """Call for each recipient of a window; answers the characters, and the verdict that stopped it.

    No call begins after ``until``: a window of slow answers must not outlive the lease.
    """
    found, silent = list(chars), 0
    for position, index in enumerate(window):
        user = attempt.manifest["recipients"][index]
        body = {"to": user, "messages": attempt.manifest["payloads"][user]}
        verdict = attempt.call("push", body, user)
        found[index] = decide.after_answer(verdict, was_open=before[index] == "?")
        silent = silent + 1 if verdict.kind == "no_answer" else 0
        stopped = verdict.kind in {"later", "quota", "credentials"} or silent >= _SILENT_MAX
        if stopped or clock.now() > until:
            for untried in window[position + 1 :]:
                found[untried] = before[untried]
            return found, verdict if stopped else _GOING_ON
    return found, _GOING_ON


def _end(attempt: Attempt, chars: str, verdict: decide.Verdict) -> None:
    ended = [
        index
        for index, (was, now) in enumerate(zip(attempt.status.chars, chars, strict=True))
        if was != now and LETTERS[now][0] != "pending"
    ]
    unsent = [index for index in ended if LETTERS[chars[index]][0] in {"failed", "skipped"}]
    chunks.give_back(attempt.account, attempt.manifest, [attempt.manifest["recipients"][i] for i in unsent])
    is_over = not set(chars) & {".", "?"}
    if ended or is_over:
        receipts.ask(attempt.manifest, accepted=set(chars) == {"a"})
    if not is_over:
        unanswered = verdict.kind != "accepted" or "?" in chars
        attempt.go_on(verdict, decide.backoff_s(attempt.number) if unanswered else 0)
