"""Above the threshold two people see a broadcast before it goes out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.shared.times import iso
from tests.api_client import Api, a_key
from tests.deliveries_builders import World
from tests.integration.test_broadcasts_api import AT, NEWS, api, world

__all__ = ["api", "world"]

POLICIES = "/v1/accounts/shop/policies/default"


@pytest.fixture
def two(api: Api) -> tuple[Api, Api]:
    """Two publishers of a shop in which more than three friends need an approval."""
    api.ok("PUT", POLICIES, {"approval_above": 3})
    made = [{"name": name, "role": "publisher", "account": "shop"} for name in ("first", "second")]
    first, second = (Api(api.ok("POST", "/v1/keys", body)["key"]) for body in made)
    return first, second


def who(api: Api, name: str) -> str:
    """How a key is called."""
    return next(f"key:{key['id']}" for key in api.ok("GET", "/v1/keys")["items"] if key["name"] == name)


def waiting(world: World, by: Api, name: str = "b", **more: Any) -> dict[str, Any]:
    by.ok("PUT", f"{AT}/{name}", NEWS | more)
    by.ok("POST", f"{AT}/{name}/send", {})
    world.run(until=timedelta(minutes=5))
    shown: dict[str, Any] = by.ok("GET", f"{AT}/{name}")
    return shown


def test_another_key_approves(world: World, api: Api, two: tuple[Api, Api]) -> None:
    """Who sent it may not, whatever else the key may; another publisher may, and is named with the time."""
    asks, approves = two
    first, second = who(api, "first"), who(api, "second")
    shown = waiting(world, asks)
    assert (shown["status"], shown["approval"]["asked_by"]) == ("awaiting_approval", first)
    assert (shown["approval"]["approved_by"], shown["approval"]["at"]) == (None, None)
    error = asks.refused(403, "POST", f"{AT}/b/approve", {})
    assert "another publisher" in error["message"]
    world.run(until=timedelta(minutes=5))
    assert not world.line.calls
    approval = approves.ok("POST", f"{AT}/b/approve", {})["approval"]
    assert (approval["asked_by"], approval["approved_by"]) == (first, second)
    assert approval["at"] is not None
    world.run(until=timedelta(minutes=5))
    done = asks.ok("GET", f"{AT}/b")
    assert (done["status"], done["approval"]) == ("done", approval)
    lines = api.ok("GET", "/v1/accounts/shop/audit")["items"]
    outcomes = [(line["who"], line["outcome"]) for line in lines if "approve" in line["action"]]
    assert outcomes == [(second, "done"), (first, "refused")]


def test_a_global_admin_does_not_approve_alone_either(world: World, api: Api, two: tuple[Api, Api]) -> None:
    """No key is above it; any other one may."""
    waiting(world, api)
    api.refused(403, "POST", f"{AT}/b/approve", {})
    assert two[0].ok("POST", f"{AT}/b/approve", {})["approval"]["approved_by"] is not None


def test_rejecting(world: World, api: Api, two: tuple[Api, Api]) -> None:
    """Any publisher may, and is named; nothing goes out, and sending it anew asks anew."""
    asks, rejects = two
    waiting(world, asks)
    assert rejects.ok("POST", f"{AT}/b/cancel", {})["approval"]["rejected_by"] == who(api, "second")
    world.run(until=timedelta(minutes=5))
    assert not world.line.calls
    assert asks.ok("GET", f"{AT}/b")["status"] == "cancelled"
    shown = waiting(world, rejects, "again")
    assert shown["approval"]["rejected_by"] is None
    asks.ok("POST", f"{AT}/again/approve", {})


def test_below_the_threshold_nobody_is_asked(world: World, two: tuple[Api, Api]) -> None:
    """And nothing is said of an approval."""
    shown = waiting(world, two[0], audience={"tag": "vip"})
    assert (shown["status"], shown["approval"]) == ("done", None)


def test_who_changes_what_is_scheduled_asks_for_it(world: World, api: Api, two: tuple[Api, Api]) -> None:
    """A broadcast that another key scheduled cannot be made large and approved by one person."""
    asks, edits = two
    asks.ok("PUT", f"{AT}/b", NEWS | {"audience": {"tag": "vip"}})
    asks.ok("POST", f"{AT}/b/schedule", {"at": iso(world.now + timedelta(hours=1))})
    edits.ok("PUT", f"{AT}/b", NEWS)
    world.run(until=timedelta(hours=2))
    assert edits.ok("GET", f"{AT}/b")["status"] == "awaiting_approval"
    edits.refused(403, "POST", f"{AT}/b/approve", {})
    asks.ok("POST", f"{AT}/b/approve", {})


def test_the_threshold_is_an_admins(api: Api, two: tuple[Api, Api]) -> None:
    """Whoever sends cannot lift it, by any door; the other policies are a publisher's as before."""
    publisher = two[0]
    for body in ({"approval_above": 1_000}, {}, {"caps": []}):
        publisher.refused(403, "PUT", POLICIES, body)
        bundle = {"policies": {"default": body}}
        publisher.refused(403, "POST", "/v1/accounts/shop/catalog/apply", bundle)
    publisher.refused(403, "DELETE", POLICIES)
    caps = [{"category": "marketing", "max": 3, "per": "day"}]
    publisher.ok("PUT", POLICIES, {"approval_above": 3, "caps": caps})
    a_key(api, "admin", "shop").ok("PUT", POLICIES, {"approval_above": 1_000})
