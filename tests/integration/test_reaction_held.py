"""What rules and forms push while policies hold it: it waits, is judged and rendered anew, and sent once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.conversations import service as chat
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service as reaction
from chalicelib.reaction.effects import held
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from tests.reaction_builders import a_rule
from tests.reasons_checked import words
from tests.scenario_world import (
    SHOP,
    START,
    Crashed,
    World,
    a_usual_world,
    put_friends,
    put_sheet,
)
from tests.sent_lines import sent_lines

HALF_PAST = START.replace(minute=30, second=0)
QUIET = {"from": "15:00", "to": "15:30"}
TAGGED = {"since": iso(START), "by": "x", "at": iso(START)}


def put(kind: str, name: str, body: dict[str, Any] | None) -> None:
    catalog.save(SHOP, [Write(kind, name, body)], lambda _: None, "test")


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    """Six past three; quiet hours until half past. A rule thanks whoever books."""
    with a_usual_world() as found:
        put_friends("u1", display_name="花子")
        put("policies", "default", {"quiet_hours": QUIET})
        put("rules", "thanks", a_rule("custom:booked", [{"send": {"message": "hello"}}]))
        handle = found.handle

        def in_full(queue: str, body: dict[str, Any], received: int = 1) -> None:
            if queue == "inbox":
                reaction.react(FriendEvent.from_message(body))
            elif queue == "bulk" and body.get("kind") == "rule_hold":
                held.come(body["entries"])
            elif queue == "bulk" and body.get("job") == "outcome":
                JOBS["outcome"].run(body, received)
            elif queue != "bulk":
                handle(queue, body, received)

        found.handle = in_full  # type: ignore[method-assign]
        yield found


def book(world: World, name: str = "e1") -> None:
    reaction.react(FriendEvent(name, SHOP, "u1", "custom:booked", iso(world.now), source="api"))


def effect(name: str = "e1") -> dict[str, Any]:
    activity = activities.find(SHOP, "u1", name)
    assert activity is not None
    found = activity["effects"][0]
    return {key: found[key] for key in ("status", "why", "until") if key in found}


def test_it_waits_and_says_the_words_of_then(world: World) -> None:
    """Held until half past, said so; nothing in the ledger; then the name of then is said, once."""
    book(world)
    assert effect() == {"status": "held", "why": "quiet_hours", "until": iso(HALF_PAST)}
    run = engine_run("e1")
    assert not deliveries.manifest_exists(SHOP, run, "0")
    world.run(timedelta(minutes=20), sweep=False)
    assert world.sends == []
    put_sheet("u1", display_name="花子🌸")
    world.run(timedelta(minutes=30))
    assert [text for _, _, text in world.sends] == ["hi 花子🌸"]
    assert timedelta(0) <= world.sends[0][0] - HALF_PAST < timedelta(seconds=3)
    assert effect()["status"] == "done"


@pytest.mark.parametrize("is_blocked", [False, True])
def test_reports_have_what_becomes_of_it(world: World, is_blocked: bool) -> None:
    """It is still to be sent; when the hold ends it is what has become of it."""
    book(world)
    assert sent_lines("u1") == [{"author": "rule:thanks", "result": "pending", "via": "push"}]
    if is_blocked:
        block(world)
    world.run(timedelta(minutes=40))
    more = {"result": "skipped", "reason": "blocked"} if is_blocked else {"result": "accepted"}
    assert sent_lines("u1") == [{"author": "rule:thanks", "via": "push"} | more]


def test_what_is_held_for_a_friend_keeps_its_order(world: World) -> None:
    """Messages of several rules, held one after the other, come in that order when the hold ends."""
    names = [f"e{n}" for n in range(8)]
    for name in names:
        document = {
            "name": name,
            "messages": [{"type": "text", "text": f"{name} {{{{ friend.display_name }}}}"}],
        }
        put("messages", name, document)
        put("rules", name, a_rule(f"custom:{name}", [{"send": {"message": name}}]))
    for name in names:
        reaction.react(FriendEvent(name, SHOP, "u1", f"custom:{name}", iso(world.now), source="api"))
        world.run(timedelta(seconds=1), sweep=False)
    world.run(timedelta(minutes=30))
    assert [text for _, _, text in world.sends] == [f"{name} 花子" for name in names]


def engine_run(event: str) -> str:
    from chalicelib.actions.effects import run_id

    return run_id(SHOP, "u1", event, {"rule": "thanks", "index": 0})


def block(_: World) -> None:
    put_sheet("u1", status="blocked")


def disable(_: World) -> None:
    put("rules", "thanks", a_rule("custom:booked", [{"send": {"message": "hello"}}], enabled=False))


def delete(_: World) -> None:
    put("rules", "thanks", None)


def fill(_: World) -> None:
    put(
        "policies",
        "default",
        {"quiet_hours": QUIET, "caps": [{"category": "marketing", "max": 0, "per": "day"}]},
    )


def skip(_: World) -> None:
    put("policies", "default", {"quiet_hours": {"from": "15:00", "to": "15:40", "then": "skip"}})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (block, "blocked"),
        (disable, "the rule is not in force any more"),
        (delete, "the rule is not in force any more"),
        (fill, "cap"),
        (skip, "quiet_hours"),
    ],
)
def test_what_changed_meanwhile_decides(world: World, change: Any, why: str) -> None:
    """Whatever forbids it when the hold ends is the reason on the effect; nothing is sent."""
    book(world)
    change(world)
    world.run(timedelta(minutes=30), sweep=False)
    assert (world.sends, effect()["status"], words(effect())) == ([], "skipped", why)


def test_the_condition_is_asked_again(world: World) -> None:
    """Whoever has bought in the night is not reminded."""
    rule = a_rule("custom:booked", [{"send": {"message": "m1"}}], condition={"not": {"tag": "bought"}})
    put("rules", "thanks", rule)
    book(world)
    put_sheet("u1", tags={"bought": TAGGED})
    world.run(timedelta(minutes=30), sweep=False)
    assert (world.sends, words(effect())) == ([], "its condition does not hold any more")


def test_a_condition_that_the_rule_itself_made_false_is_not(world: World) -> None:
    """ "Once only, by a tag" sends: the rule's own tag does not forbid its message."""
    then = [{"send": {"message": "m1"}}, {"add_tag": "vip"}]
    put("rules", "thanks", a_rule("custom:booked", then, condition={"not": {"tag": "vip"}}))
    book(world)
    world.run(timedelta(minutes=30), sweep=False)
    assert [text for _, _, text in world.sends] == ["one"]


