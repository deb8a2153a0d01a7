"""``POST /friends/search``: the right friends, in order, page by page, each once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.gateways import seam
from chalicelib.mirror import compaction, reader
from chalicelib.segments import search
from tests.api_client import Api, a_key, an_account, an_api
from tests.shop import outside, work_off

ROWS = """user_id,display_name,followed_at,tags,score.interest
Ua,花子,2026-01-03T00:00:00Z,vip,5
Ub,ＨＡＮＡ,2026-01-01T00:00:00Z,vip,1
Uc,次郎,2026-01-02T00:00:00Z,,
Ud,,,vip,3
"""


@pytest.fixture(params=["table", "mirror"])
def shop(cloud: None, request: pytest.FixtureRequest) -> Iterator[tuple[Api, str]]:
    """Four friends in three shards; asked of the table, and of a mirror that knows three of them."""
    api = an_api()
    base = an_account(api, shards=3)
    api.ok("PUT", f"{base}/tags/vip", {"name": "VIP"})
    api.ok("PUT", f"{base}/scores/interest", {"name": "関心度"})
    with seam.guarded(outside):
        *most, last = ROWS.splitlines(keepends=True)
        api.ok("POST", f"{base}/friends/import", "".join(most), content_type="text/csv")
        assert work_off() == []
        if request.param == "mirror":
            pytest.importorskip("duckdb")
            compaction.run("shop", 3)
        api.ok("POST", f"{base}/friends/import", most[0] + last, content_type="text/csv")
        assert work_off() == []
    yield api, f"{base}/friends/search"
    reader.forget_copies()


def found(api: Api, path: str, **asked: Any) -> list[str]:
    """The ids of all pages of two, in order; every page tells the same total."""
    users: list[str] = []
    cursor = None
    while True:
        body = {**asked, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = api.ok("POST", path, body)
        users += [friend["user_id"] for friend in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            assert page["total"]["count"] == len(users)
            return users


def test_orders_put_who_has_no_value_last(shop: tuple[Api, str]) -> None:
    """By time, name and points, both ways, each friend once over the pages."""
    assert found(*shop, sort="followed_at") == ["Ua", "Uc", "Ub", "Ud"]
    assert found(*shop, sort="followed_at", order="asc") == ["Ub", "Uc", "Ua", "Ud"]
    assert found(*shop, sort="score:interest") == ["Ua", "Ud", "Ub", "Uc"]
    assert found(*shop, sort="score:interest", order="asc") == ["Ub", "Ud", "Ua", "Uc"]
    assert found(*shop, sort="display_name", order="asc")[-1] == "Ud"
    assert sorted(found(*shop, sort="purchases.total")) == ["Ua", "Ub", "Uc", "Ud"]


def test_conditions_and_names_narrow_it_down(shop: tuple[Api, str]) -> None:
    """A condition as an audience; a part of a name, whatever its width and case."""
    assert found(*shop, condition={"tag": "vip"}, sort="followed_at") == ["Ua", "Ub", "Ud"]
    assert found(*shop, q="hana") == ["Ub"]
    assert found(*shop, q="花", condition={"tag": "vip"}) == ["Ua"]
    assert found(*shop, condition={"not": {"tag": "vip"}}, q="花") == []


def test_what_cannot_work_is_refused(shop: tuple[Api, str]) -> None:
    """Unknown orders, scores and tags; a cursor of another search, or one that was made up."""
    api, path = shop
    assert api.paths(400, "POST", path, {"sort": "luck"}) == ["sort"]
    assert api.paths(422, "POST", path, {"sort": "score:none"}) == ["sort"]
    api.refused(422, "POST", path, {"condition": {"tag": "none"}})
    cursor = api.ok("POST", path, {"limit": 1})["next_cursor"]
    assert api.paths(400, "POST", path, {"limit": 1, "q": "a", "cursor": cursor}) == ["cursor"]
    assert api.paths(400, "POST", path, {"cursor": "bm9uc2Vuc2U"}) == ["cursor"]
    assert a_key(api, "viewer", "shop").ok("POST", path, {})["total"] == {"count": 4}


def test_a_quick_look_shows_some_of_many(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mirror: two shards of three are read, and the total is an interval; whole, it is exact."""
    monkeypatch.setattr(search, "QUICK_S", 0.0)
    api = an_api()
    base = an_account(api, shards=3)
    with seam.guarded(outside):
        rows = "user_id\n" + "\n".join(f"U{n}" for n in range(30))
        api.ok("POST", f"{base}/friends/import", rows, content_type="text/csv")
        assert work_off() == []
    quick = api.ok("POST", f"{base}/friends/search", {"quick": True, "limit": 50})
    assert 0 < len(quick["items"]) < 30
    assert quick["total"]["low"] <= 30 <= quick["total"]["high"]
    whole = api.ok("POST", f"{base}/friends/search", {"limit": 50})
    assert (len(whole["items"]), whole["total"]["count"]) == (30, 30)
