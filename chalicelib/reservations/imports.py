"""A booking system's daily file: one reservation a line, each a ``reserved`` event that the reaction takes.

The file is cut as one of friends is; the lines of one reservation stay together and in order. A line that
says what is known already is none: the same file again changes nothing. Whatever is done twice is applied
once, because an event is named by the job and the line. Rules fire with ``fire`` alone; reminders follow what
a line says in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import queues
from chalicelib.jobs import service as jobs
from chalicelib.members import service as members
from chalicelib.members.model import addressee, member_of
from chalicelib.reservations import model
from chalicelib.shared.errors import Detail, InvalidInput
from chalicelib.shared.events import RESERVED, FriendEvent
from chalicelib.shared.reasons import Reason, reason_of
from chalicelib.shared.storable import unfit, unfit_name
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import parse_iso
from chalicelib.shared.user_ids import BadUserId, user_id
from chalicelib.sheets import reservations
from chalicelib.sheets.model import erased_at, new_sheet
from chalicelib.transfers import beginning, splitting
from chalicelib.transfers import cells as csv_cells
from chalicelib.transfers import rows as csv_rows
from chalicelib.transfers.beginning import Form, Wish
from chalicelib.transfers.layouts import Asked, Heads, Layout, renamed
from chalicelib.transfers.rows import WrongLine, wrong
from chalicelib.transfers.uploads import Source

JOB, KEY, PROP = "import_reservations", reservations.ID, "prop."
_PLAIN = (KEY, "user_id", "member_id", "at", "status", reservations.REPORTED)
_PROP_NAME, _PROP_VALUE = 40, 200
_ERASED = Reason("friend_erased")

React = Callable[[FriendEvent], Any]
"""The reaction's reaction to one event; safe to repeat."""


@dataclass(frozen=True)
class Line:
    """A line of the file: what it says as an event, of a friend or of a member."""

    number: int
    event: FriendEvent


def start(account: str, source: Source, wish: Wish) -> str | dict[str, Any]:
    """Understand the columns, keep the file, queue its splitting; the job's id, or what a dry run found.

    Raises as ``beginning.start`` does.
    """
    return beginning.start(account, source, FORM, wish)


def _layout(heads: Heads, _catalog: Snapshot, asked: Asked) -> Layout:
    """The columns of a file of reservations. Raises InvalidInput."""
    header = renamed(heads[0], asked.mapping)
    _check_header(header)
    return Layout(list(heads[0]), header)


def _check_header(header: Sequence[str]) -> None:
    wrong = [
        Detail(f"header.{c}", Reason("column_twice"))
        for c in sorted({c for c in header if c and header.count(c) > 1})
    ]
    wrong += [Detail(f"header.{c}", Reason("is_missing")) for c in (KEY, "at") if c not in header]
    if not {"user_id", "member_id"} & set(header):
        wrong.append(Detail("header.user_id", Reason("user_or_member")))
    known = [*_PLAIN, f"{PROP}<name>"]
    wrong += [
        Detail(f"header.{c}", Reason("column_unknown", known=known))
        for c in header
        if c and c not in _PLAIN and not _is_prop(c)
    ]
    if wrong:
        raise InvalidInput.of(wrong)


def _is_prop(column: str) -> bool:
    name = column.removeprefix(PROP)
    is_own = name in {KEY, reservations.STATUS, reservations.REPORTED, reservations.KEEPS_TIME}
    fits = 0 < len(name) <= _PROP_NAME and unfit_name(name) is None
    return column.startswith(PROP) and fits and not is_own


def work(body: dict[str, Any], react: React, left: TimeLeft) -> None:
    """The body of a message ``{"job": "import_reservations", …}``: cut the file, or apply one chunk."""
    if "rows" in body:
        _apply(body, react, left)
    else:
        splitting.work(body, left, FORM.check)


def _apply(body: dict[str, Any], react: React, left: TimeLeft) -> None:
    """Apply one chunk, once or again; the lines that there is no time for are a message of their own."""
    job = jobs.header(body["account"], body["id"])
    if jobs.chunk_done(job, body["chunk"]):
        return
    account, rows = get_account(job.account), body["rows"]
    errors: list[dict[str, Any]] = list(body.get("errors") or ())
    lines = list(_lines(job, account, rows, errors))
    known = _Known(account, job.created_at, lines)
    through = len(rows)
    for n, line in enumerate(lines):
        if n and left.is_over:
            through = next(n for n, (number, _) in enumerate(rows) if number == line.number)
            break
        if known.is_erased(line.event):
            errors.append({"line": line.number, **csv_rows.in_words(_ERASED), "user_id": ""})
        elif not known.agrees_with(line.event):
            _put(account, line.event, react)
            known.note(line.event)
    done = int(body.get("done", 0)) + through
    if through < len(rows):
        errors = [error for error in errors if error["line"] not in {number for number, _ in rows[through:]}]
        rest = {**body, "rows": rows[through:], "done": done, "errors": errors}
        queues.send("bulk", rest, group=account.id)
        return
    jobs.finish_chunk(job, body["chunk"], done, errors)


def _lines(
    job: jobs.JobHeader, account: Account, rows: Sequence[list[Any]], errors: list[dict[str, Any]]
) -> Iterator[Line]:
    """The lines that can be read; what is wrong with the others is added to the errors."""
    for number, cells in rows:
        try:
            yield Line(number, _event(job, account.zone, number, cells))
        except WrongLine as error:
            errors.append(_error(job, number, cells, error.reason))


