"""What happens to a friend by time alone: a score sinks below a threshold, a customer becomes dormant.

Values that change with time are computed when they are read, so nothing happens when they change. What a rule
waits for is reported once: with the friend's next event, or by the event ``time_passed`` at the due time,
whichever comes first. The sheet's ``due_at`` names the first that has not been reported, and a due entry
brings ``time_passed`` then. One entry per friend at most is in force: one that is earlier than needed is
kept (it finds nothing, and arms the next), so ordinary events write nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.catalog.service import snapshot
from chalicelib.enrollments import service as enrollments
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import inbox
from chalicelib.rules.compile import program_of
from chalicelib.rules.model import Program
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso, to_ms
from chalicelib.sheets import purchases, scores
from chalicelib.sheets.model import TIME_PASSED, Fact
from chalicelib.timers import service as timers

BURST, PACE = 8, timedelta(minutes=1)
"""So many due times of scores may follow each other closely; in the long run there is one in this time. A
rule that lifts a score again whenever it has sunk would otherwise go round without end.
"""


def fold(sheet: Sheet, program: Program, at: str) -> list[Fact]:
    """Report what has happened by time alone up to ``at``: ``score_crossed`` and ``stage_changed``."""
    facts: list[Fact] = []
    for score in program.watched.keys() & sheet["scores"].keys():
        document = program.snapshot.find("scores", score)
        if document is not None:
            facts += scores.fold_decay(sheet, score, document.body, at)
    if not program.watches_dormant:
        return facts
    return facts + purchases.fold_dormancy(sheet["purchases"], at, purchases.limits_of(program.snapshot))


def came(sheet: Sheet, at: str) -> None:
    """Count a due time that has come: ``due_pace`` runs ahead of time by PACE for each."""
    sheet["due_pace"] = iso(parse_iso(max(at, sheet.get("due_pace") or "")) + PACE)


def plan(sheet: Sheet, program: Program, at: str) -> None:
    """Note the friend's next due time on the sheet, as of a change at ``at`` that has been folded into it."""
    armed, wanted = sheet.get("due_at"), next_due_at(sheet, program)
    if wanted is None:
        sheet.pop("due_at", None)
    elif armed is None or wanted < armed or armed <= at:
        sheet["due_at"] = wanted


def next_due_at(sheet: Sheet, program: Program) -> str | None:
    """The first time, not reported yet, at which something happens that a rule waits for."""
    pace = sheet.get("due_pace")
    not_before = iso(parse_iso(pace) - (BURST - 1) * PACE) if pace else ""
    wanted = [max(at, not_before) for at in _crossings(sheet, program)]
    limits = purchases.limits_of(program.snapshot)
    dormant_at = purchases.dormant_at(sheet["purchases"], limits) if program.watches_dormant else None
    return min([*wanted, dormant_at] if dormant_at else wanted, default=None)


def _crossings(sheet: Sheet, program: Program) -> Iterator[str]:
    for score, thresholds in program.watched.items():
        entry, document = sheet["scores"].get(score), program.snapshot.find("scores", score)
        if entry is None or document is None:
            continue
        for threshold in thresholds:
            at = scores.crossed_by_decay_at(entry, document.body, threshold)
            if at is not None:
                yield iso(at)


class OfAccount:
    """What imports need of the rooms above them, for one account: what follows a change of a sheet."""

    def __init__(self, account: str) -> None:
        self._account, self._snapshot = accounts.get_account(account), snapshot(account)
        self._account_id = account
        self._program = program_of(self._snapshot, self._account.zone, self._account.react_within)

    def note(self, sheet: Sheet, at: str) -> None:
        """As ``plan``."""
        plan(sheet, self._program, at)

    def arm(self, user: str, due_at: str) -> None:
        """As ``arm``."""
        arm(self._account_id, user, due_at)

    def dates(self, sheet: Sheet) -> None:
        """Scenarios that wait until a date follow the sheet's."""
        enrollments.on_change(self._account, self._snapshot, sheet)


def due_times_of(account: str) -> OfAccount:
    """An account's, for rooms below this one (``HANDED_DOWN``)."""
    return OfAccount(account)


# The timers' side


def arm(account: str, user: str, at: str) -> None:
    """Have ``time_passed`` come at that time. Armed twice, it comes once."""
    due_at = parse_iso(at)
    timers.arm(timers.Entry(account, "sheet_due", user, to_ms(due_at), due_at))


def come(entries: Sequence[Mapping[str, Any]]) -> None:
    """Put the events of due entries in the inbox. Raises Unavailable when it did not take them all."""
    events = [
        FriendEvent(
            f"time:{entry['due_at']}",
            entry["account"],
            entry["id"],
            TIME_PASSED,
            entry["due_at"],
            source="timer",
        )
        for entry in entries
    ]
    inbox.put_all(events)


def over(entries: list[timers.Entry]) -> list[bool]:
    """For each entry: whether the friend has moved past it (another due time is noted, or none)."""
    standing: dict[tuple[str, str], str | None] = {}
    for account_id in {entry.account for entry in entries}:
        users = [entry.id for entry in entries if entry.account == account_id]
        account = accounts.find_account(account_id)
        noted = friends.due_times(account_id, account.shards, users) if account else {}
        standing |= {(account_id, user): due_at for user, due_at in noted.items()}
    return [standing.get((entry.account, entry.id)) != iso(entry.due_at) for entry in entries]
