"""Two workers who put the same chunk for different friends: only whom the manifest lists holds a place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from chalicelib.gateways import line
from tests.deliveries_builders import SHOP, World, a_chunk, a_world


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    policies = {"caps": [{"category": "marketing", "max": 1, "per": "day"}]}
    with a_world("U1", "U2", "U3", policies=policies) as found:
        yield found


def places(user: str) -> int:
    sheet = friends.load(SHOP.id, SHOP.shards, user)
    assert sheet is not None
    return sum(len(tokens) for name, tokens in sheet.items() if name.startswith("cap_"))


def test_the_loser_of_a_race_gives_back_what_the_manifest_does_not_list(world: World) -> None:
    """The first manifest lists U1 and U2; whoever comes with U2 and U3 leaves U3 free."""
    deliveries.put_chunk(a_chunk(["U1", "U2"]), watch=True)
    manifest = deliveries.put_chunk(a_chunk(["U2", "U3"]), watch=True)
    assert manifest["recipients"] == ["U1", "U2"]
    assert [places(user) for user in ("U1", "U2", "U3")] == [1, 1, 0]
    deliveries.put_chunk(a_chunk(["U3"], chunk="c2"), watch=True)
    assert places("U3") == 1


def test_sets_are_changed_at_the_top_level_only(world: World) -> None:
    """DynamoDB refuses ADD and DELETE below an attribute; an emulated one does not."""
    changed: list[str] = []
    cross = world.cross

    def looking(name: str, detail: Any, call: Callable[[], Any]) -> Any:
        if name == "dynamodb:UpdateItem":
            changed.extend(re.findall(r"\b(?:ADD|DELETE) (\S+)", detail["UpdateExpression"]))
        return cross(name, detail, call)

    world.cross = looking  # type: ignore[method-assign]
    world.line.fault = lambda kind, body, n: line.Answer(429, "rate limit") if n == 1 else line.Answer(400)
    deliveries.put_chunk(a_chunk(["U1", "U2"]), watch=True)
    world.run()
    assert places("U1") == 0
    assert changed
    assert not [path for path in changed if "." in path or "[" in path]
