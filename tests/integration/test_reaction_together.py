"""What is said together reaches LINE with its buttons under the last object: by reply and by push."""

from __future__ import annotations

from typing import Any

from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import line
from tests.reaction_builders import a_rule, an_event
from tests.reaction_world import World, activity, author, batch, world

__all__ = ["world"]

BEGIN = a_rule(then=[{"start_form": "check"}, {"reply": {"message": "hello"}}], match={"text": "診断"})


def buttons(message: dict[str, Any]) -> list[str]:
    return [item["action"]["label"] for item in message.get("quickReply", {}).get("items", [])]


def test_a_questions_buttons_are_under_what_is_sent_after_it(world: World) -> None:
    """One call: the question, then the reply with the question's buttons; the timeline tells it so."""
    author({"begin": BEGIN})
    batch(an_event(text="診断"))
    ((_, body),) = world.line
    assert [buttons(message) for message in body["messages"]] == [[], ["スキップ"]]
    effects = activity()["effects"]
    assert [buttons(effect["messages"][-1]) for effect in effects] == [[], ["スキップ"]]
    assert not any("quick_replies_left_out" in effect for effect in effects)


def test_a_question_that_goes_alone_after_all_has_its_buttons(world: World) -> None:
    """LINE refuses the token and only the question may be pushed: its buttons are its own again."""
    author({"begin": BEGIN})
    world.answers.append(line.Answer(400, "Invalid reply token"))
    batch(an_event(text="診断"))
    question, reply = activity()["effects"]
    assert (question["status"], reply["status"]) == ("done", "failed")
    assert buttons(question["messages"][0]) == ["スキップ"]


def test_a_pushed_document_is_moved_before_it_is_written_down(world: World) -> None:
    """The manifest of a chunk, which is what is sent, has the buttons on the last object, for all alike."""
    item = {"type": "action", "action": {"type": "message", "label": "はい", "text": "はい"}}
    messages = [{"type": "text", "text": "a", "quickReply": {"items": [item]}}, {"type": "text", "text": "b"}]
    for kind, payload in (("multicast", {"messages": messages}), ("push", {"payloads": {"U1": messages}})):
        chunk = deliveries.Chunk("shop", f"run-{kind}", "0", kind, ["U1"], **payload)  # type: ignore[arg-type]
        manifest = deliveries.put_chunk(chunk, watch=False)
        moved = manifest["messages"] if kind == "multicast" else manifest["payloads"]["U1"]
        assert [buttons(message) for message in moved] == [[], ["はい"]]
