"""What the Chalice app says it listens to: queues and schedules, discovered, never repeated here.

Handlers are called by their deployed path (``chalicelib.<room>.<module>.<function>``), as Lambda does.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.app import Chalice, ScheduledEventConfig, SQSEventConfig

Handler = Callable[[dict[str, Any], Any], Any]
_CONFIG = Path(__file__).resolve().parents[2] / ".chalice" / "config.json"
_DEFAULT_TIMEOUT_S = 60


@dataclass(frozen=True)
class QueueHandler:
    """A handler of one queue. ``concurrency`` None: as many at a time as the platform likes."""

    queue: str
    function: str
    batch_size: int
    concurrency: int | None

    @property
    def fifo(self) -> bool:
        """Whether the queue keeps the order of a group."""
        return self.queue.endswith(".fifo")


@dataclass(frozen=True)
class ScheduledHandler:
    """A handler of a schedule, with its EventBridge expression."""

    expression: str
    function: str


def load_app(module: str | None = None) -> Chalice:
    """The Chalice app: ``app.py``'s, or that of the module which ``TODOKU_LOCAL_APP`` names (tests)."""
    name = module or os.environ.get("TODOKU_LOCAL_APP") or "app"
    app: Chalice = importlib.import_module(name).app
    return app


def queue_handlers(app: Chalice) -> list[QueueHandler]:
    """Every queue handler of the app."""
    return [
        QueueHandler(
            source.queue or str(source.queue_arn).rpartition(":")[2],
            source.handler_string,
            source.batch_size,
            source.maximum_concurrency,
        )
        for source in app.event_sources
        if isinstance(source, SQSEventConfig)
    ]


def scheduled_handlers(app: Chalice) -> list[ScheduledHandler]:
    """Every schedule handler of the app."""
    return [
        ScheduledHandler(_expression(source.schedule_expression), source.handler_string)
        for source in app.event_sources
        if isinstance(source, ScheduledEventConfig)
    ]


def _expression(schedule: Any) -> str:
    return schedule if isinstance(schedule, str) else str(schedule.to_string())


@functools.cache
def load_handler(function: str) -> Handler:
    """The callable behind a deployed path."""
    module, _, name = function.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), name)
    return handler


@functools.cache
def timeout_s(function: str, stage: str = "prod") -> int:
    """The timeout that ``.chalice/config.json`` gives a function."""
    config = json.loads(_CONFIG.read_text(encoding="utf-8")) if _CONFIG.exists() else {}
    of_stage = config.get("stages", {}).get(stage, {})
    of_function = of_stage.get("lambda_functions", {}).get(function.rpartition(".")[2], {})
    for level in (of_function, of_stage, config):
        if "lambda_timeout" in level:
            return int(level["lambda_timeout"])
    return _DEFAULT_TIMEOUT_S
