"""Publish, resume, funnel and entering by a condition with more friends than one invocation can work on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.enrollments import audience_jobs, store
from chalicelib.jobs import service as jobs_store
from chalicelib.jobs.kinds import JOBS
from chalicelib.scenarios import publishing
from chalicelib.segments import by_shard
from chalicelib.shared import time_left
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import iso
from tests import scenario_world as w
from tests.few_looks import FewLooks
from tests.scenario_world import SHOP, World

USERS = [f"u{n}" for n in range(12)]
NODES: dict[str, Any] = {
    "start": "pause",
    "nodes": {"pause": w.wait("1d", "second"), "second": w.message("m1")},
}


@pytest.fixture
def world(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two friends at a time, and in a request time for no more than that."""
    with w.a_usual_world() as found:
        w.put_friends(*USERS)
        w.publish(**NODES)
        monkeypatch.setattr(by_shard, "_TOGETHER", 2)
        yield found


def no_time(_seconds: float = 0) -> TimeLeft:
    return TimeLeft(FewLooks(0).get_remaining_time_in_millis)


def work_off(world: World, seen: list[dict[str, Any]] | None = None) -> None:
    """Every message of a scenario's jobs, each in an invocation without time for a second piece."""
    while waiting := [entry for entry in world.queue if entry[2] == "bulk"]:
        world.queue[:] = [entry for entry in world.queue if entry[2] != "bulk"]
        for entry in waiting:
            body = entry[3]
            if seen is not None:
                seen.append(body)
            with patch.object(time_left, "current", no_time):
                JOBS[body["job"]].run(body, 1)
    assert waiting == []


def job(name: str) -> jobs_store.Job:
    return jobs_store.get(SHOP, name)


def steps(world: World) -> list[str]:
    """Whose steps are in the queue."""
    bodies = [entry[3] for entry in world.queue if entry[2] == "due"]
    return sorted(one["body"]["user_id"] for body in bodies for one in body["entries"])


def test_entering_goes_on_from_friend_to_friend(world: World) -> None:
    """Each message enters two friends and puts the next one in the queue; everybody is entered once."""
    name = audience_jobs.start(SHOP, "welcome", {"everyone": True}, "test", "J1")
    seen: list[dict[str, Any]] = []
    work_off(world, seen)
    assert job(name).result == {"accepted": len(USERS), "rejected": 0}
    assert len(seen) > 4
    assert all((store.find(SHOP, "welcome", user) or 0).v == 1 for user in USERS)  # type: ignore[union-attr]


def test_a_funnel_that_does_not_fit_is_estimated_and_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once an estimate and the job's id; the same job for whoever asks again; then the exact numbers."""
    w.enroll(*USERS)
    exact = publishing.funnel(SHOP, "welcome")
    assert exact == {"entered": 12, "active": {"pause": 12}, "finished": 0, "exited": {}}
    monkeypatch.setattr(by_shard, "within", no_time)
    monkeypatch.setattr(by_shard, "_THREADS", 1)
    first, again = publishing.funnel(SHOP, "welcome"), publishing.funnel(SHOP, "welcome")
    assert first == again
    assert first["exact"] is False
    assert first["entered"] == sum(first["active"].values())
    published = publishing.publish(SHOP, "welcome", "test")
    assert (published["exact"], published["job_id"]) == (False, first["job_id"])
    work_off(world)
    assert publishing.funnel(SHOP, "welcome") == exact
    assert publishing.publish(SHOP, "welcome", "test")["waiting"] == {"pause": 12}


def overdue(world: World) -> None:
    """Everybody fell due while the scenario was paused, and nobody was moved on."""
    w.enroll(*USERS)
    publishing.pause(SHOP, "welcome", "test")
    world.now += timedelta(hours=25)
    world.queue.clear()
    world.executions.clear()


def test_resuming_wakes_everybody_by_a_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first few at once, the others by the job, each of them once."""
    overdue(world)
    monkeypatch.setattr(by_shard, "within", no_time)
    answer = publishing.resume(SHOP, "welcome", "test")
    assert 0 < len(steps(world)) < len(USERS)
    work_off(world)
    assert steps(world) == sorted(USERS)
    assert job(answer["job_id"]).state == "done"
    world.run(until=60, sweep=False)
    assert [world.received(user) for user in USERS] == [["one"]] * len(USERS)


def test_a_pause_stops_the_waking(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the job has not reached stays where it is, until it is resumed again."""
    overdue(world)
    monkeypatch.setattr(by_shard, "within", no_time)
    first = publishing.resume(SHOP, "welcome", "test")["job_id"]
    woken = steps(world)
    publishing.pause(SHOP, "welcome", "test")
    work_off(world)
    assert steps(world) == woken
    assert job(first).state == "done"
    world.queue.clear()
    publishing.resume(SHOP, "welcome", "test")
    work_off(world)
    assert steps(world) == sorted(USERS)


def test_arming_anew_goes_on_by_a_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait becomes shorter: everybody is due at the earlier moment, and publishing names the job."""
    w.enroll(*USERS)
    shorter = {**NODES, "nodes": {**NODES["nodes"], "pause": w.wait("1h", "second")}}
    w.put_scenario(**shorter)
    monkeypatch.setattr(by_shard, "within", no_time)
    answer = publishing.publish(SHOP, "welcome", "test", rearm_waiting=True)
    assert "the job" in answer["effects"][-1]
    work_off(world)
    dues = {(store.find(SHOP, "welcome", user) or 0).due_at for user in USERS}  # type: ignore[union-attr]
    assert dues == {iso(world.now + timedelta(hours=1))}
