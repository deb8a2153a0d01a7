"""The handler of the queue ``due``: friends that waited together travel together, and nobody goes early."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.enrollments import service, workers
from chalicelib.enrollments.model import Pointer
from chalicelib.gateways import clock, queues
from chalicelib.shared.times import iso

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


def a_message(users: list[str], due: datetime, received: int = 1) -> dict[str, Any]:
    entries = [
        {
            "account": "shop",
            "id": f"s#{u}",
            "version": 1,
            "due_at": iso(due),
            "body": {"user_id": u, "scenario": "s", "run": 1},
        }
        for u in users
    ]
    return {
        "messageId": "-".join(users),
        "receiptHandle": "-".join(users),
        "body": json.dumps({"kind": "step", "entries": entries}),
        "attributes": {"ApproximateReceiveCount": str(received)},
    }


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    seen: list[Any] = []
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(clock, "sleep", lambda seconds: seen.append(round(seconds, 3)))

    def begin(pointers: list[Pointer], *, redelivered: bool = False) -> Callable[[], None]:
        users = [p.user_id for p in pointers]
        seen.append((users, redelivered))
        if "bad" in users:
            raise RuntimeError("not this one")
        return lambda: ended.append((users, len(seen)))

    ended.clear()
    monkeypatch.setattr(service, "begin_advance", begin)
    return seen


ended: list[tuple[list[str], int]] = []
"""Who was moved on, and how much had been begun by then."""


class SlowTurns:
    """Lambda's context of an invocation of 30 seconds, each look at which takes seven."""

    def __init__(self) -> None:
        self._left_s = 37

    def get_remaining_time_in_millis(self) -> int:
        self._left_s -= 7
        return self._left_s * 1000


def handle(*messages: dict[str, Any], context: Any = None) -> list[str]:
    answer = workers.advance({"Records": list(messages)}, context)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_backlog_travels_together(calls: list[Any]) -> None:
    """Messages that are due already are carried out in one call."""
    late = NOW - timedelta(seconds=3)
    assert handle(a_message(["a"], late), a_message(["b"], late), a_message(["c"], late)) == []
    assert calls == [(["a", "b", "c"], False)]


def test_together_is_at_most_a_multicast(calls: list[Any]) -> None:
    """What does not fit goes next."""
    late = NOW - timedelta(seconds=3)
    crowd = [f"u{n}" for n in range(499)]
    handle(a_message(crowd, late), a_message(["x", "y"], late), a_message(["z"], late))
    assert [len(users) for users, _ in calls] == [500, 2]


def test_nobody_s_message_waits_for_others_moves(calls: list[Any]) -> None:
    """All are begun before anybody is moved on, and everybody is, also where one cannot be."""
    late = NOW - timedelta(seconds=3)
    crowds = [[f"u{n}-{m}" for m in range(500)] for n in range(3)]
    assert handle(*(a_message(crowd, late) for crowd in crowds)) == []
    assert sorted(ended) == [(crowd, 3) for crowd in crowds]
    ended.clear()
    assert handle(a_message(crowds[0], late), a_message(["bad"], late)) == ["bad"]
    assert {users[0] for users, _ in ended} == {"u0-0"}


def test_a_wave_of_small_messages_becomes_multicasts(calls: list[Any]) -> None:
    """Steps that were armed shortly before come a moment early, a hundred at a time: they are waited for
    together.
    """
    crowds = [[f"u{n}-{m}" for m in range(100)] for n in range(10)]
    handle(*(a_message(crowd, NOW + timedelta(milliseconds=640)) for crowd in crowds))
    assert calls[0] == 0.64
    assert [len(users) for users, _ in calls[1:]] == [500, 500]


