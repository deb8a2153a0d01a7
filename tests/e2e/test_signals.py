"""Every process of the platform ends when it is told to, however often and in whatever moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.local.client import until
from tests.e2e.platform import ROOT, Platform, free_port
from tests.e2e.test_platform import notes, processes, put

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """The platform under the smallest app, not started."""
    made = Platform(tmp_path, TODOKU_LOCAL_APP="tests.e2e.tiny", TODOKU_LINE_API_URL="http://127.0.0.1:9")
    yield made
    made.api.close()
    if made.process is not None:
        made.kill()


def storm(pid: int, *, group: bool = False) -> None:
    """Forty signals of both kinds, faster than anybody can handle them."""
    send = os.killpg if group else os.kill
    for n in range(40):
        try:
            send(pid, (signal.SIGTERM, signal.SIGINT)[n % 2])
        except ProcessLookupError:
            return
        time.sleep(0.002)


@pytest.mark.parametrize("group", [False, True])
def test_many_signals_end_the_platform(platform: Platform, group: bool) -> None:
    """Signals that interrupt the handling of signals end the platform as one does, and leave no process."""
    platform.start()
    assert platform.process is not None
    pid = platform.process.pid
    storm(pid, group=group)
    assert platform.process.wait(20) == 0
    until("all gone", lambda: processes(pid) == [], 5)


def test_a_second_signal_hastens_the_end(platform: Platform) -> None:
    """One signal waits for the handlers that run; a second one does not. What was stopped comes again."""
    platform.start()
    assert platform.process is not None
    put(platform, "bulk", {"n": 1, "sleep": 100})
    until("asleep", lambda: notes(platform, "sleeping"), 10)
    platform.process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        platform.process.wait(2)
    asked = time.monotonic()
    platform.process.terminate()
    assert platform.process.wait(10) == 0
    assert time.monotonic() - asked < 5
    assert processes(platform.process.pid) == []


def test_signals_while_starting(platform: Platform) -> None:
    """A platform that is asked to stop before READY stops too."""
    command = [sys.executable, "-m", "chalicelib.local"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=platform.env, stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline().startswith("Starting")
        storm(process.pid)
        assert process.wait(30) == 0
        assert "READY" not in process.stdout.read()
    assert processes(process.pid) == []


def test_many_signals_end_the_simulated_line(tmp_path: Path) -> None:
    """The simulator, started alone, ends in order too."""
    command = [sys.executable, "-m", "chalicelib.local.line", "--port", str(free_port())]
    process = subprocess.Popen(
        [*command, "--dir", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline().startswith("LINE simulator on")
        storm(process.pid)
        assert process.wait(10) == 0
