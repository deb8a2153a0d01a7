"""Web addresses in messages that friends may open without anybody knowing. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.catalog.service import Snapshot
from chalicelib.shared.origins import BadAddress, normal, origin_of
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.text.template import strings

_WEB = re.compile(r"https?://[^\s\"'<>「」『』（）()、。{}]+", re.IGNORECASE)
_OPENED = {"uri", "linkUri"}
_BEHIND = ".,!?;:"
"""What ends a sentence behind an address."""
_LINES_OWN = {"liff.line.me", "line.me", "lin.ee"}
"""LINE opens these itself; behind another address they would be pages."""


def untracked(messages: Sequence[Mapping[str, Any]], snapshot: Snapshot) -> Iterator[tuple[str, Reason]]:
    """``(path, why)`` of each web address that friends may open without anybody knowing."""
    known = {str(document.body.get("url")): id_ for id_, document in snapshot.all("links").items()}
    for path, key, text in strings(messages, "messages"):
        is_text = key == "text" and path.count(".") == 1
        for _, _, url in web_addresses(text) if is_text else [(0, 0, text)] * opens(key):
            if (written := as_registered(url)) is not None:
                yield path, _advice(url, known.get(written))


def opens(key: str) -> bool:
    """Whether a property of that name is an address that a tap opens."""
    return key in _OPENED


def web_addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """``(start, end, address)`` of each web address in a text that LINE makes a link of; none that goes on
    with a variable.
    """
    for found in _WEB.finditer(text):
        url = found[0].rstrip(_BEHIND)
        if not text.startswith("{", found.end()):
            yield found.start(), found.start() + len(url), url


def as_registered(url: str) -> str | None:
    """The address as a link document would keep it; None when it is not to be tracked: LINE opens it itself,
    or it is ours.
    """
    if "{{" in url or not url.lower().startswith(("http://", "https://")):
        return None
    try:
        written = normal(url, on_laptop=settings().is_local)
    except BadAddress:
        return None
    own = written.startswith(f"{settings().public_url.rstrip('/')}/")
    return None if own or origin_of(written).host in _LINES_OWN else written


def _advice(url: str, link_id: str | None) -> Reason:
    shown = url if len(url) <= 80 else f"{url[:79]}…"
    if link_id is not None:
        return Reason("untracked_has_link", url=shown, link=link_id)
    return Reason("untracked", url=shown)
