"""A multicast chunk: one call for everybody in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.deliveries import changes, decide, health, receipts
from chalicelib.deliveries.sending import chunks
from chalicelib.deliveries.sending.attempts import Attempt
from chalicelib.gateways import clock


def send(attempt: Attempt) -> None:
    """Mark, call once with the identical body, and note what the answer means."""
    skips = attempt.manifest.get("skips") or {}
    recipients = [user for user in attempt.manifest["recipients"] if user not in skips]
    if not changes.mark(attempt.account, attempt.run, attempt.status, attempt.by, clock.now()):
        return
    verdict = attempt.call("multicast", {"to": recipients, "messages": attempt.manifest["messages"]})
    if _is_final(attempt, verdict, recipients):
        receipts.ask(attempt.manifest, accepted=verdict.kind == "accepted")
        return
    if verdict.kind == "no_answer":
        changes.release(attempt.account, attempt.run, attempt.chunk, attempt.number)
    else:
        changes.close_attempt(attempt.account, attempt.run, attempt.chunk, attempt.number)
    attempt.go_on(verdict, decide.backoff_s(attempt.number))


def _is_final(attempt: Attempt, verdict: decide.Verdict, recipients: Sequence[str]) -> bool:
    """Note an answer that ends the chunk; False: it does not, or another attempt is still unanswered."""
    account, run, chunk, now = attempt.account, attempt.run, attempt.chunk, clock.now()
    if verdict.kind == "accepted":
        changes.accept(account, run, chunk, verdict.request_id, now)
        return True
    dropped = [recipients[index] for index in verdict.drop]
    if verdict.kind == "split" and len(dropped) < len(recipients):
        if not changes.split(account, run, chunk, attempt.number, dropped, now):
            return False
        chunks.finish_split(account, run, replace(attempt.status, state="split", drop=tuple(dropped)))
        return True
    outcome = {"refused": (verdict.status, verdict.reason), "split": ("skipped", "invalid_recipient")}
    if verdict.kind not in outcome:
        return False
    if not changes.finish(account, run, chunk, attempt.number, *outcome[verdict.kind], now):
        return False
    health.note(account, {outcome[verdict.kind]: len(recipients)})
    chunks.give_back(account, attempt.manifest, recipients)
    return True
