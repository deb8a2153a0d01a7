"""The ledger keeps who was to get a message and what came of it; what was sent can be taken out."""

from __future__ import annotations

from collections.abc import Collection

from chalicelib.accounts.model import Account
from chalicelib.deliveries import store
from chalicelib.deliveries.lately import brake
from chalicelib.deliveries.lately import store as lately_store
from chalicelib.gateways import clock
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_iso, to_ms

_TRIES = 5


def forget_sent_messages(account: Account, user: str) -> None:
    """Forget what a friend was sent, whenever it was."""
    lately_store.forget_log(account.id, account.shards, user)


def forget_log(account: Account, user: str, until: str) -> None:
    """Forget what a friend was sent in the last day, up to a time: who comes back may be sent it anew."""
    for _ in range(_TRIES):
        seen = lately_store.logs(account.id, account.shards, [user]).get(user, "")
        kept = [entry for entry in brake.parse(seen) if entry.at > to_ms(parse_iso(until))]
        if not kept:
            return forget_sent_messages(account, user)
        if lately_store.put_log(account.id, account.shards, user, seen, brake.written(kept), clock.now()):
            return None
    raise Unavailable(Reason("erased_moving", account=account.id))


def forget_messages(account: str, run: str, chunk: str, user: str | None = None) -> bool:
    """Keep no more what a chunk of own messages sent to this recipient (None: to anybody).

    False while the chunk has not come to its end: what may still be sent stays as it is. What all recipients
    of a chunk got alike is nobody's, and stays.
    """
    manifest = store.find_manifest(account, run, chunk)
    payloads: Collection[str] = (manifest.get("payloads") or {}).keys() if manifest is not None else ()
    users = [name for name in payloads if user in {None, name}]
    if not users:
        return True
    status = store.read(account, run, [chunk])[1].get(chunk)
    if status is None or status.is_open:
        return False
    store.empty_payloads(account, run, chunk, users)
    return True
