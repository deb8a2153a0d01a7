"""In tests too a function does what its role allows: a handler that is called runs as its function.

Whoever calls a handler of the app (or the app itself, as the API's function) is that function until it
returns, in the threads it starts as well. So is whoever calls what only one function's handler calls: a job
of the table, the waking of what is due, an operator's command, a service of ``WORK``. What a guard at the
seam does by itself is the test's own doing.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import replace
from typing import Any

from chalice.app import Chalice, EventSourceHandler

from chalicelib.jobs.kinds import JobKind
from chalicelib.local import permissions, wiring
from chalicelib.timers.model import DueKind

WORK = {
    "react": ("reaction.service:react",),
    "bulk": ("transfers.imports:work", "transfers.exports:work", "deliveries.service:write_receipts"),
    "send": ("deliveries.service:send_now", "deliveries.service:watched"),
    "plan_shard": ("broadcasts.plans.planning:judge_shard", "broadcasts.plans.packing:work_on"),
    "tasks": ("broadcasts.steps:carry_out",),
    "advance": ("enrollments.service:advance", "enrollments.service:begin_advance"),
    "minute_tasks": ("timers.service:drain", "timers.service:verify"),
    "sweep": ("timers.service:sweep",),
    "recover": ("timers.service:recover", "broadcasts.service:resume_open_runs"),
}
"""What each function's handler does by a service of the rooms, where it is not asked for by the API too."""

_function: ContextVar[str | None] = ContextVar("function", default=None)
refused: list[str] = []
"""What was asked for beyond a role since the last look."""


@contextmanager
def role_of(function: str | None) -> Iterator[None]:
    """Be a function (or nobody in particular) for the time of the block."""
    token = _function.set(function)
    try:
        yield
    finally:
        _function.reset(token)


def name_of(handler: EventSourceHandler) -> str | None:
    """The function whose handler this is, without loading the app; None for handlers of others."""
    code = getattr(handler.func, "_original_func", handler.func)
    if not code.__module__.startswith("chalicelib."):
        return None
    return str(code.__name__).removesuffix("_command")


def work_as(function: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """The work, done as a function by whoever is none yet."""

    @functools.wraps(work)
    def done(*args: Any, **kwargs: Any) -> Any:
        if _function.get() is not None:
            return work(*args, **kwargs)
        with role_of(function):
            return work(*args, **kwargs)

    return done


def install_work() -> None:
    """From now on what is loaded of ``WORK`` is done as its functions."""
    for function, names in WORK.items():
        for module, _, name in (one.partition(":") for one in names):
            room = sys.modules.get(f"chalicelib.{module}")
            work = getattr(room, name, None)
            if work is not None and not hasattr(work, "__wrapped__"):
                setattr(room, name, work_as(function, work))
    commands = getattr(sys.modules.get("chalicelib.ops.commands"), "COMMANDS", {})
    for name, command in commands.items():
        if not hasattr(command.run, "__wrapped__"):
            commands[name] = replace(command, run=work_as("ops", command.run))


def install() -> None:
    """From now on handlers and jobs run as their functions."""
    call_handler, call_app, submit = EventSourceHandler.__call__, Chalice.__call__, ThreadPoolExecutor.submit
    job, due = JobKind.__init__, DueKind.__init__
    functions = permissions.declared()["functions"]
    fed_by = {one["consumes"]: name for name, one in functions.items() if "consumes" in one}

    def as_bulk(self: JobKind, run: Any, *args: Any, **kwargs: Any) -> None:
        job(self, work_as("bulk", run), *args, **kwargs)

    def as_fed(self: DueKind, queue: str, has_moved_on: Any, wake: Any = None, **kwargs: Any) -> None:
        due(self, queue, has_moved_on, wake and work_as(fed_by[queue], wake), **kwargs)

    JobKind.__init__ = as_bulk  # type: ignore[method-assign, assignment]
    DueKind.__init__ = as_fed  # type: ignore[method-assign]

    def as_function(self: EventSourceHandler, event: Any, context: Any) -> Any:
        with role_of(name_of(self)):
            return call_handler(self, event, context)

    def as_api(self: Chalice, event: Any, context: Any) -> Any:
        with role_of(wiring.api_function().name if self.app_name == "todoku" else None):
            return call_app(self, event, context)

    def in_context(self: ThreadPoolExecutor, work: Any, /, *args: Any, **kwargs: Any) -> Any:
        return submit(self, copy_context().run, work, *args, **kwargs)

    EventSourceHandler.__call__ = as_function  # type: ignore[method-assign]
    Chalice.__call__ = as_api  # type: ignore[method-assign]
    ThreadPoolExecutor.submit = in_context  # type: ignore[method-assign, assignment]


def cross(crossing: Callable[..., Any], name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
    """Cross the seam as the function that runs here, if one does. Raises AWS's own refusal."""
    function = _function.get()
    if function is None:
        return crossing(name, detail, call)
    lacking = permissions.missing(function, name, detail)
    if lacking:
        refused.extend(f"{function}: {one.action} on {one.resource}" for one in lacking)
        raise permissions.refusal(function, name, lacking)

    def as_function() -> Any:
        with role_of(function):
            return call()

    with role_of(None):
        return crossing(name, detail, as_function)
