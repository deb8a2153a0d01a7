"""Reports over fact sheets: routes, two questions against each other; at once, and by the job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.friends import store
from chalicelib.gateways import clock
from chalicelib.jobs.kinds import JOBS
from chalicelib.reports.by_sheet import counts
from chalicelib.segments import by_shard
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.roles import role_of

A = "/v1/accounts/shop"


@pytest.fixture
def api(cloud: None) -> Api:
    """Six friends: from the poster three, of whom one has blocked; two are of Tokyo, two of Osaka."""
    found = an_api()
    an_account(found, shards=4)
    found.ok("PUT", f"{A}/tags/vip", {"name": "VIP", "folder": "rank"})
    found.ok("PUT", f"{A}/tags/new", {"name": "New", "folder": "rank"})
    area = {"name": "Area", "type": "choice", "choices": ["tokyo", "osaka"]}
    found.ok("PUT", f"{A}/attributes/area", area)
    found.ok("PUT", f"{A}/attributes/age", {"name": "Age", "type": "number"})
    found.ok("PUT", f"{A}/routes/poster", {"name": "Poster", "then": []})
    found.ok("PUT", f"{A}/routes/web", {"name": "Web", "then": []})
    a_friend("U1", ["vip", "new"], {"area": "tokyo", "age": 20}, "poster", [1000, 500.5])
    a_friend("U2", ["vip"], {"area": "tokyo", "age": 31}, "poster", [2000])
    a_friend("U3", ["new"], {"area": "osaka", "age": 40})
    a_friend("U4", [], {"area": "osaka"})
    a_friend("U5", ["new"], {})
    a_friend("U6", ["vip"], {"area": "tokyo", "age": 99}, "poster", [10], status="blocked")
    return found


def a_friend(
    user: str,
    tags: list[str],
    attributes: dict[str, Any],
    route: str | None = None,
    orders: list[float] = [],  # noqa: B006
    **fields: Any,
) -> None:
    at = iso(clock.now() - timedelta(days=3))
    sheet = new_sheet("shop", user, at) | {"status": "following", "followed_at": at}
    sheet["tags"] = {tag: {"since": at, "by": "x", "at": at} for tag in tags}
    sheet["attributes"] = attributes
    if route is not None:
        sheet["source"] = {"first": route, "first_at": at, "latest": route, "latest_at": at}
    if orders:
        sheet["purchases"] |= {"count": len(orders), "total": sum(orders), "first_at": at, "last_at": at}
    assert store.create_or_update("shop", 4, user, None, sheet | fields, None)


def cells(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["row"]: row["cells"] | {"total": row["total"]} for row in report["items"]}


def test_routes(api: Api) -> None:
    """Who came by which way, whether they follow, and what they have bought."""
    report = api.ok("GET", f"{A}/reports/routes")
    poster, web, others = report["items"]
    assert (poster["friends"], poster["following"], poster["orders"]) == (3, 2, 4)
    assert (poster["revenue"], poster["ltv"], poster["repeat_rate"]) == (3510.5, 1170.17, 0.3333)
    assert (web["name"], web["friends"], web["ltv"], web["repeat_rate"]) == ("Web", 0, None, None)
    assert (others["route"], others["friends"], others["condition"]) == (None, 3, None)
    assert report["total"]["friends"] == 6
    found = api.ok("POST", f"{A}/friends/search", {"condition": poster["condition"]})["items"]
    assert {one["user_id"] for one in found} == {"U1", "U2", "U6"}
    today = clock.now().date()
    assert api.ok("GET", f"{A}/reports/routes?from={today}&by=latest")["total"]["friends"] == 0
    assert api.ok("GET", f"{A}/reports/stages?to={today}")["total"]["friends"] == 6


def test_cross(api: Api) -> None:
    """Counts and means of who follows; who has two tags stands in both rows, and once in the total."""
    report = api.ok("GET", f"{A}/reports/cross?rows=folder:rank&cols=attribute:area")
    assert report["exact"]
    assert cells(report) == {
        "new": {"tokyo": 1, "osaka": 1, "-": 1, "total": 3},
        "vip": {"tokyo": 2, "osaka": 0, "-": 0, "total": 2},
        "-": {"tokyo": 0, "osaka": 1, "-": 0, "total": 1},
    }
    assert report["total"] == {"total": 5, "cells": {"tokyo": 2, "osaka": 2, "-": 1}}
    both = {"all": [report["conditions"]["rows"]["vip"], report["conditions"]["cols"]["tokyo"]]}
    assert api.ok("POST", f"{A}/segments/count", {"condition": both})["count"] == 2
    ages = api.ok("GET", f"{A}/reports/cross?rows=stage&cols=source&value=mean:attribute:age")
    assert cells(ages)["repeat"] == {"poster": 20.0, "web": None, "-": None, "total": 20.0}
    assert ages["total"]["total"] == 30.3333
    csv = api.call("GET", f"{A}/reports/cross?rows=folder:rank&cols=attribute:area&format=csv").body.decode()
    assert (
        csv.splitlines()[:2] == ["row,total,cells.tokyo,cells.osaka,'cells.-", "new,3,1,1,1"]
        or "cells" in csv
    )
    for query, path in {
        "rows=stage": "cols",
        "rows=folder:nothing&cols=stage": "rows",
        "rows=stage&cols=attribute:age": "cols",
        "rows=stage&cols=segments:nobody": "cols",
        "rows=stage&cols=stage&value=mean:attribute:area": "value",
    }.items():
        assert api.paths(422, "GET", f"{A}/reports/cross?{query}") == [path], query


def test_more_friends_than_a_request_can_read(api: Api) -> None:
    """An estimate, and the job that counts exactly, whatever of it comes twice; then what it has found."""
    exact = api.ok("GET", f"{A}/reports/stages")
    with patch.object(by_shard, "within", lambda _s: counts.TimeLeft(lambda: 0, reserve=0)):
        estimate = api.ok("GET", f"{A}/reports/stages")
        assert not estimate["exact"]
        assert "friends" in estimate["inexact"]
        for body in [*(waiting := drain("bulk")), *waiting]:
            with role_of("bulk"):
                JOBS[body["job"]].run(body, 1)
        assert api.ok("GET", f"{A}/jobs/{estimate['job_id']}")["state"] == "done"
        found = api.ok("GET", f"{A}/reports/stages")
    assert {**found, "as_of": ""} == {**exact, "as_of": ""}
