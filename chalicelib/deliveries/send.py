"""The send worker: one chunk, one attempt. The only place from which messages go to LINE.

Every step follows docs/deliveries.md; each write's condition is in ``store``.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import chunks, decide, limits, policies, runs, store
from chalicelib.deliveries.model import FUNCTION_TIMEOUT_S, LETTERS, SAVE_EVERY, Control, Status
from chalicelib.gateways import clock, line
from chalicelib.shared.ids import retry_key
from chalicelib.shared.observability import logger

BUDGET = timedelta(seconds=FUNCTION_TIMEOUT_S // 3)
"""A push chunk stops after this long and goes on in its next message; a call takes 10 s at most."""

_SILENT_MAX = 3
"""After so many calls in a row without an answer the rest of a push chunk waits."""


def send_now(account: str, run: str, chunk: str) -> None:
    """Try a chunk once, if it may be tried now. Whatever comes of it stands in the ledger.

    Safe to repeat and to run twice at the same time. Raises only what AWS raises.
    """
    control, found = store.read(account, run, [chunk])
    status = found.get(chunk)
    if status is None:
        return  # fed before its status stood: whoever writes the status feeds again
    now = clock.now()
    step = decide.next_step(status, control, now)
    if step == "split":
        chunks.finish_split(account, run, status)
    elif step == "expired":
        _expire(account, run, status, now)
    elif step == "cancel":
        chunks.skip(account, run, status, "cancelled", now)
    elif step == "attempt":
        _attempt(account, run, status, control, now)


def _attempt(account: str, run: str, status: Status, control: Control, now: datetime) -> None:
    manifest = store.find_manifest(account, run, status.chunk)
    if manifest is None:
        raise RuntimeError(f"chunk {account}/{run}/{status.chunk} has a status and no manifest")
    if control.state == "paused" and control.until:
        runs.resume(account, run, until=control.until)
    if manifest["category"] not in policies.EXEMPT and not _is_a_good_moment(
        account, run, status, manifest, now
    ):
        return
    if status.kind == "push":
        _push(account, run, status, manifest, cancelled=control.state == "cancelled")
    else:
        _multicast(account, run, status, manifest, now)


def _is_a_good_moment(
    account: str, run: str, status: Status, manifest: dict[str, Any], now: datetime
) -> bool:
    ruling = policies.decide(policies.current(account), manifest["category"], now)
    if ruling.kind == "go":
        return True
    if ruling.kind == "skip":
        chunks.skip(account, run, status, ruling.reason, now)
    # What may have been accepted already is not skipped: it is tried again when the time has come.
    if ruling.kind == "hold" or not decide.untouched(status):
        runs.hold(account, run, status, manifest, ruling)
    return False


def _expire(account: str, run: str, status: Status, now: datetime) -> None:
    if status.kind != "push":
        store.give_up(account, run, status, now)
        return
    chars = status.chars.replace("?", "u")
    if store.save_untouched_chars(account, run, status, chars, now) and "." in chars:
        chunks.feed(account, run, status.chunk)


# -- multicast ------------------------------------------------------------------------------------


def _multicast(account: str, run: str, status: Status, manifest: dict[str, Any], now: datetime) -> None:
    chunk, attempt = status.chunk, status.attempts + 1
    skips = manifest.get("skips") or {}
    recipients = [user for user in manifest["recipients"] if user not in skips]
    if not store.mark(account, run, status, now):
        return
    body = {"to": recipients, "messages": manifest["messages"]}
    verdict = _call(account, "multicast", body, retry_key(account, run, chunk), len(recipients))
    now = clock.now()
    match verdict.kind:
        case "accepted":
            store.accept(account, run, chunk, verdict.request_id, now)
            return
        case "no_answer":
            store.release(account, run, chunk, attempt)
        case "refused" if store.finish(account, run, chunk, verdict.status, verdict.reason, now):
            chunks.give_back(account, manifest, recipients)
            return
        case "split":
            dropped = [recipients[index] for index in verdict.drop]
            if len(dropped) == len(recipients):
                if store.finish(account, run, chunk, "skipped", "invalid_recipient", now):
                    return
            elif store.split(account, run, chunk, dropped, now):
                chunks.finish_split(account, run, replace(status, state="split", drop=tuple(dropped)))
                return
            store.close_attempt(account, run, chunk, attempt)
        case _:
            store.close_attempt(account, run, chunk, attempt)
    _go_on(account, run, status, verdict, decide.backoff_s(attempt))


def _call(account: str, kind: str, body: dict[str, Any], key: str, recipients: int = 1) -> decide.Verdict:
    """One call to LINE, within the rate limit, and what its answer means."""
    limits.wait(account, kind)
    token = accounts.line_credentials(account)["channel_access_token"]
    try:
        answer = line.send(token, kind, body, key)
    except line.NoAnswer:
        return decide.NO_ANSWER
    verdict = decide.read_answer(answer, kind, recipients)
    if verdict.kind not in {"accepted", "no_answer"}:
        said = {
            "account": account,
            "status": answer.status,
            "said": answer.message,
            "details": answer.details,
        }
        logger.warning("LINE refused a %s", kind, extra=said)
    if verdict.kind == "credentials":
        fresh = accounts.line_credentials(account, refresh=True)["channel_access_token"]
        if fresh != token:
            return replace(verdict, kind="later")
    return verdict


def _go_on(account: str, run: str, status: Status, verdict: decide.Verdict, delay_s: int) -> None:
    """After an attempt that did not end the chunk: pause the run, or feed the chunk again later."""
    if verdict.kind not in {"quota", "credentials"}:
        chunks.feed(account, run, status.chunk, delay_s=delay_s)
    elif not status.own_watch:
        runs.pause(account, run, verdict.kind)
    # A rule's or a scenario's run is not stopped as a whole: the chunk's watch tries again, ever more rarely.


# -- push -----------------------------------------------------------------------------------------


def _push(account: str, run: str, status: Status, manifest: dict[str, Any], *, cancelled: bool) -> None:
    before = status.chars.replace(".", "x") if cancelled else status.chars
    waiting = decide.to_attempt(before)
    attempt = status.attempts + 1
    if not waiting:
        return
    started = clock.now()
    window, rest = waiting[:SAVE_EVERY], waiting[SAVE_EVERY:]
    chars = decide.marked(before, window)
    if not store.mark(account, run, status, started, "".join(chars)):
        return
    worst = decide.Verdict("accepted")
    while window:
        chars, worst = _push_window(account, run, status, manifest, before, chars, window)
        stop = worst.kind != "accepted" or clock.now() - started > BUDGET
        window, rest = ([], rest) if stop else (rest[:SAVE_EVERY], rest[SAVE_EVERY:])
        chars = decide.marked(chars, window)
        saved = store.save_chars(
            account, run, status.chunk, attempt, "".join(chars), lease=bool(window), now=clock.now()
        )
        if not saved:
            return  # another worker took over; what we saved last is what it sees
    _push_ended(account, run, status, manifest, before, "".join(chars), worst, attempt)


def _push_window(
    account: str,
    run: str,
    status: Status,
    manifest: dict[str, Any],
    before: str,
    chars: list[str],
    window: list[int],
) -> tuple[list[str], decide.Verdict]:
    """Call for each recipient of a window; answers their characters and why it stopped (or accepted)."""
    found, silent = list(chars), 0
    for position, index in enumerate(window):
        user = manifest["recipients"][index]
        body = {"to": user, "messages": manifest["payloads"][user]}
        verdict = _call(account, "push", body, retry_key(account, run, status.chunk, user))
        found[index] = decide.after_answer(verdict, was_open=before[index] == "?")
        silent = silent + 1 if verdict.kind == "no_answer" else 0
        if verdict.kind in {"later", "quota", "credentials"} or silent >= _SILENT_MAX:
            for untried in window[position + 1 :]:
                found[untried] = before[untried]
            return found, verdict
    return found, decide.Verdict("accepted")


def _push_ended(
    account: str,
    run: str,
    status: Status,
    manifest: dict[str, Any],
    before: str,
    chars: str,
    worst: decide.Verdict,
    attempt: int,
) -> None:
    unsent = [
        manifest["recipients"][i]
        for i, (was, now) in enumerate(zip(before, chars, strict=True))
        if was != now and LETTERS[now][0] in {"failed", "skipped"}
    ]
    chunks.give_back(account, manifest, unsent)
    if not set(chars) & {".", "?"}:
        return
    unanswered = worst.kind != "accepted" or "?" in chars
    _go_on(account, run, status, worst, decide.backoff_s(attempt) if unanswered else 0)
