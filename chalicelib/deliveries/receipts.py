"""Receipts: what came of a broadcast or a scenario, where it is asked for by friend.

Everybody whom a chunk was meant for has one line on the timeline, an activity of type ``sent``: what was
sent, and whether LINE took it, refused it, never answered, or why it was not sent. Whoever got it has
``received.<broadcast or scenario>`` = ``{"at"}``, the latest, beside the fact sheet (``friends.beside``):
what the condition ``delivery`` asks. Tests have the line and no receipt; reactions are reported by their own
activity (``reaction.delivery_results``).

A job of the queue ``bulk`` writes both, so that sending never waits for it. The send worker asks for one
whenever something of a chunk has come to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.actions.model import Change, Effect
from chalicelib.deliveries import chunk_counts, erasure, model, store
from chalicelib.deliveries.lately import waves
from chalicelib.deliveries.model import Manifest
from chalicelib.friends import beside
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, queues
from chalicelib.messages import sent
from chalicelib.shared import side_by_side
from chalicelib.shared.times import iso
from chalicelib.sheets.trim import size_of
from chalicelib.timeline import sent_once
from chalicelib.timeline import service as activities

DeliveryResult = Mapping[str, Any]
"""As in ``model.delivery_results``."""

_AT_ONCE = 100
_IN_LINE = 400
"""So many bytes of messages and the rest of a line are one write unit together."""


def has_receipts(manifest: Manifest) -> bool:
    """Whether what came of a chunk is reported here: a broadcast's or a scenario's, meant for somebody."""
    return bool(manifest["recipients"]) and bool(_source(manifest))


def ask(manifest: Manifest, *, accepted: bool) -> None:
    """Have it reported what has come of a chunk so far. Asked for twice, it is reported once.

    ``accepted``: LINE took it for everybody. A reaction's activity says so already; what came to nothing
    is reported there by the job ``outcome``, which also hears of questions that have been asked (``asked``).
    """
    names = {name: manifest[name] for name in ("account", "run", "chunk")}
    if has_receipts(manifest):
        queues.send("bulk", {"job": "receipts", **names})
    elif manifest["cause"].get("event_id") and (not accepted or manifest["cause"].get("asked")):
        queues.send("bulk", {"job": "outcome", **names})


def write(account_id: str, run: str, chunk: str) -> None:
    """The job: a line for everybody who has come to an end, a receipt for those who got it.

    Safe to repeat, late, twice at a time, and to be cut off: whoever has the line has all of it.
    """
    status = store.read(account_id, run, [chunk])[1].get(chunk)
    manifest = store.find_manifest(account_id, run, chunk)
    if status is None or manifest is None or not has_receipts(manifest):
        return
    account = accounts.get_account(account_id)
    chunk_counts.keep(manifest, status)
    ended = [
        outcome for outcome in model.delivery_results(status, manifest) if outcome["status"] != "pending"
    ]
    if ended and (alike := _sent_alike(manifest)):
        sent_once.put(account_id, run, chunk, alike)
    for some in side_by_side.parts(ended, _AT_ONCE):
        _write_some(account, manifest, some, alike=bool(alike))
    waves.note(manifest, status)


def _write_some(
    account: Account, manifest: Manifest, results: Sequence[DeliveryResult], *, alike: bool
) -> None:
    """First the receipts and logs, then the lines; then nothing stays of those who were erased meanwhile."""
    there, gone = _known(account, manifest, results)
    existing = {user for user, _ in activities.existing(_names(manifest, _users(results)))}
    new = [outcome for outcome in results if outcome["user_id"] in there - existing]
    got = [one for one in new if one["status"] == "accepted" and not manifest["cause"].get("test")]
    waves.enter(account, manifest, new)
    trimmed = dict(side_by_side.each(lambda one: (one["user_id"], _receive(account, manifest, one)), got))
    activities.put_all([line(manifest, one, trimmed.get(one["user_id"], ()), alike=alike) for one in new])
    # Erasing leaves the tombstone and then takes the timeline: whoever is still there now was there when the
    # line was written, and loses it with the rest.
    still, gone_now = _known(account, manifest, new)
    activities.delete(_names(manifest, (existing - there) | (_users(new) - still)))
    for user, erased_at in gone_now.items():
        until = None if erased_at == friends.ERASED else erased_at
        beside.forget(account.id, account.shards, user, until)
        erasure.forget_log(account, user, until or iso(clock.now()))
    _forget(manifest, gone.keys() | gone_now.keys())


def _known(
    account: Account, manifest: Manifest, results: Sequence[DeliveryResult]
) -> tuple[set[str], dict[str, str]]:
    """Of those who are known: who is there, and who was erased since the chunk was put, with the time
    (``friends.ERASED``: still erased). Who came back is somebody new, who was sent nothing.
    """
    since = friends.heard_of(account.id, account.shards, _users(results))
    gone = {user: erased_at for user, erased_at in since.items() if erased_at >= manifest["at"]}
    return since.keys() - gone.keys(), gone


def _forget(manifest: Manifest, users: Iterable[str]) -> None:
    """Have what was to be sent to those who are gone taken out of the ledger, once it has ended."""
    own, chunks = manifest.get("payloads") or {}, [[manifest["run"], manifest["chunk"]]]
    for user in sorted(user for user in users if own.get(user)):
        job = {"job": "forget_sent", "account": manifest["account"], "user": user}
        queues.send("bulk", job | {"chunks": chunks})


def _receive(account: Account, manifest: Manifest, outcome: DeliveryResult) -> list[str]:
    """Note the receipt, unless a later one is stored; returns the deliveries whose receipts had to go."""
    user = outcome["user_id"]
    return beside.note(account.id, account.shards, user, _delivery(manifest), outcome["at"])


def line(
    manifest: Manifest, outcome: DeliveryResult, trimmed: Sequence[str] = (), *, alike: bool = False
) -> activities.Activity:
    """The activity of one recipient: a record, which wakes no rule and counts nowhere. ``trimmed``: the
    deliveries whose receipts had to go; ``alike``: what was sent is stored once (``_sent_alike``). Pure.
    """
    cause = manifest["cause"]
    source = _source(manifest)
    facts = {source: _delivery(manifest), "node": cause.get("node"), "run": manifest["run"]}
    facts |= {"variant": outcome.get("variant"), "test": cause.get("test")}
    return {
        "account": manifest["account"],
        "user_id": outcome["user_id"],
        "event_id": f"{activities.SENT}:{manifest['run']}:{manifest['chunk']}",
        "put_at": manifest["at"],
        "type": activities.SENT,
        "at": _at(manifest, outcome),
        "props": {name: value for name, value in facts.items() if value is not None},
        "source": source,
        "rules": [],
        "changes": _trimmed(trimmed),
        "effects": [_effect(manifest, outcome, alike=alike)],
    }


def _trimmed(deliveries: Sequence[str]) -> list[Change]:
    names = [f"received.{delivery}" for delivery in deliveries]
    return [{"type": "trimmed", "names": names[:50]}] if names else []


def _effect(manifest: Manifest, outcome: DeliveryResult, *, alike: bool) -> Effect:
    cause = manifest["cause"]
    author = [_source(manifest), _delivery(manifest), cause.get("node")]
    effect: Effect = {
        "rule": ":".join(str(part) for part in author if part),
        "index": 0,
        "action": "send",
        "status": "done" if outcome["status"] == "accepted" else outcome["status"],
        "run": manifest["run"],
    }
    if alike:
        effect["sent_in"] = [manifest["run"], manifest["chunk"]]
    else:
        effect["messages"] = sent.kept(_sent(manifest, outcome["user_id"]))
    if (reason := outcome.get("reason")) is not None:
        effect["why"] = reason
    if (message := cause.get("message")) is not None:
        effect["message"] = message
    if (test := cause.get("test")) is not None:
        effect["test"] = test
    return effect


def _sent(manifest: Manifest, user: str) -> Sequence[Mapping[str, Any]]:
    return (manifest.get("payloads") or {}).get(user) or manifest.get("messages") or []


def _sent_alike(manifest: Manifest) -> list[dict[str, Any]]:
    """What is stored once for all the lines of a chunk, because it would make each of them a unit dearer."""
    alike = sent.kept(manifest.get("messages") or [])
    return alike if len(manifest["recipients"]) > 1 and size_of(alike) > _IN_LINE else []


def _source(manifest: Manifest) -> str:
    """``broadcast`` or ``scenario``; empty: a reaction."""
    cause = manifest["cause"]
    return next((name for name in ("broadcast", "scenario") if cause.get(name)), "")


def _delivery(manifest: Manifest) -> str:
    """The id of the broadcast or scenario."""
    return str(manifest["cause"][_source(manifest)])


def _at(manifest: Manifest, outcome: DeliveryResult) -> str:
    """When it came to its end; of those who were left out from the beginning, when the chunk was put."""
    return str(outcome.get("at") or manifest["at"])


def _users(results: Iterable[DeliveryResult]) -> set[str]:
    return {outcome["user_id"] for outcome in results}


def _names(manifest: Manifest, users: Iterable[str]) -> list[tuple[str, str, str]]:
    own = activities.sort_key(line(manifest, {"user_id": "", "status": ""}))
    return [(manifest["account"], user, own) for user in users]
