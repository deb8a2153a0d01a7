"""Reservations are things: several of one friend, moved and cancelled, each with its own reminders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.enrollments import follow_ups, service
from chalicelib.enrollments import store as enrollments
from chalicelib.friends import store
from chalicelib.privacy import erasure
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.sheets import positions, reservations
from chalicelib.timeline import service as activities
from tests.reaction_builders import a_rule
from tests.reservation_world import REMINDS, a_salon, put, says, word
from tests.scenario_world import SHOP, START, Crashed, World, message, publish, where

DAY = timedelta(days=1)


@pytest.fixture
def salon(cloud: None) -> Iterator[World]:
    with a_salon("u1") as world:
        yield world


def sheet() -> dict[str, Any]:
    found = store.load(SHOP, 4, "u1")
    assert found is not None
    return found


def run(value: str, scenario: str = "remind") -> Any:
    return where("u1", scenario, value)


def at(after: timedelta) -> str:
    return iso(START + after)


def test_each_of_two_is_reminded_of_wherever_it_is_moved(salon: World) -> None:
    """r1 is moved to an earlier day, r2 to a later one; each reminder names its own and comes once."""
    says(salon, "e1", "r1", 9 * DAY)
    says(salon, "e2", "r2", 3 * DAY)
    assert positions.runs(sheet(), "remind").keys() == {"r1", "r2"}
    says(salon, "e3", "r1", 2 * DAY, "moved")
    says(salon, "e4", "r2", 6 * DAY, "moved")
    salon.run(10 * DAY, sweep=False)
    assert salon.received("u1") == [
        "evening r1 11/24 15:06",
        "hours r1 11/24 15:06",
        "evening r2 11/28 15:06",
        "hours r2 11/28 15:06",
    ], salon.story("u1")
    sent = [when for when, _, _ in salon.sends]
    assert [iso(when)[:16] for when in sent[:2]] == ["2026-11-23T09:00", "2026-11-24T04:06"]
    assert {run(value).state for value in ("r1", "r2")} == {"finished"}


def test_what_is_cancelled_ends_at_once_and_nothing_is_searched(
    salon: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run of r1 alone; the sheet names it, so that no past run is read."""
    says(salon, "e1", "r1", 3 * DAY)
    says(salon, "e2", "r2", 3 * DAY)
    monkeypatch.setattr(enrollments, "runs_of_friend", lambda *_: pytest.fail("searched"))
    says(salon, "e3", "r1", None, "cancelled")
    assert (run("r1").state, run("r1").reason, run("r2").state) == ("exited", "cancelled", "active")
    found = reservations.of_sheet(sheet())["r1"]
    assert (found["status"], found["at"]) == ("cancelled", at(3 * DAY))
    bodies = [body for _, _, queue, body, _ in salon.queue if queue == "inbox"]
    assert "scenario_exited" in [body["type"] for body in bodies]
    salon.run(4 * DAY, sweep=False)
    assert {text.split()[1] for text in salon.received("u1")} == {"r2"}


def test_an_older_word_changes_nothing_and_wakes_no_rule(salon: World) -> None:
    """Moved twice, told in the wrong order: the later word counts, and the older is no news."""
    put({"rules": {"reply": a_rule("reserved", [{"send": {"message": "plain"}}], match={"status": "moved"})}})
    says(salon, "e1", "r1", 5 * DAY)
    second, third = salon.now + timedelta(seconds=1), salon.now + timedelta(seconds=2)
    salon.now += timedelta(seconds=10)
    says(salon, "e3", "r1", 4 * DAY, "moved", reported_at=third)
    says(salon, "e2", "r1", 7 * DAY, "moved", reported_at=second)
    assert reservations.of_sheet(sheet())["r1"]["at"] == at(4 * DAY)
    assert run("r1").due_at == "2026-11-25T09:00:00.000Z"
    salon.run(60, sweep=False)
    assert salon.received("u1") == ["see you"]
    late = activities.find(SHOP, "u1", "e2")
    assert late is not None
    assert late["history"][0] == "reservation_outdated"


