"""The month as a page: one file without scripts, addresses or fonts, which prints on A4."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from chalicelib.reports import friends
from chalicelib.reports.charts import pictures
from chalicelib.reports.charts.table import number
from chalicelib.reports.lines import FOLLOWED, UNFOLLOWED
from chalicelib.reports.monthly.figures import Figures
from chalicelib.reports.table import Report
from chalicelib.shared.reasons import Reason, current_language
from chalicelib.shared.times import parse_iso

_HERE = Path(__file__).parent / "templates"
_NAMES = {"revenue": "monthly_revenue"}
"""Of deliveries alone: that is another number than the shop's."""
SAVED = ("monthly_saved_replies", "monthly_saved_segments", "monthly_saved_caps", "monthly_saved_topics")


@functools.cache
def _style() -> str:
    return (_HERE / "monthly.css").read_text(encoding="utf-8")


def headers() -> dict[str, str]:
    """What keeps out all but the page's own style."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-store",
    }


def html(shop: str, answer: Mapping[str, Any], found: Figures) -> str:
    """The page in the language of the request."""
    by_day = pictures.over_time_or_not("friends", "day", friends.NUMBERS, found.days)(Report(found.friends))
    best = Report(answer["best"])
    text: str = (
        _templates()
        .get_template("monthly.html")
        .render(
            language=current_language(),
            month=month(found.days.first),
            made_at=made_at(answer, found),
            style=_style(),
            shop=shop,
            report=answer,
            tiles=tiles(answer),
            saved=[(say(code), answer["yen"]["saved"][code.rpartition("_")[2]]) for code in SAVED],
            friends_by_day=by_day,
            best=pictures.bars("deliveries", ("accepted", "clickers"))(best) if answer["best"] else "",
            say=say,
            number=number,
        )
    )
    return text


def made_at(answer: Mapping[str, Any], found: Figures) -> str:
    """When the numbers were counted, by the account's clock."""
    return f"{parse_iso(answer['as_of']).astimezone(found.days.zone):%Y-%m-%d %H:%M}"


def month(first: date) -> str:
    """What a month is called, in the language of the request."""
    return f"{first.year}年{first.month}月" if current_language() == "ja" else f"{first:%B %Y}"


def say(code: str, **params: Any) -> str:
    """The sentence of a code, in the language of the request."""
    return Reason(code, **params).text()


def tiles(answer: Mapping[str, Any]) -> list[dict[str, str]]:
    """The numbers at the top, each with the one of the month before."""
    places = [("friends", name) for name in ("following", FOLLOWED, UNFOLLOWED)]
    places += [("deliveries", name) for name in ("accepted", "clickers", "conversions", "revenue")]
    return [
        {
            "name": say(_NAMES.get(name, f"report_{name}")),
            "value": number(answer[part][name]),
            "before": say("monthly_before", value=number(answer["before"][part][name])),
        }
        for part, name in places
    ]


@functools.cache
def _templates() -> Any:
    # Imported here: who asks for JSON makes no page.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
