"""A ``wait_for`` hears whatever can wake a rule, whoever made the fact, and each fact once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.jobs import service as jobs
from chalicelib.reaction import due_times
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from chalicelib.transfers import imports
from tests.reaction_builders import DOCUMENTS, a_rule
from tests.scenario_world import (
    CHECKS,
    SHOP,
    START,
    Crashed,
    World,
    a_world,
    enroll,
    publish,
    put_friends,
    wait,
    where,
)

DAY = {"timeout": "1d"}


@pytest.fixture
def world(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setitem(CHECKS, "sheet_due", due_times.over)  # type: ignore[arg-type]
    with a_world(timers_shards=1) as found:
        documents = {kind: docs for kind, docs in DOCUMENTS.items() if kind != "scenarios"}
        documents["scores"] = {
            **documents["scores"],
            "heat": {"name": "h", "half_life": "1h", "thresholds": [4]},
        }
        documents["forms"] = {
            "ask": {
                "name": "ask",
                "questions": [{"id": "q1", "text": "?", "type": "text", "if": {"tag": "vip"}}],
                "then": [],
            }
        }
        put(documents)
        put_friends("u1")
        plain = found.handle

        def handle(queue: str, body: dict[str, Any], received: int = 1) -> None:
            if queue == "inbox":
                reaction.react(FriendEvent.from_message(body))
            elif queue == "bulk" and body.get("kind") == "sheet_due":
                due_times.come(body["entries"])
            else:
                plain(queue, body, received)

        found.handle = handle  # type: ignore[method-assign]
        yield found


def put(documents: dict[str, dict[str, Any]]) -> None:
    writes = [Write(kind, name, body) for kind, docs in documents.items() for name, body in docs.items()]
    catalog.save(SHOP, writes, lambda _: None, "test")


def put_rules(**rules: dict[str, Any]) -> None:
    put({"rules": rules})


def hears(event: str, to: str | None = None, **match: Any) -> dict[str, Any]:
    return {"type": "wait_for", "event": event, "match": match, **DAY, "next": to, "on_timeout": "late"}


def waits_for(*nodes: dict[str, Any], scenario: str = "welcome", **more: Any) -> None:
    """A scenario that waits for these in turn; ``late`` is where timeouts lead."""
    named = {f"n{index}": dict(node) for index, node in enumerate(nodes)}
    for index, node in enumerate(named.values()):
        if node["next"] is None and index + 1 < len(nodes):
            node["next"] = f"n{index + 1}"
    named |= {"late": {"type": "exit", "reason": "late"}, **more}
    publish(scenario, start="n0", nodes=named)


def react(world: World, kind: str, event_id: str = "e1", source: str = "line", **props: Any) -> FriendEvent:
    world.now += timedelta(seconds=1)
    event = FriendEvent(event_id, SHOP, "u1", kind, iso(world.now), props=props, source=source)
    reaction.react(event)
    return event


def says(world: World, text: str, event_id: str = "e1") -> FriendEvent:
    return react(world, "messaged", event_id, message_type="text", text=text, message_id=event_id)


BY_RULE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"add_tag": "vip"}, hears("tag_added", tag="vip")),
    ({"remove_tag": "new"}, hears("tag_removed", tag="new")),
    ({"add_score": {"score": "interest", "points": 3}}, hears("score_changed", score="interest")),
    ({"set_score": {"score": "interest", "value": 5}}, hears("score_crossed", threshold=3)),
    ({"set_attribute": {"attribute": "skin", "value": "dry"}}, hears("attribute_set", value="dry")),
    ({"record_event": {"name": "booked", "props": {"n": 2}}}, hears("custom:booked", n={"gte": 2})),
]


@pytest.mark.parametrize(
    ("action", "node"), BY_RULE, ids=lambda one: next(iter(one)) if len(one) == 1 else ""
)
def test_what_a_rule_does_is_heard(world: World, action: dict[str, Any], node: dict[str, Any]) -> None:
    """A fact that a rule produced ends the wait at once, and the friend goes on to the end."""
    put_rules(acts=a_rule("messaged", [action], match={"text": "go"}))
    react(world, "console_edit", "before", "console", tags={"add": ["new"], "remove": []})
    waits_for(node)
    enroll("u1")
    says(world, "stay", "e0")
    assert where("u1").state == "active"
    says(world, "go")
    assert where("u1").state == "finished"


def test_a_patch_is_heard(world: World) -> None:
    """Tags, scores and attributes that the console or the API changes."""
    waits_for(
        hears("tag_added", tag="vip"),
        hears("score_changed", score="interest"),
        hears("attribute_set", attribute="skin"),
    )
    enroll("u1")
    react(world, "console_edit", "p1", "console", tags={"add": ["vip"], "remove": []})
    assert where("u1").node == "n1"
    react(world, "console_edit", "p2", "console", scores={"add": {"interest": 1}, "set": {}})
    react(world, "console_edit", "p3", "console", attributes={"skin": "oily"})
    assert where("u1").state == "finished"


def test_a_form_answer_and_a_stage_are_heard(world: World) -> None:
    """``form_answered`` (here of a form that asks this friend nothing), ``stage_changed`` with a purchase."""
    waits_for(hears("form_answered", form="ask"), hears("stage_changed", before="prospect"))
    put_rules(asks=a_rule("messaged", [{"start_form": "ask"}], match={"text": "ask me"}))
    enroll("u1")
    says(world, "ask me", "e1")
    assert where("u1").node == "n1"
    stage = react(world, "purchased", "o1", "api", order_id="1", amount=100, items=[])
    activity = activities.find(SHOP, "u1", stage.event_id)
    assert activity is not None
    assert "stage_changed" in [change["type"] for change in activity["changes"]]
    assert where("u1").state == "finished"


def test_what_time_alone_brings_is_heard(world: World) -> None:
    """A score that sinks past a threshold: no rule waits for it, only the scenario does."""
    waits_for(hears("score_crossed", score="heat", direction="down"))
    react(world, "console_edit", "p1", "console", scores={"add": {}, "set": {"heat": 8}})
    enroll("u1")
    world.run(3500)
    assert where("u1").state == "active"
    world.run(300)
    assert where("u1").state == "finished"


def test_the_actions_of_another_scenario_and_its_own_are_heard(world: World) -> None:
    """An action node's facts: for who waits in another scenario, and for the very wait that follows it."""
    waits_for(hears("tag_added", tag="vip"), scenario="other")
    action = {"type": "action", "then": [{"add_tag": "vip"}, {"add_tag": "a"}], "next": "n0"}
    publish(start="act", nodes={"act": action, "n0": hears("tag_added", tag="a") | {"on_timeout": None}})
    enroll("u1", scenario="other")
    enroll("u1")
    world.run(60)
    assert (where("u1").state, where("u1", "other").state) == ("finished", "finished")