@pytest.fixture
def back(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What goes back to the queue."""
    found: list[dict[str, Any]] = []

    def send_all(queue: str, messages: Iterable[queues.Message]) -> list[int]:
        assert queue == "due"
        found.extend(dict(message.body) for message in messages)
        return []

    monkeypatch.setattr(queues, "send_all", send_all)
    return found


def test_what_is_not_begun_in_time_goes_to_another_worker(
    calls: list[Any], back: list[dict[str, Any]]
) -> None:
    """After slow turns a message is put back, without a failure; one that was tried before says so, and goes
    alone.
    """
    late, context = NOW - timedelta(seconds=3), SlowTurns()
    first, second = a_message(["bad"], late), a_message(["b"], late)
    third = a_message(["c"], late, received=2)
    assert handle(first, second, third, context=context) == []
    assert calls == [(["bad", "b"], False)]
    assert back == [json.loads(one["body"]) | {"again": True} for one in (first, second, third)]
    both = zip((first, third), back[::2], strict=True)
    assert handle(*({**one, "body": json.dumps(body)} for one, body in both)) == ["bad"]
    assert calls[-2:] == [(["bad"], True), (["c"], True)]


@pytest.mark.parametrize(
    ("pace", "expected", "moved", "waits"),
    [
        (1, [10, 10], 1, False),
        (50, [37, 10], 1, False),
        (400, [300, 200], 2, False),
        (400, [300, 200], 0, True),
    ],
)
def test_as_many_go_at_a_time_as_the_time_is_enough_for(
    calls: list[Any],
    back: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    pace: int,
    expected: list[int],
    moved: int,
    waits: bool,
) -> None:
    """A function of three seconds, whose first half is for beginning: at the pace of this process. Whom there
    is no time to move on goes back as well, and is finished by another worker; so does everybody when others
    wait in the queue for their messages.
    """
    monkeypatch.setattr(queues, "is_waiting", lambda _: waits)
    monkeypatch.setitem(workers._pace, "friends_per_s", float(pace))
    left_s = [3.0]
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: left_s[0] * 1000)

    def begin(pointers: list[Pointer], *, redelivered: bool = False) -> Callable[[], None]:
        assert not redelivered
        calls.append(len(pointers))
        left_s[0] -= 1.1 if pace < 400 else 0.5
        return lambda: ended.append(([p.user_id for p in pointers], 0))

    monkeypatch.setattr(service, "begin_advance", begin)
    monkeypatch.setattr(time, "monotonic", lambda: -left_s[0])
    crowds = [[f"u{n}-{m}" for m in range(100)] for n in range(5)]
    handle(*(a_message(crowd, NOW - timedelta(seconds=3)) for crowd in crowds), context=context)
    assert calls == expected
    everybody = [user for crowd in crowds for user in crowd]
    assert [user for users, _ in ended for user in users] == everybody[: sum(expected[:moved])]
    users = [[one["body"]["user_id"] for one in body["entries"]] for body in back]
    left, unmoved = everybody[sum(expected) :], everybody[sum(expected[:moved]) : sum(expected)]
    assert users == [some for some in (left, unmoved) if some], "they stay together"
    assert [bool(body.get("again")) for body in back] == [False] * bool(left) + [True] * bool(unmoved)


def test_who_is_early_is_waited_for(calls: list[Any]) -> None:
    """A message that came less than a second early is carried out at its moment."""
    assert handle(a_message(["a"], NOW + timedelta(milliseconds=640))) == []
    assert calls == [0.64, (["a"], False)]


def test_a_failure_fails_its_own_message_only(calls: list[Any]) -> None:
    """When the crowd cannot go together each goes alone, as a redelivery, and only the bad one fails."""
    late = NOW - timedelta(seconds=3)
    assert handle(a_message(["a"], late), a_message(["bad"], late)) == ["bad"]
    assert calls == [(["a", "bad"], False), (["a"], True), (["bad"], True)]


def test_a_redelivery_goes_alone(calls: list[Any]) -> None:
    """A message that failed before is not mixed with others."""
    late = NOW - timedelta(seconds=3)
    handle(a_message(["a"], late, received=2), a_message(["b"], late), a_message(["c"], late))
    assert calls == [(["b", "c"], False), (["a"], True)]
