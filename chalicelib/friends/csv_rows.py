"""CSV of friends: the header, cells as values, and a row folded into a sheet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import sheet as folding
from chalicelib.friends.model import Fact, Sheet
from chalicelib.friends.values import UnfitValue, fit
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.times import iso, parse_iso

PLAIN = ("user_id", "display_name", "followed_at", "status", "source", "member_id", "tags")
STATUSES = ("following", "blocked", "unknown")
_LENGTHS = {"user_id": 128, "display_name": 200, "source": 100, "member_id": 128}

Row = dict[str, Any]
"""A checked row: ``{user_id, display_name?, followed_at?, status?, source?, member_id?,
tags?: [[id, at or None]], scores?: {id: number}, attributes?: {id: value}}``."""


class WrongLine(ValueError):
    """Why a line cannot be imported, as a sentence."""


@dataclass(frozen=True)
class Record:
    """One data line as it stands in the file; ``line`` counts from 1, the header included."""

    line: int
    cells: list[str]


def read(text: str) -> tuple[list[str], list[Record]]:
    """``(header, data lines)`` of a CSV text. Raises InvalidInput for what is not CSV."""
    header: list[str] | None = None
    records: list[Record] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if header is None:
                header = [cell.strip() for cell in cells]
            elif any(cell.strip() for cell in cells):
                records.append(Record(line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"line {line}: {error}", [Detail(f"line {line}", str(error))]) from error
    if not header:
        raise InvalidInput("the file is empty: a header line is needed", [Detail("header", "is missing")])
    return header, records


def unknown_columns(header: Sequence[str]) -> list[str]:
    """The columns that are neither plain nor ``score.<id>`` nor ``attribute.<id>``."""
    return [c for c in header if c not in PLAIN and not c.startswith(("score.", "attribute."))]


def check_header(header: Sequence[str], snapshot: Snapshot) -> None:
    """Raise InvalidInput for a header that cannot be read, RuleViolation for ids not in the catalog."""
    wrong = [
        Detail(f"header.{c}", "stands twice") for c in sorted({c for c in header if header.count(c) > 1})
    ]
    if "user_id" not in header:
        wrong.append(Detail("header.user_id", "is missing"))
    known = ", ".join((*PLAIN, "score.<id>", "attribute.<id>"))
    wrong += [Detail(f"header.{c}", f"is not a column; known: {known}") for c in unknown_columns(header)]
    if wrong:
        raise InvalidInput(f"{wrong[0].path}: {wrong[0].message}", wrong)
    missing = [
        Detail(f"header.{column}", f"there is no {kind[:-1]} {id_!r}")
        for column, kind, id_ in _documents(header)
        if not snapshot.find(kind, id_)
    ]
    if missing:
        raise RuleViolation(f"{missing[0].path}: {missing[0].message}", missing)


def as_attributes(header: Sequence[str]) -> list[str]:
    """The header with every unknown column read as an attribute's id. Raises InvalidInput."""
    unknown = set(unknown_columns(header))
    wrong = [
        Detail(f"header.{c}", "cannot be an attribute's id: 1 to 64 of a-z, 0-9, - and _")
        for c in unknown
        if not ID_PATTERN.match(c)
    ]
    if wrong:
        raise InvalidInput(f"{wrong[0].path}: {wrong[0].message}", wrong)
    return [f"attribute.{c}" if c in unknown else c for c in header]


def _documents(header: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    for column in header:
        kind, dot, id_ = column.partition(".")
        if dot:
            yield column, f"{kind}s", id_


def parse(header: Sequence[str], cells: Sequence[str], snapshot: Snapshot, zone: ZoneInfo) -> Row:
    """A line's cells as a checked row; empty cells are left out. Raises WrongLine."""
    if len(cells) > len(header):
        raise WrongLine(f"has {len(cells)} cells, the header has {len(header)}")
    row: Row = {}
    for column, cell in zip(header, cells, strict=False):
        text = cell.strip()
        if not text:
            continue
        kind, dot, id_ = column.partition(".")
        if not dot:
            row[column] = _plain(column, text, snapshot)
        elif kind == "score":
            row.setdefault("scores", {})[id_] = _fitted({"type": "number"}, text, column, zone)
        else:
            document = snapshot.find("attributes", id_)
            if document is None:
                raise WrongLine(f"there is no attribute {id_!r}")
            value: Any = text
            if document.body["type"] == "multi_choice":
                value = [part.strip() for part in text.split("|") if part.strip()]
            row.setdefault("attributes", {})[id_] = _fitted(document.body, value, column, zone)
    if not row.get("user_id"):
        raise WrongLine("user_id is missing")
    return row


def _plain(column: str, text: str, snapshot: Snapshot) -> Any:
    if len(text) > _LENGTHS.get(column, len(text)):
        raise WrongLine(f"{column} is longer than {_LENGTHS[column]} characters")
    if column == "followed_at":
        return _time(column, text)
    if column == "status" and text not in STATUSES:
        raise WrongLine(f"status must be one of {', '.join(STATUSES)}")
    if column == "tags":
        return [_tag(part.strip(), snapshot) for part in text.split("|") if part.strip()]
    return text


def _tag(text: str, snapshot: Snapshot) -> list[str | None]:
    tag, at, moment = text.partition("@")
    if not snapshot.find("tags", tag):
        raise WrongLine(f"there is no tag {tag!r}")
    return [tag, _time(f"tags: {tag}", moment) if at else None]


def _time(what: str, text: str) -> str:
    try:
        return iso(parse_iso(text))
    except (ValueError, OverflowError) as error:
        raise WrongLine(f"{what} must be a time with offset like 2026-11-22T15:06:00+09:00") from error


def _fitted(definition: Mapping[str, Any], value: Any, column: str, zone: ZoneInfo) -> Any:
    try:
        return fit(definition, value, column, zone=zone)
    except UnfitValue as error:
        raise WrongLine(error.message) from error


def fold_row(sheet: Sheet, row: Row, snapshot: Snapshot, zone: ZoneInfo, at: str, by: str) -> list[Fact]:
    """Fold a checked row into a sheet at ``at``, the time of the import; answers the facts produced.

    Folding it again changes nothing. A tag or score that is gone from the catalog since is left out.
    """
    _fold_status(sheet, row, at)
    for name in ("display_name", "member_id"):
        if name in row:
            sheet[name] = row[name]
    if "source" in row:
        touched_at = row.get("followed_at", at)
        for touch in ("first", "latest"):
            if not sheet["source"].get(touch):
                sheet["source"][touch], sheet["source"][f"{touch}_at"] = row["source"], touched_at
    facts: list[Fact] = []
    for tag, tagged_at in row.get("tags", ()):
        if snapshot.find("tags", tag):
            facts += folding.add_tag(sheet, tag, min(tagged_at or at, at), by)
    for score, value in row.get("scores", {}).items():
        if document := snapshot.find("scores", score):
            facts += folding.set_score(sheet, score, document.body, value, at)
    for attribute, value in row.get("attributes", {}).items():
        if document := snapshot.find("attributes", attribute):
            facts += folding.set_attribute(sheet, attribute, document.body, value, at, zone)
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
            blocked_at = sheet.get("blocked_at") or at
            sheet.update(status=status, status_at=at, blocked_at=blocked_at if status == "blocked" else None)
    elif sheet["status"] == "unknown" and not sheet.get("status_at"):
        sheet["status"] = "following"
    elif followed_at and followed_at > (sheet.get("status_at") or ""):
        sheet.update(status="following", status_at=followed_at, blocked_at=None)
