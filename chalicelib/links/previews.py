"""Who opens a link and is no friend: programs that look for previews, crawlers, browsers that fetch ahead.
Pure.

The one list of them. https://developers.line.biz/en/docs/messaging-api/sending-messages/ and what each
program says of itself in its User-Agent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_PROGRAMS = re.compile(
    r"line-poker"  # LINE, for the preview below a message
    r"|facebookexternalhit|facebookcatalog|whatsapp|skypeuripreview|vkshare|embedly|iframely"
    r"|google-inspectiontool|google-read-aloud|mediapartners-google|bingpreview|yahoo! slurp|ia_archiver"
    r"|(?<!cu)bot\b|\w+bot/|crawl|spider|preview|lighthouse|headlesschrome|linkcheck",
    re.IGNORECASE,
)
"""Names, and parts of names. Phones of the maker CUBOT are friends'."""

_AHEAD = {"purpose", "sec-purpose", "x-purpose", "x-moz"}
"""Headers by which a browser says that nobody has opened the page yet."""


def is_friend(headers: Mapping[str, str]) -> bool:
    """Whether a request for a link is somebody opening it, as far as its headers show."""
    given = {name.lower(): value for name, value in headers.items()}
    if any(re.search(r"prefetch|prerender|preview", given.get(name, ""), re.IGNORECASE) for name in _AHEAD):
        return False
    return not _PROGRAMS.search(given.get("user-agent", ""))
