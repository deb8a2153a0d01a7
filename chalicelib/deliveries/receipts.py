"""Receipts: what came of a broadcast or a scenario, on the fact sheet of whoever got it.

``received.<broadcast or scenario>`` = ``{"at", "run"}``, the latest: what the condition ``delivery`` asks.
They are written by a job of their own, one for each chunk that has ended, so that sending never waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import model, store
from chalicelib.friends import store as friends
from chalicelib.gateways import queues


def _delivery(manifest: Mapping[str, Any]) -> str | None:
    """What the chunk belongs to; None: nothing that conditions can ask for (a rule's reaction, a test)."""
    cause = manifest["cause"]
    found: str | None = None if cause.get("test") else cause.get("broadcast") or cause.get("scenario")
    return found


def ask(manifest: Mapping[str, Any]) -> None:
    """Have the receipts of a chunk that has ended written. Asked for twice, they are written once."""
    if _delivery(manifest) is not None:
        names = {name: manifest[name] for name in ("account", "run", "chunk")}
        queues.send("bulk", {"job": "receipts", **names})


def write(account: str, run: str, chunk: str) -> None:
    """The job: note it on the sheet of everybody for whom LINE took the chunk, unless a later one stands."""
    status = store.read(account, run, [chunk])[1].get(chunk)
    manifest = store.find_manifest(account, run, chunk)
    delivery = _delivery(manifest) if manifest else None
    if status is None or manifest is None or delivery is None:
        return
    shards, path = accounts.get_account(account).shards, ("received", delivery)
    receipt = {"at": status.at, "run": run}
    earlier = [friends.Condition(path, "absent"), friends.Condition((*path, "at"), "<", status.at)]
    for outcome in model.outcomes(status, manifest):
        if outcome["status"] == "accepted":
            friends.update_paths(account, shards, outcome["user_id"], [(path, receipt)], conditions=[earlier])
