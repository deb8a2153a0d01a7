"""The local SQS keeps SQS's promises: order per group, holds, delays, de-duplication, dead letters."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.local.sqs.model import Entry, SqsError, receipt
from chalicelib.local.sqs.queues import Queues
from chalicelib.local.sqs.store import Message, Store

FIFO = {"FifoQueue": "true", "DeduplicationScope": "messageGroup", "VisibilityTimeout": "60"}


class World:
    """Queues whose clock the test moves."""

    def __init__(self, path: Path = Path(":memory:")) -> None:
        self.path, self.now_ms = path, 1_800_000_000_000
        self.open()

    def open(self) -> None:
        self.queues = Queues(Store(self.path), lambda: self.now_ms)

    def wait(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)

    def receive(self, name: str, limit: int = 10, hold_s: int | None = None) -> list[Message]:
        return self.queues.receive(name, limit, 0, hold_s, lambda: True)

    def bodies(self, name: str, limit: int = 10, hold_s: int | None = None) -> list[str]:
        return [m.body for m in self.receive(name, limit, hold_s)]

    def delete(self, name: str, messages: Sequence[Message]) -> list[SqsError | None]:
        return self.queues.delete(name, [receipt(m) for m in messages])


@pytest.fixture
def world() -> Iterator[World]:
    it = World()
    it.queues.create("plain", {"VisibilityTimeout": "30"})
    it.queues.create("q.fifo", FIFO)
    yield it
    it.queues.close()


def entries(*texts: str, group: str | None = None) -> list[Entry]:
    return [Entry(text, group, text if group else None) for text in texts]


def test_a_receiver_is_woken_after_the_sender_was_answered() -> None:
    """Until then who asks anew has the message all the same; a duplicate wakes nobody."""
    later: list[Callable[[], None]] = []
    queues = Queues(Store(Path(":memory:")), after_answer=later.append)
    queues.create("q.fifo", FIFO)
    found: list[Message] = []
    waiting = threading.Thread(
        target=lambda: found.extend(queues.receive("q.fifo", 1, 10, None, lambda: True))
    )
    for _ in range(2):
        queues.send("q.fifo", entries("a", group="g"))
    assert len(later) == 1
    waiting.start()
    waiting.join(10)
    assert [message.body for message in found] == ["a"]
    later[0]()
    queues.close()


def test_what_is_held_is_not_seen_until_its_time_is_over(world: World) -> None:
    """A received message is hidden for the visibility timeout and then comes again with a higher count."""
    world.queues.send("plain", entries("a"))
    assert [m.receives for m in world.receive("plain")] == [1]
    assert world.receive("plain") == []
    assert world.queues.counts("plain") == (0, 1, 0)
    world.wait(30)
    assert [m.receives for m in world.receive("plain")] == [2]


def test_a_delay_hides_a_message_at_first(world: World) -> None:
    """A delayed message is counted as delayed and cannot be received before its time."""
    world.queues.send("plain", [Entry("later", delay_s=900), Entry("now")])
    assert world.queues.counts("plain") == (1, 0, 1)
    assert world.bodies("plain") == ["now"]
    world.wait(900)
    assert world.bodies("plain", hold_s=0) == ["now", "later"]


def test_a_visibility_of_zero_gives_a_message_back(world: World) -> None:
    """ChangeMessageVisibility decides when a held message comes again; one that is not held is refused."""
    world.queues.send("plain", entries("a"))
    (message,) = world.receive("plain")
    world.queues.change_visibility("plain", receipt(message), 0)
    assert world.bodies("plain") == ["a"]
    world.wait(31)
    with pytest.raises(SqsError, match="not in flight"):
        world.queues.change_visibility("plain", receipt(message), 5)


def test_an_old_receipt_deletes_nothing(world: World) -> None:
    """Who was too slow cannot delete what somebody else holds now; a FIFO queue says so."""
    for name, group in (("plain", None), ("q.fifo", "g")):
        world.queues.send(name, entries("a", group=group))
        (message,) = world.receive(name)
        old = receipt(message)
        world.wait(61)
        world.receive(name)
        (error,) = world.queues.delete(name, [old])
        assert (error is None) == (name == "plain")
        assert world.queues.counts(name)[1] == 1


def test_a_group_waits_while_one_of_its_messages_is_held(world: World) -> None:
    """A batch may hold several messages of a group in order; the rest waits until all of them are gone."""
    world.queues.send("q.fifo", entries("a1", "a2", "a3", group="a"))
    world.queues.send("q.fifo", entries("b1", group="b"))
    first = world.receive("q.fifo", limit=2)
    assert [m.body for m in first] == ["a1", "a2"]
    assert world.bodies("q.fifo") == ["b1"]
    world.delete("q.fifo", first[:1])
    assert world.receive("q.fifo") == []
    world.delete("q.fifo", first[1:])
    assert world.bodies("q.fifo") == ["a3"]


def test_what_failed_comes_before_what_is_behind_it(world: World) -> None:
    """After a partial failure the group goes on with the message that failed, when its pause is over."""
    world.queues.send("q.fifo", entries("1", "2", "3", group="a"))
    got = world.receive("q.fifo")
    world.delete("q.fifo", got[:1])
    for message in got[1:]:
        world.queues.change_visibility("q.fifo", receipt(message), 2)
    assert world.receive("q.fifo") == []
    world.wait(2)
    assert world.bodies("q.fifo") == ["2", "3"]


def test_a_duplicate_within_five_minutes_is_the_same_message(world: World) -> None:
    """The same de-duplication id in the same group is taken once, even after deletion, for five minutes."""
    (first,) = world.queues.send("q.fifo", [Entry("x", "g", "id")])
    (again,) = world.queues.send("q.fifo", [Entry("y", "g", "id")])
    assert (again.id, again.sequence) == (first.id, first.sequence)
    world.delete("q.fifo", world.receive("q.fifo"))
    world.queues.send("q.fifo", [Entry("z", "g", "id")])
    assert world.receive("q.fifo") == []
    assert len(world.queues.send("q.fifo", [Entry("other", "h", "id")])) == 1
    world.wait(301)
    world.queues.send("q.fifo", [Entry("fresh", "g", "id")])
    assert sorted(world.bodies("q.fifo")) == ["fresh", "other"]


def test_duplicates_in_one_batch_are_one_message(world: World) -> None:
    """A batch that repeats itself puts one message in."""
    world.queues.send("q.fifo", [Entry("x", "g", "id"), Entry("x", "g", "id")])
    assert world.bodies("q.fifo") == ["x"]


def test_too_many_receives_end_among_the_dead_letters_and_can_come_back(world: World) -> None:
    """After maxReceiveCount receives a message moves to the dead-letter queue, and its group goes on."""
    world.queues.create("dead.fifo", {"FifoQueue": "true"})
    policy = {"deadLetterTargetArn": "arn:aws:sqs:x:1:dead.fifo", "maxReceiveCount": 2}
    world.queues.set_attributes("q.fifo", {"RedrivePolicy": json.dumps(policy)})
    world.queues.send("q.fifo", entries("bad", "good", group="g"))
    for _ in range(2):
        assert world.bodies("q.fifo", limit=1) == ["bad"]
        world.wait(60)
    assert world.bodies("q.fifo") == ["good"]
    assert world.queues.counts("dead.fifo")[0] == 1
    (dead,) = world.receive("dead.fifo", hold_s=0)
    assert (dead.body, dead.dead_from, dead.group) == ("bad", "q.fifo", "g")
    world.wait(60)
    assert world.queues.move_all("dead.fifo", None) == 1
    assert world.bodies("q.fifo") == ["good", "bad"]


def test_a_restart_keeps_messages_counts_and_order(tmp_path: Path) -> None:
    """After a restart everything sent is there in order; what was held may be taken at once."""
    world = World(tmp_path / "q.sqlite3")
    world.queues.create("q.fifo", FIFO)
    world.queues.create("plain", {})
    world.queues.send("q.fifo", entries("1", "2", "3", group="g"))
    world.queues.send("plain", [Entry("delayed", delay_s=100)])
    world.delete("q.fifo", world.receive("q.fifo", limit=1))
    world.receive("q.fifo", limit=1)
    world.queues.close()
    world.open()
    world.queues.send("q.fifo", entries("4", "1", group="g"))
    got = world.receive("q.fifo")
    assert [(m.body, m.receives) for m in got] == [("2", 2), ("3", 1), ("4", 1)]
    assert world.receive("plain") == []
    assert world.queues.counts("plain") == (0, 0, 1)
    assert world.queues.get("q.fifo").attributes == FIFO
    world.queues.close()


def test_nothing_is_given_to_a_caller_that_left(world: World) -> None:
    """A receiver whose connection is gone takes nothing along."""
    world.queues.send("plain", entries("a"))
    assert world.queues.receive("plain", 10, 0, None, lambda: False) == []
    assert world.bodies("plain") == ["a"]


def test_a_queue_that_is_not_there(world: World) -> None:
    """Operations on an unknown queue are refused, and so is another shape of a known one."""
    with pytest.raises(SqsError, match="does not exist"):
        world.queues.send("nope", entries("a"))
    with pytest.raises(SqsError, match="other attributes"):
        world.queues.create("plain", {"VisibilityTimeout": "31"})
    world.queues.create("plain", {"VisibilityTimeout": "30"})


steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from("abc"), st.integers(1, 4)),
        st.tuples(st.just("receive"), st.integers(1, 10), st.integers(1, 20)),
        st.tuples(st.just("delete"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("hide"), st.integers(0, 9), st.integers(0, 10)),
        st.tuples(st.just("wait"), st.integers(1, 15), st.just(0)),
        st.tuples(st.just("restart"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


@settings(max_examples=80)
@given(steps)
def test_whatever_happens_a_group_keeps_its_order(
    tmp_path_factory: pytest.TempPathFactory, plan: list
) -> None:  # type: ignore[type-arg]
    """Over any sends, receives, deletes, holds, pauses and restarts: in order, one holder, nothing lost."""
    world = World(tmp_path_factory.mktemp("fifo") / "q.sqlite3")
    world.queues.create("q.fifo", FIFO)
    left: dict[str, list[int]] = defaultdict(list)
    held: list[tuple[Message, str]] = []
    until: dict[str, int] = {}
    sent = 0

    def flying(group: str) -> bool:
        return any(m.group == group and until[m.id] > world.now_ms for m, _ in held)

    for step, first, second in plan:
        if step == "send":
            for _ in range(second):
                world.queues.send("q.fifo", [Entry(str(sent), first, str(sent))])
                left[first].append(sent)
                sent += 1
        elif step == "receive":
            before = {group: flying(group) for group in left}
            got = world.receive("q.fifo", first, second)
            by_group: dict[str, list[int]] = defaultdict(list)
            for message in got:
                by_group[message.group or ""].append(int(message.body))
            for group, numbers in by_group.items():
                assert not before[group], "a group was read while one of its messages was held"
                assert numbers == left[group][: len(numbers)], "a group was not read from its head"
            held = [pair for pair in held if pair[0].id not in {m.id for m in got}]
            held += [(m, receipt(m)) for m in got]
            until.update({m.id: world.now_ms + second * 1000 for m in got})
            readable = sum(len(numbers) for group, numbers in left.items() if not before[group])
            assert len(got) == min(first, readable), "what could be received was not"
        elif step == "delete" and held:
            message, text = held.pop(first % len(held))
            assert world.queues.delete("q.fifo", [text]) == [None]
            left[message.group or ""].remove(int(message.body))
        elif step == "hide" and held:
            message, text = held[first % len(held)]
            if until[message.id] > world.now_ms:
                world.queues.change_visibility("q.fifo", text, second)
                until[message.id] = world.now_ms + second * 1000
        elif step == "wait":
            world.wait(first)
        elif step == "restart":
            world.queues.close()
            world.open()
            until = dict.fromkeys(until, 0)
    assert sum(map(len, left.values())) == sum(world.queues.counts("q.fifo"))
    world.queues.close()
