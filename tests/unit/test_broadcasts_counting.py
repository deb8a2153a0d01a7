"""What of a friend's sheet counts as a success of a delivery."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.broadcasts.winners.counting import has_clicked, has_converted
from chalicelib.sheets import folds
from chalicelib.sheets.model import new_sheet


def a_sheet(*events: tuple[str, str, str]) -> dict[str, Any]:
    """Events as ``(day, what, of what)``: clicks of ``delivery/run``, orders and returns of an amount."""
    sheet = new_sheet("shop", "U1", "2026-11-01T00:00:00Z")
    for day, what, name in events:
        at = f"2026-11-{day}T00:00:00Z"
        if what == "click":
            delivery, run = name.split("/")
            folds.click(sheet, {"delivery": delivery, "run": run}, at)
        elif what == "order":
            sheet["purchases"].setdefault("orders", {})[name] = {"at": at, "amount": 500}
        else:
            sheet["purchases"]["orders"][name]["back"] = 500
    return sheet


def test_a_click_is_of_its_run() -> None:
    """Also when the friend has clicked in a later run since."""
    sheet = a_sheet(("02", "click", "b/r1"), ("03", "click", "b/r2"))
    assert has_clicked(sheet, "b", "r1")
    assert has_clicked(sheet, "b", "r2")
    assert not has_clicked(sheet, "b", "r3")
    assert not has_clicked(sheet, "c", "r1")


@pytest.mark.parametrize(
    ("events", "converted"),
    [
        ([("02", "click", "b/r1"), ("03", "order", "o1")], True),
        ([("02", "click", "b/r1"), ("03", "order", "o1"), ("04", "click", "b/r1")], True),
        ([("02", "order", "o1"), ("03", "click", "b/r1")], False),
        ([("03", "order", "o1")], False),
        ([("02", "click", "b/r1"), ("03", "order", "o1"), ("04", "return", "o1")], False),
        ([("02", "click", "b/r1"), ("03", "click", "c/r9"), ("04", "order", "o1")], False),
        ([("02", "click", "c/r9"), ("03", "click", "b/r1"), ("04", "order", "o1")], True),
        ([("02", "click", "b/r1"), ("03", "order", "o1"), ("04", "click", "c/r9")], True),
        ([("02", "click", "b/r0"), ("03", "order", "o1"), ("04", "click", "b/r1")], False),
    ],
)
def test_an_order_belongs_to_the_delivery_last_clicked(
    events: list[tuple[str, str, str]], converted: bool
) -> None:
    """It was clicked first, no other in between, and the order was not given back."""
    assert has_converted(a_sheet(*events), "b", "r1") is converted


def test_clicks_that_come_late_do_not_move_the_first() -> None:
    """The first click of a run stays the earliest, in whatever order clicks arrive."""
    early, late = ("02", "click", "b/r1"), ("05", "click", "b/r1")
    assert a_sheet(early, late)["clicked"] == a_sheet(late, early)["clicked"]
    assert a_sheet(early, late)["clicked"]["b"]["first"] == "2026-11-02T00:00:00Z"
    assert "first" not in a_sheet(early)["clicked"]["b"]
