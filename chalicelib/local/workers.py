"""The worker process: polls every queue of the app, ticks the schedules, and recovers at its start.

    python -m chalicelib.local.workers --ready-fd FD

It runs no handler itself: each runs in an environment, as its own function (``environments``).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import threading
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.local import pollers
from chalicelib.local.child import ready, wait_for_stop
from chalicelib.local.environments import Environments, InvocationFailed
from chalicelib.local.schedules import is_due
from chalicelib.local.wiring import (
    Function,
    ScheduledHandler,
    lambda_functions,
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
    """Once per start: let the admin key be known, and the code of the console's sign-in link."""
    if key := os.environ.get("TODOKU_LOCAL_API_KEY"):
        ensure = _optional("chalicelib.accounts.service", "ensure_local_admin_key")
        if ensure is not None:
            ensure(key)
        sign_in = _optional("chalicelib.accounts.sessions", "make_code")
        if sign_in is not None and (code := os.environ.get("TODOKU_LOCAL_SIGN_IN")):
            sign_in(code, key)


def recover(functions: dict[str, Function], invoke: pollers.Invoke) -> None:
    """Feed again what the last run left in flight; the sweep does the same every minute."""
    if "recover" in functions:
        with contextlib.suppress(InvocationFailed):
            invoke(functions["recover"], {})


def _tick(handler: ScheduledHandler, minute: datetime, busy: pollers.Busy, invoke: pollers.Invoke) -> None:
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
        # The next tick is the retry.
        with contextlib.suppress(InvocationFailed):
            invoke(handler.function, event)
    finally:
        busy.leave()


def tick_schedules(handlers: Sequence[ScheduledHandler], busy: pollers.Busy, invoke: pollers.Invoke) -> None:
    """Call each schedule's handler when it is due; a handler that still runs is not called again."""
    first = minute = datetime.now(UTC).replace(second=0, microsecond=0)
    running: dict[str, threading.Thread] = {}
    while not busy.stopping:
        for handler in handlers:
            before = running.get(handler.function.name)
            if is_due(handler.expression, minute, first) and not (before and before.is_alive()):
                thread = threading.Thread(target=_tick, args=(handler, minute, busy, invoke), daemon=True)
                running[handler.function.name] = thread
                thread.start()
        while (now := datetime.now(UTC).replace(second=0, microsecond=0)) <= minute:
            time.sleep(0.2)
        minute = now


def main() -> None:
    """Poll until the supervisor asks to stop."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.local.workers")
    parser.add_argument("--ready-fd", type=int)
    options = parser.parse_args()
    app = load_app()
    busy = pollers.Busy()
    handlers, schedules = queue_handlers(app), scheduled_handlers(app)
    for function in [handler.function for handler in handlers] + [tick.function for tick in schedules]:
        load_handler(function.path)
    environments = Environments(cpu_share=os.environ.get("TODOKU_LOCAL_CPU_SHARE") == "1")
    invoke = environments.invoke
    prepare()
    recover(lambda_functions(app), invoke)
    pollers.start(handlers, busy, invoke)
    threading.Thread(target=tick_schedules, args=(schedules, busy, invoke), daemon=True).start()
    ready(options.ready_fd)
    wait_for_stop()
    if not busy.stop(_PATIENCE_S):
        print("stopped with handlers still running; their messages come again", flush=True)
    environments.close()
    # The pollers wait in long polls that nobody needs to see the end of.
    os._exit(0)


if __name__ == "__main__":
    main()
