"""``python -m chalicelib.local.demo_shop``: the shop, while a platform runs."""

from __future__ import annotations

import sys

from chalicelib.local.demo_shop.shop import ACCOUNT, Shop
from chalicelib.local.sites import start

if __name__ == "__main__":
    hint = f"account {ACCOUNT}: write お店"
    sys.exit(start.run("demo shop", 8003, lambda given, _sim, key: Shop(given.api_url, key), hint))
