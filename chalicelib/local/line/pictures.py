"""Pictures made of nothing: avatars, placeholders for what the network would hold, contents of messages."""

from __future__ import annotations

import struct
import zlib
from html import escape

PHOTO_SIZE = 240
"""Width and height of a drawn photo, in pixels."""


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
    """A calm SVG scene, always the same for one seed: shown where a picture cannot be loaded."""
    number = zlib.crc32(seed.encode())
    light, deep = _LIGHTS[number % len(_LIGHTS)]
    scene = (_hills, _leaves, _waves)[number // 13 % 3](number // 5)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 260" preserveAspectRatio="xMidYMid slice">'
        '<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">'
        f'<stop offset="0" stop-color="{light}"/><stop offset="1" stop-color="{deep}"/>'
        "</linearGradient></defs>"
        f'<rect width="400" height="260" fill="url(#g)"/><g fill="#fff">{scene}</g></svg>'
    ).encode()


_LIGHTS = (
    ("#f6e3dc", "#c9989a"),
    ("#e4efe2", "#8fb59a"),
    ("#e3edf4", "#8fb0c9"),
    ("#efe8f4", "#a99cc9"),
    ("#f8eeda", "#d9b076"),
    ("#e2f0ef", "#7fb3ae"),
)


def _hills(number: int) -> str:
    sun, hill = 90 + number % 220, 165 + number // 7 % 40
    return (
        f'<circle cx="{sun}" cy="82" r="33" fill-opacity=".8"/>'
        f'<path d="M0 {hill} Q 90 {hill - 60} 190 {hill} T 400 {hill - 20} V260 H0 Z" fill-opacity=".35"/>'
        f'<path d="M0 {hill + 40} Q 120 {hill - 5} 240 {hill + 35} T 400 {hill + 20} V260 H0 Z" '
        'fill-opacity=".5"/>'
    )


def _leaves(number: int) -> str:
    branches = []
    for at in range(3):
        turn, left = -28 + 26 * at + number % 12, 120 + 78 * at
        leaves = "".join(
            f'<path d="M0 {-y} q 34 -30 52 2 q -30 22 -52 -2z M0 {-y - 14} q -34 -30 -52 2 q 30 22 52 -2z"/>'
            for y in range(30, 190, 38)
        )
        branches.append(
            f'<g transform="translate({left} 290) rotate({turn})" fill-opacity="{0.3 + 0.14 * at:.2f}">'
            f'<path d="M-1.500 0 h3 L0.500 -210 h-1 z"/>{leaves}</g>'
        )
    return "".join(branches) + '<circle cx="330" cy="62" r="25" fill-opacity=".55"/>'


def _waves(number: int) -> str:
    lift = number % 30
    bands = (
        f'<path d="M0 {y - lift} C 70 {y - 34 - lift} 130 {y + 30 - lift} 200 {y - lift} '
        f'S 330 {y - 32 - lift} 400 {y - lift} V260 H0 Z" fill-opacity=".22"/>'
        for y in range(118, 260, 36)
    )
    return '<circle cx="92" cy="70" r="28" fill-opacity=".7"/>' + "".join(bands)


def photo(seed: str) -> bytes:
    """A small PNG gradient: the content of an image message for which no file was given."""
    pair = _LIGHTS[zlib.crc32(seed.encode()) % len(_LIGHTS)]
    light, deep = (bytes.fromhex(colour[1:]) for colour in pair)
    steps = 2 * PHOTO_SIZE - 2
    ramp = [
        bytes((a * (steps - at) + b * at) // steps for a, b in zip(light, deep, strict=True))
        for at in range(steps + 1)
    ]
    rows = bytearray()
    for y in range(PHOTO_SIZE):
        rows.append(0)
        rows += b"".join(ramp[y : y + PHOTO_SIZE])
    head = struct.pack(">IIBBBBB", PHOTO_SIZE, PHOTO_SIZE, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(bytes(rows), 6))
        + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
