"""``python -m chalicelib.local.member_site``: the site, while a platform runs."""

from __future__ import annotations

import argparse
import os
import sys
import threading

from chalicelib.local import config
from chalicelib.local.client import Refused
from chalicelib.local.member_site.site import ACCOUNT, Site, serve


def main() -> int:
    """Serve until the terminal says stop."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.local.member_site")
    parser.add_argument("--port", type=int, default=8002)
    port = parser.parse_args().port
    given = config.read_config(os.environ)
    if given.sim_url is None:
        print("The member site is for the simulated LINE: unset TODOKU_LINE_API_URL.", file=sys.stderr)
        return 1
    site = Site(given.api_url, given.sim_url, config.admin_key(os.environ, given.directory), given.directory)
    try:
        serve(site, port)
    except (OSError, Refused) as error:
        print(f"The member site needs a running platform (make run): {error}", file=sys.stderr)
        return 1
    print(f"Member site {site.url}  (LINE: {given.sim_url}, account {ACCOUNT}: write 連携)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
