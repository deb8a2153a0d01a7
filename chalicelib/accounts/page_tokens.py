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

PREFERENCES = "preferences"
"""The purpose of the friend's own page."""
SENT, OPENED = timedelta(days=7), timedelta(minutes=30)
"""How long a page's token counts: one that was sent into a chat, which is read late; one of LIFF."""


@dataclass(frozen=True)
class PageToken:
    """What a token says. ``about``: what else its purpose needs to know."""

    user_id: str
    until: str
    about: str = ""


_LONGEST = 2_000


def make(account: str, purpose: str, user_id: str, life: timedelta, about: str = "") -> str:
    """A token for a purpose (one word), as it is in an address."""
    return signed_texts.seal(account, f"{user_id}\n{iso(clock.now() + life)}\n{about}", _scope(purpose))


def form(form_id: str) -> str:
    """The purpose of a form's page."""
    return f"form:{form_id}"


def of_page(account: str, page: str, user_id: str, life: timedelta = SENT) -> str:
    """A token with which a friend opens a page of ours, at whatever time they come to it; says when it was
    made.
    """
    return make(account, page, user_id, life, iso(clock.now()))


def read(account: str, purpose: str, text: str) -> PageToken | None:
    """What a token says; None when the account did not sign it for this purpose, or it is over."""
    token = ever(account, purpose, text)
    return token if token is not None and iso(clock.now()) < token.until else None


def ever(account: str, purpose: str, text: str) -> PageToken | None:
    """What a token says, also one that is over; None when the account did not sign it for this purpose."""
    what = signed_texts.unseal(account, text, _scope(purpose)) if len(text) <= _LONGEST else None
    return PageToken(*what.split("\n")) if what is not None and what.count("\n") == 2 else None


def _scope(purpose: str) -> str:
    return f"page token: {purpose}"
