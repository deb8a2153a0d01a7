"""What ``make run`` is set by, environment variables, and what it sets for its processes.

==========================  =================================================================
``TODOKU_PORT``             the API (8000)
``TODOKU_SIM_PORT``         the simulated LINE and its phone page (8001)
``TODOKU_LOCAL_DIR``        where everything is kept (``.local``)
``TODOKU_LOCAL_API_KEY``    the admin key; otherwise made once and kept in that folder
``TODOKU_LINE_API_URL``     another LINE to talk to; then no LINE is simulated
``TODOKU_LINE_DATA_URL``    that LINE's server for content, when it is not the same
``TODOKU_DEMO=0``           start empty, tell no story
``TODOKU_EXAMPLE``          instead of the story play this example of ``examples/``
``TODOKU_LOCAL_CPU_SHARE``  1: a handler has the CPU share of its function's memory
``TODOKU_LOCAL_TIME_SCALE`` every function's timeout times this (1)
==========================  =================================================================
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.local import cpu
from chalicelib.local.examples import example
from chalicelib.local.http import HOST
from chalicelib.local.journal import write_atomically
from chalicelib.shared.ids import new_ulid

ROOT = Path(__file__).resolve().parents[2]
TASK_TIMEOUT_S = 60
"""How long a state machine waits for a command's answer before it sends the command again."""
_PATIENCE_S = 5.0


class CannotStart(Exception):
    """Why the platform does not start: one sentence for the person in front of it."""


@dataclass(frozen=True)
class Config:
    """How one platform is started."""

    directory: Path
    port: int = 8000
    sim_port: int = 8001
    line_api_url: str = ""
    demo: bool = True
    example: str = ""

    @property
    def api_url(self) -> str:
        """Where the API answers."""
        return f"http://{HOST}:{self.port}"

    @property
    def sim_url(self) -> str | None:
        """Where the simulated LINE answers; None when another LINE is used."""
        return None if self.line_api_url else f"http://{HOST}:{self.sim_port}"


def read_config(env: Mapping[str, str]) -> Config:
    """The configuration of an environment. Raises CannotStart."""
    _check_budgets(env)
    return Config(
        directory=(Path.cwd() / (env.get("TODOKU_LOCAL_DIR") or ROOT / ".local")).resolve(),
        port=_port(env, "TODOKU_PORT", 8000),
        sim_port=_port(env, "TODOKU_SIM_PORT", 8001),
        line_api_url=env.get("TODOKU_LINE_API_URL") or "",
        demo=env.get("TODOKU_DEMO", "1") != "0",
        example=check_example(env.get("TODOKU_EXAMPLE") or ""),
    )


def check_example(name: str) -> str:
    """The name of an example that there is, or none. Raises CannotStart."""
    if name and name not in example.names():
        raise CannotStart(f"There is no example {name!r}. There are: {', '.join(example.names())}.")
    return name


def time_scale() -> float:
    """By what every function's time is multiplied."""
    return float(os.environ.get("TODOKU_LOCAL_TIME_SCALE") or 1)


def _check_budgets(env: Mapping[str, str]) -> None:
    """Refuse what the handlers' processes could not do; they read the variables themselves."""
    scale, share = env.get("TODOKU_LOCAL_TIME_SCALE") or "1", env.get("TODOKU_LOCAL_CPU_SHARE") or "0"
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3})?", scale) or float(scale) == 0:
        raise CannotStart(f"TODOKU_LOCAL_TIME_SCALE={scale!r} is not a factor like 0.1 or 2.")
    if share not in {"0", "1"}:
        raise CannotStart(f"TODOKU_LOCAL_CPU_SHARE={share!r} is neither 0 nor 1.")
    if share == "1" and not cpu.is_possible():
        raise CannotStart("TODOKU_LOCAL_CPU_SHARE=1 works on Linux only.")


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotStart(f"{name}={text!r} is not a port number.")
    return int(text)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Different ports that are free now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def check_ports(config: Config) -> None:
    """Raise CannotStart when a port of the configuration is taken."""
    wanted = {"TODOKU_PORT": config.port}
    if config.sim_url:
        wanted["TODOKU_SIM_PORT"] = config.sim_port
    if len(set(wanted.values())) < len(wanted):
        raise CannotStart(f"TODOKU_PORT and TODOKU_SIM_PORT are both {config.port}.")
    for name, port in wanted.items():
        if not is_free(port):
            raise CannotStart(
                f"Port {port} is taken by another program: stop it or set {name} to a free one."
            )


def keep_private(directory: Path) -> None:
    """See to it that nobody else on this machine reads the folder: friends, secrets and logs are in it.

    Whatever this process and its children create from now on is theirs alone; what an earlier run left open
    is closed, in a folder that a platform has made.
    """
    os.umask(0o077)
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    if not (directory / "lock").exists():
        return
    for folder, _, names in os.walk(directory):
        Path(folder).chmod(0o700)
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o077:
                path.chmod(0o600)


def lock(directory: Path) -> int:
    """Hold the folder for this platform: a descriptor that its processes inherit.

    The lock is free again when the last of them has ended. Raises CannotStart.
    """
    directory.mkdir(parents=True, exist_ok=True)
    held = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(held)
                raise CannotStart(f"Another platform runs in {directory}: stop it first.") from None
            time.sleep(0.1)
        else:
            return held


def admin_key(env: Mapping[str, str], directory: Path) -> str:
    """The admin key: the environment's, or the one made once for this folder."""
    if key := env.get("TODOKU_LOCAL_API_KEY"):
        return key
    path = directory / "api_key"
    if not path.exists():
        write_atomically(path, f"todoku-{secrets.token_urlsafe(24)}\n".encode())
    return path.read_text(encoding="utf-8").strip()


def environment(
    env: Mapping[str, str], config: Config, key: str, cloud_port: int, dynamodb_port: int
) -> dict[str, str]:
    """The environment of the platform's processes: emulated AWS only, whatever the user has configured."""
    kept = {name: value for name, value in env.items() if not name.startswith("AWS_")}
    line = config.line_api_url or str(config.sim_url)
    loopback = f"{HOST},localhost,::1"
    temporary = config.directory / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    defaults = {
        "TODOKU_PUBLIC_URL": config.api_url,
        "TODOKU_LINE_DATA_URL": line,
        "TODOKU_TIMERS_DRAIN_EARLY": "0",
        "TODOKU_CHANNEL_SECRET_S": "0.05",
        "TODOKU_LOG_LEVEL": "WARNING",
    }
    return {
        **defaults,
        **kept,
        "TODOKU_STAGE": "local",
        "TODOKU_PORT": str(config.port),
        "TODOKU_SIM_PORT": str(config.sim_port),
        "TODOKU_LOCAL_DIR": str(config.directory),
        "TODOKU_LOCAL_API_KEY": key,
        "TODOKU_LINE_API_URL": line,
        "TODOKU_TASK_TIMEOUT": str(TASK_TIMEOUT_S),
        "TODOKU_LIFE": new_ulid(),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or "ap-northeast-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": f"http://{HOST}:{cloud_port}",
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://{HOST}:{dynamodb_port}",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(temporary),
        "TZ": "UTC",
    }
