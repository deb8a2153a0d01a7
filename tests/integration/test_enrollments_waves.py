"""A wave: many friends due together, their writes side by side, each reached once whatever fails."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError

from chalicelib.shared import side_by_side
from tests import scenario_world as w

_ONE_BY_ONE = threading.Lock()
USERS = [f"u{n:02}" for n in range(12)]
SIDE_BY_SIDE = ("-enrollments", "-friends")


class World(w.World):
    """One whose store takes every ninth write and loses the answer, from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.writes, self.breaks, self.threads = 0, False, set()

    def guard(self, name: str, detail: Any, call: Any) -> Any:
        with _ONE_BY_ONE:  # the emulation is not made for threads
            answer = super().guard(name, detail, call)
            if name == "dynamodb:UpdateItem" and detail["TableName"].endswith(SIDE_BY_SIDE):
                self.threads.add(threading.get_ident())
                self.writes += 1
                if self.breaks and self.writes % 9 == 0:
                    raise ConnectionClosedError(endpoint_url="the store")
            return answer

    def deliver_one(self) -> None:
        before = list(self.queue)
        try:
            super().deliver_one()
        except ConnectionClosedError:
            _, _, queue, body, received = before[0]
            self._push(self.now + w.VISIBILITY, queue, body, received + 1)


@pytest.mark.parametrize("breaks", [False, True])
def test_each_friend_is_reached_once(cloud: None, monkeypatch: pytest.MonkeyPatch, *, breaks: bool) -> None:
    """Claims, moves and mirrors go side by side; a lost answer is no second message."""
    monkeypatch.setattr(w, "World", World)
    monkeypatch.setattr(side_by_side, "AT_ONCE", 8)
    with w.a_world(timers_shards=2) as world:
        assert isinstance(world, World)
        w.put_messages(m1="one", m2="two")
        w.put_friends(*USERS)
        w.publish(**w.TWO_STEPS)
        w.enroll(*USERS)
        world.breaks = breaks
        world.run(800 if breaks else 80)
        assert len(world.threads) > 2
        assert all(world.received(user) == ["one", "two"] for user in USERS)
        assert {w.where(user).state for user in USERS} == {"finished"}
        if not breaks:
            assert world.calls["line:multicast"] == 2
