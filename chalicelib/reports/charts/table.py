"""The numbers of a picture, and how numbers and names are written in it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Values = Sequence[float | None]


@dataclass(frozen=True)
class Table:
    """Rows of numbers under columns, both with the words that people read. ``rates``: columns in percent."""

    title: str
    rows: Sequence[str]
    columns: Mapping[str, Values]
    rates: frozenset[str] = frozenset()

    def as_text(self) -> str:
        """All of it in words; nothing of what there is not."""
        return "; ".join(
            f"{row}: "
            + ", ".join(
                f"{name} {self.shown(name, place)}"
                for name, values in self.columns.items()
                if values[place] is not None
            )
            for place, row in enumerate(self.rows)
        )

    def shown(self, column: str, place: int) -> str:
        """A number of it as a text."""
        return number(self.columns[column][place], rate=column in self.rates)

    def most(self, *columns: str) -> float:
        """The largest number of some columns, or of all."""
        return max(
            (n for name in columns or self.columns for n in self.columns[name] if n is not None), default=0
        )


def fitted(text: str, most: int) -> str:
    """A text in one line of at most so many columns; a Japanese character has two."""
    text, columns = " ".join(text.split()), 0
    for place, character in enumerate(text):
        columns += 2 if unicodedata.east_asian_width(character) in "WFA" else 1
        if columns > most:
            return text[: max(place - 1, 0)] + "…"
    return text


def number(value: float | None, *, rate: bool = False) -> str:
    """A number as people read it; a rate in percent; a dash where there is none."""
    if value is None:
        return "–"
    if rate:
        return f"{value * 100:.1f} %"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"
