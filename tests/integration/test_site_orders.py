"""Orders that the tag tells of: conversions of what was clicked, one with the company's, and no purchases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.shared.times import iso
from tests.api_client import Api
from tests.conftest import drain
from tests.reaction_world import World, world
from tests.site_world import BASE, Browser, a_site, bought, cart, open_link, sheet, work_off

__all__ = ["world"]


@pytest.fixture
def api(world: World) -> Api:
    api = a_site()
    work_off()
    return api


def conversions(api: Api, by: str = "link") -> dict[str, Any]:
    """The report's numbers, by row."""
    found = api.ok("GET", f"{BASE}/reports/conversions?from=2026-11-01&to=2026-11-30&group_by={by}")
    rows = {one["row"]: one for one in [*found["items"], {"row": "total", **found["total"]}]}
    return {name: (row["conversions"], row["revenue"], row["site_only"]) for name, row in rows.items()}


def company(api: Api, world: World, order: str, user: str, amount: float = 2800) -> str:
    """The company reports an order; what became of it."""
    body = {"order_id": order, "user_id": user, "at": iso(world.now), "amount": amount, "items": []}
    result = api.ok("POST", f"{BASE}/purchases", body)["results"][0]["status"]
    work_off()
    return str(result)


@pytest.mark.parametrize("tag_first", [True, False])
def test_reported_by_both_it_counts_once(api: Api, world: World, tag_first: bool) -> None:
    """With the company's amount; a purchase is what the company reports."""
    browser = Browser()
    browser.send(t=open_link())
    work_off()
    world.now += timedelta(minutes=5)
    if tag_first:
        browser.send(bought("o1", 3000))
        work_off()
        assert conversions(api) == {"spring": (1, 3000, 1), "total": (1, 3000, 1)}
        assert sheet()["purchases"]["count"] == 0
    assert company(api, world, "o1", "U1") == "accepted"
    browser.send(bought("o1", 9000), bought("o1", 1))
    work_off()
    assert conversions(api) == {"spring": (1, 2800, 0), "total": (1, 2800, 0)}
    assert (sheet()["purchases"]["count"], sheet()["purchases"]["total"]) == (1, 2800)
    people = api.ok("GET", f"{BASE}/reports/people?report=conversions&group_by=link&from=2026-11-01")
    assert [one["user_id"] for one in people["items"]] == ["U1"]
    csv = api.call("GET", f"{BASE}/reports/conversions?format=csv&from=2026-11-01", accept="text/csv")
    assert b"conversions" in csv.body


def test_an_order_of_another_friend_is_not_taken(api: Api, world: World) -> None:
    """A browser that names somebody else's order converts nothing, known or not."""
    assert company(api, world, "o1", "U2") == "accepted"
    browser, stranger = Browser(), Browser()
    browser.send(bought("o1"), t=open_link())
    stranger.send(bought("o1"))
    stranger.send(t=open_link(delivery="d"))
    work_off()
    assert "converted" not in sheet("U1")["facts"]
    assert conversions(api)["total"] == (1, 2800, 0)


def test_where_the_account_says_so_it_is_a_purchase(world: World) -> None:
    """Once, at its own time, also when the visitor is known later; an order of another one is none."""
    api = a_site(site={"purchases": True})
    work_off()
    browser, other = Browser(), Browser()
    items = [{"product": "serum", "category": "skin", "quantity": 1, "amount": 3000}]
    order = bought("o1", 3000, items=items)
    began = iso(world.now)
    browser.send(order)
    world.now += timedelta(hours=2)
    browser.send(order | {"age": 7_200_000}, t=open_link())
    work_off()
    browser.send(order)
    work_off()
    other.send(bought("o1", 5), t=open_link("U2"))
    work_off()
    found = sheet()["purchases"]
    assert (found["count"], found["total"], found["first_at"]) == (1, 3000, began)
    assert found["categories"]["skin"]["count"] == 1
    assert sheet("U2")["purchases"]["count"] == 0
    assert conversions(api)["total"] == (1, 3000, 0)
    assert company(api, world, "o1", "U1", 1) == "duplicate"


REMINDER: dict[str, Any] = {
    "messages": {
        "cart": {
            "name": "カートのお知らせ",
            "messages": [{"type": "text", "text": "お買い忘れはありませんか？"}],
            "category": "transactional",
        }
    },
    "scenarios": {
        "cart": {
            "name": "カートに入れたまま",
            "entry": {"re_entry": "restart"},
            "start": "wait",
            "nodes": {
                "wait": {
                    "type": "wait_for",
                    "event": "converted",
                    "timeout": "1h",
                    "next": None,
                    "on_timeout": "remind",
                },
                "remind": {"type": "message", "message": "cart", "next": None},
            },
        }
    },
    "rules": {
        "cart": {
            "name": "カートが変わったら",
            "when": {"event": "cart_changed", "match": {"value": {"gt": 0}}},
            "then": [{"enter_scenario": "cart"}],
        }
    },
}
"""The example of docs/site.md."""


def test_a_cart_without_an_order_is_remembered(api: Api, world: World) -> None:
    """Who orders within the hour leaves the scenario; who does not is still waiting to be reminded."""
    api.ok("POST", f"{BASE}/catalog/apply?publish=true", REMINDER)
    for user in ("U1", "U2"):
        browser = Browser()
        browser.send(cart(3000), t=open_link(user))
        work_off()
        assert sheet(user)["scenarios"]["cart"]["state"] == "active"
        if user == "U1":
            world.now += timedelta(minutes=10)
            browser.send(bought())
            work_off()
    assert sheet("U1")["scenarios"]["cart"]["state"] == "finished"
    assert sheet("U2")["scenarios"]["cart"]["state"] == "active"
    drain("due")
