"""What every process of the platform does: ignore Ctrl-C, stop on SIGTERM, and die with its parent.

    python -m chalicelib.local.child MODULE [ARGUMENT ...]

The supervisor holds the other end of the child's standard input. When the supervisor ends, however it
ends, that pipe closes and the child ends at once: the data it leaves is what a SIGKILL may leave anyway.
Ctrl-C reaches the whole process group; only the supervisor acts on it, so that things stop in order.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def ready(fd: int | None) -> None:
    """Tell the supervisor that this process does its work now."""
    if fd is not None:
        os.write(fd, b"1")
        os.close(fd)


def wait_for_stop() -> None:
    """Return when SIGTERM asks this process to end."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # The wait is sliced so that the signal's Python handler runs on every system.
    while not stop.wait(1):
        pass


def _die_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)


def watch_parent() -> None:
    """End this process when standard input closes."""
    threading.Thread(target=_die_with_parent, daemon=True, name="parent").start()


def main() -> None:
    """Run a module as ``__main__`` in this process, as a child of the platform."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    watch_parent()
    module, sys.argv = sys.argv[1], sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
