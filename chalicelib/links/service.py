"""Tracked links: the address that ``{{ link("spring-sale") }}`` stands for, and the way back.

The address is ``<public URL>/r/<account>.<link>?t=<friend token>``. The code names the account and the link
in plain letters, so it never changes, needs no table, and can only lead to a URL that the account registered.
Changing a link document's ``url`` changes where messages already sent lead to.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.catalog.service import Snapshot
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import ID_PATTERN, digest
from chalicelib.shared.origins import BadAddress, normal
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

FRESH = timedelta(seconds=5)
"""So old a link's target may be: who opens one does not wait for a table."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 (named, not bound)

_BEHIND = re.compile(r"[?&;#\s]|/(?=[?&;#\s]|\Z)")
_TOKEN = re.compile(r"(?<![A-Za-z0-9_-])t=([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)")
_LONGEST, _MOST_TOKENS = 8_000, 5


def code(account_id: str, link_id: str) -> str:
    """The code of a link: always the same for one account and link (``.`` is in neither id)."""
    return f"{account_id}.{link_id}"


def read_code(text: str) -> tuple[str, str] | None:
    """``(account id, link id)`` of a code, whatever programs have put behind it; None when it is not one."""
    account_id, dot, link_id = _BEHIND.split(unquote(text), maxsplit=1)[0].partition(".")
    if not dot or not ID_PATTERN.match(account_id) or not ID_PATTERN.match(link_id):
        return None
    return account_id, link_id


def tokens(code_text: str, query: Mapping[str, Sequence[str]]) -> list[str]:
    """What may be a friend's token in an opened address, wherever it is in it.

    Phones, browsers and other programs add parameters before and behind, repeat them, encode them, or put a
    second ``?``; a token has only letters of its own, so that it is found in all of it.
    """
    given = [code_text, *(f"&{name}={value}" for name, values in query.items() for value in values)]
    text = unquote(unquote("".join(given)[:_LONGEST]))
    return list(dict.fromkeys(_TOKEN.findall(text)))[:_MOST_TOKENS]


def url_for(snapshot: Snapshot, link_id: str, token: str | None = None) -> str | None:
    """The tracked address of a link of the account, with the friend's token; None: there is no such link."""
    if snapshot.find("links", link_id) is None:
        return None
    url = f"{public_url()}/r/{code(snapshot.account_id, link_id)}"
    return f"{url}?t={token}" if token else url


def public_url() -> str:
    """Where friends' phones reach this installation, without a slash at the end.

    Raises Unavailable on AWS while nobody has said it: a link to a loopback address would be sent for good.
    """
    url = settings().public_url.rstrip("/")
    if not settings().is_local and (urlsplit(url).hostname or "localhost") in _LOOPBACK:
        raise Unavailable(Reason("no_public_url"))
    return url


def clicked(account_id: str, link_id: str, token: FriendToken, at: str) -> FriendEvent:
    """The event of a friend following a link. Whether it is a click of its own is for the reaction to say."""
    props = {"link": link_id, "run": token.run, "node": token.node, "author": token.author}
    props |= {"variant": token.variant if token.run else ""}
    props |= {} if token.author else {"delivery": token.delivery}
    return FriendEvent(
        f"click:{digest(link_id, token.user_id, token.delivery, token.run, at)[:32]}",
        account_id,
        token.user_id,
        "link_clicked",
        at,
        key=link_id,
        props={name: value for name, value in props.items() if value},
        source="link",
    )


def target(snapshot: Snapshot, link_id: str) -> str | None:
    """Where a link leads: the registered URL; None when there is no such link, or none that can be opened."""
    document = snapshot.find("links", link_id)
    url = document.body.get("url") if document else None
    if document is None or not isinstance(url, str):
        return None
    return _leads(url, tuple((document.body.get("utm") or {}).items()), settings().is_local)


@functools.lru_cache(maxsize=1024)
def _leads(url: str, utm: tuple[tuple[str, str | None], ...], on_laptop: bool) -> str | None:
    """The address that is in a document, as it is opened; the same for everybody."""
    try:
        # Documents of before addresses were normalised are read as they would be saved today.
        return with_utm(normal(url, on_laptop=on_laptop), dict(utm))
    except BadAddress:
        return None


def with_utm(url: str, utm: Mapping[str, str | None]) -> str:
    """An address with ``utm_<name>`` for each of these, where it does not say that itself."""
    parts = urlsplit(url)
    own = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    more = {f"utm_{name}": value for name, value in utm.items() if value and f"utm_{name}" not in own}
    query = "&".join(part for part in (parts.query, urlencode(more)) if part)
    return urlunsplit(parts._replace(query=query)) if more else url
