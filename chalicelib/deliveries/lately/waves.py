"""What becomes of a wave's claim: its chunk comes to its end, and its friends' logs say who was sent it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.deliveries.lately import brake, store
from chalicelib.deliveries.lately.brake import Entry
from chalicelib.deliveries.model import Manifest, Status
from chalicelib.gateways import clock
from chalicelib.shared import side_by_side
from chalicelib.shared.times import parse_iso, to_ms

_MAY_HAVE_IT = frozenset({"accepted", "unknown"})


def enter(account: Account, manifest: Manifest, results: Iterable[Mapping[str, Any]]) -> None:
    """Enter a wave in the logs of friends who may have got it, unless it is there. Again is the same."""
    if not brake.is_wave(manifest):
        return
    by, content = brake.name_of(manifest["token"]), brake.content_of(manifest["messages"])
    entries = {
        one["user_id"]: Entry(to_ms(parse_iso(one.get("at") or manifest["at"])), content, by)
        for one in results
        if one["status"] in _MAY_HAVE_IT
    }
    logs = store.logs(account.id, account.shards, entries)

    def put(user: str) -> None:
        log, now = logs.get(user, ""), clock.now()
        known = brake.parse(log)
        while all(entry.by != by for entry in known):
            new = brake.written(brake.entered(known, entries[user], now))
            if store.put_log(account.id, account.shards, user, log, new, now):
                return
            log = store.logs(account.id, account.shards, [user]).get(user, "")
            known = brake.parse(log)

    side_by_side.each(put, entries)


def note(manifest: Manifest, status: Status) -> None:
    """Note that the logs have a wave, once nobody of it is sent to any more: its claim may go then."""
    if status.is_open or status.state == "replaced" or not manifest["cause"].get("scenario"):
        return
    while True:
        lately, now = store.read(manifest["account"]), to_ms(clock.now())
        mine = [c for c in lately.claims if c.run == manifest["token"] and not c.logged]
        claims = [replace(c, logged=now) if c in mine else c for c in lately.claims]
        if not mine or store.put_claims(manifest["account"], claims, lately.rev):
            return
