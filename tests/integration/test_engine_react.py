"""Invariants 2-5 against real stores: what is read and written, crashes anywhere, replies, poison."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from chalice.app import SQSEvent

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.engine import service, workers
from chalicelib.friends import activities, store
from chalicelib.gateways import aws, inbox, line, queues, seam
from chalicelib.shared.events import NOBODY, FriendEvent
from tests.conftest import drain
from tests.engine_builders import DOCUMENTS, NOW, a_rule, an_event


class Crash(BaseException):
    """The process is gone."""


class World:
    """The seam's guard: a fixed clock, a LINE that answers, a count of calls, a crash where asked."""

    def __init__(self) -> None:
        self.now = NOW + timedelta(minutes=1)
        self.calls: list[str] = []
        self.line: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[Any] = []
        self.crash_at: int | None = None
        self.before = True
        self.broken: set[str] = set()

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            return None
        here = len(self.calls)
        self.calls.append(name)
        if name in self.broken:
            raise RuntimeError(f"{name} is broken")
        if here == self.crash_at and self.before:
            raise Crash
        answer = self._line(name, detail) if name.startswith("line:") else call()
        if here == self.crash_at:
            raise Crash
        return answer

    def _line(self, name: str, detail: Any) -> Any:
        if name == "line:profile":
            return {"displayName": "花子", "language": "ja"}
        self.line.append((name, detail["body"]))
        answer = self.answers.pop(0) if self.answers else line.Answer(200)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def dynamo(self) -> Counter[str]:
        return Counter(name.removeprefix("dynamodb:") for name in self.calls if name.startswith("dynamodb:"))


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    world = World()
    with seam.guarded(world):
        accounts.put_account(
            Account("shop", "店", "Asia/Tokyo", 64),
            {"channel_secret": "s", "channel_access_token": "t"},
            shards=None,
            by="test",
        )
        yield world


def author(rules: dict[str, Any]) -> None:
    writes = [Write(kind, name, body) for kind, bodies in DOCUMENTS.items() for name, body in bodies.items()]
    writes += [Write("rules", name, body) for name, body in rules.items()]
    catalog.save("shop", writes, lambda _: None, "test")


def friend(user: str = "U1") -> dict[str, Any]:
    sheet = store.load("shop", 64, user)
    assert sheet is not None
    return sheet


def facts_of(user: str = "U1") -> dict[str, Any]:
    """The sheet without what the protocol itself keeps on it."""
    return {k: v for k, v in friend(user).items() if k not in {"pending", "rev"}}


def activity(event_id: str = "e1", user: str = "U1") -> dict[str, Any]:
    found = activities.find("shop", user, event_id)
    assert found is not None
    return found


