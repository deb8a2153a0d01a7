"""What a file is, by its bytes alone: kind, type, size, length. Pure; a name is not believed.

Limits: https://developers.line.biz/en/reference/messaging-api/#message-objects. MP4 and M4A are boxes
(ISO/IEC 14496-12); an MP3 is a row of frames (ISO/IEC 11172-3).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "video", "audio"]

MOST_BYTES = 10 << 20
"""Of any file; LINE takes pictures up to that, and videos and sounds up to 200 MB."""


@dataclass(frozen=True)
class Facts:
    """A file: kind, type, the end of its name; pixels (as shown) and milliseconds where it has them."""

    kind: Kind
    content_type: str
    suffix: str
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None


def recognise(data: bytes) -> Facts | None:
    """The facts of a file; of a picture only kind and type (``pictures`` reads the rest). None: not one that
    LINE shows.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return Facts("image", "image/jpeg", "jpg")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return Facts("image", "image/png", "png")
    if data[4:8] == b"ftyp":
        return _movie(data)
    return _mp3(data)


_MOST_BOXES, _MOST_FRAMES = 1_000, 40_000
"""So many are looked at; what is made to be long costs no time."""


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Each box between two places: its type, where its content begins and ends. Ends at what is broken."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, start)
        begin = start + 8
        if size == 1 and begin + 8 <= end:
            (size,) = struct.unpack_from(">Q", data, begin)
            begin += 8
        stop = end if size == 0 else start + size
        if not begin <= stop <= end:
            return
        yield kind, begin, stop
        start = stop


def _inside(data: bytes, start: int, end: int, *path: bytes) -> Iterator[tuple[int, int]]:
    """Where the contents of the boxes at a path are."""
    for kind, begin, stop in _boxes(data, start, end):
        if kind == path[0]:
            if len(path) == 1:
                yield begin, stop
            else:
                yield from _inside(data, begin, stop, *path[1:])


def _movie(data: bytes) -> Facts | None:
    """An MP4 with a picture track is a video, one with sound alone a sound."""
    kinds: dict[bytes, tuple[int, int]] = {}
    try:
        headers = _inside(data, 0, len(data), b"moov", b"mvhd")
        duration = next((_duration(data, begin) for begin, _ in headers), 0)
        for begin, stop in _inside(data, 0, len(data), b"moov", b"trak"):
            for handler, _ in _inside(data, begin, stop, b"mdia", b"hdlr"):
                size = next((_size(data, end) for _, end in _inside(data, begin, stop, b"tkhd")), (0, 0))
                kinds.setdefault(data[handler + 8 : handler + 12], size)
    except struct.error:
        return None
    if b"vide" in kinds and all(kinds[b"vide"]):
        width, height = kinds[b"vide"]
        return Facts("video", "video/mp4", "mp4", width, height, duration or None)
    if b"soun" in kinds and b"vide" not in kinds and duration:
        return Facts("audio", "audio/mp4", "m4a", duration_ms=duration)
    return None


def _duration(data: bytes, begin: int) -> int:
    """Milliseconds of a movie header, of version 0 or 1."""
    form, at = (">IQ", begin + 20) if data[begin] else (">II", begin + 12)
    scale, length = struct.unpack_from(form, data, at)
    return int(length * 1000 // scale) if scale else 0


def _size(data: bytes, end: int) -> tuple[int, int]:
    """Width and height at the end of a track's header (16.16), turned as its matrix turns them."""
    (turned,) = struct.unpack_from(">i", data, end - 44 + 4)
    width, height = (value >> 16 for value in struct.unpack_from(">II", data, end - 8))
    return (height, width) if turned else (width, height)


_RATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits a second of layer III: MPEG 1 (3), and 2 and 2.5."""
_SAMPLES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _frame(data: bytes, at: int) -> tuple[int, float] | None:
    """The bytes and milliseconds of the MP3 frame there."""
    if at + 4 > len(data) or data[at] != 0xFF or data[at + 1] & 0xE6 != 0xE2:
        return None
    version, rate, sample = data[at + 1] >> 3 & 3, data[at + 2] >> 4, data[at + 2] >> 2 & 3
    if version == 1 or rate in {0, 15} or sample == 3:
        return None
    hertz = _SAMPLES[version][sample]
    samples = 1152 if version == 3 else 576
    size = samples // 8 * _RATES[3 if version == 3 else 2][rate] * 1000 // hertz + (data[at + 2] >> 1 & 1)
    return size, samples * 1000 / hertz


def _mp3(data: bytes) -> Facts | None:
    """A row of frames, after what some programs write before it (ID3v2)."""
    at = 0
    if data[:3] == b"ID3" and len(data) > 10:
        at = 10 + sum((data[6 + n] & 0x7F) << 7 * (3 - n) for n in range(4))
    begin, length, frames = at, 0.0, 0
    while frames < _MOST_FRAMES and (found := _frame(data, at)):
        at, length, frames = at + found[0], length + found[1], frames + 1
    if frames == _MOST_FRAMES:
        length *= (len(data) - begin) / (at - begin)
    return Facts("audio", "audio/mpeg", "mp3", duration_ms=round(length)) if frames > 2 else None
