"""Sizes by day, overlap, members as CSV, limits of ranks: right, and the same whatever is repeated."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.friends import store
from chalicelib.gateways import seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.segments import by_shard, mirror_queries, nightly
from chalicelib.shared import time_left
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from tests import hours
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.few_looks import FewLooks
from tests.roles import role_of

A = "/v1/accounts/shop"
NIGHT = datetime(2026, 11, 21, 15, 23, tzinfo=UTC)
"""00:23 on the 22nd in Tokyo."""
VIP, OLD = {"tag": "vip"}, {"tag": "old"}


class Clock:
    now = NIGHT

    def guard(self, name: str, _detail: Any, call: Any) -> Any:
        return self.now if name == "clock:now" else call()


@pytest.fixture
def clock(cloud: None) -> Iterator[Clock]:
    found = Clock()
    with seam.guarded(found.guard):
        yield found


def a_friend(user: str, *tags: str, **fields: Any) -> None:
    held = {tag: {"since": iso(NIGHT), "by": "x", "at": iso(NIGHT)} for tag in tags}
    sheet = new_sheet("shop", user, iso(NIGHT)) | {"status": "following", "tags": held, **fields}
    assert store.create_or_update("shop", 4, user, None, sheet, None)


def a_customer(n: int) -> dict[str, Any]:
    """One who bought n days ago, n times, for n thousand in all."""
    at = iso(NIGHT - timedelta(days=n))
    return {"purchases": {"count": n, "total": 1000 * n, "first_at": at, "last_at": at}}


@pytest.fixture
def api(clock: Clock) -> Api:
    """Ten friends: five of vip, four of old, two of both; one more is blocked."""
    found = an_api()
    an_account(found, shards=4)
    for tag in ("vip", "old"):
        found.ok("PUT", f"{A}/tags/{tag}", {"name": tag})
        found.ok("PUT", f"{A}/segments/{tag}", {"name": tag, "condition": {"tag": tag}})
    for n in range(1, 11):
        tags = [*(["vip"] if n <= 5 else []), *(["old"] if n in {4, 5, 6, 7} else [])]
        a_friend(f"U{n:02}", *tags, **a_customer(n), display_name=f"客{n}")
    a_friend("blocked", "vip", "old", **a_customer(500), status="blocked")
    return found


def no_time(_seconds: float = 0) -> TimeLeft:
    return TimeLeft(FewLooks(0).get_remaining_time_in_millis)


def run_jobs(*, times: int = 1) -> int:
    """Work off ``bulk``, without time for a second piece, each message so often; how many there were."""
    done = 0
    with patch.object(time_left, "current", no_time):
        while waiting := drain("bulk"):
            for body, _ in itertools.product(waiting, range(times)):
                with role_of("bulk"):
                    JOBS[body["job"]].run(body, 1)
                done += 1
    return done


def sizes(api: Api, segment: str, query: str = "") -> dict[str, int]:
    items = api.ok("GET", f"{A}/segments/{segment}/history{query}")["items"]
    return {item["date"]: item["count"] for item in items}


def test_sizes_are_counted_once_a_night(clock: Clock, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """In pieces, twice, hour by hour: one size a day, of the account's days, as of one moment."""
    monkeypatch.setattr(by_shard, "_TOGETHER", 1)
    hours.ask(clock.now)
    assert run_jobs(times=2) > 8
    a_friend("new", "vip")
    clock.now += timedelta(hours=1)
    hours.ask(clock.now)
    assert run_jobs() == 1
    assert sizes(api, "vip") == {"2026-11-22": 5}
    clock.now += timedelta(days=1)
    api.ok("PUT", f"{A}/segments/late", {"name": "late", "condition": VIP})
    hours.ask(clock.now)
    run_jobs()
    assert sizes(api, "vip") == {"2026-11-22": 5, "2026-11-23": 6}
    assert sizes(api, "vip", "?to=2026-11-22") == {"2026-11-22": 5}
    assert sizes(api, "vip", "?from=2026-11-23&to=2026-12-01") == {"2026-11-23": 6}
    assert sizes(api, "late") == {"2026-11-23": 6}
    assert [api.ok("GET", f"{A}/segments/old/history")["items"][0][name] for name in ("count", "as_of")] == [
        4,
        iso(NIGHT),
    ]
    api.refused(404, "GET", f"{A}/segments/nobody/history")
    assert api.paths(400, "GET", f"{A}/segments/vip/history?from=yesterday") == ["from"]
    assert api.paths(400, "GET", f"{A}/segments/vip/history?from=2026-11-23&to=2026-11-22") == ["to"]


