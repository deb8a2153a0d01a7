"""What every process of the platform does: end when the supervisor says so, and when it is no more.

    python -m chalicelib.local.child MODULE [ARGUMENT ...]

The supervisor holds the other end of the child's standard input. It writes one byte to ask for a stop;
when the supervisor ends, however it ends, the pipe closes and the child ends at once, leaving what a
SIGKILL may leave anyway. Signals to the process group (Ctrl-C, SIGTERM) are the supervisor's alone, so that
things stop in their order.
"""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import sys
import threading

_stop = threading.Event()
_waiting = threading.Event()


def ready(fd: int | None) -> None:
    """Report to the supervisor that this process does its work now."""
    if fd is not None:
        os.write(fd, b"1")
        os.close(fd)


def wait_for_stop() -> None:
    """Return when the supervisor asks this process to stop."""
    _waiting.set()
    _stop.wait()


def _listen() -> None:
    while os.read(0, 1):
        if not _waiting.is_set():
            os._exit(0)
        _stop.set()
    os._exit(1)


def run(module: str, arguments: list[str]) -> None:
    """Run a module as ``__main__`` in this process, as a child of the platform."""
    os.umask(0o077)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_listen, daemon=True, name="supervisor").start()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    # This file runs as __main__; the modules it runs import it by name, and must share its state.
    importlib.import_module("chalicelib.local.child").run(sys.argv[1], sys.argv[2:])
