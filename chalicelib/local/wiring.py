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
from chalice.local import LambdaContext

from chalicelib.local.config import time_scale

Handler = Callable[[dict[str, Any], Any], Any]
_CONFIG = Path(__file__).resolve().parents[2] / ".chalice" / "config.json"
_DEFAULT_TIMEOUT_S, _DEFAULT_MEMORY_MB = 60, 128

PART, LEAST = 4, 2
"""A laptop works on a fourth of the batches at a time that a queue may have on AWS, two at least: its tables
are one process, in whose queue a broadcast would be before the reply that somebody waits for.
"""
NICE = {"webhook": 0, "api_handler": 0, "react": 0, "bulk": 15}
_NICE_OTHERS = 5
"""The CPU is first for what answers somebody, last for what may wait. On AWS each function has its own."""


@dataclass(frozen=True)
class Function:
    """A Lambda function: its name, its handler's deployed path, and what ``.chalice/config.json`` gives."""

    name: str
    path: str
    timeout_s: float = _DEFAULT_TIMEOUT_S
    memory_mb: int = _DEFAULT_MEMORY_MB
    reserved: int | None = None

    @property
    def nice(self) -> int:
        """How far it stands back for the others, as nice(2) counts."""
        return NICE.get(self.name, _NICE_OTHERS)

    @property
    def is_first(self) -> bool:
        """Whether work in the background waits for it: it sends what is due in this second."""
        return self.name == "advance"

    @property
    def is_last(self) -> bool:
        """Whether it is work in the background."""
        return self.name == "bulk"

    def at_most(self, most: int) -> int:
        """How many invocations may run at a time, when ``most`` is what the machine can take."""
        return most if self.reserved is None else min(most, self.reserved)


@dataclass(frozen=True)
class QueueHandler:
    """A handler of one queue, as its event source mapping says."""

    queue: str
    function: Function
    batch_size: int
    window_s: int = 0
    concurrency: int | None = None

    @property
    def fifo(self) -> bool:
        """Whether the queue keeps the order of a group."""
        return self.queue.endswith(".fifo")

    def at_most(self, most: int) -> int:
        """How many batches may be worked on at a time: of what AWS allows, this machine's part."""
        allowed = self.function.at_most(most)
        if self.concurrency is None:
            return allowed
        return min(allowed, self.concurrency, max(LEAST, self.concurrency // PART))


@dataclass(frozen=True)
class ScheduledHandler:
    """A handler of a schedule, with its EventBridge expression."""

    expression: str
    function: Function


def load_app(module: str | None = None) -> Chalice:
    """The Chalice app: ``app.py``'s, or that of the module which ``TODOKU_LOCAL_APP`` names (tests)."""
    app: Chalice = importlib.import_module(module or _app_module()).app
    return app


def _app_module() -> str:
    return os.environ.get("TODOKU_LOCAL_APP") or "app"


def has_roles() -> bool:
    """Whether the functions have the roles of the deployed app: it is that app."""
    return _app_module() == "app"


def queue_handlers(app: Chalice) -> list[QueueHandler]:
    """Every queue handler of the app."""
    return [
        QueueHandler(
            source.queue or str(source.queue_arn).rpartition(":")[2],
            function(source.name, source.handler_string),
            source.batch_size,
            source.maximum_batching_window_in_seconds or 0,
            source.maximum_concurrency,
        )
        for source in app.event_sources
        if isinstance(source, SQSEventConfig)
    ]


def scheduled_handlers(app: Chalice) -> list[ScheduledHandler]:
    """Every schedule handler of the app."""
    return [
        ScheduledHandler(
            _expression(source.schedule_expression), function(source.name, source.handler_string)
        )
        for source in app.event_sources
        if isinstance(source, ScheduledEventConfig)
    ]


def lambda_functions(app: Chalice) -> dict[str, Function]:
    """The functions of the app that nothing but an invocation calls, by name."""
    return {pure.name: function(pure.name, pure.handler_string) for pure in app.pure_lambda_functions}


def api_function() -> Function:
    """The function behind the HTTP API: the app itself."""
    return function("api_handler", f"{_app_module()}.app")


def context(function: Function) -> LambdaContext:
    """What a handler knows of its invocation, whose time begins now."""
    return LambdaContext(function.name, function.memory_mb, int(function.timeout_s * 1000))


def _expression(schedule: Any) -> str:
    return schedule if isinstance(schedule, str) else str(schedule.to_string())


@functools.cache
def load_handler(path: str) -> Handler:
    """The callable behind a deployed path."""
    module, _, name = path.rpartition(".")
    handler: Handler = getattr(importlib.import_module(module), name)
    return handler


@functools.cache
def _config() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_CONFIG.read_text(encoding="utf-8")) if _CONFIG.exists() else {}
    return found


def function(name: str, path: str, stage: str = "prod") -> Function:
    """A function with the settings of a stage; ``TODOKU_LOCAL_TIME_SCALE`` scales its timeout."""
    config = _config()
    of_stage = config.get("stages", {}).get(stage, {})
    given = {**config, **of_stage, **of_stage.get("lambda_functions", {}).get(name, {})}
    return Function(
        name,
        path,
        int(given.get("lambda_timeout", _DEFAULT_TIMEOUT_S)) * time_scale(),
        int(given.get("lambda_memory_size", _DEFAULT_MEMORY_MB)),
        given.get("reserved_concurrency"),
    )
