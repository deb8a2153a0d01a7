"""Where a route's address leads, and the address itself."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.model import Account
from chalicelib.gateways import clock, line
from chalicelib.liff import login
from chalicelib.routes.events import ADS, UTM
from chalicelib.shared.errors import InvalidInput, Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.storable import storable

SCANNED = "scanned"
"""The parameter that says when somebody opened a route's address: a follow since then may belong to it."""
LONGEST_TEXT = 60
"""Characters, in Japanese some 540 in the address: a code that a phone still reads from a poster."""
_KEPT = (*(f"utm_{name}" for name in UTM), *ADS)
_LONGEST, _KNOWN_S = 300, 24 * 3600.0

_basic_ids: dict[str, tuple[float, str]] = {}


def address(account: str, route: str) -> str:
    """A route's address: it stays as it is, whatever the account has at LINE."""
    return f"{settings().public_url.rstrip('/')}/q/{account}/{route}"


def begin(account: Account, route: str, query: Mapping[str, str]) -> login.Begun:
    """Where a browser that opens a route goes, with the cookie that it keeps, if any. Raises Unavailable."""
    kept = {name: query[name][:_LONGEST] for name in _KEPT if query.get(name)}
    kept[SCANNED] = str(int(clock.now().timestamp()))
    if account.liff_id:
        url = f"{settings().line_liff_url}/{account.liff_id}/q/{route}?{urlencode(kept)}"
        return login.Begun(url, "")
    if login.is_possible(account):
        return login.begin(account, f"/q/{route}", urlencode(kept))
    return login.Begun(profile(account), "")


def profile(account: Account) -> str:
    """The account at LINE: who is no friend adds it there, and who is one finds the chat.
    https://developers.line.biz/en/docs/messaging-api/using-line-url-scheme/
    """
    return f"{settings().line_me_url}/R/ti/p/{quote(basic_id(account), safe='')}"


def chat(account: Account, text: str) -> str:
    """The chat with the account, with words that whoever opens it has only to send. Raises InvalidInput,
    Unavailable. https://developers.line.biz/en/docs/messaging-api/using-line-url-scheme/
    """
    if not 0 < len(text) <= LONGEST_TEXT or not text.strip():
        raise InvalidInput.at("text", Reason("text_length", most=LONGEST_TEXT))
    place = quote(basic_id(account), safe="")
    return f"{settings().line_me_url}/R/oaMessage/{place}/?{quote(text, safe='')}"


def basic_id(account: Account) -> str:
    """The account's id at LINE (``@…``). Raises Unavailable."""
    known = _basic_ids.get(account.id)
    if known is None or time.monotonic() - known[0] > _KNOWN_S:
        try:
            found = line.basic_id(line_credentials(account.id)["channel_access_token"])
        except line.NoAnswer as error:
            raise Unavailable(Reason("line_no_profile")) from error
        known = _basic_ids[account.id] = (time.monotonic(), found)
    return known[1]


def touch(visited: Mapping[str, str], utm: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a touch: where it came from, and what advertisers know it by. ``utm``: what the route's
    document says, where the address says nothing.
    """
    tags = {name: visited.get(f"utm_{name}") or utm.get(name) for name in UTM}
    parts = {"utm": tags, "ads": {name: visited.get(name) for name in ADS}}
    found: dict[str, Any] = {
        part: {name: _plain(value) for name, value in names.items() if value} for part, names in parts.items()
    }
    found = {part: names for part, names in found.items() if names}
    scanned = visited.get(SCANNED, "")
    return found | ({"scanned": int(scanned)} if scanned.isascii() and scanned.isdecimal() else {})


def _plain(text: str) -> str:
    return str(storable(text))[:_LONGEST]


forget = functools.partial(_basic_ids.clear)
"""Know no account's id at LINE (a new process)."""
