"""Rules and scenarios together: entering, leaving, a scenario's own actions, blocks."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.catalog.validation import normal_body
from chalicelib.enrollments import follow_ups
from chalicelib.enrollments import service as enrollments
from chalicelib.enrollments.model import Pointer
from chalicelib.friends import store
from chalicelib.gateways import clock
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service
from chalicelib.rules import health
from chalicelib.scenarios import publishing
from chalicelib.scenarios.documents import DOCUMENTS as KINDS
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from tests.conftest import drain
from tests.reaction_builders import DOCUMENTS, a_rule
from tests.reasons_checked import words

ACTING = {
    "name": "acting",
    "start": "wait",
    "nodes": {
        "wait": {"type": "wait", "after": "1d", "next": "act"},
        "act": {"type": "action", "then": [{"add_tag": "vip"}], "next": "later"},
        "later": {"type": "wait", "after": "1d"},
    },
}


@pytest.fixture
def shop(cloud: None) -> None:
    accounts.put_account(
        Account("shop", "店", "Asia/Tokyo", 4),
        {"channel_secret": "s", "channel_access_token": "t"},
        shards=4,
        by="test",
    )
    acting = normal_body(KINDS["scenarios"], ACTING)
    writes = [Write(kind, name, body) for kind, docs in DOCUMENTS.items() for name, body in docs.items()]
    rules = {
        "in": a_rule("followed", [{"enter_scenario": "acting"}]),
        "out": a_rule(then=[{"exit_scenario": "acting"}], match={"text": "やめる"}),
        "heard": a_rule("scenario_entered", [{"add_tag": "new"}], match={"scenario": "acting"}),
    }
    writes += [Write("rules", name, body) for name, body in rules.items()]
    writes.append(Write("scenarios", "acting", acting))
    catalog.save("shop", writes, lambda _: None, "test")
    publishing.publish("shop", "acting", "test")


def an_event_now(kind: str, event_id: str, **props: Any) -> FriendEvent:
    return FriendEvent(event_id, "shop", "U1", kind, iso(clock.now()), props=props)


def work_off() -> None:
    for message in drain("inbox"):
        service.react(FriendEvent.from_message(message))


def standing() -> dict[str, Any]:
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    shown: dict[str, Any] = sheet["scenarios"]["acting"]
    return shown


def effect(event_id: str) -> tuple[str, str | None]:
    activity = activities.find("shop", "U1", event_id)
    assert activity is not None
    (found,) = activity["effects"]
    return found["status"], words(found)


def test_a_rule_enters_once_and_the_fact_comes_back(shop: None) -> None:
    """One enrollment however often the event comes; ``scenario_entered`` wakes rules; leaving works."""
    follow = an_event_now("followed", "f", is_unblocked=False)
    service.react(follow)
    service.react(follow)
    work_off()
    assert (standing()["state"], standing()["run"]) == ("active", 1)
    assert effect("f") == ("done", None)
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    assert set(sheet["tags"]) == {"new"}
    assert sheet["facts"]["scenario_entered"]["count"] == 1
    service.react(an_event_now("followed", "again", is_unblocked=True))
    assert effect("again") == ("skipped", "already_active")
    service.react(an_event_now("messaged", "stop", text="やめる"))
    assert standing()["state"] == "exited"
    assert effect("stop") == ("done", None)


def test_an_action_node_is_carried_out_and_the_friend_goes_on(shop: None) -> None:
    """The node's event runs its actions, tells the scenario, and doing it again changes nothing."""
    service.react(an_event_now("followed", "f", is_unblocked=False))
    work_off()
    (enrollment,) = enrollments.enrollments("shop", "U1")
    event = FriendEvent(
        f"scenario_action:acting:{enrollment.run}:{enrollment.v}",
        "shop",
        "U1",
        "scenario_action",
        iso(clock.now()),
        props={
            "scenario": "acting", "node": "act", "run": enrollment.run, "v": enrollment.v,
            "then": ACTING["nodes"]["act"]["then"],  # type: ignore[index]
        },
        source="scenario",
    )  # fmt: skip
    service.react(event)
    (after,) = enrollments.enrollments("shop", "U1")
    assert after.v == enrollment.v + 1
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    assert sheet["tags"]["vip"]["by"] == "scenario:acting:act"
    assert "scenario_action" not in sheet["facts"]
    service.react(event)
    assert enrollments.enrollments("shop", "U1")[0].v == after.v
    activity = activities.find("shop", "U1", event.event_id)
    assert activity is not None
    assert activity["effects"] == []
    assert "then" not in activity["props"]


