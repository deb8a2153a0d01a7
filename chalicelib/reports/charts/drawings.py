"""Drawings of numbers: lines over time, bars, heat maps. They know no report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.reports.charts import svg

WIDTH = 760
MOST_ROWS = 60
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 130, 48, 36
_HEIGHT, _ROW, _APART = 320, 26, 15
_DASHES = ("", "6 4", "2 3", "10 3 2 3")
_LABELS = 8
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
        return svg.number(self.columns[column][place], rate=column in self.rates)

    def most(self) -> float:
        """Its largest number."""
        return max((n for values in self.columns.values() for n in values if n is not None), default=0)


def lines(table: Table) -> str:
    """A line for each column over the rows, which are days, weeks or months."""
    marks = svg.ticks(table.most())
    wide, tall = WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    step = wide / max(len(table.rows) - 1, 1)

    def height(value: float) -> float:
        return _TOP + tall - tall * value / marks[-1]

    parts = []
    for mark in marks:
        parts.append(svg.line(_LEFT, height(mark), _LEFT + wide, height(mark)))
        parts.append(svg.words(_LEFT - 8, height(mark) + 4, svg.number(mark), anchor="end", fill=svg.PALE))
    every = max(1, -(-len(table.rows) // _LABELS))
    for place in range(0, len(table.rows), every):
        at = _LEFT + step * place
        parts.append(svg.words(at, _HEIGHT - 14, table.rows[place], anchor="middle", fill=svg.PALE))
    ends = []
    for index, (name, values) in enumerate(table.columns.items()):
        colour = svg.COLOURS[index % len(svg.COLOURS)]
        points = [(_LEFT + step * n, height(value)) for n, value in enumerate(values) if value is not None]
        if points:
            parts.append(svg.path(points, colour, _DASHES[index % len(_DASHES)]))
            ends.append((points[-1][1], name, colour))
    return svg.document(WIDTH, _HEIGHT, table.title, table.as_text(), [*parts, *_names_at(ends)])


def _names_at(ends: list[tuple[float, str, str]]) -> list[str]:
    """The name of each line at its end, none upon another."""
    parts, free = [], 0.0
    for y, name, colour in sorted(ends):
        at = max(y, free)
        free = at + _APART
        place = WIDTH - _RIGHT + 8
        parts.append(svg.words(place, at + 4, svg.fitted(name, 18), fill=colour, bold=True))
    return parts


def bars(table: Table) -> str:
    """A bar for each row and column, from the left; a funnel when the rows are its steps."""
    shown = list(table.rows)[:MOST_ROWS]
    columns = list(table.columns)
    thick = (_ROW - 6) / max(len(columns), 1)
    most, left, wide = table.most() or 1, 210, WIDTH - 210 - 90
    parts, legend = [], 16.0
    for index, name in enumerate(columns):
        colour = svg.COLOURS[index % len(svg.COLOURS)]
        parts.append(svg.box(legend, 38, 10, 10, colour))
        parts.append(svg.words(legend + 14, 47, name, fill=svg.PALE))
        legend += 150
    for place, row in enumerate(shown):
        top = 60 + place * _ROW
        parts.append(svg.words(left - 10, top + 14, svg.fitted(row, 30), anchor="end"))
        texts = []
        for index, name in enumerate(columns):
            value = table.columns[name][place]
            if value is None:
                continue
            long = wide * value / most
            parts.append(svg.box(left, top + index * thick, long, thick - 1, svg.COLOURS[index % 4]))
            texts.append((long, table.shown(name, place)))
        end = max((long for long, _ in texts), default=0)
        parts.append(
            svg.words(left + end + 8, top + 14, " / ".join(text for _, text in texts), fill=svg.PALE)
        )
    return svg.document(WIDTH, 60 + len(shown) * _ROW + 16, table.title, table.as_text(), parts)


def heat(table: Table, *, together: bool) -> str:
    """A cell for each row and column, deeper the larger its number, among all or in its column."""
    shown, columns = list(table.rows)[:MOST_ROWS], list(table.columns)
    left, top = 150, 70
    wide = min(110.0, (WIDTH - left - 16) / max(len(columns), 1))
    size = 12 if wide > 48 else 9
    parts = []
    for index, name in enumerate(columns):
        at = left + wide * (index + 0.5)
        text = svg.fitted(name, max(int(wide / 7), 2))
        parts.append(svg.words(at, top - 8, text, size=size, anchor="middle", fill=svg.PALE))
    for place, row in enumerate(shown):
        parts.append(svg.words(left - 10, top + place * _ROW + 18, svg.fitted(row, 20), anchor="end"))
        for index, name in enumerate(columns):
            value = table.columns[name][place]
            most = (
                table.most()
                if together
                else max((n for n in table.columns[name] if n is not None), default=0)
            )
            fill, ink = svg.shade(value / most if value and most else 0)
            x, y = left + wide * index, top + place * _ROW
            parts.append(svg.box(x + 1, y + 1, wide - 2, _ROW - 2, fill))
            text = table.shown(name, place)
            parts.append(svg.words(x + wide / 2, y + 18, text, size=size, anchor="middle", fill=ink))
    return svg.document(WIDTH, top + len(shown) * _ROW + 16, table.title, table.as_text(), parts)
