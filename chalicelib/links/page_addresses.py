"""The addresses of our own pages for a friend: ``{{ form("skin") }}`` and ``{{ preferences_url }}``.

Each holds the friend's token of that page alone, or leads through LIFF, which says who comes; without either
the page says that it has to be opened from the chat.
"""

from __future__ import annotations

from typing import Protocol

from chalicelib.accounts import page_tokens
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.links.liff_addresses import ForEverybody
from chalicelib.links.service import public_url


class TokenMaker(Protocol):
    """Makes the friend's token: for tracked links, or for the page of that name."""

    def __call__(self, page: str = "", /) -> str:
        """Empty: nobody's."""
        ...


def of_form(snapshot: Snapshot, form: str, token: TokenMaker | None) -> str | None:
    """Where the friend answers a form; None: there is no such form."""
    if snapshot.find("forms", form) is None:
        return None
    if isinstance(token, ForEverybody):
        return token.address(f"f/{form}")
    return _with(f"/f/{snapshot.account_id}/{form}", page_tokens.form(form), token)


def of_preferences(account: str, token: TokenMaker | None) -> str:
    """Where the friend says what they want to get."""
    if isinstance(token, ForEverybody):
        return token.address("p")
    return _with(f"/p/{account}", page_tokens.PREFERENCES, token)


def _with(path: str, page: str, token: TokenMaker | None) -> str:
    made = token(page) if token is not None else ""
    return f"{public_url()}{path}?t={made}" if made else f"{public_url()}{path}"
