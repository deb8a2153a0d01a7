"""Reports as SVG: each is well formed, says its numbers, and holds nothing that runs or is fetched."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.reports.charts import drawings, pictures
from chalicelib.reports.charts.table import Table
from chalicelib.reports.periods import Span
from chalicelib.reports.table import Report
from chalicelib.shared.reasons import in_language
from tests.shop import BASE, a_shop, ask

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "desc", "g", "rect", "text", "path", "polyline", "circle"}
ATTRIBUTES = {
    *("viewBox", "width", "height", "preserveAspectRatio", "version", "role", "aria-label", "transform"),
    *("x", "y", "cx", "cy", "r", "d", "points", "fill", "fill-rule", "stroke", "stroke-width"),
    *("stroke-linecap", "stroke-dasharray", "font-family", "font-size", "font-weight", "text-anchor"),
}
NOVEMBER = Span(date(2026, 11, 1), date(2026, 11, 5), ZoneInfo("Asia/Tokyo"))
EVERY = [
    *(f"deliveries?group_by={by}" for by in ("day", "delivery", "variant", "step", "segment")),
    *(f"friends?group_by={by}" for by in ("day", "week", "month", "route")),
    *(f"links?group_by={by}" for by in ("link", "delivery", "day")),
    *("stages?", "cohorts?", "routes?", "cross?rows=stage&cols=segments:vips"),
    *("scenarios/welcome?", "segments/vips?"),
]


def drawn(text: str) -> ET.Element:
    """A picture, looked through for whatever is not plain."""
    root = ET.fromstring(text)
    for element in root.iter():
        assert element.tag.removeprefix(SVG) in ALLOWED
        assert set(element.attrib) <= ATTRIBUTES
        assert not any("url(" in value or "nan" in value for value in element.attrib.values())
    return root


def texts(text: str) -> list[str]:
    return [str(element.text) for element in drawn(text).iter(f"{SVG}text")]


def description(text: str) -> str:
    return str(drawn(text).find(f"{SVG}desc").text)  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def shop() -> Iterator[None]:
    from tests.conftest import emulated_aws

    with emulated_aws(), a_shop():
        yield


@pytest.mark.parametrize("report", EVERY)
def test_every_report_is_a_picture(report: str, shop: None) -> None:
    """In the language of the request, with headers that let nothing run."""
    answer = ask("GET", f"{BASE}/reports/{report}&format=svg&lang=ja")
    assert answer.status == 200, answer.raw
    drawn(answer.raw.decode())
    assert re.search("[ぁ-んァ-ヶ一-龥]", texts(answer.raw.decode())[0])
    assert ask("GET", f"{BASE}/reports/{report}&format=png").status == 400


def test_the_answer_is_svg_under_a_strict_policy(shop: None) -> None:
    """Whoever opens it from our address runs nothing by it."""
    from chalicelib.local.http import Request
    from tests.shop import KEY, gateway

    headers = {"Authorization": f"Bearer {KEY}"}
    path = f"{BASE}/reports/stages?format=svg"
    reply = gateway().answer(Request("GET", path, headers, b"", lambda: True))
    named = {name.lower(): value for name, value in reply.headers}
    assert named["content-type"].startswith("image/svg+xml")
    assert named["content-security-policy"] == "default-src 'none'"
    assert named["x-content-type-options"] == "nosniff"


def test_who_asks_for_no_picture_waits_for_no_charts() -> None:
    """They take half a second: they are imported by the first picture."""
    code = "import sys, chalicelib.reports.monthly.api; assert 'reportlab' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_days_without_a_row_are_drawn_as_nothing() -> None:
    """Five days, one of them with a delivery: five points, in their places."""
    report = Report([{"row": "2026-11-03", "accepted": 8, "clickers": 2}])
    picture = pictures.over_time_or_not("deliveries", "day", ("accepted", "clickers"), NOVEMBER)(report)
    points = [line.attrib["points"].split(", ") for line in drawn(picture).iter(f"{SVG}polyline")]
    assert [len(one) for one in points] == [5, 5]
    heights = [float(point.split()[1]) for point in points[0]]
    assert heights[2] == max(heights)
    assert {heights[n] for n in (0, 1, 3, 4)} == {min(heights)}
    assert "2026-11-03: Delivered 8, Friends who clicked 2; 2026-11-04: Delivered 0" in description(picture)


def test_a_funnel_shows_each_step() -> None:
    """Entered, each message, the end and the goal, in this order."""
    rows: list[dict[str, Any]] = [
        {"node": "first", "type": "message", "sent": 9, "clickers": 6, "converters": 2},
        {"node": "pause", "type": "wait", "sent": 0, "clickers": 0, "converters": 0},
        {"node": "second", "type": "message", "sent": 4, "clickers": 0, "converters": 0},
    ]
    report = Report(rows, {"entered": 10, "finished": 4, "exited": {"goal": 3}})
    with in_language("ja"):
        picture = pictures.funnel("体験")(report)
    steps = description(picture).split("; ")
    assert steps[0] == "開始: 友だち 10"
    assert [step.partition(", ")[0] for step in steps[1:3]] == ["first: 友だち 9", "second: 友だち 4"]
    assert steps[1].endswith(" 6, 購入した人 2")
    assert steps[3:] == ["完了: 友だち 4", "ゴール到達: 友だち 3"]
    found: dict[str, list[float]] = {}
    for box in list(drawn(picture).iter(f"{SVG}rect"))[1:-3]:
        found.setdefault(box.attrib["fill"], []).append(float(box.attrib["width"]))
    bought, clicked, friends = found.values()
    whole = friends[0]
    assert [round(one / whole, 2) for one in friends] == [1, 0.9, 0.4, 0.4, 0.3]
    assert [round(one / whole, 2) for one in (*clicked, *bought)] == [0.6, 0.2]
    assert [one for one in texts(picture) if one.isdigit()] == [
        *("2", "0"),
        *("6", "0"),
        *("10", "9", "4", "4", "3"),
    ]


def test_a_heat_map_has_a_scale_for_each_column() -> None:
    """The largest of each column is the deepest; what is missing is a dash."""
    rows = [
        {"month": "2026-09", "friends": 3, "orders": 5, "revenue": 12000, "ltv": 4000, "repeat_rate": 0.3333},
        {"month": "2026-10", "friends": 6, "orders": 0, "revenue": 0, "ltv": 0, "repeat_rate": None},
    ]
    picture = pictures.by_column("cohorts", ("friends", "revenue", "repeat_rate"))(Report(rows))
    assert [one for one in texts(picture) if one[0].isdigit() or one == "–"] == [
        *("2026-09", "3", "12,000", "33.3 %", "2026-10", "6", "0", "–")
    ]
    fills = [box.attrib["fill"] for box in drawn(picture).iter(f"{SVG}rect")][1:]
    half, deep, pale = fills[0], fills[1], fills[4]
    assert fills == [half, deep, deep, deep, pale, pale]
    assert len({half, deep, pale}) == 3


ODD = st.text(max_size=30) | st.sampled_from(
    ["</text><script>alert(1)</script>", '"><a href="https://x">', "\x00\x1b"]
)
VALUES = st.none() | st.integers(0, 10**12) | st.floats(0, 1e9) | st.just(5e-324)


@given(st.lists(ODD, max_size=6), st.lists(ODD, max_size=5, unique=True), st.data(), ODD)
def test_whatever_rows_are_called_a_picture_is_plain(
    rows: list[str], columns: list[str], data: st.DataObject, title: str
) -> None:
    """Names of routes and choices come from strangers; numbers may be missing, nought or huge."""
    values = {name: data.draw(st.lists(VALUES, min_size=len(rows), max_size=len(rows))) for name in columns}
    table = Table(title, rows, values)
    for picture in (
        drawings.lines(table),
        drawings.bars(table),
        drawings.heat(table, together=True),
        drawings.heat(table, together=False),
    ):
        drawn(picture)
