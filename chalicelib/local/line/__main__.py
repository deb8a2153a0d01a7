"""``python -m chalicelib.local.line --port 8001 --dir .local/line --api-url http://127.0.0.1:8000``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

from chalicelib.local.line.app import application
from chalicelib.local.line.httpd import Server
from chalicelib.local.line.simulator import Simulator


def main() -> int:
    """Serve until SIGINT or SIGTERM; 0 after an orderly end, 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.local.line", description="A simulated LINE.")
    parser.add_argument("--port", type=int, default=8001, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--dir", type=Path, default=Path(".local/line"), help="where everything is kept")
    parser.add_argument("--api-url", default="http://127.0.0.1:8000", help="Todoku, for webhooks")
    given = parser.parse_args()
    sim = Simulator(given.dir, given.api_url)
    try:
        server = Server(given.port, application(sim))
    except OSError as taken:
        print(
            f"LINE simulator: port {given.port} on 127.0.0.1 cannot be used: {taken.strerror}",
            file=sys.stderr,
        )
        return 1
    asked: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, _: asked.append(number))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    print(f"LINE simulator on http://127.0.0.1:{server.server_port}", flush=True)
    while not asked:
        time.sleep(0.1)
    server.shutdown()
    server.server_close()
    sim.close()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    return 0


if __name__ == "__main__":
    sys.exit(main())
