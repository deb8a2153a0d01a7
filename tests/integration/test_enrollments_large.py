"""Large personal messages: a wave is cut by bytes, also when messages grew after their claims."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.test_enrollments_advance import world
from tests.scenario_world import (
    Crashed,
    World,
    enroll,
    message,
    publish,
    put_friends,
    put_messages,
    where,
)

__all__ = ["world"]

BIG = "{{ friend.display_name }}" + "長" * 4_900


def test_a_wave_of_large_personal_messages_is_cut_by_bytes(world: World) -> None:
    """30 messages of 15 KB do not fit into one item of the ledger: two chunks, everybody once."""
    users = [f"u{n:02}" for n in range(30)]
    put_friends(*users, display_name="花")
    put_messages(big=BIG)
    publish(start="first", nodes={"first": message("big")})
    enroll(*users)
    world.run(30)
    assert sorted(to for _, to, _ in world.sends) == users
    assert {where(user).state for user in users} == {"finished"}


def test_a_message_that_grew_after_its_claims_is_cut_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claimed together while small, edited to be large before the manifest: in two chunks, everybody once."""
    users = [f"u{n:02}" for n in range(28)]
    put_friends(*users, display_name="花")
    put_messages(big="{{ friend.display_name }}")
    publish(start="first", nodes={"first": message("big")})
    enroll(*users)
    with monkeypatch.context() as patch:

        def crash(*_: Any, **__: Any) -> None:
            raise Crashed

        patch.setattr("chalicelib.deliveries.service.put_chunk", crash)
        world.run(10)
    assert len({where(user).claim["chunk"] for user in users}) == 1
    put_messages(big=BIG)
    world.run(200, sweep=False)
    assert sorted(to for _, to, _ in world.sends) == users
    assert {where(user).state for user in users} == {"finished"}
