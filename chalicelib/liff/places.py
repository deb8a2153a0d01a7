"""The table of places: what a path behind an account's LIFF address means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.accounts.model import Account
from chalicelib.shared.reasons import Reason
from chalicelib.shared.tables import Table


@dataclass(frozen=True)
class Visit:
    """Somebody whom LINE has signed in comes to a place.

    ``rest``: what follows the place in the path (``poster`` of ``/q/poster``); ``query``: the address's
    parameters, as the friend's browser sent them; ``ticket``: names the sign-in, so that a visit that is
    sent again can be distinguished from a new one.
    """

    account: Account
    user_id: str
    rest: str
    query: Mapping[str, str]
    ticket: str


@dataclass(frozen=True)
class LiffPlace:
    """A place, as the room that has it declares it.

    ``enter``: what follows from a visit; returns the address where the browser goes on, or a sentence for the
    friend. It may be repeated. Raises the errors of ``shared/errors.py``; the friend reads the sentence.
    ``is_once``: a sign-in opens one path of this place and no other one, so that whoever gets hold of an ID
    token cannot use it for something else.
    """

    enter: Callable[[Visit], str | Reason]
    is_once: bool = False


LIFF_PLACES = Table("liff_places", LiffPlace)
"""Every place by its name, the first part of the path (empty: the LIFF address itself)."""
