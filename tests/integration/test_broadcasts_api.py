"""The broadcasts' part of the contract, as an outside program uses it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.gateways import line, seam
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers
from tests.api_client import Api, an_api
from tests.deliveries_builders import World, a_friend, an_account
from tests.reasons_checked import words

SHOP = Account("shop", "Shop", "Asia/Tokyo", 4)
NEWS = {"name": "news", "audience": {"everyone": True}, "message": "news"}
AT = "/v1/accounts/shop/broadcasts"


@pytest.fixture
def world(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    found = World()
    monkeypatch.setattr(timers, "arm", found.arm)
    monkeypatch.setattr(timers, "watch", found.watch)
    with seam.guarded(found.guard):
        an_account(SHOP)
        for n in range(5):
            a_friend(f"U{n}", SHOP, tags=["vip"] if n < 2 else [])
        yield found


@pytest.fixture
def api(world: World) -> Api:
    return an_api()


def test_from_draft_to_done(world: World, api: Api) -> None:
    """PUT, send, read, list: the shapes and the status codes of the contract."""
    made = api.call("PUT", f"{AT}/winter", NEWS)
    assert made.status_code == 201
    assert made.json_body["revision"] == 1
    changed = api.call("PUT", f"{AT}/winter", {**NEWS, "name": "other"}, if_match="1")
    assert (changed.status_code, changed.json_body["revision"]) == (200, 2)
    assert api.refused(409, "PUT", f"{AT}/winter", NEWS, if_match="1")["current_revision"] == 2
    sent = api.call("POST", f"{AT}/winter/send", {})
    assert sent.status_code == 202
    assert set(sent.json_body) >= {"status", "status_reason", "run", "progress", "variants", "decision"}
    assert set(sent.json_body["progress"]) == {
        "planned",
        "pending",
        "accepted",
        "skipped",
        "failed",
        "unknown",
        "held_out",
    }
    assert api.refused(409, "POST", f"{AT}/winter/send", {})["code"] == "conflict"
    assert api.ok("GET", "/v1/status")["runs_open"] == 1
    world.run(until=timedelta(minutes=1))
    done = api.ok("GET", f"{AT}/winter")
    assert (done["status"], done["progress"]["accepted"], done["name"]) == ("done", 5, "other")
    assert api.refused(409, "PUT", f"{AT}/winter", NEWS)["code"] == "conflict"
    assert api.ok("GET", "/v1/status")["runs_open"] == 0
    api.ok("PUT", f"{AT}/summer", NEWS)
    first = api.ok("GET", f"{AT}?limit=1")
    assert [one["id"] for one in first["items"]] == ["summer"]
    second = api.ok("GET", f"{AT}?limit=1&cursor={first['next_cursor']}")
    assert [one["id"] for one in second["items"]] == ["winter"]
    runs = api.ok("GET", f"{AT}/winter/runs")
    assert [(run["run"], run["status"]) for run in runs["items"]] == [(done["run"], "done")]


def test_recipients_and_why(world: World, api: Api) -> None:
    """Every friend is told with a status and a reason; ``why`` explains one of them."""
    a_friend("V1", SHOP, display_name=None, name=None)

    def fault(kind: str, body: Any, n: int) -> Any:
        return line.Answer(400, "no") if body.get("to") == "U3" else None

    world.line.fault = fault
    test = {"hold_out_percent": 25}
    api.ok("PUT", f"{AT}/b", {**NEWS, "message": "dear", "exclude": {"tag": "vip"}, "test": test})
    before = api.ok("GET", f"{AT}/b/why/U0")
    assert (before["outcome"], before["in_audience"], before["exclude"]["value"]) == (None, False, True)
    api.ok("POST", f"{AT}/b/send", {})
    world.run(done=lambda: bool(world.line.calls))
    world.run(until=timedelta(minutes=1))
    numbers = api.ok("GET", f"{AT}/b")["progress"]
    found: dict[str, dict[str, Any]] = {}
    path = f"{AT}/b/recipients?limit=2"
    while True:
        answer = api.ok("GET", path)
        assert len(answer["items"]) <= 2
        for one in answer["items"]:
            assert one["user_id"] not in found
            found[one["user_id"]] = one
        if answer["next_cursor"] is None:
            break
        path = f"{AT}/b/recipients?limit=2&cursor={answer['next_cursor']}"
    assert set(found) == {"U2", "U3", "U4", "V1"}
    figures = {
        status: sum(1 for one in found.values() if one["status"] == status)
        for status in ("accepted", "held_out")
    }
    assert figures == {"accepted": numbers["accepted"], "held_out": numbers["held_out"]}
    for user, one in found.items():
        outcome = api.ok("GET", f"{AT}/b/why/{user}")["outcome"]
        assert (outcome["status"], outcome.get("reason")) == (one["status"], one.get("reason"))
    assert api.ok("GET", f"{AT}/b/why/U0")["outcome"] is None
    failed = api.ok("GET", f"{AT}/b/recipients?status=failed")["items"]
    assert [one["user_id"] for one in failed] == [u for u, one in found.items() if one["status"] == "failed"]
    api.refused(400, "GET", f"{AT}/b/recipients?status=lost")
    api.refused(400, "GET", f"{AT}/b/recipients?cursor=eyJwYXJ0IjoicGxhbiJ9")
    api.refused(404, "GET", f"{AT}/b/why/nobody")


def test_preview(world: World, api: Api) -> None:
    """Count, waterfall, skips, quota, yen and samples, before anything is decided; nothing is written."""
    world.line.quota = (1000, 998)
    a_friend("B1", SHOP, status="blocked", tags=["vip"])
    variants = [{"id": "a", "message": "news"}, {"id": "b", "message": "dear"}]
    audience = {"all": [{"not": {"tag": "vip"}}, {"friend": {"language": "ja"}}]}
    body = {"name": "n", "audience": audience, "variants": variants}
    api.ok("PUT", f"{AT}/b", body)
    assert api.ok("POST", f"{AT}/b/preview")["count"] == 0
    api.ok(
        "PUT",
        f"{AT}/b",
        {
            **body,
            "audience": {"not": {"tag": "vip"}},
            "exclude": {"random": {"salt": "s", "from": 0, "to": 0}},
        },
    )
    found = api.ok("POST", f"{AT}/b/preview")
    assert (found["count"], found["exact"], found["yen"]) == (3, True, 9)
    assert found["quota"] == {"limit": 1000, "used": 998, "left": 2, "needed": 3, "reserved": 0}
    assert [step["left"] for step in found["waterfall"]] == [5, 3, 3]
    assert sum(arm["planned"] for arm in found["variants"]) == 3
    assert len(found["samples"]) == 3
    assert api.ok("GET", f"{AT}/b")["status"] == "draft"


def test_the_preview_foresees_the_brake_and_what_others_take(world: World, api: Api) -> None:
    """The same words again within the window reach nobody, other words do; what is scheduled is reserved of
    the quota, as often as it comes round this month.
    """
    world.line.quota = (1000, 900)
    api.ok("PUT", f"{AT}/a", NEWS)
    api.ok("POST", f"{AT}/a/send", {})
    world.run(until=timedelta(minutes=1))
    api.ok("PUT", f"{AT}/b", NEWS)
    again = api.ok("POST", f"{AT}/b/preview")
    assert (again["skipped"], again["quota"]["needed"]) == ({"runaway": 5}, 0)
    api.ok("PUT", f"{AT}/b", {**NEWS, "message": "dear"})
    assert api.ok("POST", f"{AT}/b/preview")["skipped"] == {}
    api.ok("PUT", f"{AT}/c", {**NEWS, "audience": {"tag": "vip"}})
    api.ok("POST", f"{AT}/c/schedule", {"at": iso(world.now + timedelta(hours=1))})
    quota = api.ok("GET", "/v1/accounts/shop/quota")
    assert (quota["reserved"], quota["left"]) == (2, 98)
    assert api.ok("POST", f"{AT}/b/preview")["quota"]["left"] == 98
    assert api.ok("POST", f"{AT}/c/preview")["quota"]["reserved"] == 0
    api.ok("PUT", f"{AT}/d", NEWS)
    api.ok("POST", f"{AT}/d/schedule", {"at": iso(world.now + timedelta(days=40))})
    assert api.ok("GET", "/v1/accounts/shop/quota")["reserved"] == 2


def test_a_test_send_is_not_counted(world: World, api: Api) -> None:
    """Chosen friends get it as a run of its own; the broadcast stays what it was."""
    api.ok("PUT", f"{AT}/b", {**NEWS, "message": "dear"})
    a_friend("V1", SHOP, display_name=None, name=None)
    answer = api.call("POST", f"{AT}/b/test", {"user_ids": ["U1", "V1"]})
    assert answer.status_code == 202
    assert answer.json_body["status"] == "draft"
    assert answer.json_body["test_run"]["sent"] + len(answer.json_body["test_run"]["rejected"]) == 2
    assert api.paths(422, "POST", f"{AT}/b/test", {"user_ids": ["U1", "nobody"]}) == ["user_ids[1]"]
    assert api.paths(400, "POST", f"{AT}/b/test", {"user_ids": []}) == ["user_ids"]
    world.run(until=timedelta(minutes=1))
    assert world.line.got["U1"] == 1
    assert api.ok("GET", f"{AT}/b")["progress"]["planned"] == 0


def test_idempotency_key(world: World, api: Api) -> None:
    """The same key gives the first answer again instead of a conflict."""
    api.ok("PUT", f"{AT}/b", NEWS)
    first = api.call("POST", f"{AT}/b/send", {}, idempotency_key="k1")
    again = api.call("POST", f"{AT}/b/send", {}, idempotency_key="k1")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json_body["run"] == again.json_body["run"]


def ids(api: Api, query: str = "") -> list[str]:
    return [item["id"] for item in api.ok("GET", f"{AT}{query}")["items"]]


@pytest.fixture
def season(world: World, api: Api) -> list[str]:
    """Six broadcasts, oldest first: one is done, one is paused, a draft, three are scheduled."""
    for name in ("z-done", "a-paused", "m-draft"):
        api.ok("PUT", f"{AT}/{name}", NEWS)
        if name != "m-draft":
            api.ok("POST", f"{AT}/{name}/send", {})
        if name == "z-done":
            world.run(timedelta(hours=1), lambda: api.ok("GET", f"{AT}/z-done")["status"] == "done")
        world.now += timedelta(hours=1)
    api.ok("POST", f"{AT}/a-paused/pause", {})
    for days, name in ((3, "third"), (1, "first"), (2, "second")):
        api.ok("PUT", f"{AT}/{name}", NEWS)
        api.ok("POST", f"{AT}/{name}/schedule", {"at": iso(world.now + timedelta(days=days))})
    return ["z-done", "a-paused", "m-draft", "first", "second", "third"]


def test_a_list_is_newest_first(season: list[str], world: World, api: Api) -> None:
    """By the moment of the newest run; filters by status and time, each page where the last one ended."""
    assert ids(api) == season[::-1]
    assert ids(api, "?status=scheduled") == ["third", "second", "first"]
    assert ids(api, "?status=paused") == ["a-paused"]
    assert ids(api, "?status=draft") == ["m-draft"]
    assert ids(api, "?status=missed") == []
    at = iso(world.now + timedelta(days=2))
    assert ids(api, f"?from={at}") == ["third", "second"]
    assert ids(api, f"?to={at}&status=scheduled") == ["first"]
    shown, query = [], "?limit=4"
    while query:
        answer = api.ok("GET", f"{AT}{query}")
        shown += [item["id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        query = f"?limit=4&cursor={cursor}" if cursor else ""
        if cursor:
            api.refused(400, "GET", f"{AT}?limit=4&status=scheduled&cursor={cursor}")
    assert shown == season[::-1]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("status=sent", "status"),
        ("status=", "status"),
        ("from=2026-11-22", "from"),
        ("to=yesterday", "to"),
        ("from=2026-11-22T00:00:00Z&to=2026-11-22T00:00:00Z", "to"),
        ("sort=name", "sort"),
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
    ],
)
def test_a_list_refuses_what_it_does_not_know(api: Api, query: str, path: str) -> None:
    """With the name of what is wrong."""
    assert api.refused(400, "GET", f"{AT}?{query}")["details"][0]["path"] == path


def test_who_may_do_what(world: World, api: Api) -> None:
    """A viewer reads, an editor writes, a publisher sends; another account's key sees nothing."""
    for role in ("viewer", "editor", "publisher"):
        accounts.create_key(f"key-{role}", role, role, "shop", "test")  # type: ignore[arg-type]
    viewer, editor, publisher = (Api(f"key-{role}") for role in ("viewer", "editor", "publisher"))
    viewer.refused(403, "PUT", f"{AT}/b", NEWS)
    editor.ok("PUT", f"{AT}/b", NEWS)
    viewer.ok("GET", f"{AT}/b")
    viewer.ok("POST", f"{AT}/b/preview")
    editor.refused(403, "POST", f"{AT}/b/send", {})
    publisher.ok("POST", f"{AT}/b/send", {})
    an_account(Account("other", "Other", "Asia/Tokyo", 1))
    publisher.refused(403, "GET", "/v1/accounts/other/broadcasts")
    api.refused(404, "GET", "/v1/accounts/nobody/broadcasts")
    api.refused(404, "GET", f"{AT}/unknown")
    api.refused(404, "POST", f"{AT}/unknown/send", {})


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"audience": {"everyone": True}, "message": "news"}, 400, "name"),
        ({**NEWS, "extra": 1}, 400, "extra"),
        ({**NEWS, "audience": {"tag": 5}}, 400, "audience.tag"),
        ({**NEWS, "audience": {"tag": "nobody"}}, 422, "audience.tag"),
        ({**NEWS, "exclude": {"segment": "nobody"}}, 422, "exclude.segment"),
        ({**NEWS, "message": "nobody"}, 422, "message"),
        ({**NEWS, "variants": [{"id": "a", "message": "news"}]}, 400, "variants"),
        ({**NEWS, "test": {"metric": "click"}}, 422, "test.metric"),
        ({**NEWS, "test": {"hold_out_percent": 101}}, 400, "test.hold_out_percent"),
        ({**NEWS, "max_lateness": "an hour"}, 400, "max_lateness"),
    ],
)
def test_what_cannot_work_is_refused_with_its_path(
    api: Api, body: dict[str, Any], status: int, path: str
) -> None:
    """Shape is 400, references and logic 422; the path of the error is named."""
    assert path in api.paths(status, "PUT", f"{AT}/b", body)


