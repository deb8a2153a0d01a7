"""What a friend's turn comes to, and which definitions are refused. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.deliveries import policies
from chalicelib.enrollments import decide, entry, event_handling
from chalicelib.enrollments.model import Enrollment, Park, Pointer, Position, Step, triage
from chalicelib.scenarios import graph
from chalicelib.scenarios.documents import DOCUMENTS
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.times import iso

NOW = datetime(2026, 11, 22, 6, 6, 20, tzinfo=UTC)
SHEET = {"status": "following", "tags": {}, "attributes": {}, "facts": {}}


def a_definition(start: str, nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return normal_body(DOCUMENTS["scenarios"], {"name": "s", "start": start, "nodes": nodes, **more})


def a_program(start: str, nodes: dict[str, Any], **more: Any) -> decide.Program:
    published = {"version": 1, "definition": a_definition(start, nodes, **more)}
    return decide.build("s", published, Snapshot("shop"), ZoneInfo("Asia/Tokyo"))


def at(node: str, since: float = 0, **more: Any) -> Enrollment:
    entered = iso(NOW - timedelta(seconds=since))
    return replace(
        Enrollment("shop", "u1", "s", "active", 1, 3, node, entered, entered, due_at=entered), **more
    )


def faults(start: str, nodes: dict[str, Any], **more: Any) -> list[str]:
    return [detail.path for detail in graph.faults(a_definition(start, nodes, **more))]


M = {"type": "message", "message": "m1"}
W = {"type": "wait", "after": "1h"}


def test_early_by_more_than_a_second_is_parked() -> None:
    """One second early is accepted, more is armed again for the moment."""
    program = a_program("w", {"w": {**W, "next": "m"}, "m": M})
    assert decide.step(program, at("w", 3598), SHEET, NOW) == Park(NOW + timedelta(seconds=2))
    found = decide.step(program, at("w", 3599), SHEET, NOW)
    assert isinstance(found, Step)
    assert found.send == "m"


def test_what_policies_hold_back_is_waited_for() -> None:
    """A friend comes to the message and stands there since it was due; there, the same version is later."""
    program = a_program("w", {"w": {**W, "next": "m"}, "m": M})
    morning = NOW + timedelta(hours=11)

    def rule(_kind: str, _id: str) -> policies.Ruling:
        return policies.Ruling("hold", "quiet_hours", morning)

    found = decide.step(program, at("w", 3620), SHEET, NOW, rule=rule)
    since = NOW - timedelta(seconds=20)
    assert found == Step(Position("active", "m", morning, since=since, held="quiet_hours"))
    assert decide.step(program, at("m", 20), SHEET, NOW, rule=rule) == Park(morning, held="quiet_hours")
    gone = decide.step(program, at("m", 20), SHEET | {"status": "blocked"}, NOW, rule=rule)
    assert isinstance(gone, Step)
    assert gone.position.reason == "blocked"


def test_at_most_one_message_per_turn() -> None:
    """Two messages in a row: the second is a turn of its own, due at once."""
    program = a_program("a", {"a": {**M, "next": "b"}, "b": M})
    found = decide.step(program, at("a"), SHEET, NOW)
    assert isinstance(found, Step)
    assert (found.send, found.position.node, found.position.due_at) == ("a", "b", NOW)


@pytest.mark.parametrize(
    ("state", "run", "v", "verdict"),
    [
        ("active", 1, 3, "go"),
        ("active", 1, 4, "moved"),
        ("finished", 1, 4, "moved"),
        ("active", 1, 5, "drop"),
        ("exited", 1, 3, "drop"),
        ("active", 2, 9, "drop"),
        ("active", 1, 2, "later"),
    ],
)
def test_pointers_are_dropped_by_the_rules(state: Any, run: int, v: int, verdict: str) -> None:
    """Not active, another run, an older version: dropped; newer than the item: later."""
    pointer = Pointer("shop", "u1", "s", 1, 3, iso(NOW))
    assert triage(at("w", state=state, run=run, v=v), pointer) == verdict
    assert triage(None, pointer) == "drop"


def test_a_wait_for_goes_its_way() -> None:
    """The event leads to next, by a turn of its own; the timeout to on_timeout; before both: parked."""
    node = {"type": "wait_for", "event": "purchased", "match": {"amount": {"gte": 10}}, "timeout": "1h"}
    program = a_program("w", {"w": {**node, "next": "a", "on_timeout": "b"}, "a": M, "b": M})
    assert isinstance(decide.step(program, at("w", 60), SHEET, NOW), Park)
    happened = decide.step(program, at("w", 60), SHEET, NOW, happened_at=NOW)
    timed_out = decide.step(program, at("w", 3600), SHEET, NOW)
    assert isinstance(happened, Step)
    assert isinstance(timed_out, Step)
    assert (happened.send, happened.position.node, timed_out.send) == (None, "a", "b")
    event = {"event_id": "e1", "type": "purchased", "at": iso(NOW), "props": {"amount": 10}}
    assert event_handling.ended_by(program, at("w", 60), event)
    assert not event_handling.ended_by(program, at("w", 60), event | {"props": {"amount": 9}})
    assert not event_handling.ended_by(program, at("w"), event | {"at": iso(NOW - timedelta(seconds=1))})


def test_a_date_that_is_past_or_missing_goes_its_own_way() -> None:
    """Past on entering: on_past, else next. Missing: on_past, else left as no_date."""
    until = {"type": "wait", "until": {"attribute": "visit", "offset": "-1d", "time": "18:00"}, "next": "a"}
    plain = a_program("u", {"u": until, "a": M, "p": M})
    with_past = a_program("u", {"u": {**until, "on_past": "p"}, "a": M, "p": M})

    def outcome(program: decide.Program, day: str | None, since: float = 0) -> Any:
        sheet = {**SHEET, "attributes": {"visit": day} if day else {}}
        found = decide.step(program, at("u", since), sheet, NOW)
        return found if isinstance(found, Park) else (found.send, found.position.reason)

    assert outcome(plain, "2026-12-10") == Park(datetime(2026, 12, 9, 9, 0, tzinfo=UTC))
    assert outcome(plain, "2026-11-22") == ("a", None)
    assert outcome(with_past, "2026-11-22") == ("p", None)
    assert outcome(plain, None) == (None, "no_date")
    assert outcome(with_past, None) == ("p", None)
    assert outcome(with_past, "2026-11-22", since=2 * 86400) == ("a", None)


def test_splits_are_fair_and_stay_the_same() -> None:
    """Weights hold over many friends; deciding again goes the same way."""
    arms = [{"weight": 1, "next": "a"}, {"weight": 3, "next": "b"}]
    program = a_program("x", {"x": {"type": "split", "arms": arms}, "a": M, "b": M})

    def way(n: int) -> str | None:
        found = decide.step(program, at("x", user_id=f"u{n}"), SHEET, NOW)
        assert isinstance(found, Step)
        return found.send

    ways = Counter(way(n) for n in range(2000))
    assert ways == Counter(way(n) for n in range(2000))
    assert 420 < ways["a"] < 580


NODE_NAMES = ["a", "b", "c", "d", "e"]
targets = st.none() | st.sampled_from(NODE_NAMES)
some_nodes = st.fixed_dictionaries(
    {
        name: st.one_of(
            targets.map(lambda to: {**M, "next": to}),
            st.tuples(st.sampled_from(["0s", "1s", "1h"]), targets).map(
                lambda pair: {"type": "wait", "after": pair[0], "next": pair[1]}
            ),
            st.tuples(targets, targets).map(
                lambda pair: {
                    "type": "branch",
                    "cases": [{"if": {"everyone": True}, "next": pair[0]}],
                    "else": pair[1],
                }
            ),
            targets.map(lambda to: {"type": "split", "arms": [{"weight": 1, "next": to}]}),
            st.just({"type": "exit"}),
        )
        for name in NODE_NAMES
    }
)


@given(some_nodes)
def test_what_is_accepted_never_runs_in_circles(nodes: dict[str, Any]) -> None:
    """A definition without faults comes, from every node, to a message, a wait or an end."""
    if faults("a", nodes):
        return
    program = a_program("a", nodes)
    for name in NODE_NAMES:
        found = decide.step(program, at(name, 7200), SHEET, NOW)
        assert isinstance(found, Step)
        assert found.position.reason != "circle"


def test_faults_are_named_with_their_path() -> None:
    """Unknown nodes and circles that nothing slows down."""
    assert faults("zzz", {"a": M}) == ["start"]
    assert faults("a", {"a": {**M, "next": "b"}}) == ["nodes.a.next"]
    assert faults("a", {"a": {**M, "next": "a"}}) == ["nodes.a"]
    assert faults("a", {"a": {**M, "next": "w"}, "w": {**W, "after": "0s", "next": "a"}}) != []
    assert faults("a", {"a": {**M, "next": "w"}, "w": {**W, "next": "a"}}) == []
    today = {"type": "wait", "at": {"day": 0, "time": "09:00"}, "next": "a"}
    assert faults("a", {"a": {**M, "next": "w"}, "w": today}) != []
    assert faults("a", {"a": M}, redirects={"old": "gone"}) == ["redirects.old"]
    assert graph.unreachable(a_definition("a", {"a": M, "b": M})) == ["b"]


@pytest.mark.parametrize(
    "node",
    [
        {"type": "wait"},
        {"type": "wait", "after": "1h", "at": {"day": 1, "time": "09:00"}},
        {"type": "wait", "at": {"day": 1, "time": "24:00"}},
        {"type": "wait", "at": {"day": -1, "time": "09:00"}},
        {"type": "wait", "at": {"day": 1, "time": "09:00", "weekdays": ["monday"]}},
        {"type": "wait", "after": "soon"},
        {"type": "wait", "after": "1h", "on_past": "a"},
        {"type": "wait", "until": {"offset": "-1d"}},
        {"type": "branch", "cases": []},
        {"type": "branch", "cases": [{"if": {"tag": "a", "score": "b"}}]},
        {"type": "split", "arms": [{"weight": 0}]},
        {"type": "wait_for", "event": "x", "timeout": "1h", "match": {"a": {"like": "b"}}},
        {"type": "action", "then": []},
        {"type": "telepathy"},
        {"type": "message"},
    ],
)
def test_wrong_shapes_are_invalid_input(node: dict[str, Any]) -> None:
    """What has the wrong shape is refused with the path of its node."""
    with pytest.raises(InvalidInput) as refused:
        a_definition("a", {"a": node})
    assert refused.value.details[0].path.startswith("nodes.a")


def test_the_diagram_names_every_node_and_way() -> None:
    """Mermaid text with each node once and every way out."""
    body = a_definition("a", {"a": {**M, "next": "end-b"}, "end-b": {**W, "name": "A day", "next": None}})
    text = graph.diagram(body, {"a": 3})
    assert 'n_end_d_b["A day: wait ' in text
    assert 'start["once for each cart"] --> n_a' in graph.diagram({**body, "entry": {"per": "cart"}})
    assert 'n_a["a: send m1 (3)"]' in text
    assert "n_a --> n_end_d_b" in text
    assert "n_end_d_b --> finished([finished])" in text


def till(due_at: datetime, **more: Any) -> dict[str, Any]:
    """A wait until then, relative to the reservation that the run is anchored to."""
    hours = int((BOOKED - due_at).total_seconds())
    return {"type": "wait", "until": {"event": "reserved", "offset": f"-{hours}s"}, **more}


BOOKED = NOW + timedelta(hours=3)
ANCHOR = {"event": "reserved", "reservation": "r1", "reported": iso(NOW - timedelta(days=1)), "per": "x"}
COMES = {
    **SHEET,
    "user_id": "u1",
    "account": "shop",
    "reservations": {
        "kept": {"r1": {"at": iso(BOOKED), "status": "booked", "reported_at": ANCHOR["reported"]}}
    },
}


@pytest.mark.parametrize(
    ("late_s", "between_s", "way"), [(40, 20, "in time"), (40, 60, "past"), (1000, 20, "past")]
)
@pytest.mark.parametrize("kind", ["timeout", "event", "action", "entry"])
def test_who_is_late_by_an_outage_goes_the_way_that_was_due(
    kind: str, late_s: int, between_s: int, way: str
) -> None:
    """The moment came after the turn was due, and before it was worked on: it is not past. It is where it lay
    before that already, and where the outage lasted long.
    """
    then = NOW - timedelta(seconds=late_s)
    nodes = {
        "hear": {
            "type": "wait_for",
            "event": "purchased",
            "timeout": "1h",
            "next": "eve",
            "on_timeout": "eve",
        },
        "act": {"type": "action", "then": [{"add_tag": "t"}], "next": "eve"},
        "eve": till(NOW - timedelta(seconds=between_s), next="m", on_past="p"),
        "m": M,
        "p": {"type": "exit", "reason": "past"},
    }
    program = a_program("eve", nodes)
    anchored = {"anchor": ANCHOR}
    if kind == "timeout":
        found = decide.step(program, at("hear", 3600 + late_s, **anchored), COMES, NOW)
    elif kind == "event":
        found = decide.step(program, at("hear", 2000, **anchored), COMES, NOW, happened_at=then)
    elif kind == "action":
        found = decide.go_on(program, at("act", late_s, **anchored), COMES, NOW, then)
    else:
        of = entry.Entry(None, ANCHOR, then)
        found = decide.step(program, entry.fresh(program, COMES, None, NOW, "c", None, of), COMES, NOW)
    assert isinstance(found, Step)
    assert (found.position.reason == "past") == (way == "past")
    assert way == "past" or "m" in (found.send, found.position.node)


def test_a_day_counts_from_when_the_turn_was_due() -> None:
    """Due a second before midnight and worked on after it: tomorrow is what it would have been."""
    midnight = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
    nodes = {
        "w": {**W, "next": "day"},
        "day": {"type": "wait", "at": {"day": 1, "time": "09:00"}, "next": "m"},
        "m": M,
    }
    item = replace(at("w"), node_at=iso(midnight - timedelta(seconds=3601)))
    found = decide.step(a_program("w", nodes), item, SHEET, midnight + timedelta(seconds=9))
    assert isinstance(found, Step)
    assert found.position.due_at == datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert found.position.since == midnight - timedelta(seconds=1)


def test_who_enters_has_been_there_since_it_was_heard() -> None:
    """Not before an erasure, and not longer ago than an outage lasts."""
    program = a_program("w", {"w": {**W, "next": "m"}, "m": M})
    for late_s, erased_s, since_s in ((30, None, 30), (30, 20, 0), (1000, None, 0), (-5, None, 0)):
        sheet = COMES | ({"erased_at": iso(NOW - timedelta(seconds=erased_s))} if erased_s else {})
        of = entry.Entry(heard_at=NOW - timedelta(seconds=late_s))
        item = entry.fresh(program, sheet, None, NOW, "c", None, of)
        assert item.node_at == item.entered_at == iso(NOW - timedelta(seconds=since_s))


@pytest.mark.parametrize(("entered_s", "eve_s", "outcome"), [(300, 60, "sent, no more"), (100, 200, "past")])
def test_a_date_that_moves_into_the_past_lets_no_later_one_come(
    entered_s: int, eve_s: int, outcome: str
) -> None:
    """Moved now: what lies between the moved moment and now was missed by nobody's fault, and is past."""
    nodes = {
        "eve": till(NOW - timedelta(seconds=eve_s), next="m", on_past="soon"),
        "m": {**M, "next": "soon"},
        "soon": till(NOW - timedelta(seconds=10), next="late", on_past="over"),
        "late": M,
        "over": {"type": "exit", "reason": "over"},
    }
    item = at("eve", entered_s, anchor=ANCHOR, due_at=iso(NOW))
    found = decide.step(a_program("eve", nodes), item, COMES, NOW)
    assert isinstance(found, Step)
    assert (found.send, found.position.reason) == ("m" if outcome != "past" else None, "over")


def test_who_enters_when_everything_is_past_gets_nothing() -> None:
    """Of two dates that lie before entering none is sent, however near they are."""
    nodes = {
        "one": till(NOW - timedelta(seconds=53), next="m", on_past="two"),
        "m": {**M, "next": "two"},
        "two": till(NOW - timedelta(seconds=13), next="m2", on_past="over"),
        "m2": M,
        "over": {"type": "exit", "reason": "over"},
    }
    program = a_program("one", nodes)
    item = entry.fresh(program, COMES, None, NOW, "c", None, entry.Entry(None, ANCHOR, NOW))
    found = decide.step(program, item, COMES, NOW + timedelta(seconds=1))
    assert isinstance(found, Step)
    assert (found.send, found.position.reason) == (None, "over")
