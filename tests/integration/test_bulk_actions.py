"""``POST /friends/bulk``: the same actions for many friends, each once, whatever is cut off or repeated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.bulk_actions import service as bulk
from chalicelib.friends import store
from chalicelib.gateways import line, queues, seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service
from chalicelib.segments import by_shard
from chalicelib.shared import time_left
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.time_left import TimeLeft
from chalicelib.sheets.model import new_sheet
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.few_looks import FewLooks
from tests.integration.test_accounts_idempotency import at

A = "/v1/accounts/shop"
BULK = f"{A}/friends/bulk"
USERS = [f"U{n}" for n in range(12)]
AT = "2026-11-20T00:00:00.000Z"
TAG = [{"add_tag": "vip"}, {"add_score": {"score": "interest", "points": 3}}]


def a_friend(user: str, **fields: Any) -> None:
    sheet = new_sheet("shop", user, AT) | {"status": "following", **fields}
    assert store.create_or_update("shop", 4, user, None, sheet, None)


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    """An account of twelve friends who follow; LINE takes everything."""

    def outside(name: str, _detail: Any, call: Any) -> Any:
        if name.startswith("line:"):
            return line.Answer(200, request_id="r") if name != "line:profile" else None
        return call()

    with seam.guarded(outside):
        found = an_api()
        an_account(found, shards=4)
        found.ok("PUT", f"{A}/tags/vip", {"name": "VIP"})
        found.ok("PUT", f"{A}/tags/old", {"name": "old"})
        found.ok("PUT", f"{A}/scores/interest", {"name": "関心度"})
        hello = {"name": "hello", "messages": [{"type": "text", "text": "こんにちは"}]}
        found.ok("PUT", f"{A}/messages/hello", hello)
        for user in USERS:
            a_friend(user)
        yield found


def no_time(_seconds: float = 0) -> TimeLeft:
    return TimeLeft(FewLooks(0).get_remaining_time_in_millis)


def jobs_run(*, times: int = 1) -> int:
    """Carry out what waits in ``bulk`` without time for a second piece, each message so often; how many."""
    done = 0
    with patch.object(time_left, "current", no_time):
        while waiting := [body for body in drain("bulk") if body["job"] in {"bulk", "bulk_users"}]:
            for body in waiting:
                done += 1
                for _ in range(times):
                    JOBS[body["job"]].run(body, 1)
    return done


def react(*, times: int = 1) -> list[str]:
    """Let the reaction have what is in the inbox; whose events they were."""
    events = [FriendEvent.from_message(body) for body in drain("inbox")]
    for event in events:
        for _ in range(times):
            service.react(event)
    return sorted(event.user_id for event in events)


def points(api: Api, user: str) -> float | None:
    scores = api.ok("GET", f"{A}/friends/{user}")["scores"]
    return scores["interest"]["raw"] if "interest" in scores else None


def test_friends_by_id_once_and_who_is_none_is_named(api: Api) -> None:
    """Named twice is once; unknown and erased friends are errors of their place, and the rest is done."""
    a_friend("gone", status="erased")
    named = ["U1", "nobody", "U2", "U1", "gone"]
    answer = api.call("POST", BULK, {"user_ids": named, "then": TAG})
    assert answer.status_code == 202
    assert jobs_run(times=2) == 1
    assert set(react(times=2)) == {"U1", "U2"}
    job = api.ok("GET", f"{A}/jobs/{answer.json_body['job_id']}")
    assert (job["state"], job["done"], job["total"]) == ("done", 4, 4)
    assert job["result"] == {"accepted": 2, "rejected": 2}
    assert [(error["line"], "nobody" in error["message"]) for error in job["errors"]] == [
        (2, True),
        (5, False),
    ]
    assert [points(api, user) for user in ("U1", "U2", "U3")] == [3, 3, None]
    api.refused(404, "GET", f"{A}/friends/nobody")
    assert api.ok("GET", f"{A}/friends/U1")["tags"]["vip"]["by"].startswith("key:")
    (activity,) = api.ok("GET", f"{A}/friends/U1/activities")["items"]
    assert (activity["type"], "then" in activity["props"]) == ("bulk_action", False)


def test_an_audience_in_pieces_each_friend_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards are left and gone on with, messages come twice: who fits has it once, and nobody else."""
    monkeypatch.setattr(by_shard, "_TOGETHER", 2)
    a_friend("V1", tags={"old": {"since": AT, "by": "x", "at": AT}})
    a_friend("V2", tags={"old": {"since": AT, "by": "x", "at": AT}})
    a_friend("V3", status="blocked")
    asked = {"condition": {"not": {"tag": "old"}}, "then": TAG}
    name = api.ok("POST", BULK, asked)["job_id"]
    assert jobs_run(times=2) > 4
    react(times=2)
    assert api.ok("GET", f"{A}/jobs/{name}")["state"] == "done"
    assert [points(api, user) for user in USERS] == [3] * len(USERS)
    assert [points(api, user) for user in ("V1", "V2", "V3")] == [None] * 3