def test_a_block_leaves_scenarios(shop: None) -> None:
    """Unfollowing ends what does not keep blocked friends; the pointer left behind does nothing."""
    service.react(an_event_now("followed", "f", is_unblocked=False))
    work_off()
    (before,) = enrollments.enrollments("shop", "U1")
    service.react(an_event_now("unfollowed", "u"))
    work_off()
    assert standing()["state"] == "exited"
    pointer = Pointer("shop", "U1", "acting", before.run, before.v, before.due_at or "")
    enrollments.advance([pointer])
    assert standing()["state"] == "exited"
    service.react(an_event_now("followed", "f2", is_unblocked=True))
    assert effect("f2") == ("skipped", "already_entered")


SPINNING = {
    "name": "sc",
    "entry": {"re_entry": "restart"},
    "start": "n",
    "nodes": {"n": {"type": "action", "then": [{"record_event": {"name": "spin"}}]}},
}


def spin(writes: list[Write]) -> None:
    scenario = normal_body(KINDS["scenarios"], SPINNING)
    catalog.save("shop", [Write("scenarios", "sc", scenario), *writes], lambda _: None, "test")
    publishing.publish("shop", "sc", "test")


def work_until_still(most: int = 100) -> int:
    """React to whatever comes into the inbox until nothing comes; returns how many events that were."""
    done = 0
    while messages := drain("inbox"):
        for message in messages:
            done += 1
            assert done <= most, "it goes round for ever"
            service.react(FriendEvent.from_message(message))
    return done


def test_a_scenario_and_a_rule_that_go_round_come_to_an_end(shop: None) -> None:
    """The ninth entering anew within a minute is refused, visibly, and nothing is left to go round."""
    rule = Write("rules", "again", a_rule("custom:spin", [{"enter_scenario": "sc"}]))
    spin([rule])
    service.react(an_event_now("custom:spin", "begin"))
    assert work_until_still() < 40
    (item,) = enrollments.enrollments("shop", "U1")
    assert (item.run, item.state) == (9, "finished")
    refused = [
        effect
        for activity in activities.recent("shop", "U1", 50)[0]
        for effect in activity["effects"]
        if effect["status"] == "skipped"
    ]
    assert [(e["rule"], e["action"], words(e)) for e in refused] == [("again", "enter_scenario", "too_often")]
    (trouble,) = health.read("shop", "again", 1)
    assert (trouble["status"], trouble["n"], words(trouble)) == ("skipped", 1, "enter_scenario: too_often")


def test_who_was_erased_has_entered_nothing(shop: None) -> None:
    """Nothing of the way through a scenario is left; come back, the friend is somebody new, and versions
    never come twice.
    """
    service.react(an_event_now("followed", "e1"))
    before = enrollments.enrollments("shop", "U1")[0]
    erased_at = iso(clock.now())
    JOBS["erase"].run({"account": "shop", "user": "U1", "at": erased_at}, 1)
    JOBS["erase"].run({"account": "shop", "user": "U1", "at": erased_at}, 2)
    assert enrollments.enrollments("shop", "U1") == []
    assert enrollments.advanced([follow_ups.entry(before, before.v, "wait", clock.now())]) == [True]
    [result] = enrollments.enroll("shop", ["U1"], "acting", clock.now(), "again")
    assert result.accepted
    after = enrollments.enrollments("shop", "U1")[0]
    assert (after.run, after.v > before.v + 1) == (before.run + 1, True)
    JOBS["erase"].run({"account": "shop", "user": "U1", "at": erased_at}, 3)
    assert enrollments.enrollments("shop", "U1") == [after], "what came after the erasure stays"
