"""``python -m chalicelib.local.member_site``: the site, while a platform runs."""

from __future__ import annotations

import sys

from chalicelib.local.config import Config
from chalicelib.local.member_site.site import ACCOUNT, Site
from chalicelib.local.sites import start


def _made(given: Config, sim_url: str, key: str) -> Site:
    return Site(given.api_url, sim_url, key, given.directory)


if __name__ == "__main__":
    sys.exit(start.run("member site", 8002, _made, f"account {ACCOUNT}: write 連携"))