def test_hours_that_grow_hold_on(world: World) -> None:
    """Held again by longer hours, it says the new moment, and goes then."""
    book(world)
    put("policies", "default", {"quiet_hours": {"from": "15:00", "to": "15:45"}})
    world.run(timedelta(minutes=30), sweep=False)
    assert (world.sends, effect()["until"]) == ([], iso(HALF_PAST + timedelta(minutes=15)))
    world.run(timedelta(minutes=15), sweep=False)
    assert [text for _, _, text in world.sends] == ["hi 花子"]


def test_of_an_erased_friend_nothing_is_left(world: World) -> None:
    """Whoever was erased meanwhile gets nothing, and the entry is over."""
    book(world)
    friends.erase(SHOP, 4, "u1", iso(world.now))
    world.run(timedelta(minutes=30), sweep=False)
    assert world.sends == []


@pytest.mark.parametrize("crash_at", range(1, 12))
def test_it_is_sent_once_wherever_the_process_dies(world: World, crash_at: int) -> None:
    """A crash at any write of the hold's end: one message, and the effect says done."""
    book(world)
    world.run(HALF_PAST - world.now - timedelta(seconds=1), sweep=False)
    world.crash_at = world.crossings + crash_at
    for _ in range(3):
        try:
            world.run(timedelta(minutes=10), sweep=False)
        except Crashed:
            continue
    assert [text for _, _, text in world.sends] == ["hi 花子"]
    assert effect()["status"] == "done"


def say(world: World, text: str, event: str) -> None:
    props = {"message_type": "text", "text": text, "message_id": event}
    reaction.react(FriendEvent(event, SHOP, "u1", "messaged", iso(world.now), props=props))


def test_a_question_waits_for_its_answer_from_when_it_is_put(world: World) -> None:
    """Through a whole hold: said to be held until then, no answer before, words and answer after."""
    question = {"id": "q", "text": "{{ friend.display_name }}さん、ご希望は？", "type": "text"}
    put("forms", "wish", {"name": "f", "questions": [question], "then": []})
    put("rules", "thanks", a_rule("custom:booked", [{"start_form": "wish"}]))
    book(world)
    [line], _ = chat.conversation(SHOP, "u1", 20, None)
    assert (line["status"], line["until"]) == ("held", iso(HALF_PAST))
    world.run(timedelta(minutes=10), sweep=False)
    say(world, "まだ聞かれていない", "e2")
    put_sheet("u1", display_name="花子🌸")
    world.run(timedelta(minutes=20), sweep=False)
    assert [text for _, _, text in world.sends] == ["花子🌸さん、ご希望は？"]
    assert effect()["status"] == "done"
    sheet = friends.load(SHOP, 4, "u1")
    assert sheet is not None
    assert sheet["form_session"]["form"] == "wish"
    assert not sheet.get("forms", {}).get("wish", {}).get("answers")
    assert all("until" not in line for line in chat.conversation(SHOP, "u1", 20, None)[0])
    say(world, "窓側😀", "e3")
    sheet = friends.load(SHOP, 4, "u1")
    assert sheet is not None
    assert sheet["forms"]["wish"]["answers"]["q"]["value"] == "窓側😀"
    assert "form_session" not in sheet


def test_a_produced_fact_keeps_its_words(world: World) -> None:
    """A rule on what another rule made says the same words after the hold."""
    put("messages", "m1", {"name": "m1", "messages": [{"type": "text", "text": "tag {{ event.tag }}"}]})
    put("rules", "tags", a_rule("custom:booked", [{"add_tag": "vip"}]))
    put("rules", "thanks", a_rule("tag_added", [{"send": {"message": "m1"}}]))
    book(world)
    world.run(timedelta(minutes=30), sweep=False)
    assert [text for _, _, text in world.sends] == ["tag vip"]
