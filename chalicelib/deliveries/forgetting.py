"""The ledger keeps who was to get a message and what came of it; what was said in it can be taken out."""

from __future__ import annotations

from collections.abc import Collection

from chalicelib.deliveries import store


def forget_messages(account: str, run: str, chunk: str, user: str | None = None) -> bool:
    """Keep no more what a chunk of own messages said to this recipient (None: to anybody).

    False while the chunk has not come to its end: what may still be sent stays as it is. What all recipients
    of a chunk got alike is nobody's, and stays.
    """
    manifest = store.find_manifest(account, run, chunk)
    payloads: Collection[str] = ((manifest or {}).get("payloads") or {}).keys()
    users = [name for name in payloads if user in {None, name}]
    if not users:
        return True
    status = store.read(account, run, [chunk])[1].get(chunk)
    if status is None or status.is_open:
        return False
    store.empty_payloads(account, run, chunk, users)
    return True
