"""What a broadcast says to each friend stands in the plan only until every chunk stands."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts import store
from chalicelib.broadcasts.model import RunSnapshot
from chalicelib.broadcasts.plans import packing, plan, planning
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.store import find_manifest
from tests.deliveries_builders import Crashed, World
from tests.integration.test_broadcasts_run import FRIENDS, put, world

__all__ = ["world"]


def judged(name: str = "b", **more: Any) -> RunSnapshot:
    """A run of messages of their own whose shards are judged, and that is not packed."""
    put(name, **({"message": "dear"} | more))
    broadcasts.send("shop", name, "test")
    broadcast = store.find("shop", name)
    assert broadcast is not None
    run_snapshot = planning.freeze(broadcast)
    for shard in range(run_snapshot.shards):
        planning.judge_shard(run_snapshot, planning.tools(run_snapshot), shard)
    return run_snapshot


def chunks(run_snapshot: RunSnapshot) -> dict[str, list[str]]:
    """The recipients of each chunk; everybody has a payload of their own."""
    found = {}
    for name in deliveries.chunk_names("shop", run_snapshot.run):
        manifest = find_manifest("shop", run_snapshot.run, name)
        assert manifest is not None
        assert set(manifest["payloads"]) == set(manifest["recipients"])
        assert all(manifest["payloads"].values())
        found[name] = manifest["recipients"]
    return found


def own(run_snapshot: RunSnapshot) -> list[dict[str, Any]]:
    """The payloads that the plan holds."""
    shards = range(run_snapshot.shards)
    return [part.payloads for n in shards for part in plan_store.slices("shop", run_snapshot.run, n)]


def test_the_plan_is_emptied_when_it_is_packed(world: World) -> None:
    """Not before; who was meant stays to be read; looking once more changes nothing."""
    run_snapshot = judged()
    assert all(own(run_snapshot))
    assert packing.go_on(run_snapshot)
    assert not any(own(run_snapshot))
    assert sorted(user for users in chunks(run_snapshot).values() for user in users) == FRIENDS
    assert broadcasts.why("shop", "b", "U1")["outcome"]["status"] == "pending"
    world.counted.clear()
    assert packing.go_on(run_snapshot)
    assert world.counted == {"dynamodb:Query": 1}
    world.run()
    assert set(world.line.got.values()) == {1}
    assert len(world.line.got) == len(FRIENDS)


def test_one_payload_for_all_costs_nothing_more(world: World) -> None:
    """The plan of identical messages has no payloads."""
    run_snapshot = judged(message="news")
    packing.go_on(run_snapshot)
    world.counted.clear()
    packing.go_on(run_snapshot)
    assert world.counted == {"dynamodb:Query": 1}


def test_killed_anywhere_it_is_packed_and_emptied_in_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each write of packing: the payloads are gone only when every chunk has them."""
    monkeypatch.setattr(plan, "SLICE_BYTES", 250)
    for step in range(1, 40):
        run_snapshot = judged(f"b{step}")
        world.crossings, world.crash_at = 0, step
        try:
            packing.go_on(run_snapshot)
            over = True
        except Crashed:
            over = False
        world.crash_at = None
        assert packing.go_on(run_snapshot)
        assert not any(own(run_snapshot))
        users = [user for users in chunks(run_snapshot).values() for user in users]
        assert sorted(users) == FRIENDS
        assert len(chunks(run_snapshot)) > 2
        if over:
            return
    pytest.fail("packing has no end")


def test_two_who_pack_at_once_cut_the_same_chunks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one meets slices that the quicker one has emptied: nothing is cut from them."""
    monkeypatch.setattr(plan, "SLICE_BYTES", 250)
    run_snapshot = judged()
    reads = plan_store.slices

    def slices(account: str, run: str, shard: int, since: int = 0) -> Any:
        found = list(reads(account, run, shard, since))
        if shard == 1 and not quicker:
            quicker.append(shard)
            assert packing.go_on(run_snapshot)
            return reads(account, run, shard, since)
        return found

    quicker: list[int] = []
    monkeypatch.setattr(plan_store, "slices", slices)
    assert packing.go_on(run_snapshot)
    assert quicker
    users = [user for users in chunks(run_snapshot).values() for user in users]
    assert sorted(users) == FRIENDS
