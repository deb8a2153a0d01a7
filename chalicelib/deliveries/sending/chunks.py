"""Chunks: written in the order that loses nothing, fed, split, ended. The order is the protocol's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import changes, decide, policies, receipts, store
from chalicelib.deliveries.lately import brake
from chalicelib.deliveries.lately import store as lately_store
from chalicelib.deliveries.model import Chunk, Manifest, Status, letter
from chalicelib.gateways import clock, queues
from chalicelib.shared import side_by_side
from chalicelib.shared.times import iso, local_date, parse_iso, to_ms
from chalicelib.timers import service as timers


def put_manifest(chunk: Chunk, *, watch: bool) -> Manifest:
    """Reserve the caps and write the manifest; returns the one that exists, which may be an earlier one.

    Only chunks with a watch of their own reserve here; a broadcast has reserved for its whole run.
    """
    now = clock.now()
    token = f"{chunk.run}/{chunk.chunk}" if watch else chunk.run
    if not watch:
        return store.put_manifest(chunk, {}, token, now)
    policy = policies.current(chunk.account)
    goes_at = policies.goes_out_at(policy, chunk.category, now)
    skips = policies.admit(chunk.account, policy, chunk.category, chunk.recipients, token, goes_at)
    manifest = store.put_manifest(replace(chunk, reserved_at=iso(goes_at)), skips, token, now)
    # Somebody else's manifest may leave friends out for whom places were just taken.
    kept = set(manifest["recipients"]) - (manifest.get("skips") or {}).keys()
    spare = [user for user in chunk.recipients if user not in kept and user not in skips]
    policies.give_back(chunk.account, policy, chunk.category, spare, token, goes_at)
    return manifest


def put_chunk(chunk: Chunk, *, watch: bool, feed: bool = True) -> Manifest:
    """Manifest, status, [watch], [queue message], each only after the one before; returns the manifest.

    Safe to repeat: what is stored stays, what is missing is added. With ``watch`` the chunk is fed again
    until it has come to its end; without, its run is watched by its owner, who also releases it.
    """
    manifest = put_manifest(chunk, watch=watch)
    put_rest(chunk.account, chunk.run, manifest, watch=watch, feed=feed)
    return manifest


def put_at(chunk: Chunk, at: datetime) -> None:
    """Put a chunk that goes out at a time: an entry wakes it then, and its watch if that is lost."""
    put_chunk(replace(chunk, not_before=iso(at)), watch=True, feed=False)
    body = {"run": chunk.run, "chunk": chunk.chunk}
    name = f"{chunk.run}/{chunk.chunk}"
    timers.arm(timers.Entry(chunk.account, "chunk_hold", name, to_ms(at), at, body=body))


def put_rest(account: str, run: str, manifest: Manifest, *, watch: bool, feed: bool = True) -> None:
    """What follows a manifest that exists: status, [watch], [queue message]."""
    _follow(account, run, manifest, parent=None, watch=watch, send=feed)


def _follow(
    account: str, run: str, manifest: Manifest, *, parent: str | None, watch: bool, send: bool
) -> None:
    status, now = _first_status(manifest, parent, own_watch=watch), clock.now()
    if not store.put_status(account, run, status):
        status = store.read(account, run, [status.chunk])[1][status.chunk]
    if not status.is_open:
        if send and not status.attempts and receipts.has_receipts(manifest):
            feed(account, run, status.chunk)  # nobody is left to send to: the send worker has that reported
        return
    if watch:
        body = {"run": run, "chunk": status.chunk}
        timers.watch("chunk", account, f"{run}/{status.chunk}", body, now, 0)
    if send:
        feed(account, run, status.chunk)


def _first_status(manifest: Manifest, parent: str | None, *, own_watch: bool) -> Status:
    skips, recipients = manifest.get("skips") or {}, manifest["recipients"]
    common: dict[str, Any] = {
        "chunk": manifest["chunk"],
        "kind": manifest["kind"],
        "parent": parent,
        "variant": manifest.get("variant"),
        "own_watch": own_watch,
        "not_before": manifest.get("not_before"),
    }
    left = len(recipients) - len(skips)
    if manifest["kind"] == "push":
        chars = "".join(letter("skipped", skips[u]) if u in skips else "." for u in recipients)
        state = "pending" if left else "done"
        return Status(n=len(recipients), state=state, chars=chars, **common)
    state = "pending" if left else "skipped"
    return Status(n=left, state=state, skipped=Counter(skips.values()), **common)


def feed(account: str, run: str, chunk: str, *, delay_s: int = 0) -> None:
    """Put a chunk's message in the queue of the send worker."""
    queues.send("sends", {"account": account, "run": run, "chunk": chunk}, delay_s=delay_s)


def feed_all(account: str, run: str) -> int:
    """Feed every chunk that has not come to its end and that nobody is at; returns how many."""
    now = clock.now()
    free = {"attempt", "split", "cancel", "expired"}
    control, _ = store.read(account, run, [])
    waiting = [s for s in store.statuses(account, run) if decide.next_step(s, control, now) in free]
    bodies = [{"account": account, "run": run, "chunk": status.chunk} for status in waiting]
    refused = queues.send_all("sends", [queues.Message(body) for body in bodies])
    if refused:
        raise RuntimeError(f"queue sends refused {len(refused)} of {len(bodies)} messages")
    return len(bodies)


