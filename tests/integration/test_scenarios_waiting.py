"""Who waits in a scenario until when, page by page; who is stuck, and is sent on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.enrollments import service
from chalicelib.enrollments.standing import waiting
from chalicelib.scenarios import publishing
from chalicelib.segments import by_shard
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from tests.api_client import Api, a_key, an_account, an_api
from tests.integration.test_enrollments_many import no_time
from tests.reasons_checked import plain
from tests.scenario_world import (
    SHOP,
    World,
    a_usual_world,
    enroll,
    message,
    publish,
    put_friends,
    wait,
    where,
)

S = f"/v1/accounts/{SHOP}/scenarios/welcome"
USERS = [f"u{n}" for n in range(7)]
DAY: dict[str, Any] = {
    "start": "pause",
    "nodes": {"pause": {**wait("1d", "second"), "name": "一日待つ"}, "second": message("m1")},
}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        put_friends(*USERS, display_name="花子")
        publish(**DAY)
        yield found


@pytest.fixture
def api(world: World) -> Api:
    return an_api()


def listed(api: Api, query: str = "") -> list[dict[str, Any]]:
    """Every page."""
    found, cursor = [], ""
    while True:
        answer = api.ok("GET", f"{S}/waiting?{query}{cursor and f'&cursor={cursor}'}")
        found += answer["items"]
        cursor = answer["next_cursor"]
        if cursor is None:
            return found


def stop(world: World, until: timedelta) -> None:
    """Time passes, and everything on its way is lost."""
    world.now += until
    world.queue.clear()
    world.executions.clear()


def test_who_waits_until_when(world: World, api: Api) -> None:
    """Each with the node, its name and the moment; who has ended waits no more."""
    enroll(*USERS[:3])
    publishing.pause(SHOP, "welcome", "test")
    service.exit(SHOP, ["u2"], "welcome", "operator", world.now)
    found = sorted(listed(api), key=lambda one: one["user_id"])
    assert [one["user_id"] for one in found] == ["u0", "u1"]
    assert found[0] == {
        "user_id": "u0",
        "display_name": "花子",
        "value": None,
        "node": "pause",
        "node_name": "一日待つ",
        "node_at": iso(world.now),
        "due_at": iso(world.now + timedelta(days=1)),
        "run": 1,
        "stuck": False,
    }
    assert (listed(api, "node=second"), len(listed(api, "node=pause"))) == ([], 2)


def test_at_a_node_further_on(world: World, api: Api) -> None:
    """Where they stand by now, not where they entered."""
    further = {"first": message("m1", "pause"), **DAY["nodes"]}
    publish(start="first", nodes=further)
    enroll("u0")
    world.run(60, sweep=False)
    assert [one["user_id"] for one in listed(api, "node=pause")] == ["u0"]
    assert listed(api, "node=first") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_pages_hold_everybody_once(world: World, api: Api, limit: int) -> None:
    """Whatever a page holds, also of a friend with several runs; no page is longer than asked for."""
    publish(**DAY, entry={"per": "cart"})
    for user in USERS:
        for cart in ("a", "b", "c"):
            entry = service.Entry(cart, {"per": "cart", "event": "", "at": "", "reported": ""})
            service.enroll(SHOP, [user], "welcome", world.now, f"{user}{cart}", entry=entry)
    found, cursor = [], ""
    while cursor is not None:
        answer = api.ok("GET", f"{S}/waiting?limit={limit}{cursor and f'&cursor={cursor}'}")
        assert len(answer["items"]) <= limit
        found += [(one["user_id"], one["value"]) for one in answer["items"]]
        cursor = answer["next_cursor"]
    assert sorted(found) == [(user, cart) for user in USERS for cart in ("a", "b", "c")]


def test_a_page_ends_with_the_time_of_its_request(
    world: World, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a million friends a page may be empty; going on comes to everybody once."""
    enroll(*USERS)
    monkeypatch.setattr(by_shard, "within", no_time)
    monkeypatch.setattr(waiting, "_PAGE", 2)
    first = api.ok("GET", f"{S}/waiting")
    assert len(first["items"]) < len(USERS)
    assert sorted(one["user_id"] for one in listed(api)) == USERS


def test_the_stuck_are_seen_and_sent_on(world: World, api: Api) -> None:
    """Their turn was lost for good: they are listed, and go on when that is asked for, once each."""
    enroll("u0", "u1")
    stop(world, timedelta(hours=20))
    enroll("u2")
    stop(world, timedelta(hours=5))
    assert sorted(one["user_id"] for one in listed(api, "stuck=true")) == ["u0", "u1"]
    assert {one["user_id"]: one["stuck"] for one in listed(api)} == {"u0": True, "u1": True, "u2": False}
    asked = {"user_ids": ["u0", "u2", "u5", "u0", "nobody"]}
    for _ in range(2):
        answer = api.call("POST", f"{S}/retry", asked)
        assert answer.status_code == 202
        assert answer.json_body == {
            "accepted": 1,
            "rejected": [
                {"user_id": "u2", **Reason("not_stuck").shown()},
                {"user_id": "u5", **plain("not_active")},
                {"user_id": "nobody", **plain("not_active")},
            ],
        }
    world.run(60, sweep=False)
    assert [world.received(user) for user in ("u0", "u1", "u2")] == [["one"], [], []]
    assert where("u0").state == "finished"


