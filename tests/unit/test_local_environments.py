"""Handlers run as Lambda runs them: one at a time in a process of their own, which is stopped in time."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.gateways import aws
from chalicelib.local import cpu, permissions
from chalicelib.local.client import until
from chalicelib.local.environments import Environments, InvocationFailed, Throttled, TimedOut
from chalicelib.local.processes import Child, Processes
from chalicelib.local.wiring import Function

_remembered: list[int] = []


def work(event: dict[str, Any], context: Any) -> Any:
    """The handler of these tests: does what its event says, in another process."""
    _remembered.append(1)
    if "write" in event:
        Path(event["write"]).write_text(str(os.getpid()))
    time.sleep(event.get("sleep", 0))
    if "spin" in event:
        end = time.process_time() + event["spin"]
        while time.process_time() < end:
            pass
    if "exit" in event:
        os._exit(event["exit"])
    if "raise" in event:
        raise ValueError(event["raise"])
    left = context.get_remaining_time_in_millis()
    return {
        "pid": os.getpid(),
        "left": left,
        "seen": len(_remembered),
        "echo": event,
        "of": context.function_name,
        "roles_read": permissions.given.cache_info().currsize,
    }


def a_function(timeout_s: float = 20, **more: Any) -> Function:
    return Function("work", f"{__name__}.work", timeout_s, **more)


@pytest.fixture
def environments() -> Iterator[Environments]:
    made = Environments()
    yield made
    with contextlib.suppress(OSError):
        made.close()
    aws.forget_clients()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_handler_runs_in_a_process_that_is_used_again(environments: Environments) -> None:
    """Warm environments keep their globals; the event and the answer arrive as they were, large ones too."""
    event = {"text": "届く😀" * 100_000, "n": 1.5, "none": None}
    first, second = (environments.invoke(a_function(), event) for _ in range(2))
    assert first["echo"] == event
    assert first["pid"] == second["pid"] != os.getpid()
    assert (first["seen"], second["seen"], len(_remembered)) == (1, 2, 0)
    assert first["of"] == "work"


def test_the_time_that_is_left_is_true(environments: Environments) -> None:
    """The context says what is left of the function's own timeout."""
    left = environments.invoke(a_function(5), {"sleep": 1})["left"]
    assert 3000 < left < 4000


def test_a_handler_is_stopped_at_its_timeout(
    environments: Environments, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is killed, whatever it does, and the next invocation gets a fresh process."""
    began = time.monotonic()
    with pytest.raises(TimedOut):
        environments.invoke(a_function(1), {"sleep": 100, "write": str(tmp_path / "pid")})
    assert 0.9 < time.monotonic() - began < 5
    assert not alive(int((tmp_path / "pid").read_text()))
    assert environments.invoke(a_function(), {})["seen"] == 1
    assert "work: Task timed out after 1.00 seconds" in capfd.readouterr().err


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where processes made from now on write what they have to say."""
    path = tmp_path / "log"
    with path.open("w") as file:
        monkeypatch.setattr(sys, "stderr", file)
        yield path


def test_what_raises_or_ends_has_failed(log: Path, environments: Environments) -> None:
    """An exception is in the log, fails the invocation and keeps the process; an exit costs the process."""
    pid = environments.invoke(a_function(), {})["pid"]
    with pytest.raises(InvocationFailed, match="ValueError"):
        environments.invoke(a_function(), {"raise": "broken"})
    assert "ValueError: broken" in log.read_text()
    assert environments.invoke(a_function(), {})["pid"] == pid
    with pytest.raises(InvocationFailed, match="ended without an answer"):
        environments.invoke(a_function(), {"exit": 0})
    assert environments.invoke(a_function(), {})["pid"] != pid


def test_invocations_at_a_time_have_processes_of_their_own(environments: Environments) -> None:
    """Four that sleep a second take about a second, in four processes."""
    found: list[int] = []

    def one() -> None:
        found.append(environments.invoke(a_function(), {"sleep": 1})["pid"])

    threads = [threading.Thread(target=one) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 4
    assert time.monotonic() - began < 3


def test_reserved_concurrency_bounds_a_function(environments: Environments) -> None:
    """One more than reserved waits; what cannot run in time is throttled."""
    reserved = a_function(1.5, reserved=1)
    thread = threading.Thread(target=lambda: environments.invoke(reserved, {"sleep": 1}))
    thread.start()
    time.sleep(0.2)
    with pytest.raises(Throttled):
        environments.invoke(a_function(0.2, reserved=1), {})
    assert environments.invoke(reserved, {})["of"] == "work"
    thread.join()


def test_what_answers_somebody_has_the_cpu_first(environments: Environments) -> None:
    """Priorities differ by function, in processes of their own: one that stood back cannot come forward."""
    functions = [Function(name, a_function().path) for name in ("react", "send", "bulk")]
    pids = [environments.invoke(function, {})["pid"] for function in functions]
    assert [environments.invoke(function, {})["pid"] for function in functions] == pids
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = [min(19, ours + step) for step in (0, 5, 15)]  # 19 is the end of the scale
    assert [os.getpriority(os.PRIO_PROCESS, pid) for pid in pids] == wanted


def test_a_new_process_reads_no_roles(environments: Environments) -> None:
    """They are there before its time begins: what is stopped would read them again in every new process, and
    on a busy machine come no further.
    """
    assert environments.invoke(a_function(), {})["roles_read"] == len(permissions.declared()["functions"])


def test_closing_ends_what_runs(environments: Environments, tmp_path: Path) -> None:
    """Closed, no process stays, not even one that is in the middle of a handler, and nothing starts."""
    path, lines = tmp_path / "pid", []

    def one() -> None:
        try:
            environments.invoke(a_function(), {"sleep": 100, "write": str(path)})
        except InvocationFailed as error:
            lines.append(str(error))

    thread = threading.Thread(target=one)
    thread.start()
    until("asleep", lambda: path.exists() and path.read_text(), 10)
    environments.close()
    until("gone", lambda: not alive(int(path.read_text())), 5)
    thread.join(5)
    assert lines == ["work: the process ended without an answer"]
    with pytest.raises(InvocationFailed, match="stops"):
        environments.invoke(a_function(), {})


def test_a_handler_has_the_cpu_of_its_memory() -> None:
    """With a fifth of a CPU, 0.2 s of computing take about a second; sleeping costs nothing."""
    if not cpu.is_possible():  # the platform refuses the setting there
        return
    made = Environments(cpu_share=True)
    try:
        small = a_function(memory_mb=354)
        made.invoke(small, {})
        began = time.monotonic()
        made.invoke(small, {"spin": 0.2})
        assert time.monotonic() - began > 0.7
        began = time.monotonic()
        made.invoke(small, {"sleep": 0.5})
        assert time.monotonic() - began < 1.5
        with pytest.raises(TimedOut):
            made.invoke(a_function(0.5, memory_mb=128), {"spin": 0.4})
    finally:
        made.close()
        aws.forget_clients()


def test_a_process_is_as_nice_as_its_configuration_says(tmp_path: Path) -> None:
    """Workers and tables leave the CPU to the API and its queues."""
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    with (tmp_path / "lock").open("w") as lock:
        processes = Processes(dict(os.environ), tmp_path / "logs", lock.fileno())
        for nice in (0, 5):
            child = Child(f"c{nice}", [sys.executable, "-c", "input()"], reports=False, nice=nice)
            processes.start(child)
            assert child.process is not None
            assert os.getpriority(os.PRIO_PROCESS, child.process.pid) == min(19, ours + nice)
            processes.stop(child, 5, lambda: True)
            assert not child.running
