"""Events and purchases by API: accepted, duplicate or rejected, and applied once."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.friends import store
from chalicelib.gateways import queues
from chalicelib.jobs.kinds import JOBS, LAST_RECEIVE, NotDone
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.timeline import service as activities
from tests.api_client import Api
from tests.conftest import drain


class Caller:
    """An outside system with an API key."""

    def __init__(self, role: Any = "editor") -> None:
        self.key = f"key-{role}"
        accounts.ensure_key(f"k-{role}", role, role, "shop", self.key)

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, Any]:
        answer = Api(self.key).call("POST", f"/v1/accounts/shop/{path}", body, **headers)
        return answer.status_code, answer.json_body


@pytest.fixture
def caller(cloud: None) -> Caller:
    accounts.put_account(
        Account("shop", "店", "Asia/Tokyo", 4),
        {"channel_secret": "s", "channel_access_token": "t"},
        shards=4,
        by="test",
    )
    return Caller()


def event(n: int = 1, **more: Any) -> dict[str, Any]:
    return {"event_id": f"e{n}", "user_id": "U1", "type": "custom:visited", "props": {"n": n}, **more}


def statuses(answer: Any) -> list[str]:
    return [result["status"] for result in answer["results"]]


def work_off() -> None:
    """Let the engine do what waits."""
    for message in drain("inbox"):
        reaction.react(FriendEvent.from_message(message))
    for body in drain("bulk"):
        if body["job"] == "events":
            JOBS["events"].run(body, 1)


def count(name: str = "custom:visited") -> int:
    sheet = store.load("shop", 4, "U1")
    return sheet["facts"][name]["count"] if sheet else 0


def test_one_event_is_accepted_and_applied(caller: Caller) -> None:
    """200 with one result; after the engine the friend has it."""
    status, answer = caller.post("events", event())
    assert (status, answer) == (200, {"results": [{"event_id": "e1", "status": "accepted", "error": None}]})
    work_off()
    assert count() == 1


def test_the_same_event_is_a_duplicate_at_once_and_later(caller: Caller) -> None:
    """Before and after the engine has seen it, and within one request; the first ``at`` wins."""
    assert statuses(caller.post("events", event(at="2026-11-22T00:00:00Z"))[1]) == ["accepted"]
    assert statuses(caller.post("events", event(at="2026-11-23T00:00:00Z"))[1]) == ["duplicate"]
    work_off()
    assert statuses(caller.post("events", event())[1]) == ["duplicate"]
    assert statuses(caller.post("events", {"events": [event(2), event(2), event(1)]})[1]) == [
        "accepted", "duplicate", "duplicate",
    ]  # fmt: skip
    work_off()
    assert count() == 2
    kept = activities.find("shop", "U1", "e1")
    assert kept is not None
    assert kept["at"] == "2026-11-22T00:00:00.000Z"


def test_the_same_id_of_another_friend_is_another_event(caller: Caller) -> None:
    """Duplicates are told by account, friend and event_id together."""
    answer = caller.post("events", {"events": [event(), event(user_id="U2")]})[1]
    assert statuses(answer) == ["accepted", "accepted"]


def test_many_events_are_judged_one_by_one(caller: Caller) -> None:
    """500 through bulk; a wrong one is rejected with its path and does not stop the others."""
    many = [event(n, user_id=f"U{n // 20}") for n in range(500)]
    many[7] = event(7, type="nonsense")
    status, answer = caller.post("events", {"events": many})
    assert status == 200
    assert statuses(answer).count("accepted") == 499
    wrong = answer["results"][7]
    assert (wrong["status"], wrong["error"]["code"]) == ("rejected", "invalid_input")
    assert wrong["error"]["details"][0]["path"] == "events[7].type"
    assert set(statuses(caller.post("events", {"events": many})[1])) == {"duplicate", "rejected"}
    assert drain("inbox") == []
    jobs_ = drain("bulk")
    assert sum(len(job["events"]) for job in jobs_) == 499
    JOBS["events"].run(jobs_[1], 1)
    assert count() == 20


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (event(type="x"), "type"),
        ({"events": [event()] * 501}, "events"),
        ({"events": "x"}, "events"),
        ({"events": [], "more": 1}, "more"),
        ([event()], ""),
    ],
)
def test_a_wrong_request_is_400(caller: Caller, body: Any, path: str) -> None:
    """A single wrong event, too many, another shape: the error shape with the path."""
    status, answer = caller.post("events", body)
    assert (status, answer["error"]["details"][0]["path"]) == (400, path)


def test_what_is_reported_of_a_member_is_taken(caller: Caller) -> None:
    """Nobody needs to be linked yet; the same again is a duplicate, in one request too."""
    body = {"event_id": "e", "member_id": "m", "type": "custom:x"}
    assert statuses(caller.post("events", body)[1]) == ["accepted"]
    answer = caller.post("events", {"events": [body, body | {"member_id": "n"}, body | {"member_id": "n"}]})
    assert statuses(answer[1]) == ["duplicate", "accepted", "duplicate"]


def test_purchases_are_folded_once(caller: Caller) -> None:
    """Orders add up, a repeated order is a duplicate, a refund takes one back."""
    order = {
        "order_id": "o1", "user_id": "U1", "at": "2026-11-22T00:00:00Z", "amount": 5000,
        "items": [{"product": "lotion", "category": "skin", "quantity": 1, "amount": 5000}],
    }  # fmt: skip
    other = order | {"order_id": "o2", "amount": 3000, "items": []}
    answer = caller.post("purchases", {"purchases": [order, other, order]})[1]
    assert statuses(answer) == ["accepted", "accepted", "duplicate"]
    assert answer["results"][0]["order_id"] == "o1"
    work_off()
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    assert (sheet["purchases"]["count"], sheet["purchases"]["total"]) == (2, 8000)
    refund = other | {"order_id": "o3", "refund_of": "o2"}
    assert statuses(caller.post("purchases", refund)[1]) == ["accepted"]
    work_off()
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    assert (sheet["purchases"]["count"], sheet["purchases"]["total"]) == (1, 5000)


def test_a_viewer_may_not(caller: Caller) -> None:
    """403 for a key that only reads; 404 for no account is access's."""
    assert Caller("viewer").post("events", event())[0] == 403
    caller.key = "nonsense"
    assert caller.post("events", event())[0] == 401


