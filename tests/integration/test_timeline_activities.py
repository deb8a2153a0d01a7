"""The timeline under two writers: what one has written is not undone by the other."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.shared.errors import Conflict
from chalicelib.shared.times import iso
from chalicelib.timeline import service
from tests.reaction_builders import NOW

SECRET = "これはひみつのことばです"


def an_activity(**more: Any) -> dict[str, Any]:
    return {
        "account": "shop",
        "user_id": "U1",
        "event_id": "e1",
        "type": "messaged",
        "key": "text",
        "at": iso(NOW),
        "source": "line",
        "props": {"message_type": "text", "message_id": "m1", "text": SECRET, "n": 0.1},
        "rules": [{"rule": "r", "matched": True, "why": "matched"}],
        "changes": [],
        "effects": [{"rule": "r", "index": 0, "action": "reply", "status": "pending", "text": SECRET}],
        **more,
    }


def test_what_is_unsent_keeps_what_came_of_its_effects_meanwhile(cloud: None) -> None:
    """The outcome told between reading and writing stands, and what was said is gone all the same."""
    service.put(an_activity())
    read = service.find("shop", "U1", "e1")
    assert read is not None
    effect = {"status": "failed", "why": "LINE refused it"}
    assert service.correct_effect("shop", "U1", "e1", 0, "pending", effect)
    service.take_back(read, iso(NOW))
    kept = service.find("shop", "U1", "e1")
    assert kept is not None
    assert {name: kept["effects"][0][name] for name in effect} == effect
    assert SECRET not in str(kept)
    assert kept["props"]["unsent_at"] == iso(NOW)


def test_what_is_unsent_and_gone_stays_gone(cloud: None) -> None:
    """An activity that was erased meanwhile is not written anew."""
    service.take_back(an_activity(), iso(NOW))
    assert service.find("shop", "U1", "e1") is None


def test_taking_back_ends(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against somebody who always comes first it is tried again later, as a whole."""
    service.put(an_activity(edits=1))
    monkeypatch.setattr(service, "find", lambda *_: an_activity())
    with pytest.raises(Conflict):
        service.take_back(an_activity(), iso(NOW))
