"""Lambda's execution environments on a laptop: processes that run one invocation at a time and can be killed.

A thread that runs too long cannot be stopped, so every handler runs in a process of its own. They are forked
from a nursery: a process that has imported the app, made the AWS clients and has no threads, so that a new
environment is there in milliseconds and shares its memory until it writes. An environment that runs beyond
its function's timeout is killed, and nothing is answered for it: its messages come back after their
visibility timeout.

When the process that invokes ends, however it ends, the nursery and every environment end with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
import traceback
import warnings
from collections import defaultdict
from typing import Any, NoReturn

from chalicelib.gateways import aws, seam
from chalicelib.local import permissions
from chalicelib.local.cpu import Shares
from chalicelib.local.wiring import Function, context, has_roles, load_handler

MOST = 8
"""Invocations of one function at a time; a laptop has few cores."""
_IDLE_S = 60.0
_KEPT = 2
_HEAD = struct.Struct("!I")
_ORDER = struct.Struct("!ci")
_CLIENTS = ("dynamodb", "sqs", "ssm", "s3", "stepfunctions")


class InvocationFailed(Exception):
    """The handler raised, its process ended, or it ran out of time; the message says which."""


class TimedOut(InvocationFailed):
    """The function's timeout was over before its handler's end."""


class Throttled(InvocationFailed):
    """The function runs as often as it may, and nothing ended in time."""


class Environments:
    """Starts, uses, keeps and kills environments. Thread-safe; made before any thread that holds a lock."""

    def __init__(self, *, cpu_share: bool = False) -> None:
        self._nursery = _Nursery()
        self._lock = threading.Lock()
        self._idle: defaultdict[int, list[tuple[float, _Environment]]] = defaultdict(list)
        self._slots: dict[str, threading.BoundedSemaphore] = {}
        self._shares = Shares() if cpu_share else None

    def invoke(self, function: Function, event: dict[str, Any]) -> Any:
        """The handler's answer. Raises InvocationFailed."""
        with self._lock:
            slot = self._slots.setdefault(function.name, threading.BoundedSemaphore(function.at_most(MOST)))
        if not slot.acquire(timeout=function.timeout_s):
            raise Throttled(f"{function.name}: more than {function.at_most(MOST)} at a time")
        try:
            return self._run(function, event)
        finally:
            slot.release()

    def close(self) -> None:
        """Kill what runs; whoever invokes from now on has failed."""
        self._nursery.close()
        with self._lock:
            for idle in self._idle.values():
                for _, environment in idle:
                    environment.wire.close()
                idle.clear()

    def _run(self, function: Function, event: dict[str, Any]) -> Any:
        environment = self._take(function.nice)
        began = time.monotonic()
        job: dict[str, Any] = {"event": event, "function": function.path, "name": function.name}
        job |= {"memory_mb": function.memory_mb, "timeout_s": function.timeout_s}
        job["role"] = has_roles()
        with (
            self._shares.of(environment.pid, function.memory_mb) if self._shares else contextlib.nullcontext()
        ):
            try:
                answer = environment.ask(json.dumps(job).encode(), began + function.timeout_s)
            except TimeoutError:
                self._nursery.end(environment)
                why = f"{function.name}: Task timed out after {function.timeout_s:.2f} seconds"
                print(why, file=sys.stderr, flush=True)
                raise TimedOut(why) from None
            except OSError as error:
                self._nursery.end(environment)
                raise InvocationFailed(f"{function.name}: the process ended without an answer") from error
        self._give_back(environment)
        if "failed" in answer:
            raise InvocationFailed(f"{function.name}: {answer['failed']}")
        return answer["answer"]

    def _take(self, nice: int) -> _Environment:
        with self._lock:
            if self._idle[nice]:
                return self._idle[nice].pop()[1]
        environment = self._nursery.new()
        environment.lower_priority(nice)
        return environment

    def _give_back(self, environment: _Environment) -> None:
        now, old = time.monotonic(), []
        with self._lock:
            idle = self._idle[environment.nice]
            while len(idle) > _KEPT and idle[0][0] < now - _IDLE_S:
                old.append(idle.pop(0)[1])
            idle.append((now, environment))
        for one in old:
            self._nursery.end(one)


class _Environment:
    """One process, seen from outside."""

    def __init__(self, pid: int, wire: socket.socket) -> None:
        self.pid = pid
        self.wire = wire
        self.nice = 0

    def lower_priority(self, nice: int) -> None:
        """Let others have the CPU first. There is no way back: it serves only functions that do the same."""
        self.nice = nice
        with contextlib.suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, self.pid, os.getpriority(os.PRIO_PROCESS, 0) + nice)

    def ask(self, job: bytes, deadline: float) -> Any:
        """Its answer to a job. Raises TimeoutError, or another OSError when the process has ended."""
        self.wire.settimeout(max(0.001, deadline - time.monotonic()))
        self.wire.sendall(_HEAD.pack(len(job)) + job)
        answer = _read(self.wire, deadline)
        if answer is None:
            raise ConnectionResetError
        return json.loads(answer)


