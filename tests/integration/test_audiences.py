"""Audiences: a segment's friends come to LINE, once and whole, through crashes; LINE's own are shown too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.audiences import store, uploading
from chalicelib.gateways.line_sdk import audiences as at_line
from chalicelib.segments import audience as reading
from tests.conftest import emulated_aws
from tests.line_world import BASE, LineWorld, a_line_world, user

VIPS = {"id": "vips", "name": "上客", "segment": "vips"}


@pytest.fixture
def world(cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LineWorld]:
    with a_line_world(tmp_path, monkeypatch) as found:
        fill(found)
        yield found


@contextmanager
def a_cloud_and_line(directory: Path) -> Iterator[LineWorld]:
    with (
        emulated_aws(),
        pytest.MonkeyPatch.context() as patch,
        a_line_world(directory, patch) as found,
    ):
        yield found


def fill(world: LineWorld, count: int = 30) -> None:
    bundle = {
        "tags": {"vip": {"name": "VIP"}},
        "segments": {"vips": {"name": "VIPs", "condition": {"tag": "vip"}}},
    }
    world.api.ok("POST", f"{BASE}/catalog/apply", bundle)
    world.everybody(count, "vip")


def in_line(world: LineWorld, group: Any) -> set[str]:
    rows = world.sim.store.all("SELECT user_id FROM audience_users WHERE id = ?", group)
    return {row["user_id"] for row in rows}


def groups(world: LineWorld) -> list[dict[str, Any]]:
    return at_line.page("token", 1, 40)[0]


def made(world: LineWorld, **more: Any) -> dict[str, Any]:
    answer = world.api.ok("POST", f"{BASE}/audiences", VIPS | more)
    world.work()
    found: dict[str, Any] = world.api.ok("GET", f"{BASE}/audiences/vips")
    return found | {"first": answer}


def test_a_segment_becomes_an_audience(world: LineWorld) -> None:
    """Everybody of it whom LINE can know is in LINE's list; the job says how far it is; LINE says READY."""
    csv = "user_id,tags\nan-id-of-ours,vip\n"
    world.api.ok("POST", f"{BASE}/friends/import", csv, content_type="text/csv")
    world.work()
    found = made(world)
    first = found.pop("first")
    assert (first["status"], first["audience_group_id"], first["segment"]) == ("UPLOADING", None, "vips")
    assert (found["status"], found["type"], found["count"], found["left_out"]) == ("READY", "UPLOAD", 30, 1)
    assert in_line(world, found["audience_group_id"]) == {user(n) for n in range(30)}
    job = world.api.ok("GET", f"{BASE}/jobs/{first['job_id']}")
    assert (job["state"], job["done"], job["total"]) == ("done", 4, 4)
    assert job["result"]["count"] == 30
    (one,) = world.api.ok("GET", f"{BASE}/audiences")["items"]
    assert (one["id"], one["name"], one["audience_group_id"]) == ("vips", "上客", found["audience_group_id"])


