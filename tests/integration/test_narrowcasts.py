"""Narrowcasts: LINE chooses, once, whatever dies; whom LINE may not choose is left out; its progress is
told.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.line.targeting import persons
from tests.integration.test_audiences import a_cloud_and_line
from tests.line_world import BASE, LineWorld, a_line_world, user

HELLO = [{"type": "text", "text": "春のお知らせ"}]
VIPS: dict[str, Any] = {"name": "n", "narrowcast": {"recipient": {"segment": "vips"}}, "messages": HELLO}


@pytest.fixture
def world(cloud: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LineWorld]:
    with a_line_world(tmp_path, monkeypatch) as found:
        fill(found)
        yield found


def fill(world: LineWorld, count: int = 6) -> None:
    bundle = {
        "tags": {"vip": {"name": "VIP"}},
        "topics": {"news": {"name": "News"}},
        "segments": {
            "vips": {"name": "VIPs", "condition": {"tag": "vip"}},
            "none": {"name": "none", "condition": {"not": {"everyone": True}}},
        },
    }
    world.api.ok("POST", f"{BASE}/catalog/apply", bundle)
    world.everybody(count, "vip")


def sent(world: LineWorld) -> list[dict[str, Any]]:
    """What LINE has accepted."""
    rows = world.sim_request("GET", "messages")["items"]
    return [row for row in rows if row["kind"] == "narrowcast" and row["status"] == 202]


def reached(world: LineWorld) -> set[str]:
    from chalicelib.local.line.targeting import audiences

    return {u for row in sent(world) for u in audiences.reached(world.sim, "shop", row["request_id"])}


def put(world: LineWorld, body: dict[str, Any] = VIPS, name: str = "n1") -> dict[str, Any]:
    found: dict[str, Any] = world.api.ok("PUT", f"{BASE}/broadcasts/{name}", body)
    return found


def get(world: LineWorld, name: str = "n1") -> dict[str, Any]:
    found: dict[str, Any] = world.api.ok("GET", f"{BASE}/broadcasts/{name}")
    progress = found["progress"]
    rest = sum(progress["skipped"].values()) + sum(progress["failed"].values())
    parts = [progress[name] for name in ("pending", "accepted", "unknown", "held_out")]
    assert progress["planned"] == sum(parts) + rest
    return found


def go(world: LineWorld, body: dict[str, Any] = VIPS, name: str = "n1") -> dict[str, Any]:
    put(world, body, name)
    world.api.ok("POST", f"{BASE}/broadcasts/{name}/send", {})
    world.work()
    return get(world, name)


def test_a_segment_is_handed_over_and_sent_to(world: LineWorld) -> None:
    """Uploaded, awaited, sent once with the key of its run, followed to its end; numbers are LINE's."""
    assert put(world)["line"] is None
    found = go(world)
    assert (found["status"], found["progress"]["accepted"]) == ("done", 6)
    assert (found["line"]["phase"], found["line"]["target"]) == ("succeeded", 6)
    (one,) = sent(world)
    assert one["messages"] == HELLO
    assert one["request_id"] == found["line"]["request_id"]
    assert reached(world) == {user(n) for n in range(6)}
    world.api.refused(409, "POST", f"{BASE}/broadcasts/n1/send", {})
    assert world.api.ok("GET", f"{BASE}/broadcasts/n1/runs")["items"][0]["progress"]["accepted"] == 6
    assert world.api.ok("GET", f"{BASE}/broadcasts/n1/recipients")["items"] == []
    world.api.refused(422, "GET", f"{BASE}/broadcasts/n1/why/{user(1)}")
    assert world.sim_request("GET", "quota")["limit"] is None


def test_who_has_opted_out_gets_nothing(world: LineWorld) -> None:
    """Of marketing, or of the message's topic: LINE is told to leave them out, also where it chooses of
    all.
    """
    for n, topic in ((1, "marketing"), (2, "news")):
        world.api.ok("PATCH", f"{BASE}/friends/{user(n)}", {"topics": {topic: "out"}})
    world.work()
    go(world, VIPS | {"narrowcast": {"max": 100}, "topic": "news", "category": "marketing"})
    go(world, VIPS | {"topic": "news", "category": "marketing"}, "n2")
    assert reached(world) == {user(n) for n in (0, 3, 4, 5)}
    assert len(sent(world)) == 2
    go(world, VIPS | {"category": "transactional"}, "n3")
    assert reached(world) == {user(n) for n in range(6)}