def test_a_count_that_is_cut_off_is_gone_on_with(clock: Clock, api: Api) -> None:
    """Messages that were lost are sent again in an hour; a crash before the figures stand loses none."""
    nightly.begin("shop")
    drain("bulk")
    clock.now += timedelta(hours=1)
    nightly.begin("shop")
    with patch.object(nightly.store, "put_sizes", side_effect=RuntimeError), pytest.raises(RuntimeError):
        run_jobs()
    nightly.begin("shop")
    assert sizes(api, "vip") == {}
    job = {
        "job": "figures",
        "account": "shop",
        "shard": 0,
        "id": nightly.digest("figures", "shop", "2026-11-22")[:32],
    }
    for shard in range(4):
        JOBS["figures"].run(job | {"shard": shard}, 1)
    assert sizes(api, "vip") == {"2026-11-22": 5}


def test_ranks_are_fifths(clock: Clock, api: Api) -> None:
    """Two of ten customers in each; the day's limits stay until the next night."""
    condition = {"rfm": {"f_rank": {"gte": 1}}}
    assert api.ok("POST", f"{A}/segments/count", {"condition": condition})["count"] == 0
    nightly.begin("shop")
    run_jobs(times=2)
    for name in "rfm":
        for rank in range(1, 6):
            asked = {"rfm": {f"{name}_rank": {"eq": rank}}}
            assert api.ok("POST", f"{A}/segments/count", {"condition": asked})["count"] == 2, asked
    why = {"condition": {"rfm": {"r_rank": {"gte": 4}, "f_rank": {"lte": 2}}}, "user_id": "U01"}
    answer = api.ok("POST", f"{A}/segments/explain", why)
    assert answer["matches"]
    assert answer["tree"]["seen"] == {"r": 1, "f": 1, "m": 1000, "r_rank": 5, "f_rank": 1}


@given(st.dictionaries(st.integers(1, 60), st.integers(1, 40), min_size=1, max_size=30))
def test_fifths_are_those_of_ntile(counts: dict[int, int]) -> None:
    """A customer's rank is that of one with the same figure when all are put in five parts in order."""
    found = {f"f:{value}": n for value, n in counts.items()}
    limits = nightly.bounds(found, ZoneInfo("Asia/Tokyo"))["f"]
    assert len(limits) == 4
    everybody = [value for value, n in sorted(counts.items()) for _ in range(n)]
    size, more = divmod(len(everybody), 5)
    parts = [part for part in range(1, 6) for _ in range(size + (part <= more))]
    for value in counts:
        tiles = {part for one, part in zip(everybody, parts, strict=True) if one == value}
        assert 1 + sum(value >= limit for limit in limits) in tiles


@pytest.mark.parametrize("mirrored", [True, False])
def test_overlap(api: Api, mirrored: bool) -> None:
    """Each, and each two; the same by the mirror (where there is one) and by walking through all."""
    asked = {"conditions": [VIP, OLD, {"friend": {"status": "blocked"}}]}
    with patch.object(mirror_queries, "count", _count if mirrored else lambda *_: None):
        answer = api.ok("POST", f"{A}/segments/overlap", asked)
    assert (answer["counts"], answer["exact"]) == ([5, 4, 1], True)
    assert answer["pairs"] == [
        {"conditions": [0, 1], "count": 2},
        {"conditions": [0, 2], "count": 0},
        {"conditions": [1, 2], "count": 0},
    ]
    assert api.paths(422, "POST", f"{A}/segments/overlap", {"conditions": [VIP, {"tag": "x"}]}) == [
        "conditions[1].tag"
    ]
    api.refused(400, "POST", f"{A}/segments/overlap", {"conditions": [VIP]})


def _count(account: Any, condition: Any, now: datetime) -> int:
    """A mirror's answer: the count of the table."""
    from chalicelib.segments import service

    with patch.object(mirror_queries, "count", lambda *_: None):
        return service.count(account.id, condition, now).low


def test_members(api: Api) -> None:
    """The friends of a condition as CSV: by id and name, or with the columns that are asked for."""
    api.refused(400, "POST", f"{A}/segments/members", {})
    answer = api.call("POST", f"{A}/segments/members", {"condition": {"all": [VIP, OLD]}})
    assert answer.status_code == 202
    run_jobs()
    job = api.ok("GET", f"{A}/jobs/{answer.json_body['job_id']}")
    assert (job["state"], job["done"]) == ("done", 2)
    assert job["result"]["url"].startswith("http")