def batch(*events: FriendEvent, received: int = 1) -> dict[str, Any]:
    """Hand events to the deployed handler as one SQS batch."""
    records = [
        {
            "messageId": f"m{n}",
            "receiptHandle": "",
            "body": json.dumps(event.to_message()),
            "attributes": {
                "ApproximateReceiveCount": str(received),
                "MessageGroupId": f"{event.account_id}#{event.user_id}",
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:ap-northeast-1:1:q",
        }
        for n, event in enumerate(events)
    ]
    answer: dict[str, Any] = workers.react({"Records": records}, None)
    return answer


WELCOME = a_rule(
    "followed",
    [
        {"add_tag": "new"},
        {"add_score": {"score": "interest", "points": 1}},
        {"reply": {"message": "hello"}},
    ],
)
KEEN = a_rule(
    then=[{"add_tag": "vip"}, {"add_score": {"score": "interest", "points": 3}}], match={"text": "好き"}
)
SALE = a_rule(then=[{"send": {"message": "hello"}}, {"reply": {"message": "three"}}], match={"text": "SALE"})
RULES = {"welcome": WELCOME, "keen": KEEN, "sale": SALE}


def test_the_handlers_are_where_deployment_looks_for_them() -> None:
    """The deployed names are module and function."""
    assert callable(workers.react)
    assert callable(workers.bulk)
    assert SQSEvent is not None


def test_two_reads_and_two_writes(world: World) -> None:
    """An event that changes a friend and sends nothing; it also cleans the pending one before."""
    author(RULES)
    batch(an_event("followed", is_unblocked=False))
    for n in range(3):
        world.calls.clear()
        assert batch(an_event(text="好き", id=f"t{n}", minutes=n)) == {"batchItemFailures": []}
        seen = world.dynamo()
        catalog_and_account = 1  # the account is cached; the catalog's revision is read once per batch
        reads = seen["GetItem"] + seen["BatchGetItem"] + seen["Query"]
        assert (reads, seen["UpdateItem"], seen["PutItem"]) == (2 + catalog_and_account, 1, 1)
        assert set(friend()["pending"]) == {f"t{n}"}
    assert friend()["scores"]["interest"]["value"] == 10
    assert activity("t1")["rules"][0] == {"rule": "keen", "matched": True, "why": "matched"}


def test_a_batch_reads_the_catalog_once(world: World) -> None:
    """Ten events of ten friends: one revision read."""
    author(RULES)
    accounts.get_account("shop")
    world.calls.clear()
    batch(*[an_event(text="好き", user=f"U{n}", id=f"t{n}") for n in range(10)])
    assert world.dynamo()["GetItem"] == 10 * 2 + 1


def test_an_event_that_changes_nothing_writes_the_activity_only(world: World) -> None:
    """2 reads, 1 write; the sheet stays as it is."""
    author(RULES)
    batch(an_event("followed", is_unblocked=False))
    rev = friend()["rev"]
    world.calls.clear()
    batch(an_event("console_edit", id="edit"))
    seen = world.dynamo()
    assert (seen["GetItem"] + seen["BatchGetItem"], seen["UpdateItem"], seen["PutItem"]) == (3, 0, 1)
    assert friend()["rev"] == rev


def test_unknown_and_group_events_are_recorded_and_nothing_else(world: World) -> None:
    """No fact sheet, no rules: an activity with the raw event."""
    author({"r": a_rule("followed", [{"add_tag": "a"}])})
    batch(an_event("unknown:teleported", raw={"x": 1}), an_event("group:message", id="g", raw={}))
    batch(FriendEvent("n", "shop", NOBODY, "account_linked", an_event().at, props={"result": "failed"}))
    assert store.load("shop", 64, "U1") is None
    assert activity()["props"] == {"raw": {"x": 1}}
    assert activity("g")["rules"] == []
    assert activity("n", NOBODY)["type"] == "account_linked"


def test_an_event_with_tag_score_and_reply(world: World) -> None:
    """One LINE call; the activity tells rules, changes and effects."""
    author(RULES)
    world.calls.clear()
    batch(an_event("followed", is_unblocked=False))
    assert world.line == [
        ("line:reply", {"replyToken": "r-e1", "messages": [{"type": "text", "text": "ようこそ"}]})
    ]
    told = activity()
    assert [change["type"] for change in told["changes"]] == ["tag_added", "score_changed"]
    assert [(e["action"], e["status"]) for e in told["effects"]] == [("reply", "done")]
    assert drain("bulk") == [{"job": "profile", "account": "shop", "user": "U1"}]


def test_replies_of_one_event_are_one_call(world: World) -> None:
    """A token is used once: several rules' replies go together, up to five objects, in rule order."""
    reply_three = a_rule(then=[{"reply": {"message": "three"}}])
    author({"a": reply_three, "b": reply_three, "c": a_rule(then=[{"reply": {"message": "hello"}}])})
    batch(an_event(text="x"))
    assert len(world.line) == 1
    assert len(world.line[0][1]["messages"]) == 4
    assert [e["status"] for e in activity()["effects"]] == ["done", "skipped", "done"]


def test_a_send_is_a_watched_chunk(world: World) -> None:
    """The manifest, the status, a watch, then the queue; the run's name is the event's, rule's and index'."""
    author(RULES)
    batch(an_event(text="SALE"))
    (chunk,) = drain("sends")
    assert chunk["run"].startswith("rule-")
    from chalicelib.deliveries import service as deliveries

    manifest = deliveries.read_manifest("shop", chunk["run"], chunk["chunk"])
    assert manifest is not None
    assert manifest["payloads"] == {"U1": [{"type": "text", "text": "ようこそ"}]}
    assert manifest["cause"]["rule"] == "sale"
    assert manifest["category"] == "transactional"


@pytest.mark.parametrize("fallback", [False, True])
def test_a_refused_token(world: World, fallback: bool) -> None:
    """ "Invalid reply token": nothing was sent, so the rule's push fallback takes its place, once."""
    author({"r": a_rule(then=[{"reply": {"message": "hello", "push_fallback": fallback}}])})
    world.answers.append(line.Answer(400, "Invalid reply token"))
    batch(an_event(text="x"))
    assert len(drain("sends")) == (1 if fallback else 0)
    assert activity()["effects"][0]["status"] == ("done" if fallback else "failed")


def test_a_reply_without_answer_is_unknown_and_never_pushed(world: World) -> None:
    """A timeout may have reached the friend: no second attempt, no push."""
    author({"r": a_rule(then=[{"reply": {"message": "hello", "push_fallback": True}}])})
    world.answers.append(line.NoAnswer("ReadTimeoutError"))
    batch(an_event(text="x"))
    batch(an_event(text="x"), received=2)
    assert len(world.line) == 1
    assert drain("sends") == []
    assert activity()["effects"][0]["status"] == "unknown"


def test_redelivery_changes_nothing(world: World) -> None:
    """The same event again, right away, late, or after others: one activity, one count, one send."""
    author(RULES)
    first, second = an_event(text="SALE"), an_event(text="好き", id="e2", minutes=1)
    batch(first)
    before = facts_of()
    batch(first, first)
    assert facts_of() == before
    batch(second)
    after = facts_of()
    batch(first, second)
    assert facts_of() == after
    assert after["facts"]["messaged"]["count"] == 2
    assert len(drain("sends")) == 1
    assert len(world.line) == 1


def crossings(world: World, events: list[FriendEvent]) -> int:
    world.calls.clear()
    for event in events:
        batch(event)
    return len(world.calls)


EVENTS = [an_event("followed", is_unblocked=False), an_event(text="SALE", id="e2", minutes=1)]


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_crossing_changes_nothing_in_the_end(world: World, before: bool) -> None:
    """Killed before or after each AWS and LINE call, then redelivered: the same sheet, the same sends.

    A send reaches the ledger once; a reply is sent at most once, and says ``unknown`` when it may be lost.
    """
    author(RULES)
    user_events = [
        [
            FriendEvent(e.event_id, "shop", f"V{n}", e.type, e.at, e.key, e.props, e.reply_token)
            for e in EVENTS
        ]
        for n in range(60)
    ]
    total = crossings(world, user_events[0])
    clean = facts_of("V0")
    assert 10 < total < 58
    drain("sends")
    world.line.clear()
    for at in range(total):
        events, user = user_events[at + 1], f"V{at + 1}"
        world.calls.clear()
        world.crash_at, world.before = at, before
        try:
            for event in events:
                batch(event)
        except Crash:
            pass
        world.crash_at = None
        for event in events:
            assert batch(event, received=2) == {"batchItemFailures": []}
        assert facts_of(user) == clean | {"user_id": user}, at
        assert [activity(e.event_id, user).get("state") for e in events] == [None, None]
        sent = {message["run"] for message in drain("sends")}
        assert len(sent) == 1, at
        replied = [body for _, body in world.line]
        assert len(replied) == len({body["replyToken"] for body in replied}) <= 2
        for event in events:
            effect = next(e for e in activity(event.event_id, user)["effects"] if e["action"] == "reply")
            done = any(body["replyToken"] == event.reply_token for body in replied)
            assert effect["status"] in ({"done", "unknown"} if done else {"unknown"}), (at, effect)
        world.line.clear()


def test_the_next_event_finishes_one_that_was_cut_off(world: World) -> None:
    """A crash after the write and a lost message: the friend's next event carries out its effects."""
    author(RULES)
    batch(an_event(text="hi", id="e0"))
    world.calls.clear()
    world.broken.add("sqs:SendMessageBatch")
    assert batch(an_event(text="SALE"))["batchItemFailures"]
    world.broken.clear()
    assert activities.find("shop", "U1", "e1") is None
    batch(an_event(text="hi", id="e2", minutes=2))
    assert {e["action"]: e["status"] for e in activity("e1")["effects"]} == {"send": "done", "reply": "done"}
    assert activity("e1")["props"]["text"] == "SALE"
    assert len({message["run"] for message in drain("sends")}) == 1
    assert set(friend()["pending"]) == {"e2"}
    batch(an_event(text="SALE"))
    assert drain("sends") == []


def test_a_push_says_what_was_captured_also_after_a_crash(world: World) -> None:
    """The message is rendered anew from what the effect keeps."""
    document = {"name": "m", "messages": [{"type": "text", "text": "{{ event.match.name }}さん"}]}
    match = {"text": {"regex": "名前は(?P<name>.+)"}}
    author({"r": a_rule(match=match, then=[{"send": {"message": "m"}}])})
    catalog.save("shop", [Write("messages", "m", document)], lambda _: None, "test")
    world.broken.add("dynamodb:PutItem")
    assert batch(an_event(text="名前は花子"))["batchItemFailures"]
    world.broken.clear()
    assert batch(an_event(text="名前は花子"), received=2) == {"batchItemFailures": []}
    (effect,) = activity()["effects"]
    assert (effect["status"], effect["messages"][0]["text"]) == ("done", "花子さん")


def test_an_interleaved_writer_wins_and_the_decision_is_made_anew(world: World) -> None:
    """Somebody else changes the friend between the read and the write: read again, decide again."""
    author(RULES)
    batch(an_event(text="hi", id="e0"))
    raced: list[bool] = []

    def race(name: str, detail: Any, call: Any) -> Any:
        if name == "dynamodb:UpdateItem" and not raced:
            raced.append(True)
            sheet = friend()
            other = json.loads(json.dumps(sheet))
            other["tags"]["dry"] = {"since": sheet["created_at"], "by": "import", "at": sheet["created_at"]}
            assert store.create_or_update("shop", 64, "U1", sheet, other, sheet["rev"])
        return world(name, detail, call)

    with seam.guarded(race):
        batch(an_event(text="好き", id="e1", minutes=1))
    assert set(friend()["tags"]) == {"dry", "vip"}
    assert friend()["scores"]["interest"]["value"] == 3


def test_a_new_friend_is_made_once(world: World) -> None:
    """Two workers meet a friend never heard of: one puts the item, the other adds to it."""
    author(RULES)
    raced: list[bool] = []

    def race(name: str, detail: Any, call: Any) -> Any:
        if name == "dynamodb:PutItem" and detail.get("TableName", "").endswith("friends") and not raced:
            raced.append(True)
            service.react(an_event(text="hi", id="other"))
        return world(name, detail, call)

    with seam.guarded(race):
        batch(an_event(text="好き", id="e1", minutes=1))
    assert friend()["facts"]["messaged"]["count"] == 2
    assert friend()["tags"].keys() == {"vip"}


def test_events_out_of_order_fold_by_their_own_time(world: World) -> None:
    """An unfollow that arrives after a later follow does not undo it; counts are complete."""
    author(RULES)
    batch(an_event("followed", minutes=10, id="f2", is_unblocked=True))
    batch(an_event("unfollowed", minutes=5, id="u"))
    batch(an_event("followed", minutes=0, id="f1", is_unblocked=False))
    sheet = friend()
    assert (sheet["status"], sheet["facts"]["followed"]["count"], sheet["facts"]["unfollowed"]["count"]) == (
        "following", 2, 1,
    )  # fmt: skip
    assert sheet["created_at"] == an_event(minutes=0).at


def test_a_failing_event_holds_up_its_friend_only(world: World) -> None:
    """The rest of its group waits; other friends' events in the batch are done."""
    author(RULES)
    world.broken.add("line:reply")
    broken = FriendEvent("bad", "nowhere", "U1", "messaged", an_event().at, props={})
    after_it = FriendEvent("next", "nowhere", "U1", "messaged", an_event().at, props={})
    answer = batch(broken, after_it, an_event(text="好き", user="U2", id="ok"))
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0", "m1"]
    assert activity("ok", "U2")["type"] == "messaged"


def test_poison_leaves_a_failed_activity_and_lets_the_others_pass(world: World) -> None:
    """The fifth failure is the last: a failed activity, and the events behind it are worked on."""
    author(RULES)
    batch(an_event(text="hi", id="e0"))
    world.broken.add("sqs:SendMessageBatch")
    poison, behind = an_event(text="SALE"), an_event(text="好き", id="e2", minutes=1)
    for received in range(1, 5):
        answer = batch(poison, behind, received=received)
        assert [f["itemIdentifier"] for f in answer["batchItemFailures"]] == ["m0", "m1"]
    answer = batch(poison, behind, received=5)
    assert [f["itemIdentifier"] for f in answer["batchItemFailures"]] == ["m0"]
    failed = activity("e1")
    assert failed["state"] == "failed"
    assert "Unfinished" in failed["why"]
    assert friend()["scores"]["interest"]["value"] == 3
    world.broken.clear()
    batch(an_event(text="hi", id="e3", minutes=3))
    assert drain("sends") == []
    batch(poison)  # redriven from the dead letters, late
    assert "state" not in activity("e1")
    assert len(drain("sends")) == 1
    assert friend()["facts"]["messaged"]["count"] == 4
    assert len(world.line) == 1


def test_an_erased_friend_is_not_resurrected_by_late_events(world: World) -> None:
    """Events of before the erasure leave nothing; a follow after it begins anew."""
    author(RULES)
    batch(an_event("followed", is_unblocked=False))
    store.erase("shop", 64, "U1", an_event(minutes=30).at)
    batch(an_event(text="late", id="late", minutes=20))
    batch(FriendEvent("api", "shop", "U1", "custom:x", an_event(minutes=40).at, source="api"))
    assert friend()["status"] == "erased"
    assert activities.find("shop", "U1", "late") is None
    batch(an_event("followed", id="again", minutes=60, is_unblocked=False))
    sheet = friend()
    assert (sheet["status"], sheet["facts"]["followed"]["count"]) == ("following", 1)


def test_unsend_removes_the_text_from_the_timeline(world: World) -> None:
    """What LINE's user took back is not kept; the fact that a message came stays."""
    author({})
    batch(an_event(text="secret", id="said", raw={"id": "m-said"}))
    batch(an_event("unsent", id="took-back", minutes=1, message_id="m-said"))
    props = activity("said")["props"]
    assert "text" not in props
    assert "raw" not in props
    assert props["unsent_at"] == an_event(minutes=1).at
    assert "secret" not in json.dumps(friend(), default=sorted)
    assert activity("took-back")["effects"] == []


def test_a_profile_is_fetched_in_the_background(world: World) -> None:
    """The bulk job writes name and language by path, and touches nothing else."""
    author({})
    batch(an_event("followed", is_unblocked=False))
    before = friend()
    for body in drain("bulk"):
        workers.bulk(_sqs(body), None)
    assert friend() == before | {"display_name": "花子", "language": "ja"}


def test_trouble_is_visible_on_the_rule(world: World) -> None:
    """An effect that could not run is counted on its rule with the reason."""
    from chalicelib.engine import health

    author({"r": a_rule(then=[{"set_attribute": {"attribute": "skin", "value": "green"}}])})
    batch(an_event(text="x"), an_event(text="y", id="e2", minutes=1))
    (line_,) = health.read("shop", "r", 7)
    assert (line_["status"], line_["n"], line_["user_id"]) == ("failed", 2, "U1")
    assert line_["why"] == "set_attribute: the value does not fit attributes.skin"
    assert "green" in activity("e1")["effects"][0]["why"]


def _sqs(body: dict[str, Any]) -> dict[str, Any]:
    record = {
        "messageId": "m0",
        "receiptHandle": "",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:ap-northeast-1:1:q",
    }
    return {"Records": [record]}


@pytest.mark.parametrize(("received", "seconds"), [(1, 1), (2, 2), (3, 5), (4, 10), (5, 0)])
def test_a_failed_event_comes_again_soon(world: World, received: int, seconds: int) -> None:
    """After 1, 2, 5, 10 seconds with those behind it; at its last attempt alone, and at once to the DLQ."""
    author(RULES)
    assert inbox.put([an_event(text="SALE"), an_event(text="好き", id="e2", minutes=1)]) == []
    messages = aws.client("sqs").receive_message(
        QueueUrl=queues.url("inbox"), MaxNumberOfMessages=10, AttributeNames=["All"]
    )["Messages"]
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"] | {"ApproximateReceiveCount": str(received)},
        }
        for message in messages
    ]
    asked: list[tuple[str, int]] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        if name == "sqs:ChangeMessageVisibility":
            asked.append((detail["ReceiptHandle"], detail["VisibilityTimeout"]))
        return world(name, detail, call)

    world.broken.add("sqs:SendMessageBatch")
    with seam.guarded(guard):
        failed = workers.react({"Records": records}, None)["batchItemFailures"]
    expected = records[:1] if received == 5 else records
    assert asked == [(record["receiptHandle"], seconds) for record in expected]
    assert [f["itemIdentifier"] for f in failed] == [record["messageId"] for record in expected]


def test_a_profile_is_asked_for_whatever_crashes(world: World) -> None:
    """A crash right after the friend's write: the event's next attempt still asks for the profile."""
    author({})
    raised: list[bool] = []

    def crash(name: str, detail: Any, call: Any) -> Any:
        if name == "sqs:SendMessageBatch" and not raised:
            raised.append(True)
            raise Crash
        return world(name, detail, call)

    with seam.guarded(crash), pytest.raises(Crash):
        batch(an_event("followed", is_unblocked=False))
    assert batch(an_event("followed", is_unblocked=False), received=2) == {"batchItemFailures": []}
    assert drain("bulk") == [{"job": "profile", "account": "shop", "user": "U1"}]
    assert activity()["effects"] == []