def test_an_import_that_fires_is_heard_and_one_that_does_not_is_history(world: World) -> None:
    """What an import says ends waits exactly when it wakes rules."""
    waits_for(hears("tag_added", tag="vip"), hears("tag_added"))
    enroll("u1")
    world.now += timedelta(seconds=1)
    _import("user_id,tags\nu1,vip", fire=False)
    world.run(1)
    assert where("u1").node == "n0"
    # Nor when the friend begins to wait again at the same moment and looks back.
    _import("user_id,tags\nu1,a|b", fire=True)
    assert where("u1").node == "n0"
    react(world, "console_edit", "p1", "console", tags={"add": [], "remove": ["vip"]})
    _import("user_id,tags\nu1,vip|c", fire=True)
    # vip and c are two facts of one line: the second ends the second wait.
    assert where("u1").state == "finished"


@pytest.mark.parametrize(("before", "is_news"), [(timedelta(), True), (timedelta(hours=1), False)])
def test_a_tag_of_an_import_counts_at_its_own_time(world: World, before: timedelta, is_news: bool) -> None:
    """A tag of before the friend waited ends no wait, however late its import comes."""
    waits_for(hears("tag_added", tag="vip"), hears("tag_added", tag="a"))
    enroll("u1")
    _import(f"user_id,tags\nu1,vip@{iso(world.now - before)}", fire=True)
    assert where("u1").node == ("n1" if is_news else "n0")
    lines, _ = activities.recent(SHOP, "u1", 1)
    assert [change.get("at") for change in lines[0]["changes"]] == [
        None if is_news else iso(world.now - before)
    ]