def test_an_idempotency_key_answers_the_same_again(caller: Caller) -> None:
    """The first answer again, not "duplicate"."""
    keyed = {"idempotency_key": "k1"}
    first = caller.post("events", event(), **keyed)
    assert caller.post("events", event(), **keyed) == first
    assert caller.post("events", event(2), **keyed)[0] == 409


def test_many_events_of_one_friend_stay_together_and_in_order(caller: Caller) -> None:
    """Hundreds of events of one friend in one request are applied by one worker, in their order."""
    many = [event(n, user_id="U1" if n % 3 else "U2") for n in range(120)]
    assert caller.post("events", {"events": many})[0] == 200
    bodies = drain("bulk")
    of_one = [[m["props"]["n"] for m in b["events"] if m["user_id"] == "U1"] for b in bodies]
    assert [n for n in of_one if n] == [[n for n in range(120) if n % 3]]
    for body in bodies:
        JOBS["events"].run(body, 1)
    assert count() == 80


def test_an_event_that_fails_comes_again_alone(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """One failing event is put back by itself with a delay; the others are done."""
    caller.post("events", {"events": [event(n) for n in range(12)]})
    (body,) = drain("bulk")
    react, sent = reaction.react, []

    def failing(applied: FriendEvent, *args: Any) -> None:
        if applied.event_id == "e5":
            raise RuntimeError("not now")
        react(applied, *args)

    monkeypatch.setattr(reaction, "react", failing)
    monkeypatch.setattr(queues, "send", lambda *args, **more: sent.append((args, more)))
    JOBS["events"].run(body, 1)
    assert count() == 11
    (again, more) = next((args[1], more) for args, more in sent if args[1]["job"] == "events")
    assert [m["event_id"] for m in again["events"]] == ["e5"]
    assert more["delay_s"] > 0
    with pytest.raises(NotDone):
        JOBS["events"].run(again | {"attempt": LAST_RECEIVE}, 1)
    assert activities.find("shop", "U1", "e5")["state"] == "failed"


def test_too_much_for_one_message_goes_through_the_inbox(caller: Caller) -> None:
    """A friend's events that do not fit one message keep their order in the inbox."""
    many = [event(n, props={"n": n, "text": "届" * 19_000}) for n in range(15)]
    assert caller.post("events", {"events": many})[0] == 200
    assert [message["props"]["n"] for message in drain("inbox")] == list(range(15))
    assert drain("bulk") == []
