"""``python -m chalicelib.local.demo_shop``: the shop, while a platform runs."""

from __future__ import annotations

import argparse
import os
import sys
import threading

from chalicelib.local import config
from chalicelib.local.client import Refused
from chalicelib.local.demo_shop.shop import ACCOUNT, Shop, serve


def main() -> int:
    """Serve until the terminal says stop."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.local.demo_shop")
    parser.add_argument("--port", type=int, default=8003)
    port = parser.parse_args().port
    given = config.read_config(os.environ)
    if given.sim_url is None:
        print("The demo shop is for the simulated LINE: unset TODOKU_LINE_API_URL.", file=sys.stderr)
        return 1
    shop = Shop(given.api_url, config.admin_key(os.environ, given.directory))
    try:
        serve(shop, port)
    except (OSError, Refused) as error:
        print(f"The demo shop needs a running platform (make run): {error}", file=sys.stderr)
        return 1
    print(f"Demo shop {shop.url}  (LINE: {given.sim_url}, account {ACCOUNT}: write お店)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
