"""Stages by the account's own limits, in all and in a category; ranks by limits that were found before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog.validation import normal_body
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.friends.documents import DOCUMENTS
from chalicelib.shared.times import iso
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.purchases import limits_of, stage
from tests.reaction_builders import NOW, TOKYO, a_catalog, a_rule, after, an_event

DAY = 24 * 60


def stages(**body: Any) -> dict[str, Any]:
    return {"stages": {"default": normal_body(DOCUMENTS["stages"], body)}}


def who_bought(*orders: tuple[float, int]) -> Sheet:
    """A friend who bought so many days ago, for so much, lotion."""
    sheet = folding.new_sheet("shop", "U1", iso(NOW - timedelta(days=999))) | {"status": "following"}
    for n, (days, amount) in enumerate(orders):
        items = [{"product": "p", "category": "lotion", "amount": amount}]
        props = {"order_id": f"o{n}", "amount": amount, "items": items}
        folding.fold_event(sheet, an_event("purchased", -days * DAY, id=f"o{n}", **props), TOKYO)
    return sheet


@pytest.mark.parametrize(
    ("body", "orders", "expected"),
    [
        ({}, [(n, 100) for n in range(5)], "loyal"),
        ({}, [(n, 100) for n in range(4)], "repeat"),
        ({}, [(180, 100)], "dormant"),
        ({"loyal": {"count": 2}}, [(1, 1), (2, 1)], "loyal"),
        ({"loyal": {"total": 500}}, [(1, 500)], "loyal"),
        ({"loyal": {"total": 500}}, [(n, 10) for n in range(9)], "repeat"),
        ({"loyal": {"count": 2, "total": 500}}, [(1, 100), (2, 100)], "repeat"),
        ({"loyal": {"within": "30d"}}, [(n * 10, 100) for n in range(5)], "repeat"),
        ({"loyal": {"within": "30d", "count": 3}}, [(n * 10, 100) for n in range(5)], "loyal"),
        ({"loyal": {"within": "30d", "total": 250}}, [(n * 10, 100) for n in range(5)], "loyal"),
        ({"dormant_after": "30d"}, [(30, 100)], "dormant"),
        ({"dormant_after": "365d"}, [(181, 100)], "first"),
    ],
)
def test_stages_as_the_account_says(
    body: dict[str, Any], orders: list[tuple[float, int]], expected: str
) -> None:
    """All that is given must hold; of all orders, and the same of the category that they are in."""
    catalog, sheet = a_catalog(**stages(**body)), who_bought(*orders)
    limits = limits_of(catalog)
    assert stage(sheet["purchases"], NOW, limits) == expected
    assert stage(sheet["purchases"], NOW, limits, "lotion") == expected
    assert stage(sheet["purchases"], NOW, limits, "soap") == "prospect"
    context = Context(catalog, TOKYO)
    for condition in ({"stage": expected}, {"stage": {"in": [expected], "category": "lotion"}}):
        assert language.compile(condition, context)(sheet, NOW)


def test_the_change_is_reported_by_the_account_s_limits() -> None:
    """With the order that makes it so, and when time passes."""
    limits = stages(loyal={"count": 2}, dormant_after="10d")
    rules = {"r": a_rule("stage_changed", [{"add_tag": "b"}])}
    event = an_event("purchased", order_id="n", amount=5)
    decision = after(event, rules, who_bought((1, 5)), **limits)
    changes = [c for c in decision.changes if c["type"] == "stage_changed"]
    assert [(c["before"], c["after"]) for c in changes] == [("first", "loyal")]
    assert decision.after["due_at"] == iso(NOW + timedelta(days=10))
    usual = after(event, rules, who_bought((1, 5))).changes
    assert [c["after"] for c in usual if c["type"] == "stage_changed"] == ["repeat"]


RFM = {
    "as_of": iso(NOW),
    "r": [int((NOW - timedelta(days=days)).timestamp() * 1000) for days in (90, 60, 30, 7)],
    "f": [2, 3, 4, 6],
    "m": [100, 200, 500, 1000],
}


@pytest.mark.parametrize(
    ("orders", "ranks"),
    [
        ([(100, 50)], (1, 1, 1)),
        ([(90, 100)], (2, 1, 2)),
        ([(7, 400), (70, 100)], (5, 2, 4)),
        ([(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2000)], (5, 5, 5)),
    ],
)
def test_ranks(orders: list[tuple[float, int]], ranks: tuple[int, ...]) -> None:
    """One more for each limit that is reached."""
    context = Context(a_catalog(rfm={"default": RFM}), TOKYO)
    for name, rank in zip("rfm", ranks, strict=True):
        for asked in range(1, 6):
            holds = language.compile({"rfm": {f"{name}_rank": {"eq": asked}}}, context)
            assert holds(who_bought(*orders), NOW) is (asked == rank)
            assert not holds(who_bought(), NOW)


def test_without_limits_nobody_has_a_rank() -> None:
    """Before the first night."""
    holds = language.compile({"rfm": {"f_rank": {"gte": 1}}}, Context(a_catalog(), TOKYO))
    assert not holds(who_bought((1, 1)), NOW)


@pytest.mark.parametrize("value", [0, 6, 2.5, "5", True, None, []])
def test_what_is_no_rank(value: Any) -> None:
    """A whole number from 1 to 5."""
    (detail,) = language.shape({"rfm": {"r_rank": {"gte": value}}})
    assert detail.path.endswith("rfm.r_rank.gte")
