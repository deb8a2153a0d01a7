"""Start the platform, say READY, keep it up, stop it.

The order of starting: the folder's lock and the ports, then the stores (dynalite; SQS, Step Functions and
the rest of AWS), the template's resources, then LINE, the API and the workers. READY is printed when
``/health`` answers and the queues are polled.

A process that keeps nothing (API, workers, simulated LINE) is started again when it ends by itself, as
Lambda would; after five ends within a minute, or when a store ends, the platform ends with a sentence and
status 1: half a platform would look alive. Nothing is lost either way.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from chalicelib.local import config as configuration
from chalicelib.local.config import CannotStart, Config
from chalicelib.local.processes import Child, Processes, dynalite, python

_BEHIND = 5
"""How far workers and tables stand back: who opens a link does not wait for work that waits."""
_STOP_S = {"api": 12.0, "workers": 15.0}
_RESTARTS = 5
_HEALTH_S = 60
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Out = Callable[[str], None]


class Platform:
    """One running platform."""

    def __init__(self, config: Config, env: Mapping[str, str], out: Out) -> None:
        self.config = config
        self.key = configuration.admin_key(env, config.directory)
        self._out = out
        self._asked = 0
        cloud_port, dynamodb_port = configuration.free_ports(2)
        self.sign_in = secrets.token_urlsafe(24)
        self.env = configuration.environment(env, config, self.key, cloud_port, dynamodb_port)
        self.env["TODOKU_LOCAL_SIGN_IN"] = self.sign_in
        folder = str(config.directory)
        ready = ("--ready-fd", "{ready}")
        self._stores = [
            Child("dynalite", dynalite(dynamodb_port, config.directory / "dynamodb"), True, nice=_BEHIND),
            Child(
                "cloud",
                python("chalicelib.local.cloud", "--port", str(cloud_port), "--dir", folder, *ready),
                True,
            ),
        ]
        simulator = ("--simulator", config.sim_url) if config.sim_url else ()
        self._services = [
            Child("api", python("chalicelib.local.api", "--port", str(config.port), *ready, *simulator)),
            Child("workers", python("chalicelib.local.workers", *ready), nice=_BEHIND),
        ]
        if config.sim_url:
            line = ("--port", str(config.sim_port), "--dir", str(config.directory / "line"))
            target = ("--api-url", config.api_url)
            command = python("chalicelib.local.line", *line, *target)
            self._services.insert(0, Child("line", command, reports=False))
        self._processes: Processes | None = None

    def ask_to_stop(self) -> None:
        """Let ``start`` and ``watch`` return soon; asked again, let ``stop`` wait for nobody.

        Signals call this in the middle of anything, another call of it included: it takes no lock.
        """
        self._asked += 1

    @property
    def stopping(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked > 0

    @property
    def hurried(self) -> bool:
        """Whether somebody asked to stop more than once."""
        return self._asked > 1

    def start(self, lock_fd: int) -> bool:
        """Start everything; False when asked to stop meanwhile. Raises CannotStart."""
        marker = self._fresh_tables()
        self._processes = Processes(self.env, self.config.directory / "logs", lock_fd)
        for child in self._stores:
            self._processes.start(child)
        if not self._all_ready(self._stores):
            return False
        self._create_resources()
        marker.touch()
        for child in self._services:
            self._processes.start(child)
        if not self._all_ready(self._services):
            return False
        if self.config.sim_url and not self._answers(f"{self.config.sim_url}/_sim/health", "line"):
            return False
        return self._answers(f"{self.config.api_url}/health", "api")

    def watch(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep everything up until asked to stop or ``until``. Raises CannotStart when that cannot be."""
        while not self.stopping and not until():
            self._revive()
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop everything: first what takes work, last what keeps it. Hurried, what still runs is killed."""
        processes = self._processes
        if processes is None:
            return
        for kind in ("api", "workers", "line", "cloud", "dynalite"):
            members = [child for child in processes.children if child.name.startswith(kind)]
            threads = [
                threading.Thread(
                    target=processes.stop, args=(child, _STOP_S.get(kind, 5.0), lambda: self.hurried)
                )
                for child in members
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _fresh_tables(self) -> Path:
        # A table that was being created when everything was killed would stay so for ever; until the
        # first start was complete there is nothing in the tables to keep.
        marker = self.config.directory / "dynamodb.created"
        if not marker.exists():
            shutil.rmtree(self.config.directory / "dynamodb", ignore_errors=True)
        return marker

    def _all_ready(self, children: list[Child]) -> bool:
        assert self._processes is not None
        return all(self._processes.wait_ready(child, lambda: self.stopping) for child in children)

    def _create_resources(self) -> None:
        os.environ.clear()
        os.environ.update(self.env)
        time.tzset()
        from chalicelib.local import resources

        resources.create_all()

    def _answers(self, url: str, name: str) -> bool:
        assert self._processes is not None
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        deadline = time.monotonic() + _HEALTH_S
        while not self.stopping:
            try:
                with opener.open(url, timeout=5):
                    return True
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline:
                    raise CannotStart(f"{url} does not answer; see {self._processes.log_of(name)}.") from None
            for child in self._processes.dead():
                raise CannotStart(self._processes.obituary(child))
            time.sleep(0.05)
        return False

    def _revive(self) -> None:
        assert self._processes is not None
        for child in self._processes.dead():
            story = self._processes.obituary(child)
            now = time.monotonic()
            recent = [at for at in child.starts if now - at < 60]
            if child.keeps_state or len(recent) >= _RESTARTS:
                raise CannotStart(story)
            self._out(f"{story} It is started again.")
            self._processes.start(child)
            self._processes.wait_ready(child, lambda: self.stopping)


def stop_on_signals(platform: Platform) -> None:
    """Let SIGINT and SIGTERM stop the platform, and a second one hasten it. Handlers only note."""
    for number in _SIGNALS:
        signal.signal(number, lambda *_: platform.ask_to_stop())


def ignore_signals() -> None:
    """What still arrives when everything has ended changes nothing, the exit status neither."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