def test_who_saw_and_who_tapped_become_audiences(world: LineWorld) -> None:
    """Of a narrowcast, by LINE's counts; of anything else LINE makes none, and says nothing of it."""
    world.everybody(200, "vip")
    request = go(world)["line"]["request_id"]
    for name, of in (("seen", "impression"), ("tapped", "click")):
        world.api.ok("POST", f"{BASE}/audiences", {"id": name, "name": name, of: "n1"})
    world.work()
    seen, tapped = (world.api.ok("GET", f"{BASE}/audiences/{name}") for name in ("seen", "tapped"))
    count = sum(persons.has_seen(user(n), request) for n in range(200))
    assert (seen["status"], seen["type"], seen["count"], seen["broadcast"]) == ("READY", "IMP", count, "n1")
    assert (tapped["status"], tapped["type"]) == ("IN_PROGRESS", "CLICK"), "fewer than fifty"
    world.api.ok("PUT", f"{BASE}/broadcasts/b", {"name": "b", "audience": {"tag": "vip"}, "messages": HELLO})
    for wrong in ("b", "nobody"):
        body = {"id": "x", "name": "x", "impression": wrong}
        assert world.api.paths(422, "POST", f"{BASE}/audiences", body) == ["impression"]


def test_what_was_made_for_a_run_goes_again(world: LineWorld) -> None:
    """Some days later, here and at LINE."""
    go(world)
    assert world.sim.store.one("SELECT COUNT(*) AS n FROM audiences")["n"] == 1  # type: ignore[index]
    world.now += timedelta(days=5)
    world.pass_time(timedelta(minutes=30))
    assert world.sim.store.one("SELECT COUNT(*) AS n FROM audiences")["n"] == 0  # type: ignore[index]
    assert world.api.ok("GET", f"{BASE}/audiences")["items"] == []


@pytest.mark.parametrize("dies_after", [False, True])
def test_whoever_dies_it_is_sent_once(tmp_path: Path, dies_after: bool) -> None:
    """At every ninth change of the workers, before it or with its answer lost."""
    number, most = 3 if dies_after else 1, 99
    while number <= most:
        with a_cloud_and_line(tmp_path / f"{dies_after}-{number}") as world:
            fill(world, 3)
            put(world)
            world.api.ok("POST", f"{BASE}/broadcasts/n1/send", {})
            world.changes.clear()
            world.crash_at, world.dies_after = number, dies_after
            world.work()
            most = min(most, len(world.changes)) if world.crash_at is not None else most
            world.crash_at = None
            world.pass_time(timedelta(minutes=50))
            assert len(sent(world)) == 1, number
            assert get(world)["status"] == "done", number
            assert get(world)["progress"]["accepted"] == 3
        number += 9
    assert number > 15


def test_an_answer_that_is_lost_is_asked_for_with_the_same_key(world: LineWorld) -> None:
    """LINE says 409 and which request it has accepted; nobody gets it twice."""
    world.sim_request("PUT", "faults", {"narrowcast": {"status": 500, "after_accept": True, "count": 2}})
    found = go(world)
    assert (found["status"], found["progress"]["accepted"]) == ("done", 6)
    (one,) = sent(world)
    assert found["line"]["request_id"] == one["request_id"]
    keys = {
        row["retry_key"]
        for row in world.sim_request("GET", "messages")["items"]
        if row["kind"] == "narrowcast"
    }
    assert len(keys) == 1


def test_a_refusal_is_final_only_if_no_attempt_is_open(world: LineWorld) -> None:
    """400 after a lost answer proves nothing; 400 at once ends it, with LINE's words, and it may be
    mended.
    """
    world.sim_request("PUT", "faults", {"narrowcast": {"status": 400, "count": 1, "message": "no"}})
    found = go(world)
    assert (found["status"], found["line"]["reason"]["code"]) == ("failed", "narrowcast_refused")
    assert sent(world) == []
    assert go(world)["status"] == "done"
    world.sim_request("PUT", "faults", {"narrowcast": {"status": 0}})
    put(world, name="n2")
    world.api.ok("POST", f"{BASE}/broadcasts/n2/send", {})
    world.work(rounds=8)
    world.sim_request("PUT", "faults", {"narrowcast": {"status": 400, "count": 2}})
    world.work()
    assert get(world, "n2")["status"] == "done"
    assert len(sent(world)) == 2


def test_after_twenty_hours_it_is_unknown(world: LineWorld) -> None:
    """LINE forgets keys after a day: nobody asks again by himself, and a person is told where to look."""
    world.sim_request("PUT", "faults", {"narrowcast": {"status": 0}})
    go(world)
    world.pass_time(timedelta(hours=21), rounds=3)
    found = get(world)
    assert (found["status"], found["line"]["reason"]["code"]) == ("done", "narrowcast_unknown")
    world.sim_request("PUT", "faults", {})
    world.pass_time(timedelta(hours=2))
    assert sent(world) == []


