"""Start, stop and kill the local platform as a user (or a power cut) would."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from chalicelib.local import permissions
from chalicelib.local.client import Client

ROOT = Path(__file__).resolve().parents[2]
KEY = "local-admin-key-for-tests"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_to_others(directory: Path) -> list[str]:
    """What in a folder, itself included, anybody but its owner may read or write. What goes meanwhile is
    nobody's any more.
    """
    found = []
    for path in (directory, *directory.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            mode = path.lstat().st_mode
            if mode & 0o077 and not path.is_symlink():
                found.append(f"{oct(mode)} {path}")
    return found


class Platform:
    """``python -m chalicelib.local`` in a process group of its own."""

    def __init__(self, directory: Path, **env: str) -> None:
        self.port, self.sim_port = free_port(), free_port()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory / "home"),
            "TODOKU_PORT": str(self.port),
            "TODOKU_SIM_PORT": str(self.sim_port),
            "TODOKU_LOCAL_DIR": str(directory / "data"),
            "TODOKU_LOCAL_API_KEY": KEY,
            "TODOKU_DEMO": "0",
            "TODOKU_LOCAL_ROLES": "refuse",
            **{name: os.environ[name] for name in (permissions.RECORD,) if name in os.environ},
            **env,
        }
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self.api = Client(f"http://127.0.0.1:{self.port}", KEY)

    def start(self, timeout_s: float = 60) -> float:
        """Start and wait for READY; returns the moment of READY (time.time())."""
        self.lines = []
        ready: list[float] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chalicelib.local"],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

        def read(stream: Any) -> None:
            with stream:
                for line in stream:
                    self.lines.append(line.rstrip())
                    if line.strip() == "READY":
                        ready.append(time.time())

        threading.Thread(target=read, args=(self.process.stdout,), daemon=True).start()
        deadline = time.monotonic() + timeout_s
        while not ready:
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = "\n".join(self.lines[-40:])
                self.kill()
                raise AssertionError(f"the platform did not become READY:\n{tail}")
            time.sleep(0.05)
        return ready[0]

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        self.api.close()
        self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """SIGKILL to the whole process group, as a power cut."""
        assert self.process is not None
        self.api.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)

    def idle(self) -> bool:
        """Whether /v1/status says that nothing is moving (timers that wait for their moment aside)."""
        status = self.api.get("/v1/status")
        queues = ("inbox", "bulk", "sends")
        return status["runs_open"] == 0 and not any(
            status[queue][count] for queue in queues for count in ("waiting", "in_flight")
        )
