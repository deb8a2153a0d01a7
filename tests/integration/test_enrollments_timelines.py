"""The messages of scenario steps on friends' timelines."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.conversations import service as chat
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from chalicelib.timeline import service as activities
from tests import scenario_world as w


class World(w.World):
    """One in which the jobs that write receipts are carried out."""

    def handle(self, queue: str, body: dict[str, Any], received: int = 1) -> None:
        if queue == "bulk":
            deliveries.write_receipts(body["account"], body["run"], body["chunk"])
        else:
            super().handle(queue, body, received)


def test_each_step_is_a_line_of_the_conversation(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two steps to two friends: what was said, by which node; the sheets know receipts and no events."""
    monkeypatch.setattr(w, "World", World)
    with w.a_world() as world:
        w.put_messages(m1="ようこそ", m2="お元気ですか")
        w.put_friends("u1", "u2")
        w.publish(**w.TWO_STEPS)
        assert w.enroll("u1", "u2") == [None, None]
        world.run(120)
        for user in ("u1", "u2"):
            lines, _ = chat.conversation(w.SHOP, user, 10, None)
            assert [(one["by"], one["message"], one["status"]) for one in lines] == [
                ("scenario:welcome:second", "m2", "accepted"),
                ("scenario:welcome:first", "m1", "accepted"),
            ]
            assert [one["messages"][0]["text"] for one in lines] == ["お元気ですか", "ようこそ"]
            sheet = friends.load(w.SHOP, 4, user)
            assert sheet is not None
            assert (sheet["facts"], sheet["last_active_at"]) == ({}, None)
            (newest, oldest), _ = activities.recent(w.SHOP, user, 10)
            assert (newest["source"], newest["props"]["node"], oldest["props"]["node"]) == (
                "scenario",
                "second",
                "first",
            )
            assert sheet["received"]["welcome"]["at"] == newest["at"]
