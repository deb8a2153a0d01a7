"""An occurrence's work: one event for each friend of the audience, by a job of all shards.

The event is named by the schedule and the due time, so whatever is worked on twice acts once. The audience is
judged as of the due time; whom ``once_per`` leaves out is left out here, and judged again where the event is
decided on, because another occurrence may still be on its way then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import inbox
from chalicelib.jobs import service as jobs
from chalicelib.rules import limits
from chalicelib.segments import by_shard
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import parse_iso

COUNTS = ("audience", "done", "left_out", "stopped")
SCHEDULED = "scheduled"


def limit(once_per: str | None) -> Any:
    """``once_per`` as the limit of a rule that says the same."""
    return {"cooldown": once_per} if once_per not in {None, "ever"} else once_per and "once"


def start(account: Account, document: Document, at: str, job: str) -> None:
    """Queue an occurrence's job, as the document is now. Again is harmless."""
    names = ("audience", "once_per", "then")
    kept = {name: document.body[name] for name in names if document.body.get(name) is not None}
    params = {"schedule": document.id, "at": at, **kept}
    by_shard.start(account, "schedule", params, f"schedule:{document.id}", job)


def work(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job ``schedule``, ``{account, id, shard}``: the friends of one shard."""
    account = accounts.get_account(body["account"])
    snapshot, of = catalog.snapshot(account.id), jobs.header(account.id, body["id"]).params
    needs = language.needs(of["audience"], snapshot) | {"limits", "facts"}
    by_shard.go_on(account, body, lambda header: _each(account, header, snapshot), left, needs)


def _each(account: Account, header: jobs.JobHeader, snapshot: Snapshot) -> by_shard.Each:
    of, now = header.params, parse_iso(header.params["at"])
    document = snapshot.find("schedules", of["schedule"])
    if document is None or not document.body["enabled"]:
        return lambda _sheets: {"stopped": 1}
    test = language.compile_audience(of["audience"], Context(snapshot, account.zone))
    allowed = limits.read_limit(limit(of.get("once_per")))
    name = f"schedule:{of['schedule']}"

    def is_reached(sheet: Sheet) -> bool:
        """By an earlier try: what came of it may have changed whether the friend is meant."""
        fact = (sheet.get("facts") or {}).get(f"{SCHEDULED}:{of['schedule']}") or {}
        return bool(fact.get("last_at") == of["at"])

    def is_left_out(sheet: Sheet) -> bool:
        state = (sheet.get("limits") or {}).get(name)
        return allowed is not None and limits.take(allowed, state, of["at"], account.zone)[1] is not None

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        meant = [sheet for sheet in sheets if is_reached(sheet) or test(sheet, now)]
        users = [str(sheet["user_id"]) for sheet in meant if is_reached(sheet) or not is_left_out(sheet)]
        inbox.put_all([_event(header, user) for user in users])
        return {"audience": len(meant), "done": len(users), "left_out": len(meant) - len(users)}

    return each


def _event(header: jobs.JobHeader, user: str) -> FriendEvent:
    of = header.params
    props: dict[str, Any] = {name: of[name] for name in ("schedule", "once_per", "then") if name in of}
    event_id = f"schedule-{of['schedule']}-{of['at']}"
    return FriendEvent(
        event_id, header.account, user, SCHEDULED, of["at"], of["schedule"], props, source="schedule"
    )