def test_a_tag_of_an_import_that_is_history_ends_no_wait_and_says_so(world: World) -> None:
    """Rules do not react to it, so no wait does, although the friend has waited all the time."""
    waits_for(hears("tag_added") | {"timeout": "9d"})
    enroll("u1")
    world.now += timedelta(days=4)
    _import(f"user_id,tags\nu1,vip@{iso(world.now - timedelta(days=2))}", fire=True)
    assert where("u1").state == "active"
    lines, _ = activities.recent(SHOP, "u1", 1)
    [change] = lines[0]["changes"]
    assert Reason.of(change["history"]).code == "happened_late"
    _import(f"user_id,tags\nu1,a@{iso(world.now - timedelta(hours=20))}", fire=True)
    assert where("u1").state == "finished"


def _import(text: str, *, fire: bool) -> None:
    """The one chunk of an import."""
    header, *lines = [line.split(",") for line in text.splitlines()]
    job = jobs.create(SHOP, "import", by="t", total=1, chunks=1, params={"header": header, "fire": fire})
    rows = [[n, cells] for n, cells in enumerate(lines, 2)]
    body = {"account": SHOP, "id": job, "chunk": "000000", "rows": rows}
    imports.apply_rows(body, 1, reaction.react, due_times.OfAccount)


# The event that enters the wait


def test_facts_of_the_event_that_enters_the_wait_count(world: World) -> None:
    """Before or after ``enter_scenario``, by the same rule or another one."""
    waits_for(hears("tag_added", tag="vip"), hears("tag_added", tag="a"), hears("custom:seen"))
    put_rules(
        one=a_rule(
            "followed", [{"add_tag": "vip"}, {"enter_scenario": "welcome"}, {"add_tag": "a"}], priority=2
        ),
        two=a_rule("followed", [{"record_event": {"name": "seen"}}]),
    )
    react(world, "followed", is_unblocked=False)
    assert where("u1").state == "finished"


def test_what_entered_the_wait_does_not_end_it(world: World) -> None:
    """The event itself, or the fact whose rule entered the friend: the next one of its kind does."""
    waits_for(hears("messaged"), scenario="answered")
    waits_for(hears("tag_added"), scenario="tagged")
    put_rules(
        one=a_rule("messaged", [{"enter_scenario": "answered"}, {"add_tag": "vip"}]),
        two=a_rule("tag_added", [{"enter_scenario": "tagged"}], match={"tag": "vip"}),
    )
    says(world, "hi")
    assert (where("u1", "answered").state, where("u1", "tagged").state) == ("active", "active")
    world.run(60)
    assert (where("u1", "answered").state, where("u1", "tagged").state) == ("active", "active")
    says(world, "again", "e2")
    react(world, "console_edit", "p1", "console", tags={"add": ["b"], "remove": []})
    assert (where("u1", "answered").state, where("u1", "tagged").state) == ("finished", "finished")


