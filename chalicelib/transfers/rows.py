"""CSV of friends: the header, cells as values, and a row folded into a sheet. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.references import is_there
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.members import state as members
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason, Reasoned
from chalicelib.shared.storable import unfit
from chalicelib.shared.times import iso, parse_iso
from chalicelib.shared.user_ids import BadUserId, user_id
from chalicelib.sheets import folds
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import Fact
from chalicelib.sheets.scores import score_value
from chalicelib.sheets.values import UnfitValue, fit
from chalicelib.transfers import cells as csv_cells

PLAIN = ("user_id", "display_name", "followed_at", "status", "source", "member_id", "tags")
STATUSES = ("following", "blocked", "unknown")
_LENGTHS = {"display_name": 200, "source": 100, "member_id": 128}

Row = dict[str, Any]
"""A checked row: ``{user_id, display_name?, followed_at?, status?, source?, member_id?,
tags?: [[id, at or None]], scores?: {id: number}, attributes?: {id: value}, topics?: {id: is out}}``."""
BLOCKED = "blocked"
"""A column that says yes for whoever has blocked the account, and nothing of the others."""
LEFT_OUT, REST = "", "*"
"""What is in a header for a column that is left out, and, last, for all that follow."""
_PLACED = ("at", "value_unfit")
"""Reasons that say where something is, and another reason why it is wrong."""
_YES = frozenset({"1", "true", "yes", "on", "○", "◯", "〇", "はい", "有"})
_NO = frozenset({"0", "false", "no", "off", "×", "いいえ", "無", "-"})


class WrongLine(Reasoned, ValueError):
    """Why a line cannot be imported."""


@dataclass(frozen=True)
class Cell:
    """What is in a column, ``id`` of it the document that the column names."""

    column: str
    id: str
    text: str
    snapshot: Snapshot
    zone: ZoneInfo


@dataclass(frozen=True)
class Column:
    """What a kind of columns is, of which each names a document: how a cell gets into a row, and what an
    export writes of a sheet (None: it has no such column), by the document's id and the time asked for.
    """

    put: Callable[[Row, Cell], None]
    written: Callable[[Sheet, str, Snapshot, datetime], Any] | None = None


def wrong(column: str, why: Reason) -> WrongLine:
    """What is wrong in a column."""
    return WrongLine(Reason("at", path=column, why=why))


def in_words(why: Reason) -> dict[str, Any]:
    """What the job's list of errors has of a reason: its code and column, and both languages, for whoever
    reads it later.
    """
    column, inner = (why.params["path"], why.params["why"]) if why.code in _PLACED else (None, why)
    found = {"code": inner.code, "message": why.text("en"), "message_ja": why.text("ja")}
    return found if column is None else {"column": column, **found}


def by_name(snapshot: Snapshot, kind: str) -> Mapping[str, str]:
    """The ids of a kind's documents by their names; a name of several names none."""

    def build(catalog: Snapshot) -> dict[str, str]:
        names: dict[str, list[str]] = {}
        for id_, document in catalog.all(kind).items():
            names.setdefault(str(document.body.get("name")), []).append(id_)
        return {name: ids[0] for name, ids in names.items() if len(ids) == 1}

    return snapshot.derived(f"transfers.by_name.{kind}", build)


def unknown_columns(header: Sequence[str]) -> list[str]:
    """The columns that are neither plain, nor name a document, nor are left out."""
    known = (*PLAIN, BLOCKED, LEFT_OUT, REST)
    keyed = tuple(f"{kind}." for kind in COLUMNS)
    return [c for c in header if c not in known and not c.startswith(keyed)]


def check_header(header: Sequence[str], snapshot: Snapshot) -> None:
    """Raise InvalidInput for a header that cannot be read, RuleViolation for ids not in the catalog."""
    wrong = [
        Detail(f"header.{c}", Reason("column_twice"))
        for c in sorted({c for c in header if c and not c.startswith("tag.") and header.count(c) > 1})
    ]
    if "user_id" not in header:
        wrong.append(Detail("header.user_id", Reason("is_missing")))
    known = [*PLAIN, BLOCKED, *(f"{kind}.<id>" for kind in COLUMNS)]
    wrong += [Detail(f"header.{c}", Reason("column_unknown", known=known)) for c in unknown_columns(header)]
    if wrong:
        raise InvalidInput.of(wrong)
    missing = [
        Detail(f"header.{column}", Reason("no_document", kind=kind[:-1], id=id_))
        for column, kind, id_ in _documents(header)
        if not is_there(Reference(column, kind, id_), snapshot)
    ]
    if missing:
        raise RuleViolation.of(missing)


def as_attributes(header: Sequence[str]) -> list[str]:
    """The header with every unknown column read as an attribute's id. Raises InvalidInput."""
    unknown = set(unknown_columns(header))
    wrong = [
        Detail(
            f"header.{c}",
            Reason("column_no_id"),
        )
        for c in unknown
        if not ID_PATTERN.match(c)
    ]
    if wrong:
        raise InvalidInput.of(wrong)
    return [f"attribute.{c}" if c in unknown else c for c in header]


