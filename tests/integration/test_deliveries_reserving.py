"""Two workers who put the same chunk for different friends: only whom the manifest lists holds a place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from chalicelib.gateways import seam
from chalicelib.timers import service as timers
from tests.deliveries_builders import SHOP, World, a_chunk, a_friend, an_account


@pytest.fixture
def world(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    found = World()
    monkeypatch.setattr(timers, "arm", found.arm)
    monkeypatch.setattr(timers, "watch", found.watch)
    with seam.guarded(found.guard):
        an_account(policies={"caps": [{"category": "marketing", "max": 1, "per": "day"}]})
        for user in ("U1", "U2", "U3"):
            a_friend(user)
        yield found


def places(user: str) -> int:
    sheet = friends.load(SHOP.id, SHOP.shards, user)
    assert sheet is not None
    return sum(len(tokens) for tokens in sheet["caps"].values())


def test_the_loser_of_a_race_gives_back_what_the_manifest_does_not_list(world: World) -> None:
    """The first manifest lists U1 and U2; whoever comes with U2 and U3 leaves U3 free."""
    deliveries.put_chunk(a_chunk(["U1", "U2"]), watch=True)
    manifest = deliveries.put_chunk(a_chunk(["U2", "U3"]), watch=True)
    assert manifest["recipients"] == ["U1", "U2"]
    assert [places(user) for user in ("U1", "U2", "U3")] == [1, 1, 0]
    deliveries.put_chunk(a_chunk(["U3"], chunk="c2"), watch=True)
    assert places("U3") == 1
