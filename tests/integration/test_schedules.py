"""Schedules: each friend of the audience once per occurrence, whatever crashes, is late or is repeated."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml

from chalicelib.friends import store
from chalicelib.gateways import line, seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service as reaction
from chalicelib.schedules import service
from chalicelib.segments import by_shard
from chalicelib.shared import time_left
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from chalicelib.timers.service import Entry
from tests import hours
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.few_looks import FewLooks
from tests.roles import role_of

A = "/v1/accounts/shop"
ONE = f"{A}/schedules/daily"
RUNS = f"{ONE}/runs"
AT = "2026-11-01T00:00:00.000Z"
VIP: list[dict[str, Any]] = [{"add_tag": "vip"}]
DAILY = {"name": "Daily", "every": {"time": "10:00"}, "audience": {"everyone": True}, "then": VIP}
POINTS = [{"add_score": {"score": "interest", "points": 1}}]
BEFORE = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
TEN = datetime(2026, 11, 22, 1, tzinfo=UTC)
"""10:00 in Tokyo."""
DAY = timedelta(days=1)


class Crashed(BaseException):
    """The process died here."""


class World:
    """The clock, what LINE was asked to send, and where to die."""

    def __init__(self) -> None:
        self.now, self.sent, self.crossings = BEFORE, list[str](), 0
        self.crash_at: int | None = None

    def guard(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            return None
        if name.startswith("line:"):
            return line.Answer(200, request_id="r") if name != "line:profile" else None
        self.crossings += 1
        if self.crash_at is not None and self.crossings >= self.crash_at:
            raise Crashed
        if name == "stepfunctions:StartExecution":
            return {}
        return call()


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    found = World()
    with seam.guarded(found.guard):
        yield found


@pytest.fixture
def api(world: World) -> Api:
    """An account in Tokyo with five friends who follow."""
    found = an_api()
    an_account(found, shards=4)
    found.ok("PUT", f"{A}/tags/vip", {"name": "VIP"})
    found.ok("PUT", f"{A}/scores/interest", {"name": "関心度"})
    for n in range(5):
        a_friend(f"U{n}")
    return found


def a_friend(user: str, **fields: Any) -> None:
    sheet = new_sheet("shop", user, AT) | {"status": "following", **fields}
    assert store.create_or_update("shop", 4, user, None, sheet, None)


def no_time(_seconds: float = 0) -> TimeLeft:
    return TimeLeft(FewLooks(0).get_remaining_time_in_millis)


def work(*, times: int = 1) -> int:
    """Do what waits, without time for a second piece, each message so often; how many friends' events."""
    done = 0
    with patch.object(time_left, "current", no_time):
        while waiting := [body for body in drain("bulk") if body.get("job") == "schedule"]:
            for body, _ in itertools.product(waiting, range(times)):
                with role_of("bulk"):
                    JOBS["schedule"].run(body, 1)
    for body in drain("inbox"):
        done += 1
        for _ in range(times):
            reaction.react(FriendEvent.from_message(body))
    return done


def look(world: World, now: datetime, **options: Any) -> int:
    world.now = now
    with role_of("bulk"):
        service.look_at("shop", "daily")
    return work(**options)


def points(api: Api, user: str) -> float:
    return float((api.ok("GET", f"{A}/friends/{user}")["scores"].get("interest") or {"raw": 0})["raw"])


