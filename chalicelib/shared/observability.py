"""Structured logs (Powertools): one line for each invocation, one for each failure, and each says on whose
behalf: request id, account, friend (hashed), event, run, chunk.

Whatever is logged passes ``redaction``: no secret, nothing that anybody said, nobody's id.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, ParamSpec, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from chalicelib.shared import metrics
from chalicelib.shared.settings import settings
from chalicelib.shared.text.redaction import friend_hash, redact_exception, redact_value

P = ParamSpec("P")
T = TypeVar("T")

_MOST_SUBJECTS = 10
_OWN = frozenset(
    {
        *("level", "location", "timestamp", "service", "exception", "exception_name", "cold_start"),
        *("function_name", "function_memory_size", "function_arn", "function_request_id", "xray_trace_id"),
    }
)
"""Fields whose values are the program's or Lambda's own."""
_SUBJECT = {
    "account": "account",
    "user": "user_id",
    "user_id": "user_id",
    "event_id": "event",
    "broadcast": "broadcast",
    "run": "run",
    "chunk": "chunk",
    "job": "job",
    "id": "job_id",
    "shard": "shard",
    "task": "task",
    "kind": "kind",
    "minute": "minute",
}
"""Names in messages of queues, and under which the log has them."""

_fields: ContextVar[Mapping[str, Any]] = ContextVar("about", default={})  # noqa: B039 (it is never changed)
_line: ContextVar[dict[str, Any] | None] = ContextVar("line", default=None)


class _Formatter(LambdaPowertoolsFormatter):
    """Powertools' lines, with what the work is about, and nothing that a log may not hold."""

    def serialize(self, log: Any) -> str:
        fields = dict(_fields.get())
        user_id = fields.pop("user_id", None)
        whose = {"friend": friend_hash(user_id)} if user_id else {}
        line = {**fields, **whose, **log}
        own = {name: value for name, value in line.items() if name in _OWN}
        others = redact_value({name: value for name, value in line.items() if name not in _OWN}, user_id)
        return super().serialize(own | others)

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        return redact_exception(ei[1], _fields.get().get("user_id"))


logger = Logger(
    service="todoku",
    level=settings().log_level,
    logger_formatter=_Formatter(serialize_stacktrace=False, utc=True, use_rfc3339=True),
)


@contextmanager
def log_fields(**names: Any) -> Iterator[None]:
    """Add fields to every line inside: what the work is about; ``user_id`` becomes ``friend``, hashed."""
    token = _fields.set({**_fields.get(), **names})
    try:
        yield
    finally:
        _fields.reset(token)


def subject(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a message of a queue is about; one that holds many due entries names one and their number."""
    entries = body.get("entries")
    if isinstance(entries, list) and entries:
        first = entries[0]
        inner = {**(first.get("body") or {}), "account": first.get("account"), "kind": body.get("kind")}
        return subject(inner) | ({"entries": len(entries)} if len(entries) > 1 else {})
    return {name: body[key] for key, name in _SUBJECT.items() if isinstance(body.get(key), str | int)}


def note(**fields: Any) -> None:
    """Add fields to the line of this invocation."""
    line = _line.get()
    if line is not None:
        line.update(fields)


def note_subject(found: Mapping[str, Any]) -> None:
    """Add to the line of this invocation one of the things that it worked on; the first few are named."""
    line = _line.get()
    if line is None:
        return
    line["messages"] = line.get("messages", 0) + 1
    subjects = line.setdefault("about", [])
    if len(subjects) < _MOST_SUBJECTS:
        shown = dict(found)
        user_id = shown.pop("user_id", None)
        subjects.append(shown | ({"friend": friend_hash(user_id)} if user_id else {}))


def carried(work: Callable[P, T]) -> Callable[P, T]:
    """``work`` for threads: there, too, lines say what it is about, and metrics are added up."""
    context = copy_context()

    @functools.wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(work, *args, **kwargs)

    return run


@contextmanager
def invocation(context: Any, name: str) -> Iterator[None]:
    """One invocation: its request id on every line, one line at its end, its metrics written."""
    if hasattr(context, "aws_request_id"):
        # The decorator of Powertools, for a handler that does nothing: it leaves its keys on the logger.
        logger.inject_lambda_context(lambda _event, _context: None)({}, context)
    line: dict[str, Any] = {}
    token, began = _line.set(line), time.perf_counter()
    outcome = "failed"
    try:
        with metrics.batched():
            yield
        outcome = "ok"
    except BaseException:
        logger.exception("the invocation failed", extra={"handler": name})
        raise
    finally:
        _line.reset(token)
        ms = round((time.perf_counter() - began) * 1000)
        logger.info("invocation", extra={"handler": name, "outcome": outcome, "ms": ms, **line})


def observed(handler: Callable[P, T]) -> Callable[P, T]:
    """A handler whose invocations are logged. Goes under Chalice's decorator.

    ``lambda_function`` hands over the event and the context; queues and schedules one object that has both.
    """
    name = handler.__name__

    @functools.wraps(handler)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        context = args[1] if len(args) > 1 else getattr(args[0], "context", None)
        with invocation(context, name):
            return handler(*args, **kwargs)

    return run