def test_cancelled_before_the_call_nothing_goes_out(world: LineWorld) -> None:
    """And after it LINE takes nothing back: the run is followed to its end."""
    world.sim_request("PUT", "delays", {"audience_delay_s": 3600})
    put(world)
    world.api.ok("POST", f"{BASE}/broadcasts/n1/send", {})
    world.work(rounds=6)
    assert get(world)["status"] == "planning"
    world.api.ok("POST", f"{BASE}/broadcasts/n1/cancel", {})
    world.work()
    assert (get(world)["status"], sent(world)) == ("cancelled", [])
    world.sim_request("PUT", "delays", {"audience_delay_s": 0, "narrowcast_delay_s": 3600})
    put(world, name="n2")
    world.api.ok("POST", f"{BASE}/broadcasts/n2/send", {})
    world.work(rounds=12)
    assert (get(world, "n2")["status"], len(sent(world))) == ("sending", 1)
    world.api.ok("POST", f"{BASE}/broadcasts/n2/cancel", {})
    world.work()
    world.pass_time(timedelta(hours=2))
    found = get(world, "n2")
    assert (found["status"], found["progress"]["accepted"], found["finished_at"] is None) == (
        "cancelled",
        6,
        False,
    )


def test_quiet_hours_hold_it(world: LineWorld) -> None:
    """Marketing waits until the morning; then it goes out by itself."""
    policy = {"quiet_hours": {"from": "11:00", "to": "15:00"}}
    world.api.ok("PUT", f"{BASE}/policies/default", policy)
    found = go(world, VIPS | {"max_lateness": "6h"})
    assert (found["status"], found["status_reason"], sent(world)) == ("paused", "quiet_hours", [])
    world.pass_time(timedelta(hours=4))
    assert get(world)["status"] == "done"


def test_many_need_an_approval(world: LineWorld) -> None:
    """Nobody knows how many LINE finds: without ``max`` it counts as too many."""
    world.api.ok("PUT", f"{BASE}/policies/default", {"approval_above": 10})
    assert go(world)["status"] == "awaiting_approval"
    assert sent(world) == []
    narrow = {"recipient": {"segment": "vips"}, "max": 5}
    assert go(world, VIPS | {"narrowcast": narrow}, "n2")["progress"]["accepted"] == 5


def test_a_quota_that_does_not_suffice_holds_it(world: LineWorld) -> None:
    """Looked at before, by ``max``; LINE's own refusal pauses it, and it goes on when somebody says so."""
    world.sim_request("PUT", "quota", {"limit": 4})
    narrow = {"recipient": {"segment": "vips"}, "max": 5}
    found = go(world, VIPS | {"narrowcast": narrow})
    assert (found["status"], found["status_reason"]) == ("paused", "quota")
    assert (go(world, name="n2")["status"], sent(world)) == ("paused", [])
    world.sim_request("PUT", "quota", {"limit": None})
    for name in ("n1", "n2"):
        world.api.ok("POST", f"{BASE}/broadcasts/{name}/resume", {})
    world.work()
    assert [get(world, name)["status"] for name in ("n1", "n2")] == ["done", "done"]
    assert len(sent(world)) == 2


def test_what_is_scheduled_is_reserved(world: LineWorld) -> None:
    """A narrowcast that waits takes its ``max`` from what is left; LINE's own check is asked for at the
    preview.
    """
    world.sim_request("PUT", "quota", {"limit": 100})
    put(world, VIPS | {"narrowcast": {"recipient": {"segment": "vips"}, "max": 30}})
    world.api.ok("POST", f"{BASE}/broadcasts/n1/schedule", {"at": "2026-11-25T03:00:00Z"})
    quota = world.api.ok("GET", f"{BASE}/quota")
    assert (quota["limit"], quota["reserved"], quota["left"]) == (100, 30, 70)
    world.sim_request("PUT", "faults", {"validate": {"status": 400, "message": "no"}})
    found = world.api.ok("POST", f"{BASE}/broadcasts/n1/preview", {})["line_check"]
    assert found == {"valid": False, "details": [{"variant": None, "property": "", "message": "no"}]}
    world.sim_request("PUT", "faults", {"validate": {"status": 0}})
    assert world.api.ok("POST", f"{BASE}/broadcasts/n1/preview", {})["line_check"]["valid"] is None


