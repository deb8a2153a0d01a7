"""What the tests of the runaway brake send with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.deliveries import service as deliveries
from tests.deliveries_builders import World


def save(kind: str, name: str, body: dict[str, Any]) -> None:
    catalog.save("shop", [Write(kind, name, body)], lambda _: None, "test")


def push(
    world: World, name: str, user: str = "U1", text: str = "新着です", rule: str = "r", **more: Any
) -> str:
    """A message of a rule to one friend; returns what came of it."""
    cause = {"rule": rule, "index": 0, "user_id": user, "event_id": name}
    payloads = {user: [{"type": "text", "text": text}]}
    run = f"e-{name}-{user}"
    chunk = deliveries.Chunk("shop", run, "0", "push", [user], payloads=payloads, cause=cause, **more)
    deliveries.put_chunk(chunk, watch=True)
    world.run(until=timedelta(seconds=5))
    world.now += timedelta(seconds=2)
    (line,), _ = deliveries.recipients("shop", run, None, 5, None)
    return str(line.get("reason", line["status"]))


def loses(number: int) -> Any:
    return lambda _kind, _body, n: "lost" if n == number else None
