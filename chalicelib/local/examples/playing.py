"""An example on a platform that runs: played once, shown as it is afterwards."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.local import client
from chalicelib.local.client import Client, Refused
from chalicelib.local.examples import example
from chalicelib.local.examples.player import Player


def run(name: str, api_url: str, api_key: str, sim_url: str, out: Callable[[str], None]) -> bool:
    """Play an example, unless its account is here already. True when all was as expected."""
    api, found = Client(api_url, api_key), example.load(name)
    account = f"/v1/accounts/{name}"
    try:
        api.get(account)
    except Refused as refused:
        if refused.status != 404:
            raise
        return Player(found, api, Client(sim_url), out, client.until).play()
    following = api.post(f"{account}/segments/count", {"condition": {"everyone": True}})["count"]
    out(f"{found.title} is here from before: {following} friends follow it.")
    return True