def test_each_fact_counts_once(world: World) -> None:
    """Three waits for a tag, two tags by one event: the friend stands at the third, whatever is repeated."""
    waits_for(hears("tag_added"), hears("tag_added"), hears("tag_added"))
    put_rules(gives=a_rule("messaged", [{"add_tag": "vip"}, {"add_tag": "a"}]))
    enroll("u1")
    event = says(world, "hi")
    reaction.react(event)
    assert where("u1").node == "n2"
    world.run(120)
    says(world, "nothing new", "e2")
    assert where("u1").node == "n2"


def test_what_a_turn_of_time_finds_counts_once(world: World) -> None:
    """A timeout's turn finds the message, whose clock is ahead of ours: it ends no second wait as well."""
    waits_for(hears("messaged", to="n1") | {"timeout": "1m"}, hears("messaged"))
    enroll("u1")
    props = {"message_type": "text", "text": "hi", "message_id": "m1"}
    event = FriendEvent("m1", SHOP, "u1", "messaged", iso(world.now + timedelta(seconds=61)), props=props)
    activities.put(
        {"account": SHOP, "user_id": "u1", "event_id": "m1", "type": "messaged", "at": event.at}
        | {"source": "line", "props": props, "rules": [], "changes": [], "effects": []}
    )
    world.run(60.5)
    assert (where("u1").node, where("u1").state) == ("n1", "active")
    reaction.react(event)
    world.run(60)
    assert (where("u1").node, where("u1").state) == ("n1", "active")
    world.now += timedelta(seconds=60)
    says(world, "again", "m2")
    assert where("u1").state == "finished"


def test_what_the_friend_did_right_after_counts(world: World) -> None:
    """The follow is worked on late: what was said a moment after it is after entering."""
    waits_for(hears("messaged"))
    put_rules(enters=a_rule("followed", [{"enter_scenario": "welcome"}]))
    follow = FriendEvent("f1", SHOP, "u1", "followed", iso(world.now), props={"is_unblocked": False})
    written_at = iso(world.now + timedelta(milliseconds=300))
    world.now += timedelta(seconds=5)
    reaction.react(follow)
    reaction.react(
        FriendEvent("m1", SHOP, "u1", "messaged", written_at, props={"message_type": "text", "text": "hi"})
    )
    assert where("u1").state == "finished"


def test_a_wait_that_is_ended_by_what_it_leads_to_comes_to_an_end(world: World) -> None:
    """A wait for a custom event, an action that records it, and back: left as ``circle``, not for ever."""
    action = {"type": "action", "then": [{"record_event": {"name": "tick"}}], "next": "n0"}
    waits_for(hears("custom:tick", to="soon"), soon=wait("1s", "act"), act=action)
    enroll("u1")
    react(world, "custom:tick", "t0", "api")
    world.run(600)
    assert (where("u1").state, where("u1").reason) == ("exited", "circle")
    assert where("u1").v < 40


def test_a_crash_anywhere_loses_no_fact_and_counts_none_twice(world: World) -> None:
    """Killed at each crossing of the event that enters the wait and makes three facts for it."""
    waits_for(hears("tag_added"), hears("tag_added"), hears("custom:seen"), hears("tag_added"))
    gives = [{"enter_scenario": "welcome"}, {"add_tag": "vip"}, {"add_tag": "a"}]
    put_rules(one=a_rule("followed", [*gives, {"record_event": {"name": "seen"}}]))
    event = FriendEvent("f1", SHOP, "u1", "followed", iso(START), props={"is_unblocked": False})
    begin_again, point, survived = world.keep(), 0, False
    while not survived:
        point += 1
        begin_again()
        world.crossings, world.crash_at = 0, point
        try:
            reaction.react(event)
            survived = world.crash_at is not None
        except Crashed:
            reaction.react(event)
        world.crash_at = None
        world.run(2)
        assert (where("u1").state, where("u1").node) == ("active", "n3"), f"crash at crossing {point}"
        shown = (json.loads(json.dumps(where("u1").used, default=str)), where("u1").run)
        assert shown[1] == 1, shown
    assert point > 10
