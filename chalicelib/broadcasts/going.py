"""Which runs are on their way, and keeping all of them going."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import lifecycle, store
from chalicelib.gateways import clock
from chalicelib.shared.ids import ulid_time
from chalicelib.shared.observability import logger
from chalicelib.timers import service as timers

_STALE = timedelta(minutes=10)


def run_done(entries: list[timers.Entry]) -> list[bool]:
    """For drained watches: whether the run needs this one no more (it has ended, or a later one stands)."""
    done = []
    for entry in entries:
        head = store.find(entry.account, entry.body["broadcast"])
        mine = head is not None and head.run == entry.body["run"]
        done.append(head is None or not mine or head.is_final or head.watch > entry.version)
    return done


def resume_open_runs() -> int:
    """Keep every run going that is not at its end: after a restart, when executions are forgotten.

    Answers how many there are. One that fails does not keep the others waiting.
    """
    count = 0
    for account in accounts.list_accounts():
        for run, broadcast in store.open_runs(account.id):
            head = store.find(account.id, broadcast)
            if head is None or head.run != run or head.is_final:
                # Perhaps a run that is beginning just now; long ago it is none.
                if clock.now() - ulid_time(run) > _STALE or (head is not None and head.run == run):
                    store.close(account.id, run)
                continue
            count += 1
            try:
                lifecycle.keep_going(head)
            except Exception:  # noqa: BLE001 (the others must go on; its watch comes again)
                logger.exception("run not resumed", extra={"account": account.id, "run": run})
    return count


def open_runs_count() -> int:
    """How many runs are on their way (a schedule that waits for its time is not)."""
    count = 0
    for account in accounts.list_accounts():
        for run, broadcast in store.open_runs(account.id):
            head = store.find(account.id, broadcast)
            if head is not None and head.run == run and not head.is_final and head.status != "scheduled":
                count += 1
    return count
