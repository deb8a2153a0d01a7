"""The greeting knows the name: the profile is asked for first where the program may use it, only there."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from chalicelib.friends import profiles
from chalicelib.gateways import line
from chalicelib.reaction import service
from tests.reaction_builders import a_rule, an_event
from tests.reaction_world import Crash, World, activity, author, batch, friend, world

__all__ = ["world"]

GREET = a_rule("followed", [{"reply": {"message": "greet"}}])
TEXT = '{{ friend.display_name | default("お客様") }}、ようこそ'
GREETING = {"name": "greet", "messages": [{"type": "text", "text": TEXT}], "category": "transactional"}


def a_shop(monkeypatch: pytest.MonkeyPatch, rules: dict[str, Any], **more: Any) -> None:
    from tests import reaction_world as react

    documents = {kind: dict(bodies) for kind, bodies in react.DOCUMENTS.items()}
    documents["messages"]["greet"] = GREETING
    for kind, bodies in more.items():
        documents[kind] = {**documents.get(kind, {}), **bodies}
    monkeypatch.setattr(react, "DOCUMENTS", documents)
    author(rules)


def sent_texts(world: World) -> list[str]:
    return [message["text"] for _, body in world.line for message in body["messages"]]


def in_background(world: World) -> bool:
    return "sqs:SendMessageBatch" in world.calls


def asked(world: World) -> int:
    return Counter(world.calls)["line:profile"]


def test_the_first_reply_knows_the_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question before the decision; the name stands on the sheet, as a change, and is not asked again."""
    a_shop(monkeypatch, {"greet": GREET})
    batch(an_event("followed"))
    assert sent_texts(world) == ["花子、ようこそ"]
    assert asked(world) == 1
    assert (friend()["display_name"], friend()["language"]) == ("花子", "ja")
    assert {"type": "profile_fetched", "fields": ["display_name", "language"], "by": "line"} in activity()[
        "changes"
    ]
    assert world.calls.index("line:profile") < world.calls.index("line:reply")
    assert not in_background(world), "nothing is left to the background"


@pytest.mark.parametrize(
    "rule",
    [
        a_rule("followed", [{"reply": {"message": "hello"}}]),
        a_rule("messaged", [{"reply": {"message": "greet"}}]),
        a_rule("followed", [{"add_tag": "a"}], condition={"friend": {"status": "following"}}),
    ],
)
def test_without_a_use_nothing_is_added_to_the_path(
    world: World, monkeypatch: pytest.MonkeyPatch, rule: dict[str, Any]
) -> None:
    """No call to LINE before the decision; the profile comes in the background as before."""
    a_shop(monkeypatch, {"r": rule})
    batch(an_event("followed"))
    assert asked(world) == 0
    assert in_background(world)


@pytest.mark.parametrize("trouble", [None, line.NoAnswer("Timeout"), RuntimeError("429")])
def test_without_an_answer_the_default_is_sent_and_the_background_asks(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: Any
) -> None:
    """404, 429, a timeout: the friend is greeted all the same, once."""
    a_shop(monkeypatch, {"greet": GREET})

    def refuse(*_: Any) -> Any:
        if trouble is not None:
            raise trouble

    monkeypatch.setattr(line, "profile", refuse)
    batch(an_event("followed"))
    assert sent_texts(world) == ["お客様、ようこそ"]
    assert friend()["display_name"] is None
    assert in_background(world)


def test_nobody_waits_longer_than_the_deadline(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly LINE speaks, all in all."""
    a_shop(monkeypatch, {"greet": GREET})
    monkeypatch.setattr(profiles, "DEADLINE_S", 0.05)
    monkeypatch.setattr(line, "profile", lambda *_: time.sleep(0.5))
    began = time.monotonic()
    assert profiles.ask_now("shop", "U1") is None
    assert time.monotonic() - began < 0.4


def test_who_comes_back_is_asked_for_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On unblock the name is refreshed before the greeting; a plain follow of a known friend asks nothing."""
    a_shop(monkeypatch, {"greet": GREET})
    batch(an_event("followed"))
    batch(an_event("followed", 1, id="e2"))
    assert asked(world) == 1
    batch(an_event("unfollowed", 2, id="e3"))
    monkeypatch.setattr(line, "profile", lambda *_: {"displayName": "はなこ"})
    batch(an_event("followed", 3, id="e4", is_unblocked=True))
    assert sent_texts(world)[-1] == "はなこ、ようこそ"
    assert friend()["language"] == "ja", "what LINE does not tell stays"


def test_a_name_from_an_import_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shop's own name for a friend is not replaced, before or behind, and nothing is asked for it."""
    a_shop(monkeypatch, {"greet": GREET})
    row = {"user_id": "U1", "display_name": "田中様"}
    imported = an_event("imported", job="j", row=row)
    service.react(imported.__class__(**{**imported.__dict__, "source": "import", "reply_token": None}))
    batch(an_event("followed", 1, id="e2"))
    assert sent_texts(world) == ["田中様、ようこそ"]
    assert asked(world) == 0
    assert profiles.apply("shop", "U1", {"displayName": "たなか", "language": "en"})
    assert (friend()["display_name"], friend()["language"]) == ("田中様", "en")


def test_nothing_never_overwrites_a_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty name, or none, changes nothing."""
    a_shop(monkeypatch, {"greet": GREET})
    batch(an_event("followed"))
    for profile in ({"displayName": ""}, {"displayName": "  "}, {"displayName": None}, {}):
        assert profiles.fold(friend(), profile) == []
        profiles.apply("shop", "U1", profile)
    assert friend()["display_name"] == "花子"


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_anywhere_says_one_greeting_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    """Once decided, a repetition goes on from what was decided and asks LINE nothing."""
    a_shop(monkeypatch, {"greet": GREET})
    at, crashed = -1, True
    while crashed:
        at, crashed = at + 1, False
        world.calls.clear()
        world.line.clear()
        world.crash_at, world.before = at, before
        event, first = an_event("followed", id=f"e{at}", user=f"U{at}"), 0
        try:
            service.react(event)
        except Crash:
            crashed, first, world.crash_at = True, asked(world), None
            decided = "dynamodb:PutItem" in world.calls[: at if before else at + 1]
            service.react(event)
            assert not (decided and asked(world) > first)
        world.crash_at = None
        assert friend(event.user_id)["display_name"] == "花子"
        assert sent_texts(world) in ([], ["花子、ようこそ"])
    assert at > 5
