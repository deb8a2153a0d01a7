"""Friend tokens: who follows a link, and of which delivery it was part; signed, so that nobody can pretend.

``<what>.<signature>``, both base64url: the user id, the delivery (a broadcast, a scenario, or who else sent
it), its run and variant (of a scenario, which has no runs: the node), separated by line feeds; HMAC-SHA256
under the account's own token key, cut to 128 bits. A token says only who clicked: whoever forwards a link
clicks in their friend's name, and gets nothing by it.

Only what is sent to a friend holds live tokens. Whatever else is rendered (previews, tests, rehearsals, dry
runs), and what is kept to be looked at (timelines, conversations), holds none: the same redirect, and
nobody's click.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib.accounts import page_tokens, signed_texts

_PARTS = 4
_HOUSE, _BULK = "-", "bulk_action"
"""The name of effects that no document has, and the event that acts on many friends at once."""
_IN_ADDRESS = re.compile(
    r"[?&]t=[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])|[?&]linkToken=[A-Za-z0-9_%.~-]+"
)
"""A friend token, or LINE's token for an account link."""


@dataclass(frozen=True)
class FriendToken:
    """What a token says. ``delivery`` with a colon in it is no broadcast or scenario (``of_effect``)."""

    user_id: str
    delivery: str = ""
    run: str = ""
    variant: str = ""

    @property
    def node(self) -> str:
        """The node of a scenario whose message it was in; empty: it is of something else."""
        return "" if self.run else self.variant

    @property
    def author(self) -> str:
        """Who sent it, like ``rule:hello``; empty: a broadcast or a scenario did, or nobody knows."""
        return self.delivery if ":" in self.delivery else ""


def of_effect(user: str, rule: str, event_type: str) -> FriendToken:
    """Of what an effect of a reaction sends, by the name that effects have for whose they are."""
    author, node = author_of(rule, event_type)
    kind, _, id_ = author.partition(":")
    return FriendToken(user, id_, "", node) if kind == "scenario" else FriendToken(user, author)


def author_of(rule: str, event_type: str) -> tuple[str, str]:
    """``rule:<id>``, ``schedule:<id>``, ``form:<id>``, ``scenario:<id>`` (and its node), ``many:friends`` or
    ``chat:staff``: by whose name effects are known, and the event that they are of.
    """
    kind, _, rest = rule.partition(":")
    if event_type == _BULK:
        return "many:friends", ""
    if kind in {"schedule", "form", "scenario"} and rest:
        id_, _, part = rest.partition(":")
        return f"{kind}:{id_}", part if kind == "scenario" else ""
    return ("chat:staff" if rule == _HOUSE else f"rule:{rule}"), ""


def make(account: str, token: FriendToken, page: str = "") -> str:
    """The token as it is in an address: of a tracked link, or the friend's own of a page
    (``page_tokens``). Reads the account's credentials (cached for a minute).
    """
    if page:
        return page_tokens.of_page(account, page, token.user_id)
    what = f"{token.user_id}\n{token.delivery}\n{token.run}\n{token.variant}"
    return signed_texts.seal(account, what)


class Maker(Protocol):
    """Makes the token of an account's friend: ``make`` where a message goes out, else ``sample``."""

    def __call__(self, account: str, token: FriendToken, page: str = "", /) -> str:
        """For tracked links, or for a page of ours."""
        ...


def sample(_account: str, _token: FriendToken, _page: str = "") -> str:
    """No token: the link leads where it leads, and following it is nobody's click."""
    return ""


def without_live(value: Any) -> Any:
    """A value (messages, effects …) whose addresses hold no live token."""
    if isinstance(value, str):
        return _IN_ADDRESS.sub("", value)
    if isinstance(value, dict):
        return {name: without_live(inner) for name, inner in value.items()}
    return [without_live(inner) for inner in value] if isinstance(value, list) else value


def read(account: str, text: str) -> FriendToken | None:
    """What a token says; None when the account did not sign it."""
    what = signed_texts.unseal(account, text)
    parts = what.split("\n") if what is not None else []
    return FriendToken(*parts) if len(parts) == _PARTS else None
