"""How fast a worker sends, and how it keeps LINE's limits with the other workers."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.deliveries import limits, service, store
from chalicelib.deliveries.model import SAVE_EVERY
from chalicelib.deliveries.sending import push
from chalicelib.gateways import line
from chalicelib.local.line.limits import Limiter
from tests.deliveries_builders import Line, World, a_world

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def a_chunk(users: list[str], run: str = "run1") -> service.Chunk:
    payloads = {user: [{"type": "text", "text": f"{user}さん"}] for user in users}
    return service.Chunk("shop", run, "c1", "push", users, payloads=payloads)


class SlowLine(Line):
    """A LINE that takes a moment for each push, and sees how many are under way."""

    def __init__(self) -> None:
        super().__init__()
        self.under_way = self.most = 0
        self.lock = threading.Lock()

    def answer(self, name: str, detail: dict[str, Any]) -> Any:
        if name != "line:push":
            return super().answer(name, detail)
        with self.lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        time.sleep(0.02)
        with self.lock:
            self.under_way -= 1
            return super().answer(name, detail)


@pytest.fixture
def world(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(push, "AT_ONCE", SAVE_EVERY)
    monkeypatch.setattr(limits, "_of_worker", threading.local())
    with a_world() as found:
        found.line = SlowLine()
        yield found


def test_a_worker_has_many_pushes_under_way(world: World) -> None:
    """The pushes between two saves are called at the same time, each friend once, and noted."""
    users = [f"U{n:02d}" for n in range(60)]
    service.put_chunk(a_chunk(users), watch=True)
    world.run()
    assert world.line.got == dict.fromkeys(users, 1)
    assert 16 <= world.line.most <= SAVE_EVERY  # type: ignore[attr-defined]
    assert service.progress("shop", "run1")["accepted"] == 60


def test_a_refused_rate_stops_what_has_not_begun_and_loses_nothing(world: World) -> None:
    """After LINE's 429 no call begins in this attempt; later everybody gets it once."""
    users = [f"U{n:02d}" for n in range(100)]
    world.line.fault = lambda kind, body, n: (
        line.Answer(429, "The API rate limit has been exceeded") if 30 < n <= 50 else None
    )
    service.put_chunk(a_chunk(users), watch=True)
    world.run()
    assert world.line.got == dict.fromkeys(users, 1)
    keys = Counter(key for _, _, key in world.line.calls)
    assert len(keys) == 100
    assert sum(keys.values()) <= 100 + 20


def test_one_429_slows_every_worker_of_the_run(world: World) -> None:
    """Who is answered 429 notes it on the run's control, and the next worker starts at half its pace."""
    world.line.fault = lambda kind, body, n: line.Answer(429, "rate limit") if n == 1 else None
    service.put_chunk(a_chunk(["U1", "U2"]), watch=True, feed=False)
    service.send_now("shop", "run1", "c1")
    control, _ = store.read("shop", "run1", [])
    assert control.state == "released"
    assert control.slowed_at is not None

    def another_worker() -> None:
        service.send_now("shop", "run1", "c1")
        seen.append(limits.bucket("shop", "push").slow_until)

    seen: list[Any] = []
    thread = threading.Thread(target=another_worker)
    thread.start()
    thread.join()
    assert seen[0] is not None


def test_a_crash_in_the_middle_asks_again_about_those_who_were_under_way(world: World) -> None:
    """The process dies among concurrent pushes: everybody gets it once, at most 25 are asked about again."""
    users = [f"U{n:02d}" for n in range(60)]
    service.put_chunk(a_chunk(users), watch=True)

    def dies(kind: str, body: Any, n: int) -> Any:
        if n == 40:
            raise RuntimeError("killed")
        return None

    world.line.fault = dies
    world.run()
    assert world.line.got == dict.fromkeys(users, 1)
    assert len(world.line.calls) <= 60 + SAVE_EVERY


@pytest.mark.parametrize(("kind", "latency_ms"), [("push", 100), ("multicast", 100)])
def test_the_workers_together_use_the_limit_and_keep_it(kind: str, latency_ms: int) -> None:
    """Sixteen workers against LINE's buckets at a tenth of their size, in simulated time: at least 90 % of
    the limit is used once all work, and fewer than 1 % of the calls are refused.
    """
    per_second = limits.PER_SECOND[kind] / 10
    line_side = Limiter({kind: per_second})
    workers = [limits.Bucket(per_second * 0.95 / 16) for _ in range(16)]
    lanes = SAVE_EVERY if kind == "push" else 1
    free_at = [(0.0, worker) for worker in range(16) for _ in range(lanes)]
    tries = refused = 0
    end = 60.0
    while True:
        free_at.sort(reverse=True)
        at, worker = free_at.pop()
        if at > end:
            break
        begins = at + workers[worker].take(NOW + timedelta(seconds=at))
        if 10.0 <= begins <= end:
            tries += 1
            refused += not line_side.allows("shop", kind, "/", begins)
        free_at.append((begins + latency_ms / 1000, worker))
    assert tries - refused >= 0.9 * per_second * (end - 10)
    assert refused < 0.01 * tries
