"""A tracked link that is opened behind LIFF: LINE has said who it is, the address of which delivery."""

from __future__ import annotations

from dataclasses import replace

from chalicelib.accounts import friend_tokens
from chalicelib.catalog import service as catalog
from chalicelib.gateways import clock, inbox
from chalicelib.liff.places import Visit
from chalicelib.links import service as links
from chalicelib.links import site_tokens
from chalicelib.shared.errors import NotFound
from chalicelib.shared.ids import digest
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso


def by_visit(visit: Visit) -> str:
    """Put the click in the inbox; returns where the link leads. The same visit is the same click; whatever
    becomes of it, the friend goes on. Raises NotFound.
    """
    known = links.read_code(visit.rest)
    account = visit.account.id
    url = (
        links.target(catalog.recent(account, links.FRESH), known[1])
        if known and known[0] == account
        else None
    )
    if known is None or url is None:
        raise NotFound(Reason("no_such_link"))
    try:
        token = _token(visit)
        # Who comes is known to the site although the click may be lost.
        url = site_tokens.with_token(visit.account, url, token, known[1], visit.ticket)
        _note(visit, known[1], token)
    except Exception:  # noqa: BLE001 (a click that is lost is better than a friend who is)
        logger.exception("a click could not be kept", extra={"account": account, "link": known[1]})
    return url


def _token(visit: Visit) -> friend_tokens.FriendToken:
    """Who comes, by the delivery that the address names."""
    given = friend_tokens.read(visit.account.id, visit.query.get("t", ""))
    return replace(given, user_id=visit.user_id) if given else friend_tokens.FriendToken(visit.user_id)


def _note(visit: Visit, link: str, token: friend_tokens.FriendToken) -> None:
    """Keep the click."""
    account = visit.account.id
    event = links.clicked(account, link, token, iso(clock.now()))
    named = digest(visit.ticket, link, token.delivery, token.run, token.variant)
    if inbox.put([replace(event, event_id=f"click:{named[:32]}")]):
        logger.error("a click was refused by the inbox", extra={"account": account, "link": link})