def test_schedules(world: World, api: Api) -> None:
    """``at`` or ``every``, not both, not long ago, not too far away."""
    api.ok("PUT", f"{AT}/b", NEWS)
    at = f"{AT}/b/schedule"
    api.refused(400, "POST", at, {})
    api.refused(400, "POST", at, {"at": "2026-11-20T12:00:00"})
    api.refused(400, "POST", at, {"every": {"time": "25:00"}})
    api.refused(400, "POST", at, {"at": iso(world.now), "every": {"time": "10:00"}})
    assert api.paths(422, "POST", at, {"at": iso(world.now - timedelta(hours=1))}) == ["at"]
    assert api.paths(422, "POST", at, {"at": iso(world.now + timedelta(days=400))}) == ["at"]
    found = api.ok("POST", at, {"every": {"weekdays": ["sun"], "time": "09:30"}})
    assert (found["status"], found["at"]) == ("scheduled", "2026-11-22T00:30:00.000Z")
    assert api.ok("GET", "/v1/status")["runs_open"] == 0
    api.refused(409, "POST", f"{AT}/b/pause", {})
    api.refused(409, "POST", f"{AT}/b/resume", {})
    api.refused(409, "POST", f"{AT}/b/approve", {})
    assert api.ok("POST", f"{AT}/b/cancel", {})["status"] == "cancelled"
    api.refused(409, "POST", f"{AT}/b/cancel", {})


