"""Orders and refunds on the sheet: exact, never below nothing, the same whatever comes first."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.conditions import language
from chalicelib.events.sheet import Sheet
from chalicelib.shared.times import parse_iso
from chalicelib.sheets import money
from chalicelib.sheets.model import BUDGET_BYTES, new_sheet
from chalicelib.sheets.purchases import ORDERS_KEPT, fold_purchase, fold_refund
from chalicelib.sheets.trim import size_of, tidy
from tests.reaction_builders import NOW, a_catalog
from tests.reaction_builders import TOKYO as ZONE

AT = "2026-11-22T03:00:00.000Z"


def a_sheet() -> Sheet:
    return new_sheet("shop", "U1", AT)


def buy(sheet: Sheet, order: str, amount: float, *items: tuple[str, str, float], at: str = AT) -> None:
    lines = [{"product": p, "category": c, "amount": a} for p, c, a in items]
    fold_purchase(sheet, {"order_id": order, "amount": amount, "items": lines}, at)


def refund(sheet: Sheet, order: str, amount: float, *items: tuple[str, str, float], at: str = AT) -> None:
    lines = [{"product": p, "category": c, "amount": a} for p, c, a in items]
    fold_refund(sheet, {"refund_of": order, "amount": amount, "items": lines}, at)


def figures(sheet: Sheet) -> tuple[int, float]:
    return sheet["purchases"]["count"], sheet["purchases"]["total"]


def test_money_is_exact():
    """0.10 + 0.20 is 0.30, thousands of cents are whole, and whole amounts have no fraction."""
    sheet = a_sheet()
    buy(sheet, "o1", 0.1)
    buy(sheet, "o2", 0.2)
    assert repr(sheet["purchases"]["total"]) == "0.3"
    for n in range(97):
        buy(sheet, f"c{n}", 0.01)
    buy(sheet, "o3", 0.73)
    assert repr(sheet["purchases"]["total"]) == "2"


@pytest.mark.parametrize("part", [0.3, 0.1])
def test_an_order_leaves_the_counts_when_all_of_it_is_gone(part: float):
    """Parts take amounts; the last part takes the order; more than that takes nothing from others."""
    sheet = a_sheet()
    buy(sheet, "o1", 0.3)
    buy(sheet, "o2", 500)
    for _ in range(round(0.3 / part) - 1):
        refund(sheet, "o1", part)
        assert sheet["purchases"]["count"] == 2
    refund(sheet, "o1", part)
    assert figures(sheet) == (1, 500)
    refund(sheet, "o1", 9_999)
    assert figures(sheet) == (1, 500)


def test_categories_and_products_lose_what_came_back():
    """An order leaves a category when all that it held of it is back, and all of them when it is gone."""
    sheet = a_sheet()
    buy(sheet, "o1", 300, ("p1", "skin", 100), ("p2", "hair", 200))
    refund(sheet, "o1", 100, ("p1", "skin", 100))
    categories, products = sheet["purchases"]["categories"], sheet["purchases"]["products"]
    assert figures(sheet) == (1, 200)
    assert [(categories[c]["count"], categories[c]["total"]) for c in ("skin", "hair")] == [(0, 0), (1, 200)]
    assert [(products[p]["count"], products[p]["total"]) for p in ("p1", "p2")] == [(0, 0), (1, 200)]
    refund(sheet, "o1", 200)
    assert figures(sheet) == (0, 0)
    assert (categories["hair"]["count"], categories["hair"]["total"]) == (0, 0)


def test_a_refund_waits_for_its_order():
    """Before the order it counts nothing; of an order that never comes it never does."""
    sheet = a_sheet()
    refund(sheet, "o1", 100)
    refund(sheet, "never", 50)
    assert figures(sheet) == (0, 0)
    buy(sheet, "o1", 300)
    assert figures(sheet) == (1, 200)
    buy(sheet, "o1", 300)
    assert figures(sheet) == (1, 200), "the same order again"


def test_what_is_remembered_is_bounded():
    """The latest orders; of an older one a refund counts nothing, and nothing is below nothing."""
    sheet = a_sheet()
    for n in range(ORDERS_KEPT + 1):
        buy(sheet, f"o{n}", 10, at=f"2026-11-22T03:{n // 60:02d}:{n % 60:02d}.000Z")
    assert len(sheet["purchases"]["orders"]) == ORDERS_KEPT
    refund(sheet, "o0", 10, at="2026-11-23T00:00:00.000Z")
    assert figures(sheet) == (ORDERS_KEPT + 1, 10 * (ORDERS_KEPT + 1))


def test_large_orders_give_way():
    """Orders of many items do not fill a sheet: what may be refunded is forgotten, the totals are not."""
    sheet = a_sheet()
    for n in range(30):
        lines = [(f"商品{n}-{i}" + "届" * 20, "区分" * 10, 1) for i in range(50)]
        buy(sheet, f"o{n}", 50, *lines, at=f"2026-11-22T03:00:{n:02d}.000Z")
    trimmed = tidy(sheet, parse_iso(AT).date())
    assert trimmed[0] == "purchases.orders.o0"
    assert size_of(sheet) <= BUDGET_BYTES
    assert figures(sheet) == (30, 1500)
    refund(sheet, "o0", 50, ("商品0-0" + "届" * 20, "区分" * 10, 50))
    assert figures(sheet) == (30, 1500)


cents = st.integers(0, 100_000).map(lambda n: float(Decimal(n) / 100))
lines = st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from("xy"), cents), max_size=3)
story = st.lists(st.tuples(st.sampled_from("br"), st.sampled_from("abc"), cents, lines), max_size=12)


def book(reports: list[Any]) -> dict[str, tuple[int, Decimal]]:
    """The same by an independent bookkeeping: all that was told of each order, then its sum."""
    bought: dict[str, Any] = {}
    back: dict[str, list[Any]] = defaultdict(list)
    for verb, order, amount, items in reports:
        if verb == "b":
            bought.setdefault(order, (amount, items))
        else:
            back[order].append((amount, items))
    sums: dict[str, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for order, (amount, items) in bought.items():
        left = Decimal(str(amount)) - sum(Decimal(str(a)) for a, _ in back[order])
        whole = bool(back[order]) and left <= 0
        sums[""] = (sums[""][0] + (not whole), sums[""][1] + max(left, Decimal(0)))
        for place in (0, 1):
            for name in {line[place] for line in items}:
                had = sum(Decimal(str(line[2])) for line in items if line[place] == name)
                came = [Decimal(str(x[2])) for _, xs in back[order] for x in xs if x[place] == name]
                gone = whole or (bool(came) and sum(came) >= had)
                stays = Decimal(0) if gone else had - sum(came)
                count, total = sums[name]
                sums[name] = (count + (not gone), total + stays)
    return sums


def fold_all(reports: list[Any]) -> Sheet:
    sheet = a_sheet()
    for verb, order, amount, items in reports:
        (buy if verb == "b" else refund)(sheet, order, amount, *items)
    return sheet


@given(story, st.randoms())
def test_any_order_of_arrival_gives_the_books(reports: list[Any], dice: Any):
    """Purchases, parts taken back and the same orders again, in any order: what an accountant gets."""
    orders = {order: (amount, items) for verb, order, amount, items in reversed(reports) if verb == "b"}
    reports = [(v, o, *orders[o]) if v == "b" else (v, o, a, items) for v, o, a, items in reports]
    sums = book(reports)
    dice.shuffle(reports)
    purchases = fold_all(reports)["purchases"]
    seen = {"": purchases, **purchases["categories"], **purchases["products"]}
    for name, (count, total) in sums.items():
        assert (seen[name]["count"], Decimal(repr(seen[name]["total"]))) == (count, total)
    assert all(one["count"] >= 0 <= one["total"] for one in seen.values())


@given(st.lists(cents, min_size=1, max_size=30))
def test_conditions_see_the_exact_total(amounts: list[float]):
    """``total`` equals the decimal sum, not what binary fractions make of it."""
    sheet = fold_all([("b", str(n), amount, []) for n, amount in enumerate(amounts)])
    total = money.plain(sum((Decimal(str(amount)) for amount in amounts), Decimal(0)))
    context = language.Context(a_catalog(), ZONE)
    assert language.compile({"purchase": {"total": {"eq": total}}}, context)(sheet, NOW)
