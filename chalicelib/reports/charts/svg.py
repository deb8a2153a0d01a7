"""Pieces of SVG: escaped texts, shapes, and the document around them. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

INK, PALE, GRID = "#1f2937", "#6b7280", "#e5e7eb"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Told apart by who does not see some colours (Okabe and Ito); lines differ by their dashes as well."""
_FONTS = "system-ui, 'Hiragino Sans', 'Noto Sans JP', 'Yu Gothic', sans-serif"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(width: int, height: int, title: str, description: str, parts: Iterable[str]) -> str:
    """A whole picture. ``description`` says its numbers."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label={_quoted(title)} font-family="{_FONTS}" font-size="12">'
    )
    said = f"<title>{_clean(title)}</title><desc>{_clean(description)}</desc>"
    paper = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "".join([head, said, paper, words(16, 26, title, size=15, bold=True), *parts, "</svg>"])


def words(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    anchor: str = "start",
    fill: str = INK,
    bold: bool = False,
) -> str:
    """A text at a place."""
    weight = ' font-weight="600"' if bold else ""
    at = f'x="{_n(x)}" y="{_n(y)}"'
    return f'<text {at} font-size="{size}" text-anchor="{anchor}" fill="{fill}"{weight}>{_clean(text)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = GRID) -> str:
    """A thin straight line."""
    return f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{colour}"/>'


def path(points: list[tuple[float, float]], colour: str, dashes: str = "") -> str:
    """A line through points; one point alone is a dot."""
    if len(points) == 1:
        ((x, y),) = points
        return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="3" fill="{colour}"/>'
    at = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="2"{dashed}/>'


def box(x: float, y: float, width: float, height: float, fill: str) -> str:
    """A filled rectangle."""
    size = f'width="{_n(width)}" height="{_n(height)}"'
    return f'<rect x="{_n(x)}" y="{_n(y)}" {size} fill="{fill}"/>'


def fitted(text: str, most: int) -> str:
    """A text of at most so many columns; a Japanese character has two."""
    columns = 0
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


def ticks(most: float, about: int = 4) -> list[float]:
    """Round numbers from 0 to what holds the largest value."""
    if most <= 0:
        return [0, 1]
    rough = most / about
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= rough)
    step = max(step, 1)
    return [step * n for n in range(math.ceil(most / step) + 1)]


def shade(part: float) -> tuple[str, str]:
    """From pale to deep blue by a part of 1, and the colour in which a text is read on it."""
    part = min(max(part, 0.0), 1.0)
    mixed = [
        round(pale + (deep - pale) * part) for pale, deep in zip((239, 246, 252), (8, 76, 140), strict=True)
    ]
    return "#{:02x}{:02x}{:02x}".format(*mixed), "#ffffff" if part > 0.68 else INK


def _clean(text: str) -> str:
    return escape(_NOT_XML.sub("", text))


def _quoted(text: str) -> str:
    return quoteattr(_NOT_XML.sub("", text))


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
