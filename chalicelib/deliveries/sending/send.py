"""The send worker's body: what is to be done with a chunk, and whether now is a good time.

With ``multicast`` and ``push`` the only way from which messages go to LINE (replies apart). Every step
follows docs/deliveries.md; each write's condition is in ``changes``.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.accounts import service as accounts
from chalicelib.catalog import service as catalog
from chalicelib.deliveries import changes, decide, health, limits, policies, receipts, runs, store
from chalicelib.deliveries.lately import braking, last_look
from chalicelib.deliveries.lately import store as lately_store
from chalicelib.deliveries.model import Control, Manifest, Status
from chalicelib.deliveries.sending import chunks, multicast, push
from chalicelib.deliveries.sending.attempts import Attempt
from chalicelib.gateways import clock
from chalicelib.shared.times import parse_iso


def send_now(account: str, run: str, chunk: str) -> None:
    """Try a chunk once, if it may be tried now. Whatever comes of it is in the ledger.

    Safe to repeat and to run twice at the same time. Raises only what AWS raises.
    """
    control, found = store.read(account, run, [chunk])
    status = found.get(chunk)
    if status is None:
        return  # fed before its status stood: whoever writes the status feeds again
    now = clock.now()
    step = decide.next_step(status, control, now)
    if step == "attempt":
        _attempt(account, run, status, control, now)
    elif step == "split":
        chunks.finish_split(account, run, status)
    elif step == "expired":
        _expire(account, run, status, now)
    elif step == "cancel":
        chunks.skip(account, run, status, "cancelled", now)
    if step in _ENDING:
        manifest = store.find_manifest(account, run, chunk)
        if manifest is not None:
            receipts.ask(manifest, accepted=step == "done" and _is_accepted(status))


_ENDING = frozenset({"split", "expired", "cancel", "done"})
"""Steps after which there are results to report; ``done``: whoever ended it may have died before asking."""


def _is_accepted(status: Status) -> bool:
    return status.state == "accepted" or set(status.chars) == {"a"}


def _attempt(account: str, run: str, status: Status, control: Control, now: datetime) -> None:
    manifest = store.find_manifest(account, run, status.chunk)
    if manifest is None:
        raise RuntimeError(f"chunk {account}/{run}/{status.chunk} has a status and no manifest")
    if control.state == "paused" and control.until:
        runs.resume(account, run, until=control.until)
    seen = catalog.snapshot(account)
    policy = policies.of_account(accounts.get_account(account), seen)
    if manifest["category"] not in policies.EXEMPT and not _may_send_now(policy, status, manifest, now):
        return
    lately = lately_store.read(account)
    if left_out := last_look.left_out(seen, status, manifest, lately, now):
        reason, users = left_out
        chunks.leave_out(account, run, status, users, reason, now)
        return
    if full := chunks.without_place(account, status, manifest, now):
        chunks.leave_out(account, run, status, full, "cap", now)
        return
    if not control.lifted and braking.stop(account, status, manifest, policy, lately, now):
        return
    # Fetched before the mark: whatever fails between the mark and the call leaves LINE's answer in doubt.
    token = accounts.line_credentials(account)["channel_access_token"]
    bucket = limits.bucket(account, status.kind)
    if control.slowed_at:
        bucket.slow_down(parse_iso(control.slowed_at))
    attempt = Attempt(account, run, status, manifest, token, bucket)
    if status.kind == "push":
        push.send(attempt, cancelled=control.state == "cancelled")
    else:
        multicast.send(attempt)


def _may_send_now(policy: policies.Policy, status: Status, manifest: Manifest, now: datetime) -> bool:
    account, run = manifest["account"], manifest["run"]
    ruling = policies.decide(policy, manifest["category"], now)
    if ruling.kind == "go":
        return True
    if ruling.kind == "skip":
        chunks.skip(account, run, status, ruling.reason, now)
        receipts.ask(manifest, accepted=False)
    # What may have been accepted already is not skipped: it is tried again when the time has come.
    if ruling.kind == "hold" or not decide.untouched(status):
        runs.hold(account, run, status, manifest, ruling)
    return False


def _expire(account: str, run: str, status: Status, now: datetime) -> None:
    if status.kind != "push":
        if changes.give_up(account, run, status, now):
            health.note(account, {("unknown", None): status.n - len(status.drop)})
        return
    chars = status.chars.replace("?", "u")
    if changes.save_untouched_chars(account, run, status, chars, now):
        health.note(account, {("unknown", None): status.chars.count("?")})
        if "." in chars:
            chunks.feed(account, run, status.chunk)