def test_each_friend_of_the_audience_once(world: World, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at early, late and often, messages twice, shards in pieces: once, with its event and cause."""
    monkeypatch.setattr(by_shard, "_TOGETHER", 1)
    a_friend("blocked", status="blocked")
    a_friend("other", tags={"vip": {"since": AT, "by": "x", "at": AT}})
    audience = {"not": {"tag": "vip"}}
    api.ok("PUT", ONE, DAILY | {"audience": audience, "then": [*VIP, *POINTS]})
    assert look(world, TEN - timedelta(seconds=2)) == 0
    for seconds in (0, 1, 70):
        look(world, TEN + timedelta(seconds=seconds), times=2)
    (run,) = api.ok("GET", RUNS)["items"]
    del run["job_id"]
    assert run == {"at": iso(TEN), "state": "done", "audience": 5, "done": 5, "left_out": 0}
    assert [points(api, f"U{n}") for n in range(5)] == [1] * 5
    assert points(api, "blocked") == points(api, "other") == 0
    friend = api.ok("GET", f"{A}/friends/U1")
    assert friend["tags"]["vip"]["by"] == "schedule:daily"
    assert friend["facts"]["scheduled:daily"]["count"] == 1
    (activity,) = api.ok("GET", f"{A}/friends/U1/activities")["items"]
    assert (activity["type"], activity["key"], activity["at"]) == ("scheduled", "daily", iso(TEN))
    assert activity["props"] == {"schedule": "daily"}
    look(world, TEN + DAY)
    assert [run["at"] for run in api.ok("GET", RUNS)["items"]] == [iso(TEN + DAY), iso(TEN)]
    page = api.ok("GET", f"{RUNS}?limit=1")
    assert api.ok("GET", f"{RUNS}?limit=1&cursor={page['next_cursor']}")["items"][0]["at"] == iso(TEN)


def test_a_crash_at_every_crossing(world: World, api: Api) -> None:
    """Wherever a look dies, the next one finds what is left; the friend has each occurrence once."""
    api.ok("PUT", ONE, DAILY | {"then": POINTS})
    for at in itertools.count(1):
        world.now, world.crossings, world.crash_at = TEN + at * DAY, 0, at
        entry = Entry("shop", "schedule", "daily", 0, world.now)
        try:
            service.look_at("shop", "daily")
        except Crashed:
            world.crash_at = None
            service.look_at("shop", "daily")
            work()
        else:
            world.crash_at = None
            work()
            break
        assert service.is_over(entry)
    assert at > 8
    # The first day is there as well: nobody looked then, and it is too old by now.
    states = [run["state"] for run in runs_of(api)]
    assert states == ["done"] * at + ["missed"]
    assert [points(api, f"U{n}") for n in range(5)] == [at] * 5


def test_what_died_in_its_midst_counts_everybody_once(world: World, api: Api) -> None:
    """Also whom it had reached before, and who is not meant any more by what it did."""
    audience = {"not": {"event": {"type": "scheduled", "key": "daily", "within": "1d"}}}
    api.ok("PUT", ONE, DAILY | {"then": POINTS, "once_per": "3d", "audience": audience})
    for at in itertools.count(1):
        world.now, died = TEN + 4 * at * DAY, False
        service.look_at("shop", "daily")
        for body in [body for body in drain("bulk") if body.get("job") == "schedule"]:
            world.crossings, world.crash_at = 0, at
            try:
                JOBS["schedule"].run(body, 1)
            except Crashed:
                died, world.crash_at = True, None
                work()
                JOBS["schedule"].run(body, 2)
            world.crash_at = None
        work()
        run = runs_of(api)[0]
        assert [run[name] for name in ("state", "audience", "done", "left_out")] == ["done", 5, 5, 0]
        if not died:
            break
    assert at > 3
    assert [points(api, f"U{n}") for n in range(5)] == [at] * 5


def runs_of(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.ok("GET", f"{RUNS}?limit=200")["items"]
    return found


def test_after_an_outage(world: World, api: Api) -> None:
    """What is younger than ``max_lateness`` is run, in its order; the rest is listed and in the audit log."""
    api.ok("PUT", ONE, DAILY | {"then": POINTS, "max_lateness": "30h"})
    look(world, TEN + 4 * DAY + timedelta(hours=5))
    assert [run["state"] for run in runs_of(api)] == ["done", "done", "missed", "missed", "missed"]
    assert points(api, "U1") == 2
    lines = api.ok("GET", f"{A}/audit?action=schedule.missed")["items"]
    assert len(lines) == 3
    assert lines[0]["target"] == f"schedules/daily@{iso(TEN + 2 * DAY)}"


def test_what_changes_meanwhile(world: World, api: Api) -> None:
    """A new name loses nothing; another time, or a time out of force, brings nothing back."""
    late = DAILY | {"then": POINTS, "max_lateness": "9d"}
    with patch.object(service, "look_at"):
        api.ok("PUT", ONE, late)
        world.now = TEN + timedelta(minutes=1)
        api.ok("PUT", ONE, late | {"name": "Renamed"})
    assert look(world, TEN + timedelta(minutes=2)) == 5
    world.now = TEN + timedelta(hours=1)
    api.ok("PUT", ONE, late | {"every": {"time": "09:30"}})
    assert look(world, TEN + timedelta(hours=2)) == 0
    with patch.object(service, "look_at"):
        api.ok("PUT", ONE, late | {"enabled": False})
        world.now = TEN + 3 * DAY
        api.ok("PUT", ONE, late)
    assert look(world, TEN + 3 * DAY + timedelta(hours=1)) == 0
    assert look(world, TEN + 4 * DAY) == 5
    api.ok("DELETE", ONE)
    assert service.is_over(Entry("shop", "schedule", "daily", 0, TEN + 5 * DAY))
    assert look(world, TEN + 5 * DAY) == 0


def test_out_of_force_in_the_middle(world: World, api: Api) -> None:
    """The rest of a run is not done any more, and the run says so."""
    api.ok("PUT", ONE, DAILY)
    world.now = TEN
    service.look_at("shop", "daily")
    api.ok("PUT", ONE, DAILY | {"enabled": False})
    assert work() == 0
    assert [(run["state"], run["done"]) for run in runs_of(api)] == [("stopped", 0)]


def test_once_per(world: World, api: Api) -> None:
    """Whom it reached within that time is left out, also by one that is on its way at the same time."""
    api.ok("PUT", ONE, DAILY | {"then": POINTS, "once_per": "3d"})
    world.now = TEN
    service.look_at("shop", "daily")
    world.now = TEN + DAY
    service.look_at("shop", "daily")
    assert work() == 10
    assert points(api, "U1") == 1
    activities = api.ok("GET", f"{A}/friends/U1/activities")["items"]
    assert [one["rules"][0]["matched"] for one in activities if one["rules"]] == [False]
    assert look(world, TEN + 2 * DAY) == 0
    assert [run["left_out"] for run in runs_of(api)] == [5, 0, 0]
    assert look(world, TEN + 3 * DAY) == 5
    api.ok("PUT", ONE, DAILY | {"then": POINTS, "once_per": "ever"})
    a_friend("new")
    assert look(world, TEN + 50 * DAY) == 1
    assert api.ok("GET", f"{A}/friends/U1")["facts"]["scheduled:daily"]["count"] == 2


def test_rules_hear_it(world: World, api: Api) -> None:
    """The event wakes rules by the schedule's name, and conditions count it."""
    rule = {"name": "r", "when": {"event": "scheduled", "match": {"schedule": "daily"}}, "then": POINTS}
    api.ok("PUT", ONE, DAILY | {"then": []})
    api.ok("PUT", f"{A}/rules/r", rule)
    assert look(world, TEN) == 5
    assert points(api, "U1") == 1
    condition = {"event": {"type": "scheduled", "key": "daily", "within": "1d"}}
    assert api.ok("POST", f"{A}/segments/count", {"condition": condition})["count"] == 5
    assert api.paths(422, "DELETE", ONE) == ["rules.r.when.match.schedule"]


def test_the_time_zone_moves(world: World, api: Api) -> None:
    """Another time zone is another moment: the account's schedules are looked at anew."""
    api.ok("PUT", ONE, DAILY)
    an_account(api, shards=4, time_zone="Europe/Berlin")
    assert look(world, TEN) == 0
    assert look(world, datetime(2026, 11, 22, 9, tzinfo=UTC)) == 5


def test_the_heartbeat_arms_what_a_save_could_not(world: World, api: Api) -> None:
    """A process that died after the save: the schedule is found within ten minutes."""
    with patch.object(service, "look_at"):
        api.ok("PUT", ONE, DAILY)
    assert service.store.find_place("shop", "daily") is None
    assert hours.pass_by(BEFORE, BEFORE + timedelta(minutes=10), "schedules") == ["shop"]
    place = service.store.find_place("shop", "daily")
    assert place is not None
    assert place.armed == iso(TEN)


def test_who_may_make_one(api: Api) -> None:
    """What may reach friends is a publisher's: by its actions, or by what its event wakes."""
    editor = a_key(api, "editor", "shop")
    hello = {"name": "hello", "messages": [{"type": "text", "text": "こんにちは"}]}
    api.ok("PUT", f"{A}/messages/hello", hello)
    sends = DAILY | {"then": [{"send": {"message": "hello"}}]}
    editor.ok("PUT", ONE, DAILY)
    editor.ok("PUT", ONE, sends | {"enabled": False})
    assert editor.paths(403, "PUT", ONE, sends) == ["schedules.daily.then[0].send"]
    api.ok("PUT", ONE, sends)
    needs = ["schedules.daily.then[0].send"]
    assert editor.paths(403, "PUT", ONE, sends | {"audience": {"tag": "vip"}}) == needs
    other = hello | {"messages": [{"type": "text", "text": "?"}]}
    assert editor.paths(403, "PUT", f"{A}/messages/hello", other) == ["messages.hello"]
    editor.refused(403, "DELETE", ONE)
    api.ok("DELETE", ONE)
    wakes = {"when": {"event": "scheduled", "match": {"schedule": "daily"}}, "then": sends["then"]}
    editor.ok("PUT", ONE, DAILY | {"then": []})
    assert editor.paths(403, "PUT", f"{A}/rules/r", {"name": "r", **wakes}) != []
    editor.ok("DELETE", ONE)
    api.ok("PUT", ONE, DAILY | {"enabled": False})
    api.ok("PUT", f"{A}/rules/r", {"name": "r", **wakes})
    assert editor.paths(403, "PUT", ONE, DAILY | {"then": []}) == ["schedules.daily.every"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"every": {"time": "25:00"}}, "every.time"),
        ({"every": {"time": "10:00", "weekdays": ["mon"], "days_of_month": [1]}}, "every"),
        ({"every": {"time": "10:00", "days_of_month": [0]}}, "every.days_of_month[0]"),
        ({"audience": {"tagg": "vip"}}, "audience"),
        ({"once_per": "0d"}, "once_per"),
    ],
)
def test_wrong_shapes_are_named(api: Api, change: dict[str, Any], path: str) -> None:
    """400 with the path."""
    assert all(found.startswith(path) for found in api.paths(400, "PUT", ONE, DAILY | change))


