"""How large texts are at the most, and what a filter makes of that. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.messages.text import CLUSTER_UNITS, graphemes, units
from chalicelib.shared.text.template import Argument

GROUPED = 24
"""``-999,999,999,999,999,999``: what ``number`` makes of the largest it takes, but for decimals."""
DIGITS = 2
"""The most decimals that ``number`` writes unless a number is given."""
_BASE, _MARK = "あ", "\u302a"
"""A character, and a mark that joins it: both of one UTF-16 unit and three bytes, the most there is."""


@dataclass(frozen=True)
class Size:
    """The most that texts have; ``wide``: also characters beyond ASCII."""

    units: int
    graphemes: int
    wide: bool = True

    def text(self) -> str:
        """A text of this size, whatever is counted: units, characters, bytes."""
        if not self.wide:
            return "x" * self.units
        return _BASE * self.graphemes + _MARK * (self.units - self.graphemes)


def same(_args: tuple[Argument, ...], size: Size) -> Size:
    """No text becomes longer."""
    return size


def named(_args: tuple[Argument, ...], _size: Size) -> None:
    """Whatever the text is, what comes out is among the values that the filter names."""


def upper(_args: tuple[Argument, ...], size: Size) -> Size:
    """ﬃ becomes FFI."""
    return Size(size.units * 3, size.graphemes * 3) if size.wide else size


def lower(_args: tuple[Argument, ...], size: Size) -> Size:
    """İ becomes i and a dot above."""
    return Size(size.units * 2, size.graphemes) if size.wide else size


def number(args: tuple[Argument, ...], _size: Size) -> Size:
    """As long as the largest number is, with so many decimals."""
    digits = int(args[0]) if args else DIGITS
    most = GROUPED + (digits + 1 if digits else 0)
    return Size(most, most, wide=False)


def urlencoded(_args: tuple[Argument, ...], size: Size) -> Size:
    """Each byte becomes three characters."""
    return encoded(size)


def encoded(size: Size) -> Size:
    """The size of texts once they are in an address."""
    most = size.units * (9 if size.wide else 3)
    return Size(most, most, wide=False)


def truncated(args: tuple[Argument, ...], size: Size) -> Size:
    """As they are, or cut, with what stands for the rest."""
    most, end = int(args[0]), str(args[1]) if len(args) > 1 else "…"
    if size.units <= most:
        return size
    each = CLUSTER_UNITS if size.wide else 1
    kept = max(most - graphemes(end), 0)
    whole = min(size.units, most * each), min(size.graphemes, most)
    shortened = min(size.units, kept * each) + units(end), min(size.graphemes, kept) + graphemes(end)
    return Size(max(whole[0], shortened[0]), max(whole[1], shortened[1]), wide=size.wide or not end.isascii())