def test_what_was_sent_is_with_each_friend(world: World, api: Api) -> None:
    """From /send to the friend's timeline and conversation: own words, a test, what was skipped; erased with
    the rest.
    """
    world.receipts = True
    friends = "/v1/accounts/shop/friends"
    api.ok("PUT", f"{AT}/dear", {**NEWS, "message": "dear"})
    api.ok("POST", f"{AT}/dear/test", {"user_ids": ["U0"]})
    world.run(until=timedelta(minutes=1))
    world.line.fault = lambda kind, body, n: line.Answer(403, "no") if body.get("to") == "U1" else None
    run = api.ok("POST", f"{AT}/dear/send", {})["run"]
    world.run(until=timedelta(minutes=1))
    real, test = api.ok("GET", f"{friends}/U0/messages")["items"]
    assert real["messages"] == [{"type": "text", "text": "U0様さん、冬の新作です"}]
    assert {name: real[name] for name in ("direction", "type", "by", "status", "message", "run")} == {
        "direction": "out",
        "type": "push",
        "by": "broadcast:dear",
        "status": "accepted",
        "message": "dear",
        "run": run,
    }
    assert (test["test"], test["status"], test["run"] == run) == (True, "accepted", False)
    (refused,) = api.ok("GET", f"{friends}/U1/messages")["items"]
    assert (refused["status"], words(refused)) == ("failed", "line_403")
    (line_of_u1,) = api.ok("GET", f"{friends}/U1/activities")["items"]
    assert (line_of_u1["type"], line_of_u1["rules"], line_of_u1["changes"]) == ("sent", [], [])
    assert (line_of_u1["source"], line_of_u1["props"]) == ("broadcast", {"broadcast": "dear", "run": run})
    assert line_of_u1["effects"][0]["action"] == "send"
    assert [one["type"] for one in api.ok("GET", f"{friends}/U0/export")["activities"]] == ["sent", "sent"]
    shown = api.ok("GET", f"{friends}/U0")
    assert (shown["facts"], shown["revision"]) == ({}, 1)
    api.ok("DELETE", f"{friends}/U0?erase=true")
    assert api.ok("GET", f"{friends}/U0/activities")["items"] == []
