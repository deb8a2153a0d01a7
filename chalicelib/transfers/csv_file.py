"""A CSV file as lines of cells, read again and again from its bytes: never all of it in memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, cast

from chalicelib.http.budget import refuse_columns
from chalicelib.shared.errors import Detail, InvalidInput, TooLarge
from chalicelib.shared.reasons import Reason
from chalicelib.transfers.encoding import Encoding, encoding_of, refuse_line

_SEPARATORS = (",", ";", "\t")
_MOST_HEADS = 2
"""So many lines may precede the data."""
MAX_ROW_BYTES = 800_000
"""A line must fit in a message of the queue, as JSON."""


@dataclass(frozen=True)
class Record:
    """One data line as it is in the file; ``line`` counts from 1, the header included."""

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
    """A seekable file of bytes with a header and data lines; blank lines and columns at the end are none.

    ``header`` is its first line; ``heads`` are its first lines, in which a header of two lines is.
    """

    def __init__(
        self, file: IO[bytes], most_lines: int | None = None, encoding: Encoding | None = None
    ) -> None:
        """Look through the file; where the ``encoding`` is known already, at its first lines only. Raises
        InvalidInput for what cannot be read or has no header, and (here or while it is read) TooLarge for
        more than ``most_lines`` lines, blank ones and the header included.
        """
        self._file = file
        self._most_lines = most_lines
        self._encoding = encoding or encoding_of(file)
        self._separator, self.heads = self._look()
        if not self.heads:
            raise InvalidInput(Reason("file_empty"), [Detail("header", Reason("is_missing"))])
        self.header = self.heads[0]

    def records(self, heads: int = 1) -> Iterator[Record]:
        """The data lines, behind so many ``heads``. Raises InvalidInput at a line that is not CSV, or too
        long.
        """
        lines = (record for record in self._lines(self._separator) if any(map(str.strip, record.cells)))
        return map(_trimmed, islice(lines, heads, None))

    def written(self, heads: int = 1) -> Written:
        """How it is written, for whoever reads on in the middle of it."""
        return Written(self._encoding.name, self._separator, self._encoding.mark, heads)

    def _look(self) -> tuple[str, list[list[str]]]:
        """The separator by which the first line has the most columns, and the first lines."""
        found: dict[str, list[list[str]]] = {}
        wrong: InvalidInput | None = None
        for separator in _SEPARATORS:
            try:
                found[separator] = self._heads(separator)
            except InvalidInput as error:
                wrong = wrong or error
        if not found:
            raise wrong or InvalidInput(Reason("file_empty"))
        best = max(found, key=lambda separator: [len(cells) for cells in found[separator][:1]])
        refuse_columns(found[best][0] if found[best] else ())
        return best, found[best]

    def _heads(self, separator: str) -> list[list[str]]:
        heads: list[list[str]] = []
        for record in self._lines(separator):
            cells = [cell.strip() for cell in record.cells]
            while cells and not cells[-1]:
                cells.pop()
            heads += [cells] if cells else []
            if len(heads) == _MOST_HEADS:
                break
        return heads

    def _lines(self, separator: str) -> Iterator[Record]:
        self._file.seek(self._encoding.mark)
        text = io.TextIOWrapper(cast("IO[bytes]", _Kept(self._file)), self._encoding.name, newline="")
        for record, _ in _read(text, separator, 1):
            if self._most_lines is not None and record.line > self._most_lines:
                raise _too_many(self._most_lines)
            if record.cells:
                yield record


def beginning(head: bytes) -> CsvFile:
    """The first lines of a file of which ``head`` is the beginning. Raises InvalidInput.

    The encoding is known only when the whole file is looked through; what the header says in it is compared
    then.
    """
    return CsvFile(io.BytesIO(whole_lines(head)))


def whole_lines(head: bytes) -> bytes:
    """The beginning of a file without the line that is cut off. Raises InvalidInput where no line ends."""
    whole = head[: head.rfind(b"\n") + 1]
    if not whole:
        raise refuse_line(1, Reason("line_too_long", most=MAX_ROW_BYTES))
    if len(whole) % 2 and b"\0" in whole:
        whole += head[len(whole) : len(whole) + 1]  # the other half of UTF-16's end of a line
    return whole


@dataclass(frozen=True)
class Written:
    """How a file is written that has been looked through. ``mark``: how many bytes precede its text;
    ``heads``: how many lines before its data.
    """

    encoding: str
    separator: str
    mark: int
    heads: int = 1

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
