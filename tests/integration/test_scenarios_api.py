"""Scenarios over HTTP: documents, publish, pause, enroll, exit, funnel, diagram, roles, errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.enrollments import store
from chalicelib.gateways import queues
from chalicelib.jobs.kinds import JOBS
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.integration.test_accounts_idempotency import at
from tests.reasons_checked import plain
from tests.scenario_world import SHOP, put_friends

BODY: dict[str, Any] = {
    "name": "はじめての方へ",
    "start": "first",
    "nodes": {
        "first": {"type": "message", "message": "m1", "next": "pause"},
        "pause": {"type": "wait", "after": "1d", "next": "second"},
        "second": {"type": "message", "message": "m1"},
    },
}


@pytest.fixture
def api(cloud: None) -> Api:
    found = an_api()
    path = an_account(found, SHOP, shards=4)
    message = {"name": "m1", "messages": [{"type": "text", "text": "こんにちは"}]}
    found.ok("PUT", f"{path}/messages/m1", message)
    return found


A = f"/v1/accounts/{SHOP}"
S = f"{A}/scenarios/welcome"


def test_from_draft_to_the_end(api: Api) -> None:
    """Draft, publish, enroll, look, exit; each answer has the contract's shape."""
    assert api.call("PUT", S, BODY).status_code == 201
    assert api.ok("GET", S)["entry"] == {"re_entry": "never", "on_block": "exit"}
    api.refused(409, "POST", f"{S}/enroll", {"user_ids": ["u1"]})
    assert api.ok("POST", f"{S}/publish", {}) == {"version": 1, "waiting": {}, "effects": []}
    put_friends("u1", "u2")
    answer = api.call("POST", f"{S}/enroll", {"user_ids": ["u1", "nobody", "u1", "nobody"]})
    assert answer.status_code == 202
    assert answer.json_body == {
        "accepted": 1,
        "rejected": [{"user_id": "nobody", **plain("unknown_friend")}],
    }
    (item,) = api.ok("GET", f"{A}/friends/u1/enrollments")["items"]
    assert (item["scenario"], item["state"], item["node"], item["run"]) == ("welcome", "active", "first", 1)
    assert api.ok("GET", f"{S}/funnel") == {
        "entered": 1,
        "active": {"first": 1},
        "finished": 0,
        "exited": {},
    }
    assert "n_first" in api.ok("GET", f"{S}/diagram")["mermaid"]
    assert api.ok("POST", f"{S}/exit", {"user_ids": ["u1", "u2", "u1"]}) == {
        "accepted": 1,
        "rejected": [{"user_id": "u2", **plain("not_active")}],
    }
    assert api.ok("GET", f"{A}/friends/u1")["scenarios"]["welcome"]["state"] == "exited"
    assert len(drain("due")) == 1
    assert [body["type"] for body in drain("inbox")] == ["scenario_entered", "scenario_exited"]


def test_pause_and_resume_are_states(api: Api) -> None:
    """Twice is a conflict; unpublished is one; publishing keeps the pause."""
    api.ok("PUT", S, BODY)
    api.refused(409, "POST", f"{S}/pause", {})
    api.ok("POST", f"{S}/publish", {})
    assert api.ok("POST", f"{S}/pause", {}) == {"id": "welcome", "version": 1, "paused": True}
    api.refused(409, "POST", f"{S}/pause", {})
    assert api.ok("POST", f"{S}/publish", {})["version"] == 2
    assert api.ok("POST", f"{S}/resume", {}) == {"id": "welcome", "version": 2, "paused": False}
    api.refused(409, "POST", f"{S}/resume", {})


def test_what_cannot_work_is_refused_with_its_path(api: Api) -> None:
    """Shape is 400; unknown documents, nodes and circles are 422."""
    nodes = BODY["nodes"]
    wrong = {**BODY, "nodes": {**nodes, "pause": {"type": "wait"}}}
    assert api.paths(400, "PUT", S, wrong)[0].startswith("nodes.pause")
    other = {**BODY, "nodes": {**nodes, "second": {"type": "message", "message": "m9"}}}
    assert api.paths(422, "PUT", S, other) == ["nodes.second.message"]
    circle = {**BODY, "nodes": {**nodes, "second": {"type": "message", "message": "m1", "next": "second"}}}
    assert api.paths(422, "PUT", S, circle) == ["nodes.second"]
    reply = {"type": "action", "then": [{"reply": {"message": "m1"}}]}
    assert api.paths(422, "PUT", S, {**BODY, "nodes": {**nodes, "second": reply}}) == [
        "nodes.second.then[0].reply"
    ]
    goal = {**BODY, "goals": [{"if": {"tag": "unknown"}}]}
    assert api.paths(422, "PUT", S, goal) == ["goals[0].if.tag"]
    api.refused(404, "POST", f"{S}/publish", {})
    api.ok("PUT", S, BODY)
    api.refused(400, "POST", f"{S}/enroll", {})
    api.refused(400, "POST", f"{S}/enroll", {"user_ids": [f"u{n}" for n in range(1001)]})
    api.refused(400, "POST", f"{S}/publish", {"rearm": True})