def test_what_cannot_work_is_refused(api: Api) -> None:
    """422: unknown names, and actions where nobody has just written."""
    assert api.paths(422, "PUT", ONE, DAILY | {"audience": {"tag": "nobody"}}) == ["audience.tag"]
    assert api.paths(422, "PUT", ONE, DAILY | {"then": [{"reply": {"message": "x"}}]}) != []
    api.refused(404, "GET", RUNS)


EXAMPLES = re.findall(
    r"```yaml\n(schedules:.*?)```", (Path(__file__).parents[2] / "docs/schedules.md").read_text(), re.DOTALL
)


def test_the_examples_of_the_page(world: World, api: Api) -> None:
    """Each reaches who it is meant for, on the right day, once."""
    api.ok("PUT", f"{A}/attributes/birthday", {"name": "Birthday", "type": "date"})
    api.ok("PUT", f"{A}/attributes/points-expire-on", {"name": "Expiry", "type": "date"})
    for tag in ("do-not-disturb", "win-back"):
        api.ok("PUT", f"{A}/tags/{tag}", {"name": tag})
    for name in ("birthday-coupon", "points-expire", "come-again", "win-back"):
        message = {"name": name, "messages": [{"type": "text", "text": name}]}
        api.ok("PUT", f"{A}/messages/{name}", message)
    assert len(EXAMPLES) == 4
    for example in EXAMPLES:
        api.ok("POST", f"{A}/catalog/apply", {"schedules": yaml.safe_load(example)["schedules"]})

    def bought(days: int) -> dict[str, Any]:
        at = iso(BEFORE - timedelta(days=days))
        return {"purchases": {"count": 1, "total": 500, "first_at": at, "last_at": at}}

    a_friend("born", attributes={"birthday": "1990-11-24"})
    a_friend("expires", attributes={"points-expire-on": "2026-12-25"})
    a_friend("visited", **bought(57))
    a_friend("gone", **bought(200))
    people = ("born", "expires", "visited", "gone")
    got: dict[str, list[str]] = {user: [] for user in people}
    for day in range(24):
        world.now = BEFORE + day * DAY + timedelta(hours=6)
        service.look_at_all("shop")
        work()
    for user in people:
        for activity in api.ok("GET", f"{A}/friends/{user}/activities")["items"]:
            got[user].append(f"{activity['key']} {activity['at'][:10]}")
    assert got == {
        "born": ["birthday 2026-11-24"],
        "expires": ["points-expire 2026-11-26"],
        "visited": ["two-months 2026-11-26"],
        "gone": ["dormant 2026-12-01"],
    }