def test_line_s_own_filters(world: LineWorld) -> None:
    """Age and audiences together, by LINE's rules: 100 for filters; the numbers are what LINE found."""
    old = {"type": "age", "gte": "age_40"}
    few = go(world, {"name": "n", "narrowcast": {"demographic": old}, "messages": HELLO})
    assert (few["status"], few["line"]["reason"]["code"]) == ("failed", "narrowcast_refused_reach")
    friends = [{"user_id": user(n)} for n in range(1000, 1400)]
    world.sim_request("POST", "friends", {"account": "shop", "friends": friends})
    world.sim_request("POST", "audiences", {"account": "shop", "type": "CHAT_TAG", "user_ids": [user(1000)]})
    items = world.api.ok("GET", f"{BASE}/audiences")["items"]
    (group,) = [one["audience_group_id"] for one in items if one["type"] == "CHAT_TAG"]
    but = {"type": "operator", "not": {"type": "audience", "audienceGroupId": group}}
    found = go(
        world, {"name": "n", "narrowcast": {"recipient": but, "demographic": old}, "messages": HELLO}, "n2"
    )
    everybody = [user(n) for n in (*range(6), *range(1001, 1400))]
    expected = {one for one in everybody if persons.persona(one)["age"] >= 40}
    assert (found["status"], reached(world)) == ("done", expected)
    assert found["progress"]["accepted"] == len(expected)


def test_a_redelivery_goes_to_whom_an_earlier_one_has_reached(world: LineWorld) -> None:
    """By LINE's id of the request, which the broadcast shows."""
    first = go(world)["line"]["request_id"]
    again = {"recipient": {"type": "redelivery", "requestId": first}}
    world.api.ok("PUT", f"{BASE}/broadcasts/n2", {"name": "n", "narrowcast": again, "messages": HELLO})
    found = world.api.ok("POST", f"{BASE}/broadcasts/n2/preview", {})
    assert [one["reason"]["code"] for one in found["findings"]] == ["narrowcast_reserves_all"]
    assert found["line_check"] == {"valid": True, "details": []}
    assert (found["count"], found["exact"], found["samples"][0]["messages"]) == (6, False, HELLO)
    second = go(world, {"name": "n", "narrowcast": again, "messages": HELLO}, "n2")
    assert (second["status"], second["progress"]["accepted"]) == ("done", 6)


def test_an_audience_that_is_named_stays(world: LineWorld) -> None:
    """Unknown ones are refused; one that a draft names cannot be deleted; an empty segment fails with why."""
    mine = VIPS | {"narrowcast": {"recipient": {"audience": "mine"}}}
    paths = world.api.paths(422, "PUT", f"{BASE}/broadcasts/n1", mine)
    assert paths == ["narrowcast.recipient.audience"]
    world.api.ok("POST", f"{BASE}/audiences", {"id": "mine", "name": "mine", "segment": "vips"})
    assert go(world, mine)["status"] == "done"
    put(world, mine, "n2")
    assert world.api.paths(422, "DELETE", f"{BASE}/audiences/mine") == ["broadcasts.n2"]
    world.api.ok("DELETE", f"{BASE}/broadcasts/n2")
    world.api.ok("DELETE", f"{BASE}/audiences/mine")
    found = go(world, VIPS | {"narrowcast": {"recipient": {"segment": "none"}}}, "n3")
    assert (found["status"], found["status_reason"]) == ("failed", "audience_empty")
    path = f"{BASE}/broadcasts/n3"
    reasons = {language: world.api.ok("GET", f"{path}?lang={language}")["why"] for language in ("en", "ja")}
    assert "audience of nobody" in reasons["en"]
    assert "空のオーディエンス" in reasons["ja"]
    (run,) = world.api.ok("GET", f"{path}/runs?lang=ja")["items"]
    assert (run["status_reason"], run["why"], run["reason"]["code"]) == (
        "audience_empty",
        reasons["ja"],
        "audience_empty",
    )


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"audience": {"everyone": True}}, 400, "audience"),
    ({"exclude": {"tag": "vip"}}, 400, "exclude"),
    ({"narrowcast": {"max": 0}}, 400, "narrowcast.max"),
    ({"narrowcast": {"recipient": {"type": "operator", "and": []}}}, 400, "narrowcast.recipient.and"),
    ({"narrowcast": {"recipient": {"type": "friends"}}}, 400, "narrowcast.recipient"),
    ({"narrowcast": {"recipient": {"segment": "Nobody!"}}}, 400, "narrowcast.recipient.segment"),
    ({"narrowcast": {"recipient": {"segment": "nobody"}}}, 422, "narrowcast.recipient.segment"),
    ({"narrowcast": {"demographic": {"type": "age", "gte": "age_17"}}}, 400, "narrowcast.demographic.gte"),
    ({"narrowcast": {"demographic": {"type": "gender", "oneOf": []}}}, 400, "narrowcast.demographic.oneOf"),
    ({"messages": [{"type": "text", "text": "{{ friend.display_name }}"}]}, 422, "messages"),
]


@pytest.mark.parametrize(("more", "status", "path"), WRONG)
def test_what_cannot_work_is_refused(world: LineWorld, more: dict[str, Any], status: int, path: str) -> None:
    """With the place, before anything is made at LINE."""
    assert world.api.paths(status, "PUT", f"{BASE}/broadcasts/n1", VIPS | more) == [path]