def test_who_is_at_an_action_that_nobody_carries_out_is_stuck(world: World, api: Api) -> None:
    """Asked for again every minute, they look due in a minute for ever; a retry asks at once."""
    publish(start="do", nodes={"do": {"type": "action", "then": [{"add_tag": "vip"}]}})
    world.act_at_once = False
    enroll("u0")
    world.run(timedelta(minutes=5), sweep=False)
    assert [one["stuck"] for one in listed(api)] == [False]
    world.run(timedelta(minutes=6), sweep=False)
    assert [one["stuck"] for one in listed(api)] == [True]
    stop(world, timedelta(0))
    world.facts.clear()
    assert api.ok("POST", f"{S}/retry", {"user_ids": ["u0"]})["accepted"] == 1
    world.run(5, sweep=False)
    (asked,) = [fact for fact in world.facts.values() if fact.type == "scenario_action"]
    service.action_done(SHOP, "u0", asked)
    assert where("u0").state == "finished"


def test_a_pause_is_nobody_s_fault(world: World, api: Api) -> None:
    """Who is held by it is not stuck; resuming is what sends them on."""
    enroll("u0")
    publishing.pause(SHOP, "welcome", "test")
    stop(world, timedelta(days=2))
    assert [one["stuck"] for one in listed(api)] == [False]
    answer = api.ok("POST", f"{S}/retry", {"user_ids": ["u0"]})
    assert answer["rejected"] == [{"user_id": "u0", **Reason("scenario_paused").shown()}]


def test_one_run_of_several(world: World, api: Api) -> None:
    """With a value the run for that one alone goes on."""
    publish(**DAY, entry={"per": "cart"})
    for cart in ("a", "b"):
        entry = service.Entry(cart, {"per": "cart", "event": "", "at": "", "reported": ""})
        service.enroll(SHOP, ["u0"], "welcome", world.now, cart, entry=entry)
    stop(world, timedelta(days=2))
    assert api.ok("POST", f"{S}/retry", {"user_ids": ["u0"], "value": "b"})["accepted"] == 1
    world.run(60, sweep=False)
    assert [where("u0", value=cart).state for cart in ("a", "b")] == ["active", "finished"]


def test_what_cannot_be_asked(world: World, api: Api) -> None:
    """Unknown scenarios, bad nodes and cursors, roles, another account."""
    api.refused(404, "GET", f"{S}x/waiting")
    api.refused(404, "POST", f"{S}x/retry", {"user_ids": ["u0"]})
    assert api.paths(400, "GET", f"{S}/waiting?node=No Id".replace(" ", "%20")) == ["node"]
    assert api.paths(400, "GET", f"{S}/waiting?stuck=yes") == ["stuck"]
    assert api.paths(400, "GET", f"{S}/waiting?cursor=abc") == ["cursor"]
    assert api.paths(400, "POST", f"{S}/retry", {"user_ids": []}) == ["user_ids"]
    editor = a_key(api, "editor", SHOP)
    editor.ok("GET", f"{S}/waiting")
    editor.refused(403, "POST", f"{S}/retry", {"user_ids": ["u0"]})
    an_account(api, "other", shards=1)
    a_key(api, "admin", "other").refused(403, "GET", f"{S}/waiting")
    enroll("u0")
    api.ok(
        "PUT", "/v1/accounts/other/messages/m1", {"name": "m", "messages": [{"type": "text", "text": "a"}]}
    )
    api.ok("PUT", "/v1/accounts/other/scenarios/welcome", {"name": "w", **DAY})
    assert api.ok("GET", "/v1/accounts/other/scenarios/welcome/waiting")["items"] == []


def test_a_dry_run_answers_what_would_happen(world: World, api: Api) -> None:
    """The rows of the live-edit table, with a sentence in the language asked for; nothing is put in force."""
    enroll(*USERS[:3])
    longer = {**DAY, "name": "w", "nodes": {**DAY["nodes"], "pause": wait("2d", "second")}}
    api.ok("PUT", S, longer)
    answer = api.ok("POST", f"{S}/publish?lang=ja", {"dry_run": True})
    assert (answer["version"], answer["waiting"]) == (2, {"pause": 3})
    (change,) = answer["changes"]
    assert (change["node"], change["row"], change["waiting"]) == ("pause", "longer", 3)
    assert (change["reason"], "待ち時間" in change["what"]) == ({"code": "edit_longer", "params": {}}, True)
    assert api.ok("GET", S)["published_version"] == 1
    assert "changes" not in api.ok("POST", f"{S}/publish", {})
    assert api.ok("POST", f"{S}/publish", {"dry_run": True})["changes"] == []


def test_a_dry_run_refuses_what_publishing_refuses(world: World, api: Api) -> None:
    """A condition names a node that would go; and only who may publish may try."""
    condition = {"scenario": {"id": "welcome", "state": "active", "node": "pause"}}
    api.ok("PUT", f"/v1/accounts/{SHOP}/segments/s", {"name": "s", "condition": condition})
    api.ok("PUT", S, {"name": "w", "start": "second", "nodes": {"second": message("m1")}})
    for body in ({"dry_run": True}, {}):
        api.refused(422, "POST", f"{S}/publish", body)
    a_key(api, "editor", SHOP).refused(403, "POST", f"{S}/publish", {"dry_run": True})


def test_the_calendar_shows_which_day_brings_whom_on(world: World, api: Api) -> None:
    """By scenario and local day, those who wait now; who has ended, and other days, count nowhere."""
    enroll(*USERS[:3])
    service.exit(SHOP, ["u2"], "welcome", "operator", world.now)
    calendar = f"/v1/accounts/{SHOP}/broadcasts/calendar"
    found = api.ok("GET", calendar)
    day = (world.now + timedelta(days=1, hours=9)).date().isoformat()
    expected = [{"date": day, "scenario": "welcome", "friends": 2}]
    assert (found["scenarios"], found["scenarios_exact"]) == (expected, True)
    until = iso(world.now + timedelta(hours=1))
    assert api.ok("GET", f"{calendar}?to={until}")["scenarios"] == []
