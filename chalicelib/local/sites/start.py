"""A site of a company on a port of this machine, set up at the platform that runs beside it."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable
from typing import Protocol

from chalicelib.local import config
from chalicelib.local.client import Refused
from chalicelib.local.line.httpd import Request, Response, Server


class Site(Protocol):
    """What is served."""

    def set_up(self, url: str) -> None:
        """Make what the platform needs for it, now that its address is known. Raises Refused, OSError."""

    def answer(self, request: Request) -> Response:
        """One request of a browser."""


def serve(site: Site, port: int) -> Server:
    """The site on a port (0: a free one), set up. Raises Refused, OSError."""
    server = Server(port, site.answer)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
    site.set_up(f"http://127.0.0.1:{server.server_port}")
    return server


def run(name: str, port: int, make: Callable[[config.Config, str, str], Site], hint: str) -> int:
    """A site's own program: serve until the terminal says stop; returns the exit status.

    ``make``: the site, of the platform's configuration, the simulator's address and the admin key. ``hint``:
    which account it is, and what to write to it.
    """
    parser = argparse.ArgumentParser(description=f"The {name}, while a platform runs.")
    parser.add_argument("--port", type=int, default=port)
    asked = parser.parse_args().port
    given = config.read_config(os.environ)
    if given.sim_url is None:
        print(f"The {name} is for the simulated LINE: unset TODOKU_LINE_API_URL.", file=sys.stderr)
        return 1
    site = make(given, given.sim_url, config.admin_key(os.environ, given.directory))
    try:
        server = serve(site, asked)
    except (OSError, Refused) as error:
        print(f"The {name} needs a running platform (make run): {error}", file=sys.stderr)
        return 1
    url = f"http://127.0.0.1:{server.server_port}"
    print(f"{name.capitalize()} {url}  (LINE: {given.sim_url}, {hint})", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    return 0