def _documents(header: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for column in header:
        kind, dot, id_ = column.partition(".")
        if dot:
            yield column, f"{kind}s", id_


def parse(header: Sequence[str], cells: Sequence[str], snapshot: Snapshot, zone: ZoneInfo) -> Row:
    """A line's cells as a checked row; empty cells are left out. Raises WrongLine."""
    row = read(header, cells, snapshot, zone)
    if not row.get("user_id"):
        raise wrong("user_id", Reason("is_missing"))
    return row


def read(header: Sequence[str], cells: Sequence[str], snapshot: Snapshot, zone: ZoneInfo) -> Row:
    """A line's cells, each checked, whoever the line is about. Raises WrongLine."""
    if header[-1] != REST and any(cell.strip() for cell in cells[len(header) :]):
        raise WrongLine(Reason("cells_too_many", cells=len(cells), columns=len(header)))
    row: Row = {}
    for column, written in zip(header, cells, strict=False):
        text = csv_cells.read(written)
        if text is None or column in {LEFT_OUT, REST}:
            continue
        if unfit(text):
            raise wrong(column, Reason("cell_unstorable"))
        kind, dot, id_ = column.partition(".")
        cell = Cell(column, id_, text, snapshot, zone)
        if dot:
            COLUMNS[kind].put(row, cell)
        else:
            _put(row, column, _plain(cell))
    return row


def _put(row: Row, column: str, value: Any) -> None:
    """Put a cell's value into a row: tags to those of other columns, and who has blocked is ``blocked``."""
    if column == "tags":
        row.setdefault("tags", []).extend(value)
    elif column != BLOCKED:
        row[column] = value
    elif value:
        row["status"] = "blocked"


def _is_yes(column: str, text: str) -> bool:
    choice = unicodedata.normalize("NFKC", text).lower()
    if choice not in _YES | _NO:
        raise wrong(column, Reason("cell_yes_no"))
    return choice in _YES


def _plain(cell: Cell) -> Any:
    most = _LENGTHS.get(cell.column)
    if most is not None and len(cell.text) > most:
        raise wrong(cell.column, Reason("longer_than", most=most))
    return _PLAIN.get(cell.column, _as_written)(cell)


def _as_written(cell: Cell) -> str:
    return cell.text


def _status(cell: Cell) -> str:
    if cell.text not in STATUSES:
        raise wrong(cell.column, Reason("must_be_one_of", choices=list(STATUSES)))
    return cell.text


def _tags(cell: Cell) -> list[list[str | None]]:
    return [_tag(part, cell.snapshot, cell.zone) for part in csv_cells.parts(cell.text)]


_PLAIN: dict[str, Callable[[Cell], Any]] = {
    "user_id": lambda cell: _user_id(cell.text),
    "followed_at": lambda cell: timestamp(cell.column, cell.text, cell.zone),
    BLOCKED: lambda cell: _is_yes(cell.column, cell.text),
    "status": _status,
    "tags": _tags,
}
"""How cells are read of columns that name no document; of any other one as they are written."""


def _put_score(row: Row, cell: Cell) -> None:
    row.setdefault("scores", {})[cell.id] = _fitted({"type": "number"}, cell)


def _put_attribute(row: Row, cell: Cell) -> None:
    document = cell.snapshot.find("attributes", cell.id)
    if document is None:
        raise wrong(cell.column, Reason("no_document", kind="attribute", id=cell.id))
    row.setdefault("attributes", {})[cell.id] = _fitted(document.body, cell)


def _put_topic(row: Row, cell: Cell) -> None:
    row.setdefault("topics", {})[cell.id] = _is_out(cell.column, cell.text)


def _put_tag(row: Row, cell: Cell) -> None:
    _put(row, "tags", [[cell.id, None]] if _is_yes(cell.column, cell.text) else [])


def _score_of(sheet: Sheet, score: str, snapshot: Snapshot, asked_at: datetime) -> Any:
    """As it is when the export is asked for: an import sets it anew."""
    entry, document = (sheet.get("scores") or {}).get(score), snapshot.find("scores", score)
    return score_value(entry, document.body if document else {}, asked_at) if entry else entry


def _attribute_of(sheet: Sheet, attribute: str, _snapshot: Snapshot, _asked_at: datetime) -> Any:
    return (sheet.get("attributes") or {}).get(attribute)


def _topic_of(sheet: Sheet, topic: str, _snapshot: Snapshot, _asked_at: datetime) -> str | None:
    entry = (sheet.get("topics") or {}).get(topic)
    return None if not entry else "out" if entry["out"] else "in"


COLUMNS: dict[str, Column] = {
    "score": Column(_put_score, _score_of),
    "attribute": Column(_put_attribute, _attribute_of),
    "topic": Column(_put_topic, _topic_of),
    "tag": Column(_put_tag),
}
"""By how a column begins that names a document (``score.<id>``)."""


def _is_out(column: str, text: str) -> bool:
    if (choice := unicodedata.normalize("NFKC", text).lower()) not in {"in", "out"}:
        raise wrong(column, Reason("must_be_one_of", choices=["in", "out"]))
    return choice == "out"


def _user_id(text: str) -> str:
    try:
        return user_id(text)
    except BadUserId as error:
        raise wrong("user_id", error.reason) from error


def _tag(text: str, snapshot: Snapshot, zone: ZoneInfo) -> list[str | None]:
    tag, at, tagged_at = text.partition("@")
    names = by_name(snapshot, "tags")
    known = tag if snapshot.find("tags", tag) else names.get(tag, names.get(text))
    if known is None:
        raise wrong("tags", Reason("no_document", kind="tag", id=tag))
    is_named = known == names.get(text) and known != tag
    return [known, timestamp(f"tags: {tag}", tagged_at, zone) if at and not is_named else None]


def timestamp(what: str, text: str, zone: ZoneInfo) -> str:
    """A time with an offset; as Excel writes it, without one, the account's local time."""
    local = csv_cells.local_timestamp(text)
    try:
        if local is not None:
            text = datetime.fromisoformat(local).replace(tzinfo=zone).isoformat()
        return iso(parse_iso(text))
    except (ValueError, OverflowError) as error:
        raise wrong(what, Reason("cell_time")) from error


def _fitted(definition: Mapping[str, Any], cell: Cell) -> Any:
    """What a cell says to an attribute of that definition."""
    value = _VALUES.get(definition["type"], _text)(cell.text)
    try:
        return fit(definition, value, cell.column, zone=cell.zone)
    except UnfitValue as error:
        raise WrongLine(error.reason) from error


def _text(text: str) -> str:
    return text


def _flag(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _day(text: str) -> str:
    return csv_cells.local_timestamp(text) or text


_VALUES: dict[str, Callable[[str], Any]] = {
    "number": csv_cells.number,
    "multi_choice": csv_cells.parts,
    "date": _day,
    "boolean": _flag,
}
"""How people write values of a type in a file, where it is not as they write it elsewhere."""


def fold_row(sheet: Sheet, row: Row, snapshot: Snapshot, zone: ZoneInfo, at: str, by: str) -> list[Fact]:
    """Fold a checked row into a sheet at ``at``, the time of the import; returns the facts produced.

    Folding it again changes nothing. A tag, score or topic that is gone from the catalog since is left out.
    """
    _fold_status(sheet, row, at)
    if "display_name" in row:
        sheet.update({"display_name": row["display_name"], "name_by": "import"})
    if "source" in row:
        touched_at = row.get("followed_at", at)
        for touch in ("first", "latest"):
            if not sheet["source"].get(touch):
                sheet["source"][touch], sheet["source"][f"{touch}_at"] = row["source"], touched_at
    facts: list[Fact] = []
    if "member" in row:
        facts += members.fold(sheet, row["member"], snapshot, zone, row["member"]["at"])[0]
    for tag, tagged_at in row.get("tags", ()):
        if snapshot.find("tags", tag):
            facts += folding.add_tag(sheet, tag, min(tagged_at or at, at), by)
    return facts + _fold_keyed(sheet, row, snapshot, zone, at, by)


def _fold_keyed(sheet: Sheet, row: Row, snapshot: Snapshot, zone: ZoneInfo, at: str, by: str) -> list[Fact]:
    """What is in the columns that name a document."""
    facts: list[Fact] = []
    for score, value in row.get("scores", {}).items():
        if document := snapshot.find("scores", score):
            facts += folding.set_score(sheet, score, document.body, value, at)
    for attribute, value in row.get("attributes", {}).items():
        if document := snapshot.find("attributes", attribute):
            facts += folding.set_attribute(sheet, attribute, document.body, value, at, zone)
    for topic, out in row.get("topics", {}).items():
        if is_there(Reference(f"topic.{topic}", "topics", topic), snapshot):
            facts += folds.consent(sheet, topic, out=out, at=at, by=by)
    return facts


def _fold_status(sheet: Sheet, row: Row, at: str) -> None:
    """What the file says counts at the time of the import; that a new id follows is only assumed.

    The assumption has no time of its own, so that any follow or block that LINE reports decides.
    """
    followed_at, status = row.get("followed_at"), row.get("status")
    if followed_at:
        sheet["followed_at"] = max(followed_at, sheet.get("followed_at") or "")
        sheet["created_at"] = min(sheet["created_at"], followed_at)
        # Following is something the friend did: without it, whoever came by CSV would never be dormant.
        sheet["last_active_at"] = max(followed_at, sheet.get("last_active_at") or "")
    if status:
        if at >= (sheet.get("status_at") or ""):
            blocked_at = (sheet.get("blocked_at") or at) if status == "blocked" else None
            sheet.update({"status": status, "status_at": at, "blocked_at": blocked_at})
    elif sheet["status"] == "unknown" and not sheet.get("status_at"):
        sheet["status"] = "following"
    elif followed_at and followed_at > (sheet.get("status_at") or ""):
        sheet.update({"status": "following", "status_at": followed_at, "blocked_at": None})
