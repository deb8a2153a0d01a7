"""Forms with files (``multipart/form-data``, RFC 7578) as browsers and programs write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

MULTIPART = "multipart/form-data"
MOST_PARTS, MOST_OF_A_HEAD = 500, 8 << 10
_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})', re.IGNORECASE)
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_NAME = re.compile(rf"[;\s]name={_QUOTED}", re.IGNORECASE)
_FILE_NAME = re.compile(rf"[;\s]filename={_QUOTED}", re.IGNORECASE)
_DISPOSITION = b"content-disposition:"


class Unreadable(ValueError):
    """It is no such form, or was cut off."""


@dataclass(frozen=True)
class Part:
    """A field of a form. ``filename``: None where it is no file, empty where none was chosen."""

    name: str
    filename: str | None
    data: bytes


def is_multipart(content_type: str) -> bool:
    """Whether a request says that it is such a form."""
    return content_type.partition(";")[0].strip().lower() == MULTIPART


def parts(content_type: str, body: bytes) -> list[Part]:
    """The fields in their order. Raises Unreadable."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise Unreadable
    _, *pieces = (b"\r\n" + body).split(b"\r\n--" + boundary[1].encode("latin-1", "replace"))
    if not pieces or not pieces[-1].startswith(b"--") or len(pieces) > MOST_PARTS:
        raise Unreadable
    return [_part(piece) for piece in pieces[:-1]]


def _part(piece: bytes) -> Part:
    head, _, data = piece.partition(b"\r\n\r\n")
    if len(head) > MOST_OF_A_HEAD:
        raise Unreadable
    named = [line for line in head.split(b"\r\n") if line.lower().startswith(_DISPOSITION)]
    disposition = named[0].decode("utf-8", "replace") if len(named) == 1 else ""
    name, filename = _NAME.search(disposition), _FILE_NAME.search(disposition)
    if name is None:
        raise Unreadable
    return Part(_plain(name[1]), _plain(filename[1]) if filename else None, data)


def _plain(quoted: str) -> str:
    """A name without the ways in which a quotation mark is written."""
    return re.sub(r"\\(.)", r"\1", quoted).replace("%22", '"')
