"""Page tokens: that a page was opened by a friend, for one purpose and not for long; signed.

Unlike the tokens of tracked links (``friend_tokens``), which say who clicked and gain nobody anything, these
let somebody act or be known as the friend. So each says what it is for, and until when it counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from chalicelib.accounts import signed_texts
from chalicelib.gateways import clock
from chalicelib.shared.times import iso


@dataclass(frozen=True)
class PageToken:
    """What a token says. ``about``: what else its purpose needs to know."""

    user_id: str
    until: str
    about: str = ""


def make(account: str, purpose: str, user_id: str, life: timedelta, about: str = "") -> str:
    """A token for a purpose (one word), as it stands in an address."""
    return signed_texts.seal(account, f"{user_id}\n{iso(clock.now() + life)}\n{about}", _scope(purpose))


def read(account: str, purpose: str, text: str) -> PageToken | None:
    """What a token says; None when the account did not sign it for this purpose, or it is over."""
    what = signed_texts.unseal(account, text, _scope(purpose))
    if what is None or what.count("\n") != 2:
        return None
    token = PageToken(*what.split("\n"))
    return token if iso(clock.now()) < token.until else None


def _scope(purpose: str) -> str:
    return f"page token: {purpose}"