def test_a_booking_that_comes_after_its_cancellation_begins_nothing(salon: World) -> None:
    """It is told late; the friend is not entered, and the timeline says why."""
    first = salon.now
    salon.now += timedelta(minutes=1)
    says(salon, "e2", "r1", 5 * DAY, "cancelled")
    says(salon, "e1", "r1", 5 * DAY, reported_at=first)
    assert _why_not("e1") == "reservation_cancelled"
    says(salon, "e3", "r1", 5 * DAY)
    assert run("r1").state == "active"


def _why_not(event_id: str) -> str:
    found = activities.find(SHOP, "u1", event_id)
    assert found is not None
    return str(found["effects"][0]["why"])


def test_who_is_entered_by_a_cancellation_stays(salon: World) -> None:
    """Asking back is for the reservation, too; cancelling it again, said later, is another word."""
    publish(
        "back",
        entry={"per": "reservation_id", "re_entry": "after_exit"},
        start="w",
        nodes={"w": {"type": "wait", "after": "1d", "next": "m"}, "m": message("plain")},
    )
    rule = a_rule("reserved", [{"enter_scenario": "back"}], match={"status": "cancelled"})
    put({"rules": {"back": rule}})
    says(salon, "e1", "r1", 5 * DAY)
    says(salon, "e2", "r1", 5 * DAY, "cancelled")
    assert (run("r1").state, run("r1", "back").state) == ("exited", "active")
    salon.run(2 * DAY, sweep=False)
    assert salon.received("u1") == ["see you"]


@pytest.mark.parametrize("status", ["moved", "cancelled"])
def test_a_word_that_is_killed_anywhere_is_followed(salon: World, status: str) -> None:
    """Whatever the reaction dies before: done again, the run is where it must be, and the entry stands."""
    says(salon, "e1", "r1", 9 * DAY)
    begin_again, point, survived = salon.keep(), 0, False
    while not survived:
        point += 1
        begin_again()
        event = word("e2", "r1", 2 * DAY, status, reported_at=salon.now)
        salon.now += timedelta(seconds=1)
        salon.crossings, salon.crash_at = 0, point
        try:
            reaction.react(event)
            survived = salon.crash_at is not None
        except Crashed:
            salon.crash_at = None
            reaction.react(event)
        salon.crash_at = None
        shown = positions.runs(sheet(), "remind")["r1"]["state"]
        if status == "moved":
            assert (run("r1").due_at, shown) == ("2026-11-23T09:00:00.000Z", "active"), f"crossing {point}"
        else:
            assert (run("r1").reason, shown) == ("cancelled", "exited"), f"crossing {point}"
    assert point > 4


def test_the_same_words_at_the_same_time_are_of_each(salon: World) -> None:
    """Two reservations of one day, one text for everybody: both reminders come."""
    nodes = {**REMINDS["nodes"], "evening": message("plain")}
    publish("remind", **{**REMINDS, "nodes": nodes})
    says(salon, "e1", "r1", 3 * DAY)
    says(salon, "e2", "r2", 3 * DAY + timedelta(hours=1))
    salon.run(3 * DAY - timedelta(hours=4), sweep=False)
    assert salon.received("u1") == ["see you", "see you"]


def test_an_erased_friend_leaves_no_reservation_behind(salon: World) -> None:
    """Not on the sheet, not in the runs' items; who comes back may enter for the same one again."""
    says(salon, "e1", "r1", 3 * DAY)
    salon.now += timedelta(seconds=1)
    erased = iso(salon.now)
    assert erasure.erase(get_account(SHOP), "u1", erased)
    service.forget(SHOP, "u1", erased)
    (left,) = enrollments.runs_of_friend(SHOP, "u1")
    assert (left.value, left.anchor, left.reason) == (None, None, "erased")
    salon.now += timedelta(seconds=1)
    reaction.react(FriendEvent("f", SHOP, "u1", "followed", iso(salon.now)))
    assert reservations.of_sheet(sheet()) == {}
    says(salon, "e9", "r1", 4 * DAY)
    assert (run("r1").state, run("r1").run) == ("active", 2)


