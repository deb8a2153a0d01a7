"""Small files for messages: pictures by Pillow, films and sounds byte by byte."""

from __future__ import annotations

import io
import struct
from typing import Any

from PIL import Image


def a_picture(width: int, height: int, form: str = "JPEG", mode: str = "RGB", **how: Any) -> bytes:
    """A plain picture."""
    file = io.BytesIO()
    Image.new(mode, (width, height), "teal").save(file, form, **how)
    return file.getvalue()


def a_noisy_picture(width: int, height: int) -> bytes:
    """A PNG that cannot be packed, so that it is large."""
    file = io.BytesIO()
    Image.effect_noise((width, height), 120).save(file, "PNG")
    return file.getvalue()


def box(kind: bytes, content: bytes) -> bytes:
    """One box of an MP4."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _header(duration_ms: int, version: int) -> bytes:
    if version:
        return box(b"mvhd", b"\x01\0\0\0" + bytes(16) + struct.pack(">IQ", 1000, duration_ms) + bytes(80))
    return box(b"mvhd", bytes(12) + struct.pack(">II", 1000, duration_ms) + bytes(80))


def _track(handler: bytes, width: int = 0, height: int = 0, *, turned: bool = False) -> bytes:
    matrix = (
        (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
        if turned
        else (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    )
    header = bytes(40) + struct.pack(">9i", *matrix) + struct.pack(">II", width << 16, height << 16)
    media = box(b"hdlr", bytes(8) + handler + bytes(12))
    return box(b"trak", box(b"tkhd", header) + box(b"mdia", media))


def a_movie(width: int, height: int, duration_ms: int, *, version: int = 0, turned: bool = False) -> bytes:
    """An MP4 with a sound and a picture track; its data come before its headers."""
    tracks = _track(b"soun") + _track(b"vide", width, height, turned=turned)
    return (
        box(b"ftyp", b"isom") + box(b"mdat", b"film") + box(b"moov", _header(duration_ms, version) + tracks)
    )


def an_m4a(duration_ms: int) -> bytes:
    """An MP4 with a sound alone."""
    return box(b"ftyp", b"M4A ") + box(b"moov", _header(duration_ms, 0) + _track(b"soun"))


def a_sound(frames: int, *, title: bool = False, tiny: bool = False) -> bytes:
    """An MP3 of 128 kbit/s and 44.1 kHz; ``tiny``: of 8 kbit/s and 24 kHz, 24 ms a frame."""
    size, head = (24, b"\xff\xf3\x14\x00") if tiny else (417, b"\xff\xfb\x90\x00")
    before = b"ID3\x03\0\0" + bytes([0, 0, 1, 0]) + bytes(128) if title else b""
    return before + (head + bytes(size - 4)) * frames
