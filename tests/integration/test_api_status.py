"""Health and status: nothing is asked for the first, everything that moves shows in the second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.gateways import queues, seam
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain


def test_health_asks_nobody(cloud: None) -> None:
    """The program answers without a key and without a call to anything."""

    def refuse(name: str, _detail: Mapping[str, Any], _call: Callable[[], Any]) -> Any:
        raise AssertionError(name)

    with seam.guarded(refuse):
        assert Api(None).ok("GET", "/health")["status"] == "ok"


def test_all_zero_is_rest_and_every_queue_shows(cloud: None) -> None:
    """A message in any queue is seen by any key; with none, every number of movement is zero."""
    admin = an_api()
    an_account(admin)
    viewer = a_key(admin, "viewer", "shop")

    def moving() -> dict[str, int]:
        status = viewer.ok("GET", "/v1/status")
        counts = {
            f"{name}.{part}": status[name][part]
            for name in ("inbox", "bulk", "sends", "due", "tasks")
            for part in ("waiting", "in_flight", "dlq")
        }
        counts |= {"runs_open": status["runs_open"], "late": status["due"]["oldest_late_s"]}
        assert status["accounts"] == 1
        assert status["due"]["next_at"] is None
        return {name: count for name, count in counts.items() if count}

    assert moving() == {}
    shown = {"shards": "tasks", "broadcast-tasks": "tasks", "minute-tasks": "tasks"}
    for queue in ("inbox", "bulk", "sends", "due", *shown):
        group = "g" if queue == "inbox" else None
        queues.send(queue, {"n": 1}, group=group, dedup="1" if group else None)
        assert moving() == {f"{shown.get(queue, queue)}.waiting": 1}
        drain(queue)
    assert moving() == {}
