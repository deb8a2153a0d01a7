"""Looks whether the tables hold what they must, while everything runs. Reports; changes nothing.

What it cannot be sure of at the first look (a friend who moves just then) it looks at again before it
reports. It reads every timer, every open run's ledger and every friend of the accounts it is asked about.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.broadcasts import open_runs
from chalicelib.catalog import service as catalog
from chalicelib.deliveries import health
from chalicelib.enrollments import funnel
from chalicelib.enrollments.model import Enrollment
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.mirror import survey
from chalicelib.richmenus import drift
from chalicelib.segments import audience
from chalicelib.shared.times import iso
from chalicelib.timers import survey as timers
from chalicelib.timers.model import VERIFY_AFTER, Entry

_LATE = timedelta(minutes=10)
"""The sweep verifies a minute long before this."""
_MOST = 200
"""So many problems are reported, and that there are more."""
Problem = dict[str, Any]


class Examination:
    """One look: what was counted, and what is wrong."""

    def __init__(self, only: Sequence[Account]) -> None:
        self.accounts = {account.id: account for account in only}
        self.every = {account.id for account in accounts.list_accounts()}
        self.counted = {"accounts": len(only), "minutes": 0, "timers": 0, "runs": 0, "waiting": 0}
        self.problems: list[Problem] = []
        self.places: set[int] = set()
        self.ledgers: dict[tuple[str, str], str | None] = {}

    def look(self) -> dict[str, Any]:
        """``{"ok", "problems", "more", "checked"}``."""
        self._timers()
        for account in self.accounts.values():
            self._open_runs(account)
        self._ledgers()
        for account in self.accounts.values():
            self._waiting(account)
            self._mirror(account)
            self._rich_menus(account)
        found = self.problems
        more = max(0, len(found) - _MOST)
        return {"ok": not found, "problems": found[:_MOST], "more": more, "checked": self.counted}

    def _note(self, kind: str, what: str, **where: Any) -> None:
        self.problems.append({"kind": kind, **where, "what": what})

    def _timers(self) -> None:
        late = clock.now() - VERIFY_AFTER - _LATE
        for minute, state, entries in timers.standing():
            self.counted["minutes"] += 1
            if minute < late:
                what = f"it is {state} and should be VERIFIED: invoke recover"
                self._note("minute_not_verified", what, minute=timers.name_of(minute))
            while batch := list(islice(entries, 100)):
                self.counted["timers"] += len(batch)
                self._entries(batch, timers.name_of(minute))

    def _entries(self, batch: Sequence[Entry], minute: str) -> None:
        steps = [entry for entry in batch if entry.kind == "step"]
        self.places |= {hash(funnel.place_of(entry)) for entry in steps}
        orphans = [entry for entry in batch if entry.account not in self.every]
        mine = [entry for entry in steps if entry.account in self.accounts]
        orphans += [e for e, gone in zip(mine, funnel.unknown(mine), strict=True) if gone]
        for entry in batch:
            if entry.kind in {"chunk", "chunk_hold"} and entry.account in self.accounts:
                self.ledgers.setdefault((entry.account, entry.body["run"]), None)
                if not health.exists(entry.account, entry.body["run"], entry.body["chunk"]):
                    orphans.append(entry)
        for entry in orphans:
            what = f"a {entry.kind} for which there is no owner"
            self._note("orphan_timer", what, account=entry.account, id=entry.id, minute=minute)

    def _open_runs(self, account: Account) -> None:
        for run, broadcast in open_runs.open_runs(account.id):
            self.ledgers[account.id, run] = broadcast
            for problem in open_runs.problems(account.id, run, broadcast):
                self._again(problem, account.id, run, broadcast)

    def _again(self, problem: Problem, account: str, run: str, broadcast: str) -> None:
        """A run that moved between two reads is looked at once more."""
        if any(found["kind"] == problem["kind"] for found in open_runs.problems(account, run, broadcast)):
            self.problems.append(problem | {"account": account, "run": run})

    def _ledgers(self) -> None:
        for account, run in self.ledgers:
            self.counted["runs"] += 1
            for problem in health.problems(account, run, clock.now()):
                self.problems.append(problem | {"account": account, "run": run})

    def _mirror(self, account: Account) -> None:
        """Every row of the mirror is the sheet, or the index names its change (where DuckDB is installed)."""
        for user, what in survey.differences(account.id, account.shards, range(account.shards)):
            self._note("mirror_differs", what, account=account.id, user_id=user)

    def _rich_menus(self, account: Account) -> None:
        """What LINE shows of rich menus is what is published; of friends a sample is looked at."""
        self.problems += [found | {"account": account.id} for found in drift.problems(account.id)]

    def _waiting(self, account: Account) -> None:
        """Everybody who waits until a due time has a timer: it is armed before the friend moves there."""
        named = list(catalog.snapshot(account.id).all("scenarios"))
        doubtful: list[Enrollment] = []
        for sheets in _friends(account):
            for found in funnel.waiting(account.id, named, sheets):
                self.counted["waiting"] += 1
                if hash(funnel.place(found)) not in self.places:
                    doubtful.append(found)
        if doubtful:
            self._look_again(account.id, doubtful)

    def _look_again(self, account: str, doubtful: Sequence[Enrollment]) -> None:
        places = {funnel.place(one): one for one in doubtful}.values()
        now = [found for one in places if (found := funnel.again(one)) is not None]
        entries = (entry for _, _, of_minute in timers.standing() for entry in of_minute)
        standing = {funnel.place_of(entry) for entry in entries if entry.kind == "step"}
        for found in now:
            if funnel.place(found) not in standing:
                what = f"due at {found.due_at}, and nothing will wake this friend: move or exit them"
                where = {"account": account, "scenario": found.scenario, "user_id": found.user_id}
                self._note("waits_without_timer", what, **where)


def _friends(account: Account) -> Iterator[Sequence[Sheet]]:
    for shard in range(account.shards):
        yield from audience.walk_shard(account.id, shard, needs=funnel.NEEDS)


def doctor(account: str | None = None) -> dict[str, Any]:
    """Examine one account, or all of them, and the timers of the stage."""
    chosen = accounts.list_accounts() if account is None else [accounts.get_account(account)]
    return Examination(chosen).look() | {"at": iso(clock.now())}
