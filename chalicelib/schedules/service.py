"""When schedules come round: every occurrence is decided about once, and nobody has to remember the next.

Looking at a schedule is the one thing that is done: by its entry of the timers, after a save, and every few
minutes by the heartbeat. It may be done by several at once, and again after a crash at any point:

1. decide about each occurrence that has come since the place that is kept (put if absent: run it, or it is
too late); 2. start its job, which is named by the occurrence, so that it is one job; 3. arm the entry of the
next occurrence; 4. keep the place. So what the place says is decided has been begun, and what it says is
armed is stored. ``tests/model/test_schedules.py`` searches this.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.accounts import audit
from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog import stops
from chalicelib.catalog.snapshot import Document
from chalicelib.gateways import clock
from chalicelib.jobs import service as jobs
from chalicelib.schedules import occurrences, store
from chalicelib.schedules.store import Occurrence, Place
from chalicelib.shared.errors import NotFound
from chalicelib.shared.ids import digest
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso, parse_duration, parse_iso, to_ms
from chalicelib.timers import service as timers
from chalicelib.timers.model import Entry
from chalicelib.timers.recurrence import next_occurrence

KIND = "schedules"
_REVISIONS = 100
"""So many saved states are looked at for the moment since which a schedule is as it is."""


def look_at(account_id: str, schedule: str) -> None:
    """Begin what is due of a schedule, and arm its next occurrence. Safe at any time."""
    account, now = accounts.find_account(account_id), clock.now()
    document = _in_force(account_id, schedule) if account else None
    if account is None or document is None:
        return
    place = store.find_place(account.id, schedule)
    since, every = _since(account.id, document, place), document.body["every"]
    while (at := next_occurrence(every, account.zone, since)) <= now:
        _begin(account, document, at, now)
        since = at
    known = Place(iso(since), iso(at), document.version)
    if known != place:
        # The entry first: a place that says so could not be trusted otherwise.
        timers.arm(Entry(account.id, "schedule", schedule, to_ms(at), at))
        store.put_place(account.id, schedule, known)


def look_at_all(account_id: str) -> None:
    """The same for every schedule of an account; one that fails does not hold up the others."""
    for schedule in catalog.snapshot(account_id).all(KIND):
        try:
            look_at(account_id, schedule)
        except Exception:  # noqa: BLE001 (it is looked at again in some minutes)
            logger.exception("a schedule could not be looked at", extra={"schedule": schedule})


def is_over(entry: Entry) -> bool:
    """Whether nobody needs an entry any more: a later one is armed by the document that is in force."""
    document = _in_force(entry.account, entry.id)
    if document is None:
        return True
    place = store.find_place(entry.account, entry.id)
    return place is not None and place.version == document.version and place.armed > iso(entry.due_at)


def _in_force(account: str, schedule: str) -> Document | None:
    document = catalog.snapshot(account).find(KIND, schedule)
    if document is None or not document.body["enabled"]:
        return None
    return None if stops.reason(KIND, schedule, catalog.snapshot(account)) else document


def _since(account: str, document: Document, place: Place | None) -> datetime:
    """After which moment occurrences are not decided about yet."""
    if place is not None and place.version == document.version:
        return parse_iso(place.through)
    unchanged = _unchanged_since(account, document)
    return parse_iso(max(unchanged, place.through) if place else unchanged)


def _unchanged_since(account: str, document: Document) -> str:
    """Since when a schedule is enabled at the times of now: what was due before is another one's."""
    since = document.at
    for state in catalog.history(account, KIND, document.id, _REVISIONS)[0]:
        if state["deleted"] or _when(state["body"]) != _when(document.body):
            break
        since = state["at"]
    return since


def _when(body: dict[str, Any]) -> Any:
    return body["enabled"], body["every"]


def _begin(account: Account, document: Document, at: datetime, now: datetime) -> None:
    """Decide about an occurrence, and start its job unless it is too late."""
    late = now - at > parse_duration(document.body["max_lateness"])
    job = None if late else digest("schedule", document.id, iso(at))[:32]
    decided = store.decide(account.id, document.id, Occurrence(iso(at), job), now)
    if decided.job is not None:
        occurrences.start(account, document, decided.at, decided.job)
        return
    audit.note(account.id, "schedules", "schedule.missed", f"schedules/{document.id}@{decided.at}")
    logger.warning("a schedule was too late", extra={"schedule": document.id, "at": decided.at})


def runs(account: str, schedule: str, limit: int, before: str | None) -> list[dict[str, Any]]:
    """A schedule's occurrences, newest first: ``{at, state, audience, done, left_out, job_id}``; ``state`` is
    running, done, stopped (it was taken out of force meanwhile), failed or missed. Raises NotFound.
    """
    catalog.snapshot(account).get(KIND, schedule)
    return [_view(account, one) for one in store.occurrences(account, schedule, limit, before)]


def _view(account: str, occurrence: Occurrence) -> dict[str, Any]:
    none = {"at": occurrence.at, "audience": 0, "done": 0, "left_out": 0, "job_id": occurrence.job}
    if occurrence.job is None:
        return none | {"state": "missed"}
    try:
        job = jobs.get(account, occurrence.job)
    except NotFound:
        return none | {"state": "running"}
    sums = {name: sum(int(c.result.get(name, 0)) for c in job.chunks) for name in occurrences.COUNTS}
    stopped = sums.pop("stopped")
    return none | sums | {"state": "stopped" if stopped and job.state == "done" else job.state}