def test_without_a_value_nobody_enters(salon: World) -> None:
    """By an event that has no such property, by hand without one; with one by hand it is for that."""
    put({"rules": {"hello": a_rule("custom:hello", [{"enter_scenario": "remind"}])}})
    reaction.react(FriendEvent("e1", SHOP, "u1", "custom:hello", iso(salon.now), source="api"))
    assert _why_not("e1") == "value_missing"
    says(salon, "e2", "r1", 5 * DAY)
    entry = service.by_hand(SHOP, "remind", "r1")
    assert service.enroll(SHOP, ["u1"], "remind", salon.now, "c", entry=entry)[0].why == "already_active"
    assert service.exit(SHOP, ["u1"], "remind", "operator", salon.now)[0].accepted
    assert [(e.value, e.state) for e in service.enrollments(SHOP, "u1")] == [("r1", "exited")]


def test_a_run_for_none_waits_for_the_reservation_that_entered_it(salon: World) -> None:
    """Not for the last one that was booked; cancelled, it ends there."""
    publish("once", start="before", nodes=REMINDS["nodes"])
    put({"rules": {"once": a_rule("reserved", [{"enter_scenario": "once"}], match={"reservation_id": "r1"})}})
    says(salon, "e1", "r1", 5 * DAY)
    says(salon, "e2", "r2", 9 * DAY)
    assert where("u1", "once").due_at == "2026-11-26T09:00:00.000Z"
    says(salon, "e3", "r1", 4 * DAY, "moved")
    assert where("u1", "once").due_at == "2026-11-25T09:00:00.000Z"
    says(salon, "e4", "r1", 4 * DAY, "cancelled")
    salon.run(5, sweep=False)
    assert (where("u1", "once").state, where("u1", "once").reason) == ("exited", "cancelled")


def test_carts_go_on_and_leave_by_their_own_value(salon: World) -> None:
    """Any property will do: what is waited for and what takes a friend out are of the same value."""
    hears = {"type": "wait_for", "event": "custom:paid", "timeout": "1d", "next": "end", "on_timeout": "m"}
    nodes = {"w": hears, "m": message("plain"), "end": {"type": "exit", "reason": "paid"}}
    publish("carts", entry={"per": "cart"}, start="w", nodes=nodes)
    enters, leaves = [{"enter_scenario": "carts"}], [{"exit_scenario": "carts"}]
    rules = {"fills": a_rule("custom:fills", enters), "drops": a_rule("custom:drops", leaves)}
    put({"rules": rules})

    def does(what: str, **props: Any) -> None:
        salon.now += timedelta(seconds=1)
        name = f"{what}-{props.get('cart')}"
        reaction.react(FriendEvent(name, SHOP, "u1", f"custom:{what}", iso(salon.now), props=props))

    for cart in (1, "b", "c", "d"):
        does("fills", cart=cart)
    does("paid", cart="b")
    does("drops", cart="c")
    stood = {value: run(value, "carts") for value in ("1", "b", "c", "d")}
    assert [(one.state, one.reason) for one in stood.values()] == [
        ("active", None),
        ("exited", "paid"),
        ("exited", "rule:drops"),
        ("active", None),
    ]
    salon.run(2 * DAY, sweep=False)
    assert salon.received("u1") == ["see you", "see you"]


def test_the_sheet_forgets_runs_that_ended_long_ago(salon: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the last ones; whoever asks for the state still knows that there were some."""
    monkeypatch.setattr(follow_ups, "RUNS_SHOWN", 1)
    for n in range(3):
        says(salon, f"b{n}", f"r{n}", 9 * DAY)
        salon.now += 2 * DAY
        says(salon, f"c{n}", f"r{n}", None, "cancelled")
    assert positions.runs(sheet(), "remind").keys() == {"r2"}
    says(salon, "b3", "r3", 9 * DAY)
    says(salon, "c3", "r3", None, "cancelled")
    assert positions.runs(sheet(), "remind").keys() == {"r2", "r3"}
    assert len(enrollments.runs_of_friend(SHOP, "u1")) == 4