class _Nursery:
    """The process from which environments are forked, seen from outside."""

    def __init__(self) -> None:
        _warm()
        self._lock = threading.Lock()
        self._closed = False
        self._wire, theirs = socket.socketpair()
        living, self._life = os.pipe()
        with warnings.catch_warnings():
            # The other thread there may be waits in read(2) for the supervisor and holds nothing.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            self._wire.close()
            os.close(self._life)
            _nurse(theirs, living)
        theirs.close()
        os.close(living)

    def new(self) -> _Environment:
        """A fresh environment."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                return _Environment(self._order(b"n", 0, [theirs.fileno()]), ours)
            except InvocationFailed:
                ours.close()
                raise

    def end(self, environment: _Environment) -> None:
        """Kill an environment and forget it."""
        with contextlib.suppress(InvocationFailed):
            self._order(b"e", environment.pid, [])
        environment.wire.close()

    def close(self) -> None:
        """Let the nursery and every environment end."""
        with self._lock:
            self._closed = True
            self._wire.close()
        os.close(self._life)
        os.waitpid(self.pid, 0)

    def _order(self, what: bytes, pid: int, fds: list[int]) -> int:
        with self._lock:
            if self._closed:
                raise InvocationFailed("the platform stops")
            try:
                socket.send_fds(self._wire, [_ORDER.pack(what, pid)], fds)
                answer = _exactly(self._wire, _ORDER.size, None)
            except OSError:
                answer = None
        if answer is None:
            print("the nursery ended; this process is of no use without it", file=sys.stderr, flush=True)
            os._exit(1)
        return int(_ORDER.unpack(answer)[1])


def _warm() -> None:
    """What every environment would do first, done once, as Lambda does before a function's time begins."""
    if "chalicelib.gateways.line" in sys.modules:
        importlib.import_module("linebot.v3.messaging")
    for service in _CLIENTS:
        aws.client(service)
    if has_roles():
        permissions.read()  # AWS looks at a role outside of the function's time
    gc.collect()
    gc.freeze()


def _nurse(wire: socket.socket, living: int) -> NoReturn:
    """Fork and kill environments as asked, until nobody asks any more."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    children: set[int] = set()
    with contextlib.suppress(OSError):
        while True:
            order, fds, _, _ = socket.recv_fds(wire, _ORDER.size, 1)
            if not order:
                break
            what, pid = _ORDER.unpack(order)
            if what == b"n":
                pid = os.fork()
                if pid == 0:
                    wire.close()
                    _serve(socket.socket(fileno=fds[0]), living)
                children.add(pid)
                os.close(fds[0])
            elif pid in children:
                children.discard(pid)
                _kill(pid)
            wire.sendall(_ORDER.pack(what, pid))
    for pid in children:
        _kill(pid)
    os._exit(0)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _serve(wire: socket.socket, living: int) -> NoReturn:
    """Run invocations, one at a time, until nobody asks or the asker has ended."""

    def live() -> None:
        os.read(living, 1)
        os._exit(1)

    threading.Thread(target=live, daemon=True, name="life").start()
    with contextlib.suppress(OSError):
        while (job := _read(wire, None)) is not None:
            answer = json.dumps(_invoked(json.loads(job))).encode()
            sys.stdout.flush()
            sys.stderr.flush()
            wire.sendall(_HEAD.pack(len(answer)) + answer)
    os._exit(0)


def _invoked(job: dict[str, Any]) -> dict[str, Any]:
    lambda_context = context(Function(job["name"], job["function"], job["timeout_s"], job["memory_mb"]))
    try:
        with seam.guarded(permissions.guard(job["name"])) if job["role"] else contextlib.nullcontext():
            answer = load_handler(job["function"])(job["event"], lambda_context)
        json.dumps(answer)
    except Exception as error:  # noqa: BLE001 (as Lambda: whatever it is, the invocation has failed)
        traceback.print_exc()
        return {"failed": repr(error)[:500]}
    return {"answer": answer}


def _read(wire: socket.socket, deadline: float | None) -> bytes | None:
    head = _exactly(wire, _HEAD.size, deadline)
    return None if head is None else _exactly(wire, _HEAD.unpack(head)[0], deadline)


def _exactly(wire: socket.socket, count: int, deadline: float | None) -> bytes | None:
    """So many bytes, or None at the end of the stream. Raises TimeoutError."""
    found = bytearray()
    while len(found) < count:
        if deadline is not None:
            wire.settimeout(max(0.001, deadline - time.monotonic()))
        part = wire.recv(min(1 << 20, count - len(found)))
        if not part:
            return None
        found += part
    return bytes(found)
