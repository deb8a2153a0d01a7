"""By what a site of the account knows who came by a tracked link: a token behind the address.

It counts for a quarter of an hour, for one browser: the first that brings it back, whichever site token of
the same address it brings (``SiteToken.address``). So whoever is sent on a link that was opened already is
nobody, and so is who finds a token in a log or a history.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

from chalicelib.accounts import page_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.accounts.model import Account
from chalicelib.shared.ids import digest
from chalicelib.shared.origins import BadAddress, origin_of

PARAM = "todoku"
LIFE = timedelta(minutes=15)
_PURPOSE = "site"


@dataclass(frozen=True)
class SiteToken:
    """Who came, and a name of the address by which they did: always the same for one link in one message."""

    user_id: str
    address: str


def with_token(account: Account, url: str, whose: FriendToken, *names: str) -> str:
    """Where a link leads, with a site token when that is a site of the account. ``names``: what the address
    was besides, such as the link.
    """
    if not account.site_origins or not is_site(account, url):
        return url
    address = digest("site", *vars(whose).values(), *names)[:32]
    token = page_tokens.make(account.id, _PURPOSE, whose.user_id, LIFE, address)
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, f"{PARAM}={token}") if part)
    return urlunsplit(parts._replace(query=query))


def is_site(account: Account, url: str) -> bool:
    """Whether an address is on a site of the account."""
    try:
        return str(origin_of(url)) in account.site_origins
    except BadAddress:
        return False


def read(account: str, text: str) -> SiteToken | None:
    """What a token says; None when the account did not sign it for a site, or it is over."""
    token = page_tokens.read(account, _PURPOSE, text)
    return None if token is None or not token.about else SiteToken(token.user_id, token.about)
