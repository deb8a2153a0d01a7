"""A value of the request, where it is, and what is wrong with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

_OWN_FILE = re.compile(r"http://(?:127\.0\.0\.1|localhost):\d+/media/[\w./-]*\Z")
_URI_SAFE = re.compile(r"[\x21-\x7e]+\Z")
_HOST = re.compile(r"//[^/?#]")


def utf16_length(text: str) -> int:
    """The length LINE counts for most texts: UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def grapheme_length(text: str) -> int:
    """The length LINE counts for labels and titles: what a reader would call characters (near enough)."""
    count = 0
    joined = False
    flag = False
    for character in text:
        code = ord(character)
        if character == "\u200d":
            joined = True
            continue
        if 0x1F1E6 <= code <= 0x1F1FF and flag:
            flag = False
            continue
        flag = 0x1F1E6 <= code <= 0x1F1FF
        extends = unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}
        if not (joined or extends or 0x1F3FB <= code <= 0x1F3FF):
            count += 1
        joined = False
    return count


@dataclass
class Report:
    """What is wrong with one request, as LINE's ``details``. ``pointers``: places are JSON pointers."""

    pointers: bool = False
    details: list[dict[str, str]] = field(default_factory=list)

    def add(self, place: str, message: str) -> None:
        """One more thing that is wrong."""
        self.details.append({"message": message, "property": place or ("/" if self.pointers else "")})


@dataclass(frozen=True)
class Part:
    """One value with its place; its checks speak into the shared report."""

    value: Any
    place: str
    report: Report

    def wrong(self, message: str) -> None:
        """This very value is wrong."""
        self.report.add(self.place, message)

    def child(self, name: str) -> Part:
        """The value of a property (None when absent)."""
        value = self.value.get(name) if isinstance(self.value, dict) else None
        if self.report.pointers:
            return Part(value, f"{self.place}/{name}", self.report)
        return Part(value, f"{self.place}.{name}" if self.place else name, self.report)

    def element(self, index: int) -> Part:
        """The value of a list's place."""
        place = f"{self.place}/{index}" if self.report.pointers else f"{self.place}[{index}]"
        return Part(self.value[index], place, self.report)

    def word(self, name: str) -> str:
        """A property if it is text, else an empty text."""
        found = self.value.get(name) if isinstance(self.value, dict) else None
        return found if isinstance(found, str) else ""

    @property
    def type(self) -> str:
        """The ``type`` property, or an empty text."""
        return self.word("type")

    def is_object(self) -> bool:
        """Whether it is an object; says so when it is not."""
        if isinstance(self.value, dict):
            return True
        self.wrong("May not be empty" if self.value is None else "Must be an object")
        return False

    def only(self, known: Collection[str]) -> None:
        """No other properties than these."""
        for name in self.value:
            if name not in known:
                self.child(name).wrong("unknown field")

    def text(
        self,
        name: str,
        most: int,
        *,
        required: bool = True,
        least: int = 1,
        count: Callable[[str], int] = utf16_length,
    ) -> str | None:
        """A text property of ``least`` to ``most`` characters."""
        part = self.child(name)
        if part.value is None:
            if required:
                part.wrong("May not be empty")
            return None
        if not isinstance(part.value, str):
            part.wrong("Must be a string")
            return None
        if part.value == "" and least:
            part.wrong("May not be empty")
            return None
        if not least <= count(part.value) <= most:
            part.wrong(f"Length must be between {least} and {most}")
        return part.value

    def url(
        self,
        name: str,
        *,
        most: int = 2000,
        required: bool = True,
        schemes: Collection[str] = ("https",),
    ) -> None:
        """A URL property; media must be https, and non-ASCII characters percent-encoded. Of a laptop's own
        files, which no certificate protects, http is taken (LINE takes none).
        """
        url = self.text(name, most, required=required)
        if not url or _OWN_FILE.match(url):
            return
        scheme, _, rest = url.partition(":")
        if scheme.lower() not in schemes:
            self.child(name).wrong("invalid uri scheme")
        elif not _URI_SAFE.match(url) or (scheme.lower() in {"http", "https"} and not _HOST.match(rest)):
            self.child(name).wrong("invalid uri")

    def number(
        self, name: str, least: float, most: float, *, required: bool = True, whole: bool = True
    ) -> float | None:
        """A number property between ``least`` and ``most``."""
        part = self.child(name)
        if part.value is None:
            if required:
                part.wrong("May not be null")
            return None
        fits = isinstance(part.value, int) or (
            isinstance(part.value, float) and (not whole or part.value.is_integer())  # 1.0 is whole in JSON
        )
        if isinstance(part.value, bool) or not fits:
            part.wrong("Must be an integer" if whole else "Must be a number")
            return None
        if not least <= part.value <= most:
            part.wrong(f"Must be between {least} and {most}")
        return float(part.value)

    def choice(self, name: str, values: Collection[str], *, required: bool = False) -> None:
        """A property with one of these values."""
        part = self.child(name)
        if part.value is None and not required:
            return
        if part.value not in values:
            part.wrong(f"Must be one of the following values: [{', '.join(values)}]")

    def flag(self, name: str) -> None:
        """An optional boolean property."""
        part = self.child(name)
        if part.value is not None and not isinstance(part.value, bool):
            part.wrong("Must be a boolean")

    def items(self, name: str, least: int, most: int) -> Iterator[Part]:
        """The elements of a list property of ``least`` to ``most`` of them."""
        part = self.child(name)
        if part.value is None or (part.value == [] and least):
            part.wrong("May not be empty")
        elif not isinstance(part.value, list):
            part.wrong("Must be an array")
        elif not least <= len(part.value) <= most:
            part.wrong(f"Size must be between {least} and {most}")
        else:
            yield from (part.element(index) for index in range(len(part.value)))
