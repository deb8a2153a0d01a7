"""Who starts each scenario, how many friends are in it, and a scenario with all that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.enrollments import service
from chalicelib.segments import by_shard
from tests.api_client import Api, a_key, an_account, an_api
from tests.integration.test_enrollments_many import no_time, work_off
from tests.reaction_builders import a_rule
from tests.scenario_world import SHOP, World, a_usual_world, enroll, message, publish, put_friends, wait

A = f"/v1/accounts/{SHOP}"
WAITS: dict[str, Any] = {"start": "p", "nodes": {"p": wait("1d", "m"), "m": message("m1")}}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        put_friends("u1", "u2", "u3")
        publish(**WAITS)
        yield found


@pytest.fixture
def api(world: World) -> Api:
    return an_api()


def starters(api: Api) -> list[tuple[str, str, str]]:
    found = [tuple(one.values()) for one in api.ok("GET", f"{A}/scenarios/welcome")["started_by"]]
    (listed,) = [one for one in api.ok("GET", f"{A}/scenarios")["items"] if one["id"] == "welcome"]
    assert [tuple(one.values()) for one in listed["started_by"]] == found
    return found


def test_who_starts_a_scenario(world: World, api: Api) -> None:
    """Rules, schedules, other scenarios as friends follow them; not what is switched off or drafted, nor
    what takes friends out."""
    enters = [{"enter_scenario": "welcome"}]
    api.ok("PUT", f"{A}/rules/hello", a_rule("followed", enters))
    api.ok("PUT", f"{A}/rules/off", a_rule("followed", enters, enabled=False))
    api.ok("PUT", f"{A}/rules/leaves", a_rule("unfollowed", [{"exit_scenario": "welcome"}]))
    every = {"name": "s", "every": {"time": "10:00"}, "audience": {"everyone": True}, "then": enters}
    api.ok("PUT", f"{A}/schedules/daily", every)
    nodes = {"go": {"type": "action", "then": enters}}
    api.ok("PUT", f"{A}/scenarios/first", {"name": "f", "start": "go", "nodes": nodes})
    rule, schedule = (
        ("rules", "hello", "then[0].enter_scenario"),
        ("schedules", "daily", "then[0].enter_scenario"),
    )
    assert starters(api) == [rule, schedule]
    api.ok("POST", f"{A}/scenarios/first/publish", {})
    assert starters(api) == [
        rule,
        ("scenarios", "first", "nodes.go.then[0].enter_scenario"),
        schedule,
    ]
    answer = api.ok("GET", f"{A}/scenarios/welcome")
    assert api.ok("PUT", f"{A}/scenarios/welcome", answer)["started_by"] == answer["started_by"]


def test_how_many_are_in_each(world: World, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one for each cart its runs; of one that nobody entered zeros; of too many an estimate and a job."""
    publish("carts", entry={"per": "cart"}, **WAITS)
    api.ok("PUT", f"{A}/scenarios/draft", {"name": "d", **WAITS})
    enroll("u1", "u2", "u3")
    service.exit(SHOP, ["u3"], "welcome", "operator", world.now)
    for cart in ("a", "b"):
        entry = service.Entry(cart, {"per": "cart", "event": "", "at": "", "reported": ""})
        service.enroll(SHOP, ["u1"], "carts", world.now, cart, entry=entry)
    exact = api.ok("GET", f"{A}/scenario-counts")
    none = {"active": 0, "finished": 0, "exited": 0}
    assert exact == {
        "scenarios": {
            "carts": none | {"active": 2},
            "draft": none,
            "welcome": none | {"active": 2, "exited": 1},
        }
    }
    listed = {one["id"]: one["counts"] for one in api.ok("GET", f"{A}/scenarios")["items"]}
    assert listed == {name: found | {"exact": True} for name, found in exact["scenarios"].items()}
    [first, *_] = api.ok("GET", f"{A}/scenarios?counts=false")["items"]
    assert "counts" not in first
    api.ok("PUT", f"{A}/scenarios/draft", api.ok("GET", f"{A}/scenarios")["items"][1])
    monkeypatch.setattr(by_shard, "within", no_time)
    monkeypatch.setattr(by_shard, "_THREADS", 1)
    estimated = api.ok("GET", f"{A}/scenario-counts")
    assert estimated["exact"] is False
    assert not any(one["counts"]["exact"] for one in api.ok("GET", f"{A}/scenarios")["items"])
    work_off(world)
    assert api.ok("GET", f"{A}/scenario-counts") == exact


def test_a_scenario_goes_to_another_account_with_what_it_needs(world: World, api: Api) -> None:
    """Its messages, the tags of its conditions, what its actions enter and what that needs; nothing else."""
    later = {"start": "m", "nodes": {"m": message("m2")}}
    api.ok("PUT", f"{A}/scenarios/later", {"name": "l", **later})
    whole = {**WAITS["nodes"], "do": {"type": "action", "then": [{"enter_scenario": "later"}]}}
    whole["m"] = message("m1", "do")
    body = {"name": "w", "start": "p", "nodes": whole, "goals": [{"if": {"tag": "bought"}}]}
    api.ok("PUT", f"{A}/scenarios/welcome", body)
    bundle = api.ok("GET", f"{A}/catalog/export?of=scenarios/welcome")
    found = {kind: sorted(documents) for kind, documents in bundle.items()}
    assert found == {"tags": ["bought"], "messages": ["m1", "m2"], "scenarios": ["later", "welcome"]}
    other = an_account(api, "other", shards=1)
    api.ok("POST", f"{other}/catalog/apply", bundle)
    mine, theirs = (api.ok("GET", f"{where}/scenarios/welcome") for where in (A, other))
    assert (mine["nodes"], mine["goals"]) == (theirs["nodes"], theirs["goals"])
    assert theirs["published_version"] is None
    assert api.paths(400, "GET", f"{A}/catalog/export?of=scenario/welcome") == ["of"]
    assert api.paths(400, "GET", f"{A}/catalog/export?of=scenarios") == ["of"]
    api.refused(404, "GET", f"{A}/catalog/export?of=scenarios/nothing")
    a_key(api, "viewer", "other").refused(403, "GET", f"{A}/catalog/export?of=scenarios/welcome")


def test_what_friends_follow_is_read_beside_the_draft(world: World, api: Api) -> None:
    """The definition in force, whatever is drafted; a folder is nothing to friends."""
    path = f"{A}/scenarios/welcome"
    draft = {name: api.ok("GET", path)[name] for name in ("name", "start", "nodes")}
    api.ok("PUT", path, draft | {"folder": "あいさつ"})
    assert api.ok("GET", path)["unpublished_changes"] is False
    api.ok("PUT", path, {**draft, "nodes": {"p": wait("2d", "m"), "m": message("m1")}})
    assert api.ok("GET", path)["unpublished_changes"] is True
    found = api.ok("GET", f"{path}/published")
    assert (found["version"], found["paused"]) == (1, False)
    assert found["definition"]["nodes"]["p"]["after"] == "1d"
    api.ok("PUT", f"{A}/scenarios/draft", {"name": "d", **WAITS})
    for missing in ("draft", "nobody"):
        assert api.call("GET", f"{A}/scenarios/{missing}/published").status_code == 404
