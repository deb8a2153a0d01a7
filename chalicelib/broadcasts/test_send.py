"""A test send: the real message to chosen friends, as a run of its own that counts nowhere."""

from __future__ import annotations

from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts.model import Arm, Broadcast
from chalicelib.broadcasts.plans import packing, planning
from chalicelib.catalog import service as catalog
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.messages import render
from chalicelib.shared.errors import Detail, RuleViolation
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.topics import consent


def send(broadcast: Broadcast, user_ids: list[str]) -> dict[str, Any]:
    """Send every variant to each of these friends: ``{"run", "sent", "rejected": [{"user_id", "why"}]}``.

    Policies do not hold it back: somebody is waiting for it. Who is out of its topic gets none. Raises
    RuleViolation for unknown friends.
    """
    account, snapshot = accounts.get_account(broadcast.account), catalog.snapshot(broadcast.account)
    users = list(dict.fromkeys(user_ids))
    sheets = friends.load_many(broadcast.account, account.shards, users)
    unknown = [n for n, user in enumerate(users) if sheets.get(user, {}).get("status") in {None, "erased"}]
    if unknown:
        details = [Detail(f"user_ids[{n}]", Reason("no_friend", user=users[n])) for n in unknown]
        raise RuleViolation(details[0].reason, details)
    run, sent = new_ulid(), 0
    rejected: list[dict[str, Any]] = []
    for arm in planning.arms_of(broadcast.body, snapshot, clock.now()):
        payloads: dict[str, list[dict[str, Any]]] = {}
        for user in users:
            if consent.holds_back(sheets[user], arm.body, snapshot):
                rejected.append({"user_id": user, **Reason("opted_out").shown()})
                continue
            try:
                # Without a friend token: whoever tries the links of a test is not counted.
                payloads[user] = render.render(
                    arm.body, sheets[user], snapshot, clock.now(), zone=account.zone
                )
            except render.Unrenderable as error:
                rejected.append({"user_id": user, **error.reason.shown()})
        if payloads:
            _deliver(broadcast, run, arm, payloads)
            sent += len(payloads)
    return {"run": run, "sent": sent, "rejected": rejected}


def _deliver(broadcast: Broadcast, run: str, arm: Arm, payloads: dict[str, list[dict[str, Any]]]) -> None:
    cause = packing.cause_of(broadcast.id, broadcast.body, arm) | {"test": True}
    chunk = deliveries.Chunk(
        account=broadcast.account,
        run=run,
        chunk=arm.id,
        kind="push",
        recipients=list(payloads),
        payloads=payloads,
        category="internal",
        cause=cause,
        variant=arm.variant,
    )
    deliveries.put_chunk(chunk, watch=True)