def test_a_key_is_one_request_for_a_day(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated, also after a crash before its answer was kept, it is the same job; a day later a new one."""
    asked = {"user_ids": USERS, "then": TAG}
    first = api.ok("POST", BULK, asked, idempotency_key="k1")
    assert api.ok("POST", BULK, asked, idempotency_key="k1") == first
    api.refused(409, "POST", BULK, asked | {"user_ids": ["U1"]}, idempotency_key="k1")
    asked_of = bulk.Asked(TAG, "key:a")
    owner = bulk.accounts.get_account("shop")
    for _ in range(2):
        assert bulk.start_for_users(owner, ["U1"], asked_of, "job1") == "job1"
    jobs_run()
    react()
    with at(timedelta(hours=25)):
        assert api.ok("POST", BULK, asked | {"user_ids": ["U2"]}, idempotency_key="k1") != first
        jobs_run()
        react()
    assert [points(api, user) for user in USERS[:3]] == [3, 6, 6]


def test_a_crash_anywhere_leaves_it_to_be_finished(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inbox refuses halfway, the mark is not put: it comes again, and every friend has it once."""
    name = api.ok("POST", BULK, {"user_ids": USERS, "then": TAG})["job_id"]
    (body,) = [one for one in drain("bulk") if one["job"] == "bulk_users"]
    real = queues.send_all

    def halfway(queue: str, messages: Any) -> list[int]:
        real(queue, messages[:5])
        return list(range(5, len(messages)))

    with monkeypatch.context() as cut:
        cut.setattr(queues, "send_all", halfway)
        with pytest.raises(Unavailable):
            JOBS["bulk_users"].run(body, 1)
    with monkeypatch.context() as cut:
        cut.setattr(bulk.jobs, "finish_chunk", _fall)
        with pytest.raises(OSError, match="cut off"):
            JOBS["bulk_users"].run(body, 2)
    assert api.ok("GET", f"{A}/jobs/{name}")["state"] == "running"
    react()
    JOBS["bulk_users"].run(body, 3)
    react()
    assert api.ok("GET", f"{A}/jobs/{name}")["result"] == {"accepted": len(USERS), "rejected": 0}
    assert [points(api, user) for user in USERS] == [3] * len(USERS)


def _fall(*_args: Any, **_named: Any) -> None:
    raise OSError("cut off")


def test_what_is_sent_goes_through_the_ledger_once(api: Api) -> None:
    """A send stands in the conversation, by whom; who has blocked is skipped."""
    a_friend("B1", status="blocked")
    api.ok("POST", BULK, {"user_ids": ["U1", "B1"], "then": [{"send": {"message": "hello"}}]})
    jobs_run()
    react(times=2)
    assert [body.get("job", "send") for body in drain("sends")] == ["send"]
    (sent,) = api.ok("GET", f"{A}/friends/U1/messages")["items"]
    assert sent["messages"] == [{"type": "text", "text": "こんにちは"}]
    assert sent["by"].startswith("key:")
    (kept,) = api.ok("GET", f"{A}/friends/B1/messages")["items"]
    assert (kept["status"], kept["why"]) == ("skipped", "blocked")


@pytest.mark.parametrize(
    ("status", "body", "paths"),
    [
        (400, {"then": TAG}, [""]),
        (400, {"user_ids": ["U1"], "condition": {"everyone": True}, "then": TAG}, [""]),
        (400, {"user_ids": [], "then": TAG}, ["user_ids"]),
        (400, {"user_ids": ["U1"], "then": []}, ["then"]),
        (400, {"user_ids": ["U1"], "then": [{"no_such": 1}]}, None),
        (400, {"condition": {"tags": "x"}, "then": TAG}, None),
        (422, {"condition": {"tag": "unknown"}, "then": TAG}, None),
        (422, {"user_ids": ["U1"], "then": [{"add_tag": "vpi"}]}, ["then[0].add_tag"]),
        (422, {"user_ids": ["U1"], "then": [{"reply": {"message": "hello"}}]}, ["then[0].reply"]),
        (
            422,
            {
                "user_ids": ["U1"],
                "then": [{"call_webhook": {"url": "https://crm.example/x", "secret": "abcdefghijklmnop"}}],
            },
            ["then[0].call_webhook.secret"],
        ),
        (
            413,
            {"user_ids": ["U1"], "then": [{"notify": {"to": "U" + "0" * 32, "text": "あ" * 1000}}] * 10},
            [],
        ),
    ],
)
def test_what_cannot_work_is_refused_at_once(api: Api, status: int, body: Any, paths: Any) -> None:
    """Nothing is queued, and the answer names the place."""
    error = api.refused(status, "POST", BULK, body)
    if paths is not None:
        assert [detail["path"] for detail in error["details"]] == paths
    assert drain("bulk") == []


def test_one_person_says_something_to_so_many(api: Api) -> None:
    """Above ``approval_above`` nothing is said and no scenario begun for many at once; tags may be given."""
    api.ok("PUT", f"{A}/policies/default", {"approval_above": 3})
    send = [{"send": {"message": "hello"}}]
    for who in ({"user_ids": USERS[:4]}, {"condition": {"everyone": True}}):
        api.refused(403, "POST", BULK, {**who, "then": send})
        api.ok("POST", BULK, {**who, "then": TAG})
    api.ok("POST", BULK, {"user_ids": USERS[:3], "then": send})
