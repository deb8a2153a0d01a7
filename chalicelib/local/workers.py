"""A worker process: polls every queue of the app; the first one also recovers and ticks the schedules.

python -m chalicelib.local.workers --number N --of COUNT --ready-fd FD
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import threading
import time
import traceback
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.local import pollers
from chalicelib.local.child import ready, wait_for_stop
from chalicelib.local.schedules import is_due
from chalicelib.local.wiring import (
    ScheduledHandler,
    load_app,
    load_handler,
    queue_handlers,
    scheduled_handlers,
)
from chalicelib.shared.settings import settings

_PATIENCE_S = 12


def _optional(module: str, function: str) -> Any:
    """A function of a room, or None when the app under this platform (a test's) has no such room."""
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        found = None
    return getattr(importlib.import_module(module), function, None) if found else None


def prepare() -> None:
    """Once per start: let the admin key be known, and feed again what the last run left in flight."""
    if key := os.environ.get("TODOKU_LOCAL_API_KEY"):
        ensure = _optional("chalicelib.accounts.service", "ensure_local_admin_key")
        if ensure is not None:
            ensure(key)
    recover = _optional("chalicelib.heartbeat.workers", "recover")
    if recover is not None:
        try:
            recover()
        except Exception:  # noqa: BLE001 (the sweep does the same every minute; the log says what it was)
            traceback.print_exc()


def _tick(handler: ScheduledHandler, minute: datetime, busy: pollers.Busy) -> None:
    at = settings()
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": at.aws_account_id,
        "time": f"{minute:%Y-%m-%dT%H:%M:%SZ}",
        "region": at.region,
        "resources": [],
        "detail": {},
    }
    if not busy.enter():
        return
    try:
        load_handler(handler.function)(event, pollers.context(handler.function))
    except Exception:  # noqa: BLE001 (the next tick is the retry)
        traceback.print_exc()
    finally:
        busy.leave()


def tick_schedules(handlers: Sequence[ScheduledHandler], busy: pollers.Busy) -> None:
    """Call each schedule's handler when it is due; a handler that still runs is not called again."""
    first = minute = datetime.now(UTC).replace(second=0, microsecond=0)
    running: dict[str, threading.Thread] = {}
    while not busy.stopping:
        for handler in handlers:
            before = running.get(handler.function)
            if is_due(handler.expression, minute, first) and not (before and before.is_alive()):
                thread = threading.Thread(target=_tick, args=(handler, minute, busy), daemon=True)
                running[handler.function] = thread
                thread.start()
        while (now := datetime.now(UTC).replace(second=0, microsecond=0)) <= minute:
            time.sleep(0.2)
        minute = now


def main() -> None:
    """Poll until the supervisor asks to stop."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.local.workers")
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args()
    app = load_app()
    busy = pollers.Busy()
    handlers = queue_handlers(app)
    for handler in handlers:
        load_handler(handler.function)
    if options.number == 0:
        prepare()
    pollers.start(handlers, busy, options.of)
    if options.number == 0:
        schedules = scheduled_handlers(app)
        threading.Thread(target=tick_schedules, args=(schedules, busy), daemon=True).start()
    ready(options.ready_fd)
    wait_for_stop()
    if not busy.stop(_PATIENCE_S):
        print("stopped with handlers still running; their messages come again", flush=True)
    # The pollers wait in long polls that nobody needs to see the end of.
    os._exit(0)


if __name__ == "__main__":
    main()
