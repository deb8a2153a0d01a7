"""Tracked links: the address that ``{{ link("spring-sale") }}`` stands for, and the way back.

The address is ``<public URL>/r/<account>.<link>?t=<friend token>``. The code names the account and the link
in plain letters, so it never changes, needs no table, and can only lead to a URL that the account registered.
Changing a link document's ``url`` changes where messages already sent lead to.
"""

from __future__ import annotations

from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.catalog.service import Snapshot
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import ID_PATTERN, digest
from chalicelib.shared.settings import settings


def code(account_id: str, link_id: str) -> str:
    """The code of a link: always the same for one account and link (``.`` is in neither id)."""
    return f"{account_id}.{link_id}"


def read_code(text: str) -> tuple[str, str] | None:
    """``(account id, link id)`` of a code; None when it is not one."""
    account_id, dot, link_id = text.partition(".")
    if not dot or not ID_PATTERN.match(account_id) or not ID_PATTERN.match(link_id):
        return None
    return account_id, link_id


def url_for(snapshot: Snapshot, link_id: str, token: str | None = None) -> str | None:
    """The tracked address of a link of the account, with the friend's token; None: there is no such link."""
    if snapshot.find("links", link_id) is None:
        return None
    url = f"{settings().public_url.rstrip('/')}/r/{code(snapshot.account_id, link_id)}"
    return f"{url}?t={token}" if token else url


def clicked(account_id: str, link_id: str, token: FriendToken, at: str) -> FriendEvent:
    """The event of a friend following a link. Opened again within ten seconds it is the same click: programs
    fetch twice, and nobody can make many events of one address.
    """
    window = at[: len("2026-11-22T06:05:0")]
    props = {"link": link_id, "delivery": token.delivery, "run": token.run, "variant": token.variant}
    return FriendEvent(
        f"click:{digest(link_id, token.user_id, token.delivery, token.run, window)[:32]}",
        account_id,
        token.user_id,
        "link_clicked",
        at,
        key=link_id,
        props={name: value for name, value in props.items() if value},
        source="link",
    )


def target(snapshot: Snapshot, link_id: str) -> str | None:
    """Where a link leads: the registered URL; None when there is no such link."""
    document = snapshot.find("links", link_id)
    url = document.body.get("url") if document else None
    return url if isinstance(url, str) else None