def test_many_are_handed_over_in_parts(world: LineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call has as many as LINE takes; the place is kept between messages and calls."""
    monkeypatch.setattr(reading, "PAGE", 3)
    monkeypatch.setattr(reading.read_shard, "__defaults__", (None, 3))
    monkeypatch.setattr(uploading, "_ENOUGH", 4)
    found = made(world)
    assert world.line_calls.count("line:audience_create") == 1
    assert world.line_calls.count("line:audience_add") >= 4
    assert in_line(world, found["audience_group_id"]) == {user(n) for n in range(30)}


@pytest.mark.parametrize("dies_after", [False, True])
def test_whoever_dies_leaves_one_whole_audience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: bool
) -> None:
    """At every change, before it or with its answer lost: in the end LINE has one audience, with
    everybody.
    """
    monkeypatch.setattr(uploading, "_ENOUGH", 4)
    number, most = 1, 99
    while number <= most:
        with a_cloud_and_line(tmp_path / f"{dies_after}-{number}") as world:
            fill(world, 10)
            world.api.ok("POST", f"{BASE}/audiences", VIPS)
            world.changes.clear()
            world.crash_at, world.dies_after = number, dies_after
            world.work()
            most = min(most, len(world.changes)) if world.crash_at is not None else most
            world.crash_at = None
            world.pass_time(timedelta(hours=1))
            (one,) = groups(world)
            assert in_line(world, one["audienceGroupId"]) == {user(n) for n in range(10)}, number
            found = world.api.ok("GET", f"{BASE}/audiences/vips")
            assert found["audience_group_id"] == one["audienceGroupId"]
            assert (found["count"], found["job_id"]) == (10, None)
        number += 1
    assert number > 8


def test_a_request_that_dies_is_gone_on_with(tmp_path: Path) -> None:
    """The request dies at each of its changes: with its answer lost or before it, its key or the timers
    finish.
    """
    for number in range(1, 9):
        with a_cloud_and_line(tmp_path / str(number)) as world:
            fill(world, 5)
            world.changes.clear()
            world.crash_at = number
            _asks(world)
            world.crash_at = None
            if store.find("shop", "vips") is None or number % 2:
                world.now += timedelta(minutes=20)
                _asks(world)  # the others are gone on with by the timers alone
            world.pass_time(timedelta(hours=1))
            assert len(groups(world)) == 1
            assert world.api.ok("GET", f"{BASE}/audiences/vips")["count"] == 5


def _asks(world: LineWorld) -> Any:
    from tests.line_world import Crashed

    try:
        answer = world.api.call("POST", f"{BASE}/audiences", VIPS, idempotency_key="k1")
    except Crashed:
        world.crash_at = None
        return None
    return answer.json_body if answer.status_code < 300 else None


def test_a_sync_takes_the_place_of_the_old_one(world: LineWorld) -> None:
    """LINE takes nobody out of an audience: another one stands in its place, and the old one goes later."""
    old = made(world)["audience_group_id"]
    world.api.ok("PATCH", f"{BASE}/friends/{user(3)}?wait=false", {"tags": {"remove": ["vip"]}})
    world.work()
    world.api.ok("POST", f"{BASE}/audiences/vips/sync", {})
    world.work()
    found = world.api.ok("GET", f"{BASE}/audiences/vips")
    assert found["audience_group_id"] != old
    assert in_line(world, found["audience_group_id"]) == {user(n) for n in range(30) if n != 3}
    assert {one["audienceGroupId"] for one in groups(world)} == {old, found["audience_group_id"]}
    world.pass_time(timedelta(hours=47))
    assert len(groups(world)) == 2
    world.pass_time(timedelta(hours=2))
    assert [one["audienceGroupId"] for one in groups(world)] == [found["audience_group_id"]]


def test_a_schedule_keeps_it_in_step(world: LineWorld) -> None:
    """Each day at its local time, once, by the timers; of what is made of a schedule the next time is
    shown.
    """
    first = made(world, sync={"every": {"time": "21:30"}})
    assert first["next_sync_at"] == "2026-11-24T12:30:00.000Z"
    world.pass_time(timedelta(hours=12))
    second = world.api.ok("GET", f"{BASE}/audiences/vips")
    assert second["audience_group_id"] != first["audience_group_id"]
    assert second["next_sync_at"] == "2026-11-25T12:30:00.000Z"
    world.pass_time(timedelta(hours=10))
    assert world.line_calls.count("line:audience_create") == 2


def test_every_type_is_listed_also_unknown_ones(world: LineWorld) -> None:
    """What LINE's own tools made is shown in LINE's words, one by one by LINE's number, page by page."""
    made(world)
    for n, type_ in enumerate(("CHAT_TAG", "FRIEND_PATH", "SOMETHING_NEW")):
        world.now += timedelta(seconds=1)
        world.sim_request("POST", "audiences", {"account": "shop", "type": type_, "user_ids": [user(n)]})
    pages, query = [], "?limit=2"
    while query:
        page = world.api.ok("GET", f"{BASE}/audiences{query}")
        pages.append([one["type"] for one in page["items"]])
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert pages == [["SOMETHING_NEW", "FRIEND_PATH"], ["CHAT_TAG", "UPLOAD"]]
    theirs = world.api.ok("GET", f"{BASE}/audiences")["items"][0]
    assert (theirs["id"], theirs["create_route"]) == (None, "OA_MANAGER")
    number = theirs["audience_group_id"]
    assert world.api.ok("GET", f"{BASE}/audiences/{number}")["type"] == "SOMETHING_NEW"
    error = world.api.refused(422, "DELETE", f"{BASE}/audiences/{number}")
    assert error["reason"]["code"] == "line_refused_audience"


def test_deleting_takes_it_from_line_as_well(world: LineWorld) -> None:
    """Here and at LINE, with the one that it has replaced; then it is not known, and its id is free."""
    made(world)
    world.api.ok("POST", f"{BASE}/audiences/vips/sync", {})
    world.work()
    assert len(groups(world)) == 2
    world.api.ok("DELETE", f"{BASE}/audiences/vips")
    assert groups(world) == []
    world.api.refused(404, "GET", f"{BASE}/audiences/vips")
    world.api.refused(404, "DELETE", f"{BASE}/audiences/vips")
    made(world)
    assert len(groups(world)) == 1


def test_what_line_refuses_is_reported(world: LineWorld) -> None:
    """An empty segment, a full channel; a LINE that is busy or away is asked again."""
    world.sim_request("PUT", "faults", {"audience": {"status": 429, "count": 2}})
    assert made(world)["status"] == "READY"
    world.sim_request("PUT", "faults", {"audience": {"status": 500, "after_accept": True, "count": 1}})
    world.api.ok("POST", f"{BASE}/audiences/vips/sync", {})
    world.work()
    assert len(groups(world)) == 2, "what was made with its answer lost is found again"
    world.sim_request("PUT", "faults", {"audience": {"status": 400}})
    world.api.ok("POST", f"{BASE}/audiences/vips/sync", {})
    world.work()
    world.sim_request("PUT", "faults", {})
    found = world.api.ok("GET", f"{BASE}/audiences/vips")
    assert (found["status"], found["reason"]["code"]) == ("READY", "line_refused_audience")
    world.sim_request("PUT", "faults", {"audience": {"status": 500}})
    assert world.api.refused(503, "GET", f"{BASE}/audiences")["reason"]["code"] == "line_silent"


def test_an_empty_segment_fails_with_why(world: LineWorld) -> None:
    """LINE would keep an audience of nobody waiting for ever."""
    world.api.ok("PUT", f"{BASE}/segments/none", {"name": "none", "condition": {"not": {"everyone": True}}})
    job = world.api.ok("POST", f"{BASE}/audiences", VIPS | {"segment": "none"})["job_id"]
    world.work()
    found = world.api.ok("GET", f"{BASE}/audiences/vips")
    assert (found["status"], found["reason"]["code"]) == ("FAILED", "audience_empty")
    assert world.api.ok("GET", f"{BASE}/jobs/{job}")["state"] == "failed"
    assert groups(world) == []


def test_what_cannot_work_is_refused(world: LineWorld) -> None:
    """Shapes are 400, what is not there 422, a taken id 409; another account has nothing of it."""
    made(world)
    post = f"{BASE}/audiences"
    assert world.api.paths(400, "POST", post, {"id": "x", "name": "x"}) == [""]
    assert world.api.paths(422, "POST", post, VIPS | {"id": "x", "segment": "nobody"}) == ["segment"]
    assert world.api.paths(422, "POST", post, VIPS | {"id": "12"}) == ["id"]
    wrong = {"every": {"time": "09:00", "weekdays": ["mon"], "days_of_month": [1]}}
    assert world.api.paths(400, "POST", post, VIPS | {"id": "x", "sync": wrong}) == ["sync.every"]
    assert world.api.refused(409, "POST", post, VIPS)["reason"]["code"] == "audience_taken"
    world.api.ok("POST", f"{post}/vips/sync", {})
    assert world.api.refused(409, "POST", f"{post}/vips/sync", {})["reason"]["code"] == "audience_in_work"
    world.api.refused(404, "POST", f"{post}/nobody/sync", {})
    body = {"name": "Other", "channel_secret": "s", "channel_access_token": "other"}
    world.api.ok("PUT", "/v1/accounts/other", body)
    world.sim_request("PUT", "channels/other", {"channel_secret": "s", "channel_access_token": "other"})
    assert world.api.ok("GET", "/v1/accounts/other/audiences")["items"] == []
    world.api.refused(404, "GET", "/v1/accounts/other/audiences/vips")
    assert store.find("other", "vips") is None
