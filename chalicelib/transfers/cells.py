"""Cells of CSV, so that spreadsheets run nothing of them, and what we write is what we read. Pure.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-``, ``@``, a tab or a line's end for a formula.
Such a text gets ``'`` before it, and so does one with space around it, or an empty one: read again, the
``'`` goes, and nothing else is taken from the cell. Numbers stay numbers.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_DANGEROUS = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\Z", re.ASCII)
_LONGEST_NUMBER = 40
_DAY = re.compile(
    r"(\d{4})(?:/(\d{1,2})/(\d{1,2})|年(\d{1,2})月(\d{1,2})日)"
    r"(?:[ T]*(\d{1,2})(?::(\d{2})(?::(\d{2}))?|時(?:(\d{1,2})分)?(?:(\d{1,2})秒)?))?\Z",
    re.ASCII,
)
_OF_A_DATABASE = re.compile(r"\d{4}-\d{1,2}-\d{1,2} +\d{1,2}:\d{2}(?::\d{2})?\Z", re.ASCII)
_PART = re.compile(r"\\([\\|])|(\|)")


def write(value: Any) -> str:
    """A value as a cell; a list's parts are joined by ``|``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    text = "|".join(map(_part, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if _needs_mark(text) else text


def read(cell: str) -> str | None:
    """The text of a cell, without the space around it; of one with a ``'`` of ours, all that follows
    it. None: there is no value.
    """
    if cell.startswith("'") and _needs_mark(cell[1:]):
        return cell[1:]
    return cell.strip() or None


def _needs_mark(text: str) -> bool:
    while text.startswith("'"):
        text = text[1:]
    return not text or text[0] in _DANGEROUS or text != text.strip()


def _part(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("|", "\\|")


def parts(text: str) -> list[str]:
    """What is between the ``|`` of a text; ``\\|`` and ``\\\\`` are the characters themselves."""
    found = [""]
    at = 0
    for mark in _PART.finditer(text):
        found[-1] += text[at : mark.start()] + (mark[1] or "")
        if mark[2]:
            found.append("")
        at = mark.end()
    found[-1] += text[at:]
    return [part.strip() for part in found if part.strip()]


def number(text: str) -> int | float | str:
    """The number that a text is, or the text. Full-width digits are digits."""
    plain = unicodedata.normalize("NFKC", text).strip().replace("−", "-")
    if len(plain) > _LONGEST_NUMBER or not _NUMBER.match(plain):
        return text
    return int(plain) if plain.lstrip("+-").isdigit() else float(plain)


def local_timestamp(text: str) -> str | None:
    """What Japanese Excel writes as a day and time, as ISO 8601 without an offset: ``2026/10/15``,
    ``2026/10/15 9:05``, ``2026年10月15日 9時5分``, and databases ``2026-10-15 09:05:00``. None: it is not
    written like that.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    found = _DAY.match(plain.replace("-", "/", 2) if _OF_A_DATABASE.match(plain) else plain)
    if found is None:
        return None

    def pick(*groups: int) -> int:
        return next((int(found[group]) for group in groups if found[group]), 0)

    day = f"{found[1]}-{pick(2, 4):02d}-{pick(3, 5):02d}"
    return f"{day}T{pick(6):02d}:{pick(7, 9):02d}:{pick(8, 10):02d}"
