"""How entries become messages: never early by more than a second, each once, packed."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.shared.times import parse_iso
from chalicelib.timers import plan
from chalicelib.timers.model import (
    DUE,
    Entry,
    Slot,
    execution_name,
    minute_key,
    minute_of,
    next_watch,
    parse_minute,
)

NOW = datetime(2026, 11, 22, 6, 6, 20, 500_000, tzinfo=UTC)


def slot(number: int, ms: int, kind: str = "step", group: str = "g", *, direct: bool = False) -> Slot:
    at = NOW + timedelta(milliseconds=ms)
    return Slot(Entry("shop", kind, f"u{number}", 1, at, group=group), at, direct=direct)  # type: ignore[arg-type]


@given(st.integers(-10_000, 899_999))
def test_delays_round_down(ms: int) -> None:
    """A message arrives less than a second before its moment and never after it for rounding."""
    arrives = NOW + timedelta(seconds=plan.delay_s(NOW + timedelta(milliseconds=ms), NOW))
    early = (NOW + timedelta(milliseconds=ms)) - arrives
    assert early < timedelta(seconds=1)
    assert early >= timedelta() or ms < 0


slots = st.lists(
    st.builds(
        slot,
        st.integers(0, 10_000),
        st.integers(0, 60_000),
        st.sampled_from(["step", "step", "step", "sheet_due", "chunk", "run"]),
        st.sampled_from(["g", "h"]),
        direct=st.booleans(),
    ),
    max_size=300,
).map(lambda found: sorted(found, key=lambda one: one.at))


@given(slots, st.booleans())
def test_every_slot_is_sent_once_packed_and_in_time(found: list[Slot], backup: bool) -> None:
    """Each entry in exactly one message of its queue, at most 100 together, of one group and second."""
    sent: Counter[str] = Counter()
    for queue, message in plan.messages(found, NOW, backup=backup):
        entries = message.body["entries"]
        queues = {"step": "due", "chunk": "sends", "run": "broadcast-tasks", "sheet_due": "bulk"}
        assert queue == queues[message.body["kind"]]
        assert len(entries) <= DUE[message.body["kind"]].pack
        arrives = NOW + timedelta(seconds=message.delay_s)
        seconds = {parse_iso(entry["due_at"]).replace(microsecond=0) for entry in entries}
        assert len(seconds) == 1
        for entry in entries:
            sent[entry["id"]] += 1
            assert parse_iso(entry["due_at"]) - arrives < timedelta(seconds=1, milliseconds=1)
    assert sent == Counter(one.entry.id for one in found)


def test_a_wave_is_few_messages() -> None:
    """10,000 friends of one group and second are twenty messages, each of a size that SQS takes."""
    users = [f"U{n:032x}" for n in range(10_000)]
    bodies = [{"user_id": user, "scenario": "s" * 64, "run": 12} for user in users]
    wave = [
        Slot(Entry("a" * 40, "step", f"{'s' * 64}#{body['user_id']}", 123, NOW, "g", body), NOW)
        for body in bodies
    ]
    found = [message for _, message in plan.messages(wave, NOW)]
    assert [len(message.body["entries"]) for message in found] == [500] * 20
    assert max(len(json.dumps(message.body)) for message in found) < 256_000


def test_a_backup_comes_after_the_first_copy() -> None:
    """Of what was sent directly, the drained copy comes when a wave is over."""
    ((_, first),) = plan.messages([slot(1, 10_000, direct=True)], NOW)
    ((_, second),) = plan.messages([slot(1, 10_000, direct=True)], NOW, backup=True)
    assert second.delay_s - first.delay_s == plan.BACKUP_DELAY.seconds == 20


@given(st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_minutes_have_names(at: datetime) -> None:
    """A minute's key reads back; text order is time order; execution names are Step Functions' kind."""
    minute = minute_of(at)
    assert parse_minute(minute_key(minute)) == minute <= at < minute + timedelta(minutes=1)
    assert minute_key(minute) < minute_key(minute + timedelta(minutes=1))
    assert execution_name(minute).isascii()
    assert len(execution_name(minute)) <= 80


@pytest.mark.parametrize(("attempt", "minutes"), [(0, 2), (1, 2), (2, 5), (3, 15), (4, 60), (99, 60)])
def test_the_ladder(attempt: int, minutes: int) -> None:
    """2, 2, 5, 15 minutes, then hourly."""
    assert next_watch(attempt) == timedelta(minutes=minutes)
