"""The month as a PDF file of one A4 page, in the words and numbers of its page.

Its fonts are those that every PDF reader has (Helvetica, and Adobe's HeiseiKakuGo for Japanese), none in the
file: a Japanese one would be megabytes. All of it is ASCII, so that it passes API Gateway as text.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.reports.charts.table import number
from chalicelib.reports.monthly import page
from chalicelib.reports.monthly.figures import Figures

_JAPANESE, _LATIN = "HeiseiKakuGo-W5", "Helvetica"
_WIDTH, _HEIGHT, _EDGE = 595.0, 842.0, 42.0
_INK, _QUIET, _GREEN, _RED, _LINE = "#1f2a24", "#5d6b64", "#05843f", "#c2452d", "#d5ddd8"
_BASIC = 0xFFFF
_BINARY_COMMENT = b"%\x93\x8c\x8b\x9e"
_BEST = ("accepted", "clickers", "conversions", "revenue", "blocked_after")


def pdf(shop: str, answer: Mapping[str, Any], found: Figures) -> str:
    """The file, in the language of the request."""
    # Imported here: who asks for JSON makes no file.
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont(_JAPANESE))
    file = io.BytesIO()
    canvas = Canvas(file, (_WIDTH, _HEIGHT), invariant=1)
    title = page.say("monthly_title", month=page.month(found.days.first))
    canvas.setTitle(f"{_plain(shop)} {title}")
    canvas.setAuthor("Todoku")
    _Sheet(canvas).draw(shop, title, answer, found)
    canvas.save()
    return file.getvalue().replace(_BINARY_COMMENT, b"%    ", 1).decode("ascii")


class _Sheet:
    def __init__(self, canvas: Any) -> None:
        self.canvas, self.y = canvas, _HEIGHT - _EDGE

    def draw(self, shop: str, title: str, answer: Mapping[str, Any], found: Figures) -> None:
        say, saved = page.say, answer["yen"]["saved"]
        running = "" if answer["is_over"] else f" · {say('monthly_running')}"
        self.text(shop, 9, _QUIET)
        self.text(title, 18, _INK, 26)
        self.text(f"{answer['since']} – {answer['until']}{running}", 9, _QUIET, 16)
        self.tiles(page.tiles(answer))
        self.heading(say("monthly_yen"))
        self.row([say("monthly_spent"), f"¥{number(answer['yen']['spent'])}"])
        self.row([say("monthly_saved"), f"¥{number(answer['yen']['saved_total'])}"])
        for code in page.SAVED:
            self.row([f"– {say(code)}", number(saved[code.rpartition("_")[2]])], _QUIET)
        self.heading(say("monthly_friends"))
        self.days(found.friends)
        self.heading(say("monthly_best"))
        self.best(answer["best"])
        self.y = _EDGE
        self.text(say("monthly_made", at=page.made_at(answer, found)), 8, _QUIET, 0)

    def text(self, words: str, size: float, colour: str, down: float = 14, x: float = _EDGE) -> None:
        self.y -= down
        self.put(words, x, size, colour, _WIDTH - _EDGE - x)

    def put(
        self, words: str, x: float, size: float, colour: str, most: float, *, right: bool = False
    ) -> None:
        """Words at a place, cut to a width; ``right``: that end there."""
        words = _plain(words)
        while len(words) > 1 and self.width(words, size) > most:
            words = words[:-2] + "…"
        x -= self.width(words, size) if right else 0
        self.canvas.setFillColor(colour)
        for font, run in _runs(words):
            self.canvas.setFont(font, size)
            self.canvas.drawString(x, self.y, run)
            x += self.canvas.stringWidth(run, font, size)

    def width(self, words: str, size: float) -> float:
        return float(sum(self.canvas.stringWidth(run, font, size) for font, run in _runs(words)))

    def heading(self, words: str) -> None:
        self.text(words, 12, _INK, 30)
        self.rule(6)

    def rule(self, down: float) -> None:
        self.y -= down
        self.canvas.setStrokeColor(_LINE)
        self.canvas.line(_EDGE, self.y, _WIDTH - _EDGE, self.y)

    def tiles(self, tiles: Sequence[Mapping[str, str]]) -> None:
        wide, top = (_WIDTH - 2 * _EDGE) / 4, self.y
        for n, tile in enumerate(tiles):
            x, self.y = _EDGE + n % 4 * wide, top - 24 - n // 4 * 56
            self.put(tile["name"], x, 8, _QUIET, wide - 8)
            self.y -= 18
            self.put(tile["value"], x, 15, _GREEN, wide - 8)
            self.y -= 11
            self.put(tile["before"], x, 7, _QUIET, wide - 8)

    def row(self, cells: Sequence[str], colour: str = _INK, wide: float = 70) -> None:
        """A line of a table: words, then numbers."""
        self.y -= 15
        numbers = cells[1:]
        self.put(cells[0], _EDGE, 9, colour, _WIDTH - 2 * _EDGE - wide * len(numbers) - 8)
        for n, cell in enumerate(reversed(numbers)):
            self.put(cell, _WIDTH - _EDGE - n * wide, 9, colour, wide - 6, right=True)
        self.rule(4)

    def days(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """A pair of bars for each day: who came, and who blocked."""
        say, tall, wide = page.say, 90.0, (_WIDTH - 2 * _EDGE) / max(len(rows), 1)
        most = (
            max((max(row["followed"] + row["unblocked"], row["unfollowed"]) for row in rows), default=0) or 1
        )
        self.text(f"■ {say('report_followed')}", 8, _GREEN, 14)
        self.put(f"■ {say('report_unfollowed')}", _EDGE + 130, 8, _RED, 150)
        self.put(number(most), _WIDTH - _EDGE, 8, _QUIET, 60, right=True)
        self.rule(tall + 8)
        for n, row in enumerate(rows):
            x = _EDGE + n * wide
            for place, value, colour in (
                (0, row["followed"] + row["unblocked"], _GREEN),
                (1, row["unfollowed"], _RED),
            ):
                self.canvas.setFillColor(colour)
                bar = wide * 0.4
                self.canvas.rect(x + place * bar, self.y, bar, tall * value / most, stroke=0, fill=1)
        self.y -= 11
        for n, row in enumerate(rows):
            if n % 7 == 0:
                self.put(str(row["day"])[5:].replace("-", "/"), _EDGE + n * wide, 7, _QUIET, 40)

    def best(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if not rows:
            self.text(page.say("monthly_none"), 9, _INK, 18)
            return
        names = [
            "report_deliveries",
            *("monthly_revenue" if n == "revenue" else f"report_{n}" for n in _BEST),
        ]
        self.row([page.say(name) for name in names], _QUIET)
        for one in rows:
            self.row([str(one["name"]), *(number(one[name]) for name in _BEST)])


def _runs(words: str) -> Iterator[tuple[str, str]]:
    """Words in pieces, each with the font that has its characters."""
    for is_latin, run in itertools.groupby(words, lambda c: c.encode("cp1252", "ignore") != b""):
        yield _LATIN if is_latin else _JAPANESE, "".join(run)


def _plain(words: str) -> str:
    """What the font has: no emoji, no control characters."""
    return "".join("□" if ord(c) > _BASIC else c for c in words if c.isprintable())