def _error(job: jobs.JobHeader, number: int, cells: Sequence[str], why: Reason) -> dict[str, Any]:
    """What is wrong with a line; whose line it is, for whoever is erased later."""
    column = job.params["header"].index("user_id") if "user_id" in job.params["header"] else len(cells)
    user = cells[column].strip() if column < len(cells) else ""
    return {"line": number, **csv_rows.in_words(why), "user_id": user}


def _event(job: jobs.JobHeader, zone: ZoneInfo, number: int, cells: Sequence[str]) -> FriendEvent:
    """A line as an event. Raises WrongLine."""
    row = _parse(job.params["header"], cells, None, zone)
    has_time, asked_at = row.at is not None, parse_iso(job.created_at)
    name = f"reservation-{job.id}-{number}"
    props = model.props(name, row.props, asked_at, has_time=has_time)
    return FriendEvent(
        name,
        job.account,
        row.whose,
        RESERVED,
        row.at or job.created_at,
        props=props,
        source="api",
        fire=bool(job.params["fire"]),
    )


@dataclass(frozen=True)
class _Row:
    """What a line says: of whom, when the reservation takes place (None: as before), and the rest."""

    whose: str
    at: str | None
    props: dict[str, Any]


def _parse(header: Sequence[str], cells: Sequence[str], _catalog: Any, zone: ZoneInfo) -> _Row:
    """A line, checked. Raises WrongLine."""
    row = _read(header, cells)
    status = _status(row)
    if "at" not in row and status == "booked":
        raise wrong("at", Reason("is_missing"))
    props = {c.removeprefix(PROP): _short(c, text) for c, text in row.items() if c.startswith(PROP)}
    props |= {KEY: _reservation(row), reservations.STATUS: status}
    times = {c: csv_rows.timestamp(c, row[c], zone) for c in ("at", reservations.REPORTED) if c in row}
    props |= {reservations.REPORTED: times[reservations.REPORTED]} if reservations.REPORTED in times else {}
    return _Row(_whose(row), times.get("at"), props)


def _read(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells that say something, by column."""
    if any(cell.strip() for cell in cells[len(header) :]):
        raise WrongLine(Reason("cells_too_many", cells=len(cells), columns=len(header)))
    read = ((column, csv_cells.read(cell)) for column, cell in zip(header, cells, strict=False) if column)
    row = {column: text for column, text in read if text is not None}
    for column, text in row.items():
        if unfit(text):
            raise wrong(column, Reason("cell_unstorable"))
    return row


def _reservation(row: Mapping[str, str]) -> str:
    text = row.get(KEY)
    if text is None or unfit_name(text):
        raise wrong(KEY, Reason("is_missing"))
    if len(text) > model.LONGEST:
        raise wrong(KEY, Reason("longer_than", most=model.LONGEST))
    return text


def _status(row: Mapping[str, str]) -> str:
    try:
        return model.status_in(row.get(reservations.STATUS, "booked"))
    except ValueError as error:
        raise wrong(reservations.STATUS, reason_of(error)) from error


def _short(column: str, text: str) -> str:
    if len(text) > _PROP_VALUE:
        raise wrong(column, Reason("longer_than", most=_PROP_VALUE))
    return text


def _whose(row: Mapping[str, str]) -> str:
    """The friend, or the name under which what is reported of a member is known."""
    user, member = row.get("user_id"), row.get("member_id")
    if (user is None) is (member is None):
        raise wrong("user_id", Reason("user_or_member"))
    try:
        return user_id(user) if user is not None else addressee(member or "")
    except BadUserId as error:
        raise wrong("user_id", error.reason) from error


def _put(account: Account, event: FriendEvent, react: React) -> None:
    """Have the reaction take a line: of the friend, or of every friend of the member."""
    is_of_member = member_of(event.user_id) is not None
    for one in members.keep_events(account.id, [event]) if is_of_member else [event]:
        react(one)


class _Known:
    """What was known of a chunk's reservations before it, and what its own lines have reported since.

    ``begun``: the events that an earlier try has taken, and may not have come to the end of.
    """

    def __init__(self, account: Account, asked_at: str, lines: Sequence[Line]) -> None:
        self._asked_at = asked_at
        users = {line.event.user_id for line in lines}
        friends_ = {user for user in users if member_of(user) is None}
        self._sheets: dict[str, Sheet] = friends.load_many(account.id, account.shards, sorted(friends_))
        self._begun = {event for sheet in self._sheets.values() for event in sheet.get("pending") or ()}
        for user in users - friends_:
            kept = members.events_of(account.id, member_of(user) or "")
            self._begun |= {event.event_id for event in kept}
            for event in kept:
                if event.type == RESERVED:
                    self.note(replace(event, user_id=user))

    def is_erased(self, event: FriendEvent) -> bool:
        """Whether the friend was erased after the file was given."""
        sheet = self._sheets.get(event.user_id)
        if sheet is None or member_of(event.user_id) is not None:
            return False
        return bool(sheet["status"] == "erased" or self._asked_at <= erased_at(sheet))

    def agrees_with(self, event: FriendEvent) -> bool:
        """Whether an event says nothing that is new."""
        sheet = self._sheets.get(event.user_id) or {}
        before = reservations.of_sheet(sheet).get(reservations.id_of(event))
        if before is None or event.event_id in self._begun:
            return False
        after = reservations.reported_by(event, before)
        same = bool({**before, "reported_at": ""} == {**after, "reported_at": ""})
        return same or reservations.is_outdated(sheet, event)

    def note(self, event: FriendEvent) -> None:
        """An event is known by now."""
        new = new_sheet(event.account_id, event.user_id, event.at)
        reservations.fold(self._sheets.setdefault(event.user_id, new), event)


FORM = Form(JOB, KEY, _layout, _parse)
"""A booking system's file."""
