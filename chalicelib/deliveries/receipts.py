"""Receipts: what came of a broadcast or a scenario, where it is asked for by friend.

Everybody whom a chunk was meant for has one line on the timeline, an activity of type ``sent``: what was
said, and whether LINE took it, refused it, never answered, or why it was not sent. Whoever got it has
``received.<broadcast or scenario>`` = ``{"at", "run"}`` on the fact sheet besides, the latest: what the
condition ``delivery`` asks. Tests have the line and no receipt; reactions are told by their own activity
(``engine.outcomes``).

A job of the queue ``bulk`` writes both, so that sending never waits for it. The send worker asks for one
whenever something of a chunk has come to its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.deliveries import model, store
from chalicelib.friends import activities
from chalicelib.friends import store as friends
from chalicelib.gateways import queues
from chalicelib.messages import said

Manifest = Mapping[str, Any]
Outcome = Mapping[str, Any]
"""As in ``model.outcomes``."""

_AT_ONCE = 100


def tells(manifest: Manifest) -> bool:
    """Whether what came of a chunk is told here: a broadcast's or a scenario's, meant for somebody."""
    return bool(manifest["recipients"]) and bool(_source(manifest))


def ask(manifest: Manifest, *, accepted: bool) -> None:
    """Have it told what has come of a chunk so far. Asked for twice, it is told once.

    ``accepted``: LINE took it for everybody. A reaction's activity says so already; what came to nothing
    is told there by the job ``outcome``, which also hears of questions that have been asked (``asked``).
    """
    names = {name: manifest[name] for name in ("account", "run", "chunk")}
    if tells(manifest):
        queues.send("bulk", {"job": "receipts", **names})
    elif manifest["cause"].get("event_id") and (not accepted or manifest["cause"].get("asked")):
        queues.send("bulk", {"job": "outcome", **names})


def write(account: str, run: str, chunk: str) -> None:
    """The job: a line for everybody who has come to an end, a receipt for those who got it.

    Safe to repeat, late, twice at a time, and to be cut off: whoever has the line has all of it.
    """
    status = store.read(account, run, [chunk])[1].get(chunk)
    manifest = store.find_manifest(account, run, chunk)
    if status is None or manifest is None or not tells(manifest):
        return
    shop = accounts.get_account(account)
    ended = [outcome for outcome in model.outcomes(status, manifest) if outcome["status"] != "pending"]
    for start in range(0, len(ended), _AT_ONCE):
        _write_some(shop, manifest, ended[start : start + _AT_ONCE])


def _write_some(account: Account, manifest: Manifest, outcomes: Sequence[Outcome]) -> None:
    """First the receipts, then the lines; then nothing stays of those who were erased meanwhile."""
    there, erased = _known(account, manifest, outcomes)
    told = {user for user, _ in activities.existing(_names(manifest, _users(outcomes)))}
    new = [outcome for outcome in outcomes if outcome["user_id"] in there - told]
    for outcome in new:
        if outcome["status"] == "accepted" and not manifest["cause"].get("test"):
            _receive(account, manifest, outcome)
    activities.put_all([line(manifest, outcome) for outcome in new])
    # Erasing leaves the tombstone and then takes the timeline: whoever is still there now was there when the
    # line was written, and loses it with the rest.
    still, erased_now = _known(account, manifest, new)
    activities.delete(_names(manifest, (told - there) | (_users(new) - still)))
    _forget(manifest, erased | erased_now)


def _known(account: Account, manifest: Manifest, outcomes: Sequence[Outcome]) -> tuple[set[str], set[str]]:
    """Of those who are known: who is there, and who was erased since the chunk was put. Who came back is
    somebody new, who was sent nothing.
    """
    since = friends.heard_of(account.id, account.shards, _users(outcomes))
    there = {user for user, erased_at in since.items() if erased_at < manifest["at"]}
    return there, since.keys() - there


def _forget(manifest: Manifest, users: Iterable[str]) -> None:
    """Have what was to be said to those who are gone taken out of the ledger, once it has ended."""
    own, chunks = manifest.get("payloads") or {}, [[manifest["run"], manifest["chunk"]]]
    for user in sorted(user for user in users if own.get(user)):
        job = {"job": "forget_said", "account": manifest["account"], "user": user}
        queues.send("bulk", job | {"chunks": chunks})


def _receive(account: Account, manifest: Manifest, outcome: Outcome) -> None:
    """Note the receipt on the sheet, unless a later one stands."""
    path, receipt = ("received", _delivery(manifest)), {"at": outcome["at"], "run": manifest["run"]}
    earlier = [friends.Condition(path, "absent"), friends.Condition((*path, "at"), "<", outcome["at"])]
    friends.update_paths(
        account.id, account.shards, outcome["user_id"], [(path, receipt)], conditions=[earlier]
    )


def line(manifest: Manifest, outcome: Outcome) -> dict[str, Any]:
    """The activity of one recipient: a record, which wakes no rule and counts nowhere. Pure."""
    cause = manifest["cause"]
    source = _source(manifest)
    facts = {source: _delivery(manifest), "node": cause.get("node"), "run": manifest["run"]}
    facts |= {"variant": outcome.get("variant"), "test": cause.get("test")}
    return {
        "account": manifest["account"],
        "user_id": outcome["user_id"],
        "event_id": _event_id(manifest),
        "type": activities.SENT,
        "at": _at(manifest, outcome),
        "props": {name: value for name, value in facts.items() if value is not None},
        "source": source,
        "rules": [],
        "changes": [],
        "effects": [_effect(manifest, outcome)],
    }


def _effect(manifest: Manifest, outcome: Outcome) -> dict[str, Any]:
    cause, own = manifest["cause"], manifest.get("payloads") or {}
    author = [_source(manifest), _delivery(manifest), cause.get("node")]
    effect = {
        "rule": ":".join(str(part) for part in author if part),
        "index": 0,
        "action": "send",
        "status": "done" if outcome["status"] == "accepted" else outcome["status"],
        "why": outcome.get("reason"),
        "message": cause.get("message"),
        "messages": said.kept(own.get(outcome["user_id"]) or manifest.get("messages") or []),
        "run": manifest["run"],
        "test": cause.get("test"),
    }
    return {name: value for name, value in effect.items() if value is not None}


def _source(manifest: Manifest) -> str:
    """``broadcast`` or ``scenario``; empty: a reaction."""
    cause = manifest["cause"]
    return next((name for name in ("broadcast", "scenario") if cause.get(name)), "")


def _delivery(manifest: Manifest) -> str:
    """The id of the broadcast or scenario."""
    return str(manifest["cause"][_source(manifest)])


def _event_id(manifest: Manifest) -> str:
    return f"{activities.SENT}:{manifest['run']}:{manifest['chunk']}"


def _at(manifest: Manifest, outcome: Outcome) -> str:
    """When it came to its end; of those who were left out from the beginning, when the chunk was put."""
    return str(outcome.get("at") or manifest["at"])


def _users(outcomes: Iterable[Outcome]) -> set[str]:
    return {outcome["user_id"] for outcome in outcomes}


def _names(manifest: Manifest, users: Iterable[str]) -> list[tuple[str, str, str]]:
    return [(manifest["account"], user, _event_id(manifest)) for user in users]
