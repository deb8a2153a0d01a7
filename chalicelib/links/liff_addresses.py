"""Addresses behind LIFF, the same for everybody: LIFF says who opens one, so one message serves many friends.

``https://liff.line.me/<LIFF id>/r/<code>?t=<token>``: the token names the delivery, and nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.links import service as links
from chalicelib.shared.settings import settings

if TYPE_CHECKING:
    from chalicelib.links.page_addresses import TokenMaker


@dataclass(frozen=True)
class ForEverybody:
    """Goes where else a friend's tokens are made: addresses lead through this LIFF app. ``token``: of the
    delivery; empty in what is only looked at.
    """

    liff_id: str
    token: str = ""

    def __call__(self, _page: str = "", /) -> str:
        """No friend's token."""
        return ""

    def address(self, place: str) -> str:
        """A place behind the LIFF app."""
        return f"{settings().line_liff_url}/{self.liff_id}/{place}"


def as_own(text: str) -> str:
    """A text with addresses of tracked links as a friend has them for their own, whichever way they go."""
    liff = re.escape(settings().line_liff_url)
    return re.sub(rf"{liff}/[^/\s\"]+/r/", f"{settings().public_url.rstrip('/')}/r/", text)


def of_link(snapshot: Snapshot, link: str, token: TokenMaker | None) -> str | None:
    """A tracked link's address: the friend's own, or everybody's; None: there is no such link."""
    if not isinstance(token, ForEverybody):
        return links.url_for(snapshot, link, token() if token is not None else None)
    if snapshot.find("links", link) is None:
        return None
    url = token.address(f"r/{links.code(snapshot.account_id, link)}")
    return f"{url}?t={token.token}" if token.token else url
