"""A large import's file, sorted into bins: a pass that goes on from where it stopped, with little in memory.

The file is read piece by piece. The lines of a piece go into as many bins as the file has pieces, by user
id, and each bin of a piece is an object of its own. So a friend's lines are all in one bin, in the order of
the file, and a bin is small enough to be cut into chunks at once (``chunking``). A piece is a function of the
place where it begins: written twice, it is the same.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from chalicelib.gateways import objects
from chalicelib.shared import side_by_side
from chalicelib.shared.time_left import TimeLeft
from chalicelib.transfers.csv_file import Place, Record, Written

PIECE_BYTES = 4 << 20


class Gone(Exception):
    """An object that is needed is there no more."""


def prefix(key: str) -> str:
    """How the names of a file's bins begin."""
    return key.removesuffix(".csv") + "/"


@dataclass(frozen=True)
class Position:
    """How far a file is sorted: the byte and the line that come next, the pieces and records before them."""

    byte: int
    line: int
    pieces: int = 0
    records: int = 0

    def body(self) -> dict[str, int]:
        """As a message carries it."""
        return asdict(self)


@dataclass(frozen=True)
class Bins:
    """A file and its bins. ``key`` names the file, ``column`` has the user id."""

    key: str
    size: int
    written: Written
    column: int

    @property
    def count(self) -> int:
        """How many bins there are."""
        return -(-self.size // PIECE_BYTES)

    def beginning(self) -> Position:
        """Nothing is sorted."""
        return Position(self.written.mark, 1)

    def is_sorted(self, at: Position) -> bool:
        """Whether the whole file is."""
        return at.byte >= self.size

    def sort(self, at: Position, left: TimeLeft) -> Position:
        """Sort while there is time, a piece at least; how far it is then.

        Raises Gone, and InvalidInput at a line that is not CSV, or too long.
        """
        file = objects.read_from(self.key, at.byte)
        if file is None:
            raise Gone
        with file:
            lines = self.written.records(file, Place(at.byte, at.line))
            if not at.pieces:
                next(islice(lines, self.written.heads, self.written.heads), None)  # behind the header
            while not self.is_sorted(at):
                at = self._piece(lines, at)
                if left.is_over:
                    break
        return at

    def _piece(self, lines: Iterator[tuple[Record, Place]], at: Position) -> Position:
        bins, records, end = [bytearray() for _ in range(self.count)], 0, Place(self.size, at.line)
        for record, place in lines:
            bins[self._bin(record)] += _line(record)
            records += 1
            if place.byte - at.byte >= PIECE_BYTES:
                end = place
                break
        names = [self._name(number, at.pieces) for number in range(self.count)]
        side_by_side.each(
            lambda one: objects.put(one[0], bytes(one[1]), "application/x-ndjson"),
            zip(names, bins, strict=True),
        )
        return Position(end.byte, end.line, at.pieces + 1, at.records + records)

    def _bin(self, record: Record) -> int:
        user = record.cells[self.column].strip() if self.column < len(record.cells) else ""
        return zlib.crc32(user.encode()) % self.count

    def _name(self, number: int, piece: int) -> str:
        return f"{prefix(self.key)}{number:04d}-{piece:04d}"

    def records(self, number: int, pieces: int) -> Iterator[Record]:
        """The lines of a bin, in the order of the file. Raises Gone."""
        for piece in range(pieces):
            found = objects.find(self._name(number, piece))
            if found is None:
                raise Gone
            for line in found.split(b"\n")[:-1]:
                yield Record(*json.loads(line))


def _line(record: Record) -> bytes:
    text: Any = json.dumps([record.line, record.cells], ensure_ascii=False, separators=(",", ":"))
    return f"{text}\n".encode()
