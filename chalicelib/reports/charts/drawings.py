"""Drawings of numbers by reportlab: lines over time, bars, heat maps. They know no report.

This is imported when a picture is drawn: reportlab's charts take a while.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reportlab.graphics.charts.barcharts import HorizontalBarChart
from reportlab.graphics.charts.legends import Legend
from reportlab.graphics.charts.lineplots import LinePlot
from reportlab.graphics.charts.utils import nextRoundNumber
from reportlab.graphics.shapes import Drawing, Rect, String
from reportlab.graphics.widgets.markers import makeMarker
from reportlab.lib.colors import Color, HexColor, linearlyInterpolatedColor, white
from reportlab.lib.validators import Auto

from chalicelib.reports.charts import svg
from chalicelib.reports.charts.table import Table, fitted, number

WIDTH = 760
MOST_ROWS = 60
_HEIGHT, _ROW, _TOP, _EDGE, _NAMES = 340, 26, 62, 16, 150
_LABELS, _MARKS, _LEAST = 8, 4, 1e-6
_INK, _PALE, _GRID = HexColor("#1f2937"), HexColor("#6b7280"), HexColor("#e5e7eb")
_COLOURS = [HexColor(colour) for colour in ("#0072b2", "#d55e00", "#009e73", "#cc79a7")]
"""Distinguished by who does not see some colours (Okabe and Ito); lines differ by their dashes as well."""
_DASHES = (None, (6, 4), (2, 3), (10, 3, 2, 3))
_PALEST, _DEEPEST = HexColor("#eff6fc"), HexColor("#084c8c")


def lines(table: Table) -> str:
    """A line for each column over the rows, which are days, weeks or months."""
    drawing, chart = Drawing(WIDTH, _HEIGHT), LinePlot()
    points = {
        name: [(place, value) for place, value in enumerate(values) if value is not None]
        for name, values in table.columns.items()
    }
    chart.data = [some for some in points.values() if some]
    for index, some in enumerate(chart.data):
        line = chart.lines[index]
        line.strokeColor, line.strokeWidth = _COLOURS[index % len(_COLOURS)], 2
        line.strokeDashArray = _DASHES[index % len(_DASHES)]
        line.symbol = makeMarker("FilledCircle", size=6) if len(some) == 1 else None
    _days(chart.xValueAxis, table.rows)
    _amounts(chart.yValueAxis, table.most())
    left = max(60, 20 + 7 * len(number(table.most())))
    _add(drawing, chart, (left, 44, 36), dict(enumerate(name for name, some in points.items() if some)), 24)
    return _document(drawing, table)


def _days(axis: Any, rows: Sequence[str]) -> None:
    axis.valueMin, axis.valueMax = 0, max(len(rows) - 1, 1)
    axis.valueSteps = list(range(len(rows)))[:: -(-len(rows) // _LABELS) or 1]
    axis.labelTextFormat = lambda place: fitted(rows[int(place)], 12)
    _quiet(axis, "middle", dy=-6)


def _amounts(axis: Any, most: float) -> None:
    axis.valueMin, axis.valueMax, axis.rangeRound = 0, max(most, 1), "both"
    axis.valueStep, axis.labelTextFormat = max(nextRoundNumber(axis.valueMax / _MARKS), 1), number
    axis.visibleGrid, axis.gridStrokeColor, axis.gridStrokeWidth = True, _GRID, 1
    _quiet(axis, "end", dx=-8)


def bars(table: Table) -> str:
    """A bar for each row and column, from the left; a funnel when the rows are its steps."""
    rows, columns, chart = table.rows[:MOST_ROWS], list(table.columns), HorizontalBarChart()
    drawing = Drawing(WIDTH, _TOP + len(rows) * max(14 * len(columns) + 8, _ROW) + _EDGE)
    # The library counts from below: the last column is its first.
    chart.data = [[n and max(n, 0) for n in table.columns[name][:MOST_ROWS]] for name in reversed(columns)]
    places = dict(zip(reversed(range(len(columns))), columns, strict=True))
    for index, place in enumerate(places):
        chart.bars[place].fillColor = _COLOURS[index % len(_COLOURS)]
    chart.bars.strokeColor = white
    scale = chart.valueAxis
    scale.valueMin, scale.valueMax, scale.visible = 0, max(table.most(), _LEAST), False
    _names(chart.categoryAxis, rows, len(columns))
    chart.barLabelFormat, labels = "values", chart.barLabels
    chart.barLabelArray = [[table.shown(name, n) for n in range(len(rows))] for name in reversed(columns)]
    labels.boxAnchor, labels.textAnchor, labels.dx = "w", "start", 6
    labels.fontSize, labels.fillColor = 11, _PALE
    _add(drawing, chart, (210, 90, _EDGE), places, 10)
    return _document(drawing, table)


def _names(axis: Any, rows: Sequence[str], bars_of_each: int) -> None:
    axis.categoryNames, axis.reverseDirection = [fitted(row, 30) for row in rows], True
    _quiet(axis, "end", dx=-6)
    # Beside the first bar of its row: between two rows the library leaves half of one.
    axis.labels.labelPosFrac, axis.labels.fillColor = 1 - 0.75 / (bars_of_each + 0.5), _INK


def heat(table: Table, *, together: bool) -> str:
    """A cell for each row and column, deeper the larger its number, among all or in its column."""
    rows, columns = table.rows[:MOST_ROWS], list(table.columns)
    drawing = Drawing(WIDTH, _TOP + len(rows) * _ROW + _EDGE)
    wide = min(110.0, (WIDTH - _NAMES - _EDGE) / max(len(columns), 1))
    most = {name: table.most(*(() if together else (name,))) or 1 for name in columns}
    places = {name: _NAMES + wide * index for index, name in enumerate(columns)}
    look = {"fontSize": 12 if wide > 48 else 9, "textAnchor": "middle"}
    for name, x in places.items():
        head = fitted(name, max(int(wide / 7), 2))
        drawing.add(_words(x + wide / 2, drawing.height - _TOP + 7, head, fillColor=_PALE, **look))
    for place, row in enumerate(rows):
        y = drawing.height - _TOP - (place + 1) * _ROW
        drawing.add(_words(_NAMES - 10, y + 9, fitted(row, 20), textAnchor="end"))
        for name, x in places.items():
            fill, ink = _shade((table.columns[name][place] or 0) / most[name])
            drawing.add(Rect(x + 1, y + 1, wide - 2, _ROW - 2, fillColor=fill, strokeColor=None))
            drawing.add(_words(x + wide / 2, y + 9, table.shown(name, place), fillColor=ink, **look))
    return _document(drawing, table)


def _shade(part: float) -> tuple[Color, Color]:
    """From pale to deep blue by a part of 1, and the colour in which a text is read on it."""
    part = min(max(part, 0.0), 1.0)
    return linearlyInterpolatedColor(_PALEST, _DEEPEST, 0, 1, part), white if part > 0.68 else _INK


def _words(x: float, y: float, text: str, **look: Any) -> String:
    return String(x, y, text, **{"fontName": "Helvetica", "fontSize": 12, "fillColor": _INK} | look)


def _quiet(axis: Any, anchor: str, dx: float = 0, dy: float = 0) -> None:
    axis.visibleAxis = axis.visibleTicks = False
    axis.labels.fontSize, axis.labels.fillColor, axis.labels.textAnchor = 12, _PALE, anchor
    axis.labels.dx, axis.labels.dy = dx, dy


def _add(
    drawing: Drawing, chart: Any, margins: tuple[float, float, float], names: Mapping[int, str], wide: float
) -> None:
    """The chart, if it has numbers, between margins, and the names of its series above, by their colours."""
    left, right, bottom = margins
    chart.x, chart.y, chart.width = left, bottom, WIDTH - left - right
    chart.height = drawing.height - _TOP - bottom
    legend = Legend()
    legend.colorNamePairs = [(Auto(chart=chart, index=n), fitted(name, 22)) for n, name in names.items()]
    legend.x, legend.y, legend.alignment, legend.columnMaximum = _EDGE, drawing.height - 38, "right", 1
    legend.deltax, legend.dx, legend.dxTextSpace = 180, wide, 5
    legend.fontSize, legend.fillColor = 12, _PALE
    for part in (chart, legend) if any(chart.data) else (legend,):
        drawing.add(part)


def _document(drawing: Drawing, table: Table) -> str:
    drawing.insert(0, Rect(0, 0, WIDTH, drawing.height, fillColor=white, strokeColor=None))
    title = fitted(table.title, 90)
    drawing.insert(1, _words(_EDGE, drawing.height - 26, title, fontSize=15, fontName="Helvetica-Bold"))
    return svg.document(drawing, table.title, table.as_text())