def test_a_message_in_a_published_scenario_is_in_use(api: Api) -> None:
    """Deleting it is refused even when the draft does not use it any more."""
    api.ok("PUT", S, BODY)
    api.ok("POST", f"{S}/publish", {})
    api.ok("PUT", S, {"name": "s", "start": "end", "nodes": {"end": {"type": "exit"}}})
    api.refused(422, "DELETE", f"{A}/messages/m1")


def test_deleting_a_scenario_takes_what_friends_follow_with_it(api: Api) -> None:
    """Its messages are free then; the id may be used again, from version 1."""
    api.ok("PUT", S, BODY)
    api.ok("POST", f"{S}/publish", {})
    api.ok("DELETE", S)
    api.ok("DELETE", f"{A}/messages/m1")
    api.refused(404, "POST", f"{S}/enroll", {"user_ids": ["u1"]})


def test_roles(api: Api) -> None:
    """An editor writes drafts; only a publisher puts them in force and enters friends."""
    editor, publisher = a_key(api, "editor", SHOP), a_key(api, "publisher", SHOP)
    viewer = a_key(api, "viewer", SHOP)
    viewer.refused(403, "PUT", S, BODY)
    editor.ok("PUT", S, BODY)
    editor.refused(403, "POST", f"{S}/publish", {})
    publisher.ok("POST", f"{S}/publish", {})
    for verb in ("pause", "resume", "enroll", "exit"):
        editor.refused(403, "POST", f"{S}/{verb}", {"user_ids": ["u1"]})
    viewer.ok("GET", f"{S}/funnel")


def test_the_same_request_enters_once(api: Api) -> None:
    """With an Idempotency-Key the first answer comes again; without, a second request is another cause."""
    api.ok("PUT", S, {**BODY, "entry": {"re_entry": "restart"}})
    api.ok("POST", f"{S}/publish", {})
    put_friends("u1")
    for _ in range(2):
        api.ok("POST", f"{S}/enroll", {"user_ids": ["u1"]}, idempotency_key="k1")
    found = store.find(SHOP, "welcome", "u1")
    assert found is not None
    assert found.run == 1
    api.ok("POST", f"{S}/enroll", {"user_ids": ["u1"]})
    found = store.find(SHOP, "welcome", "u1")
    assert found is not None
    assert found.run == 2


@pytest.mark.parametrize("who", [{"user_ids": ["u1"]}, {"condition": {"everyone": True}}])
def test_on_another_day_the_same_key_enters_anew(api: Api, who: dict[str, Any]) -> None:
    """A key is remembered for 24 hours: what comes under it afterwards is another cause, and another job."""
    api.ok("PUT", S, {**BODY, "entry": {"re_entry": "restart"}})
    api.ok("POST", f"{S}/publish", {})
    put_friends("u1")
    runs = []
    for hours in (0, 1, 25):
        with at(timedelta(hours=hours)):
            api.ok("POST", f"{S}/enroll", who, idempotency_key="daily")
            for body in drain("bulk"):
                JOBS[body["job"]].run(body, 1)
        found = store.find(SHOP, "welcome", "u1")
        assert found is not None
        runs.append(found.run)
    assert runs == [1, 1, 2]


def test_one_person_enters_so_many(api: Api) -> None:
    """Above ``approval_above`` friends are refused, by id or by a condition; up to it they enter."""
    api.ok("PUT", S, BODY)
    api.ok("POST", f"{S}/publish", {})
    put_friends(*(f"u{n}" for n in range(5)))
    api.ok("PUT", f"{A}/policies/default", {"approval_above": 4})
    many = {"user_ids": [f"u{n}" for n in range(5)]}
    for asked in (many, {"condition": {"everyone": True}}):
        answer = api.refused(403, "POST", f"{S}/enroll", asked)
        assert "a second person approves" in str(answer)
    few = {"user_ids": ["u0", "u1", "u2", "u3", "u3"]}
    assert api.ok("POST", f"{S}/enroll", few)["accepted"] == 4


def test_everybody_for_whom_a_condition_holds_is_entered_by_a_job(api: Api) -> None:
    """Shard by shard through the queue; a message worked on twice enters nobody twice."""
    api.ok("PUT", S, BODY)
    api.ok("POST", f"{S}/publish", {})
    put_friends(*(f"u{n}" for n in range(7)))
    put_friends("gone", status="blocked")
    answer = api.call("POST", f"{S}/enroll", {"condition": {"everyone": True}})
    assert answer.status_code == 202
    job = answer.json_body["job_id"]
    messages = drain("bulk")
    assert len(messages) == 4
    for body in [*messages, *messages]:
        JOBS[body["job"]].run(body, 1)
    found = api.ok("GET", f"{A}/jobs/{job}")
    assert (found["state"], found["result"]) == ("done", {"accepted": 7, "rejected": 0})
    assert queues.counts("due")["waiting"] >= 1
    api.refused(422, "POST", f"{S}/enroll", {"condition": {"tag": "unknown"}})
