"""Splitting a file's lines into chunks. Pure, and with no more in memory than a chunk needs.

A friend who is in several lines stays in one chunk, in order: those lines are kept back until the end.
Of everybody else only a few bytes of who they are are remembered, to know who comes again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from chalicelib.transfers.csv_file import MAX_ROW_BYTES, Record, row_bytes

CHUNK_LINES = 100
CHUNK_BYTES = 200_000
_ONE_FRIEND = MAX_ROW_BYTES // CHUNK_BYTES
"""The lines of one friend, or one long line, may make a chunk so many times larger: no message of SQS is
larger than 1 MB.
"""

Chunk = list[list[Any]]
"""``[[line, cells]]``."""


def chunks(records: Callable[[], Iterable[Record]], column: int) -> Iterator[Chunk]:
    """Chunks of the records; ``records`` is asked for twice. ``column``: where the user id is."""
    again = _standing_again(records(), column)
    kept: dict[str, list[Record]] = {}
    chunk, size = list[list[Any]](), 0
    for record in records():
        user = _user(record, column)
        if _name(user) in again:
            kept.setdefault(user, []).append(record)
            continue
        if chunk and (len(chunk) >= CHUNK_LINES or size + _size(record) > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append([record.line, record.cells])
        size += _size(record)
    yield from _whole(kept.values(), chunk, size)


def _whole(groups: Iterable[list[Record]], chunk: Chunk, size: int) -> Iterator[Chunk]:
    """Chunks in which the lines of one friend stay together as far as a message can carry them."""
    for lines in groups:
        more = sum(map(_size, lines))
        if chunk and (len(chunk) + len(lines) > CHUNK_LINES or size + more > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        for record in lines:
            if len(chunk) >= _ONE_FRIEND * CHUNK_LINES or size + _size(record) > _ONE_FRIEND * CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
            chunk.append([record.line, record.cells])
            size += _size(record)
    if chunk:
        yield chunk


def _standing_again(records: Iterable[Record], column: int) -> set[bytes]:
    seen: set[bytes] = set()
    again: set[bytes] = set()
    for record in records:
        if user := _user(record, column):
            name = _name(user)
            (again if name in seen else seen).add(name)
    return again


def _user(record: Record, column: int) -> str:
    return record.cells[column].strip() if column < len(record.cells) else ""


def _name(user: str) -> bytes:
    return hashlib.blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _size(record: Record) -> int:
    """What a record takes in a message: its cells as the queue writes them."""
    return row_bytes(record.cells) + 20
