"""An order is one, whoever tells of it; and belongs to the click before it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from chalicelib.reports import conversions
from chalicelib.reports.delivered import outcomes
from chalicelib.reports.delivered.outcomes import Delivery
from chalicelib.reports.lines import Line, line_of
from chalicelib.reports.numbers import TOTAL, Lines, Tally
from chalicelib.reports.orders import by_friend
from chalicelib.reports.periods import Span
from tests.reports_world import TOKYO

WEEK = timedelta(days=7)
SPAN = Span(date(2026, 11, 1), date(2026, 11, 30), TOKYO)


def line(kind: str, day: float, user: str = "U1", **props: Any) -> Line:
    at = f"2026-11-{int(day):02d}T{int(day % 1 * 24):02d}:00:00.000Z"
    return Line(at, user, f"{kind}{day}{user}", kind, props)


def click(day: float, link: str = "spring", delivery: str | None = "sale", **more: Any) -> Line:
    return line("clicked", day, link=link, **({"delivery": delivery} if delivery else {}), **more)


def by_tag(day: float, order: str = "o1", value: float = 3000, **more: Any) -> Line:
    return line("converted", day, order_id=order, value=value, **more)


def bought(day: float, order: str = "o1", amount: float = 2500, **more: Any) -> Line:
    return line("purchased", day, order_id=order, amount=amount, **more)


def numbers(
    lines: list[Line], by: conversions.By = "delivery", routes: Any = None, span: Span = SPAN
) -> dict[str, list[float]]:
    found = Tally(conversions.DISTINCT)
    asked = conversions.asked(span, by, WEEK, lambda users: routes or {})
    read = [one for one in lines if asked.since <= one.at < asked.until]
    found.add(asked.fold(Lines(sorted(read, key=lambda one: one.at))))
    return {row: [found.of(row, name) for name in conversions.COLUMNS] for row in {*found.rows, TOTAL}}


def test_the_tag_and_the_company_report_one_order() -> None:
    """In either order, and the company's word counts; the tag alone is an order too, and is said to be."""
    for lines in ([by_tag(3), bought(3.5)], [bought(3), by_tag(3.5)], [by_tag(3), by_tag(4), bought(5)]):
        assert numbers([click(2), *lines])["sale"] == [1, 1, 2500, 0]
    assert numbers([click(2), by_tag(3), by_tag(3.5)])["sale"] == [1, 1, 3000, 1]
    assert numbers([click(2), by_tag(3), bought(4, "o2")])["sale"] == [2, 1, 5500, 1]


def test_what_was_refunded() -> None:
    """Counts for what is left; all of it is no order."""
    back = line("refunded", 5, refund_of="o1", amount=1000)
    assert numbers([click(2), by_tag(3), back])["sale"] == [1, 1, 2000, 1]
    assert numbers([click(2), by_tag(3), bought(3.5), back])["sale"] == [1, 1, 1500, 0]
    assert numbers([click(2), by_tag(3), line("refunded", 5, refund_of="o1", amount=3000)]) == {
        TOTAL: [0, 0, 0, 0]
    }


def test_what_was_reported_of_an_order_after_the_days_that_are_asked_for() -> None:
    """A refund of the next week, and the company's word with a later moment than the tag's."""
    week = Span(date(2026, 11, 1), date(2026, 11, 3), TOKYO)
    lines = [click(1), bought(3), line("refunded", 9, refund_of="o1", amount=1000)]
    assert numbers(lines, span=week)["sale"] == [1, 1, 1500, 0]
    assert numbers([*lines, line("refunded", 10, refund_of="o1", amount=1500)], span=week)[TOTAL][0] == 0
    moved = [click(2), by_tag(3), bought(4)]
    assert numbers(moved, span=week)[TOTAL][0] == 0
    assert numbers(moved, span=Span(date(2026, 11, 4), date(2026, 11, 5), TOKYO))["sale"] == [1, 1, 2500, 0]


@pytest.mark.parametrize(
    ("clicks", "delivery", "link"),
    [
        ([click(2)], "sale", "spring"),
        ([click(2), click(3, "summer", "other")], "other", "summer"),
        ([click(2), click(3, "summer", None)], "sale", "summer"),
        ([click(2), click(12, "summer", "other")], "sale", "spring"),
        ([line("clicked", 2, "U2", link="x", delivery="x")], "-", "-"),
        ([], "-", "-"),
    ],
)
def test_the_last_click_before_it(clicks: list[Line], delivery: str, link: str) -> None:
    """Within the window, of the same friend; of what was sent, or whatever the link stood in."""
    assert numbers([*clicks, by_tag(5)])[delivery][0] == 1
    assert numbers([*clicks, by_tag(5)], "link")[link][0] == 1


def test_after_the_window_it_is_nobodys() -> None:
    """To the moment."""
    assert set(numbers([click(2), by_tag(9)])) == {"sale", TOTAL}
    assert set(numbers([click(2), by_tag(9.5)])) == {"-", TOTAL}


def test_the_first_route_is_beside() -> None:
    """And the day."""
    lines = [by_tag(3), by_tag(4, "o2", user="U2")]
    assert numbers(lines, "route", {"U1": "poster"})["poster"] == [1, 1, 3000, 1]
    assert numbers(lines, "route", {"U1": "poster"})["-"][0] == 1
    assert set(numbers(lines, "day")) == {"2026-11-03", "2026-11-04", TOTAL}


def test_deliveries_count_the_same_orders() -> None:
    """By run and variant, as the report of deliveries asks."""
    lines = [click(2, run="r", variant="b"), by_tag(3), bought(3.5), by_tag(4, "o2")]
    wanted = Delivery("sale", "r", "b")
    found = Tally(outcomes.DISTINCT)
    fold = outcomes.fold(lambda one, _: "b" if one == wanted else None, WEEK, lambda *_: ())
    found.add(fold(Lines(lines)))
    counted = ("clicks", "clickers", "conversions", "converters", "revenue")
    assert [found.of("b", name) for name in counted] == [1, 1, 2, 1, 5500]


def test_the_line_of_a_conversion() -> None:
    """Keeps the order and its value, whatever else the browser sent."""
    event = {"type": "converted", "user_id": "U1", "event_id": "e", "at": "2026-11-03T00:00:00.000Z"}
    kept = line_of(event | {"props": {"order_id": "o1", "value": 3000, "currency": "JPY", "items": [1]}})
    assert kept is not None
    assert (kept.kind, dict(kept.props)) == ("converted", {"order_id": "o1", "value": 3000})
    assert [one.left for one in by_friend(Lines([kept]))["U1"].all()] == [3000]
