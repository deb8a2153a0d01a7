"""Pictures made of nothing: avatars, placeholders for what the network would hold, contents of messages."""

from __future__ import annotations

import struct
import zlib
from html import escape

from chalicelib.local.line.people import COLOURS

PHOTO_SIZE = 240


def avatar(name: str, colour: str) -> bytes:
    """A round-ready SVG with the first character of the given name on the person's colour."""
    letter = escape((name.rsplit(maxsplit=1)[-1] if name.split() else "?")[:1])
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
        f'<rect width="100" height="100" fill="{escape(colour)}"/>'
        '<text x="50" y="52" font-family="Noto Sans CJK JP, Noto Sans JP, Hiragino Sans, sans-serif" '
        'font-size="46" fill="#fff" text-anchor="middle" dominant-baseline="central">'
        f"{letter}</text></svg>"
    ).encode()


def landscape(seed: str) -> bytes:
    """A calm SVG scene, always the same for one seed: stands where a picture cannot be loaded."""
    number = zlib.crc32(seed.encode())
    first, second = COLOURS[number % len(COLOURS)], COLOURS[number // 11 % len(COLOURS)]
    sun, hill = 90 + number % 220, 170 + number // 5 % 40
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 260" preserveAspectRatio="xMidYMid slice">'
        '<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">'
        f'<stop offset="0" stop-color="{first}" stop-opacity=".55"/>'
        f'<stop offset="1" stop-color="{second}" stop-opacity=".85"/></linearGradient></defs>'
        '<rect width="400" height="260" fill="#fff"/><rect width="400" height="260" fill="url(#g)"/>'
        f'<circle cx="{sun}" cy="80" r="34" fill="#fff" fill-opacity=".75"/>'
        f'<path d="M0 {hill} Q 90 {hill - 60} 190 {hill} T 400 {hill - 20} V260 H0 Z" fill="#fff" '
        'fill-opacity=".35"/>'
        f'<path d="M0 {hill + 40} Q 120 {hill - 5} 240 {hill + 35} T 400 {hill + 20} V260 H0 Z" fill="#fff" '
        'fill-opacity=".45"/></svg>'
    ).encode()


def photo(seed: str) -> bytes:
    """A small PNG gradient: the content of an image message for which no file was given."""
    number = zlib.crc32(seed.encode())
    low = [number >> shift & 0x7F for shift in (0, 8, 16)]
    rows = bytearray()
    for y in range(PHOTO_SIZE):
        rows.append(0)
        for x in range(PHOTO_SIZE):
            rows += bytes((low[0] + x // 3, low[1] + y // 3, low[2] + (x + y) // 6))
    head = struct.pack(">IIBBBBB", PHOTO_SIZE, PHOTO_SIZE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
