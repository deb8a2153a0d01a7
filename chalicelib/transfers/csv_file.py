"""A CSV file as lines of cells, read again and again from its bytes: never all of it in memory."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, cast

from chalicelib.http.budget import refuse_columns
from chalicelib.shared.errors import Detail, InvalidInput, TooLarge
from chalicelib.shared.reasons import Reason
from chalicelib.transfers.encoding import encoding_of, refuse_line

_AFTER_MARK = {
    ("utf-8-sig", codecs.BOM_UTF8[:2]): ("utf-8", 3),
    ("utf-16", codecs.BOM_UTF16_LE): ("utf-16-le", 2),
    ("utf-16", codecs.BOM_UTF16_BE): ("utf-16-be", 2),
}
"""How the text behind a mark is written, and how long the mark is."""
_SEPARATORS = (",", ";", "\t")
MAX_ROW_BYTES = 800_000
"""A line must fit in a message of the queue, as JSON."""


@dataclass(frozen=True)
class Record:
    """One data line as it stands in the file; ``line`` counts from 1, the header included."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Place:
    """Between two lines of a file: the byte and the number of the line with which the second one begins."""

    byte: int
    line: int


def row_bytes(cells: Sequence[str]) -> int:
    """How large a line is in a message of a queue."""
    text = json.dumps(cells, ensure_ascii=False, separators=(",", ":"))
    escaped = 3 * (text.count("\ufffe") + text.count("\uffff"))  # which SQS does not take as they are
    return len(text.encode("utf-8", "surrogatepass")) + escaped


class CsvFile:
    """A seekable file of bytes with a header and data lines; blank lines and columns at the end are none."""

    def __init__(self, file: IO[bytes], most_lines: int | None = None) -> None:
        """Look through the file. Raises InvalidInput for what cannot be read or has no header, and (here or
        while it is read) TooLarge for more than ``most_lines`` lines, blank ones and the header included.
        """
        self._file = file
        self._most_lines = most_lines
        self._encoding = encoding_of(file)
        self._separator = self._find_separator()
        self.header = self._header(self._separator)
        if not self.header:
            raise InvalidInput(Reason("file_empty"), [Detail("header", Reason("is_missing"))])

    def records(self) -> Iterator[Record]:
        """The data lines, from the first on. Raises InvalidInput at a line that is not CSV, or too long."""
        lines = (record for record in self._lines(self._separator) if any(map(str.strip, record.cells)))
        next(lines, None)
        return map(_trimmed, lines)

    def written(self) -> Written:
        """How it is written, for whoever reads on in the middle of it."""
        self._file.seek(0)
        head = self._file.read(2)
        encoding, mark = _AFTER_MARK.get((self._encoding, head), (self._encoding, 0))
        return Written(encoding, self._separator, mark)

    def _find_separator(self) -> str:
        """The one by which the header has a ``user_id``."""
        for separator in _SEPARATORS:
            with contextlib.suppress(InvalidInput):
                if "user_id" in self._header(separator):
                    return separator
        return _SEPARATORS[0]

    def _header(self, separator: str) -> list[str]:
        for record in self._lines(separator):
            cells = [cell.strip() for cell in record.cells]
            while cells and not cells[-1]:
                cells.pop()
            if cells:
                refuse_columns(cells)
                return cells
        return []

    def _lines(self, separator: str) -> Iterator[Record]:
        self._file.seek(0)
        text = io.TextIOWrapper(cast("IO[bytes]", _Kept(self._file)), self._encoding, newline="")
        for record, _ in _read(text, separator, 1):
            if self._most_lines is not None and record.line > self._most_lines:
                raise _too_many(self._most_lines)
            if record.cells:
                yield record


@dataclass(frozen=True)
class Written:
    """How a file is written that has been looked through. ``mark``: how many bytes stand before its text."""

    encoding: str
    separator: str
    mark: int

    def beginning(self) -> Place:
        """Before its first line."""
        return Place(self.mark, 1)

    def records(self, file: IO[bytes], since: Place) -> Iterator[tuple[Record, Place]]:
        """The lines from a place on, blank ones left out, each with the place behind it; ``file`` begins
        there. Raises InvalidInput at a line that is not CSV, or too long.
        """
        text = io.TextIOWrapper(cast("IO[bytes]", _Kept(file)), self.encoding, newline="")
        at = since.byte

        def counted() -> Iterator[str]:
            nonlocal at
            for line in text:
                at += len(line.encode(self.encoding))
                yield line

        for record, following in _read(counted(), self.separator, since.line):
            if any(map(str.strip, record.cells)):
                yield _trimmed(record), Place(at, following)


def _read(lines: Iterable[str], separator: str, first: int) -> Iterator[tuple[Record, int]]:
    """Each record, blank ones too, with the number of the line behind it."""
    reader, line = csv.reader(lines, strict=True, delimiter=separator), first
    try:
        for cells in reader:
            following = first + reader.line_num
            yield Record(line, cells), following
            line = following
    except csv.Error as error:
        raise refuse_line(line, Reason("line_no_csv", error=str(error))) from error


def _trimmed(record: Record) -> Record:
    """The record without its blank columns at the end."""
    cells = record.cells
    while not cells[-1].strip():
        cells.pop()
    # A character is at most six bytes in JSON, and a cell has two quotes and a comma.
    if 6 * sum(map(len, cells)) + 3 * len(cells) > MAX_ROW_BYTES and row_bytes(cells) > MAX_ROW_BYTES:
        raise refuse_line(record.line, Reason("line_too_long", most=MAX_ROW_BYTES))
    return record


def _too_many(most: int) -> TooLarge:
    return TooLarge.at("file", Reason("file_too_many_lines", most=most))


class _Kept(io.BufferedIOBase):
    """Reads another file, which stays open when whoever reads through this is gone."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._of = file

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        return self._of.read(size)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._of.read(-1 if size is None else size)