def finish_split(account: str, run: str, status: Status) -> None:
    """Carry out a split that is noted: the child first, whole, and only then is the parent replaced."""
    manifest = store.find_manifest(account, run, status.chunk)
    assert manifest is not None  # a status is stored only after its manifest
    gone = {*(manifest.get("skips") or {}), *status.drop}
    child = Chunk(
        account=account,
        run=run,
        chunk=f"{status.chunk}.1",
        kind="multicast",
        recipients=[user for user in manifest["recipients"] if user not in gone],
        messages=manifest["messages"],
        category=manifest["category"],
        topic=manifest.get("topic"),
        repeats=bool(manifest.get("repeats")),
        cause=manifest["cause"],
        variant=manifest.get("variant"),
        shard=int(manifest.get("shard") or 0),
        unit=manifest.get("unit"),
        reserved_at=iso(_reserved_at(manifest)),
    )
    written = store.put_manifest(child, {}, manifest["token"], clock.now())
    _follow(account, run, written, parent=status.chunk, watch=status.own_watch, send=True)
    if changes.replace(account, run, status.chunk):
        give_back(account, manifest, status.drop)


def skip(account: str, run: str, status: Status, reason: str, now: datetime) -> bool:
    """Leave out, for this reason, everybody of a chunk to whom LINE cannot have accepted anything."""
    if status.kind == "push":
        chars = status.chars.replace(".", letter("skipped", reason))
        done = chars != status.chars and changes.save_untouched_chars(account, run, status, chars, now)
    else:
        done = changes.finish_untouched(account, run, status, "skipped", reason, now)
    if done:
        _free_places(account, run, status)
    return done


def leave_out(
    account: str, run: str, status: Status, users: Collection[str], reason: str, now: datetime
) -> None:
    """Leave out these recipients, and try them no more: whom it may have reached already ends as unknown. The
    others go on by the message of the chunk, or of the child that takes it over.
    """
    manifest = store.find_manifest(account, run, status.chunk)
    assert manifest is not None  # a status is stored only after its manifest
    if status.kind == "push":
        becomes = {".": letter("skipped", reason), "?": letter("unknown", None)}
        pairs = list(zip(manifest["recipients"], status.chars, strict=True))
        chars = "".join(becomes.get(char, char) if user in users else char for user, char in pairs)
        if changes.save_untouched_chars(account, run, status, chars, now):
            give_back(account, manifest, [user for user, char in pairs if char == "." and user in users])
            if {".", "?"} & set(chars):
                feed(account, run, status.chunk)
            else:
                receipts.ask(manifest, accepted=set(chars) == {"a"})
    elif not decide.untouched(status):
        if changes.give_up(account, run, status, now):
            receipts.ask(manifest, accepted=False)
    elif set(manifest["recipients"]) - {*(manifest.get("skips") or {}), *users}:
        drop = tuple(users)
        if changes.split_untouched(account, run, status, drop, reason, now):
            finish_split(account, run, replace(status, state="split", drop=drop, reason=reason))
            receipts.ask(manifest, accepted=False)
    elif skip(account, run, status, reason, now):
        receipts.ask(manifest, accepted=False)


def _free_places(account: str, run: str, status: Status) -> None:
    manifest = store.find_manifest(account, run, status.chunk)
    if manifest is None:
        return
    skips = manifest.get("skips") or {}
    users = manifest["recipients"]
    if status.kind == "push":
        users = [user for user, char in zip(users, status.chars, strict=True) if char == "."]
    give_back(account, manifest, [user for user in users if user not in skips])


def _reserved_at(manifest: Manifest) -> datetime:
    return parse_iso(manifest.get("reserved_at") or manifest["at"])


def give_back(account: str, manifest: Manifest, users: Iterable[str]) -> None:
    """Free the caps' places of recipients to whom LINE took nothing, moved or not, and what is kept of it in
    their logs.
    """
    if users := list(users):
        leave_logs(account, manifest, users)
        policy, timestamps = policies.current(account), (_reserved_at(manifest), clock.now())
        policies.give_back(account, policy, manifest["category"], users, manifest["token"], *timestamps)


def leave_logs(account: str, manifest: Manifest, users: Iterable[str]) -> None:
    """Take a chunk of a rule or a step out of the logs of friends to whom it was not sent."""
    if manifest["token"] == manifest["run"] or manifest["category"] == "internal":
        return  # a broadcast's run, which has a claim; or nobody's
    shards, by = accounts.get_account(account).shards, brake.name_of(manifest["token"])

    def leave(user: str) -> None:
        while log := lately_store.logs(account, shards, [user]).get(user):
            left = brake.written(brake.without(brake.parse(log), by))
            if left == log or lately_store.put_log(account, shards, user, log, left, clock.now()):
                return

    side_by_side.each(leave, users)


def without_place(account: str, status: Status, manifest: Manifest, now: datetime) -> list[str]:
    """Whoever has no place under the caps of the period in which a chunk is now about to be tried.

    Places of those whom nobody has tried are moved there, before the mark. Within the day for which they
    were reserved there is nothing to ask.
    """
    since, zone = _reserved_at(manifest), accounts.get_account(account).zone
    if local_date(since, zone) == local_date(now, zone):
        return []
    users, policy = decide.untried(status, manifest), policies.current(account)
    return policies.move(account, policy, manifest["category"], users, manifest["token"], since, now)


def cancel_pending(account: str, run: str) -> None:
    """Skip, as ``cancelled``, everything of a run that was not attempted. Everything is fed besides: what is
    on its way goes on, and the send worker has it reported to friends what is skipped.
    """
    now = clock.now()
    for status in store.statuses(account, run):
        if status.is_open:
            feed(account, run, status.chunk)
            if decide.untouched(status):
                skip(account, run, status, "cancelled", now)
