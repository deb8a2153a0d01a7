"""What a browser sends, taken: who it is, then each of its events."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.accounts import site_rules
from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.model import Account
from chalicelib.catalog.service import snapshot
from chalicelib.gateways import clock
from chalicelib.liff import entry
from chalicelib.links import site_tokens
from chalicelib.shared.errors import NotAllowed, TodokuError
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.site import model, visits, watching
from chalicelib.site.model import Result, Taken, Visit


def take(account: Account, visit: Visit) -> Taken:
    """Take a visit. Raises NotAllowed before the visitor has agreed, where the account asks them to; Conflict
    when another friend is known in the browser; LimitReached.
    """
    if site_rules.of(account).consent and not visit.consent:
        raise NotAllowed(Reason("site_consent"))
    known = _made_known(account, visit)
    results, events = _read(account, visit)
    if events:
        known = visits.take(account, visit.visitor, events)
    elif not known:
        known = visits.is_known(account, visit.visitor)
    watching.note(account.id, visit.events, results, known=known)
    return Taken(known=known, results=results)


def _made_known(account: Account, visit: Visit) -> bool:
    """Whether what the browser brings says who it is. What does not count says nothing."""
    if visit.t is not None and (token := site_tokens.read(account.id, visit.t)) is not None:
        return visits.make_known(account, visit.visitor, token.user_id, token.address)
    if visit.id_token is not None and (user := _signed_in(account, visit.id_token)) is not None:
        return visits.make_known(account, visit.visitor, user, entry.ticket_of(visit.id_token)[:32])
    return False


def _signed_in(account: Account, id_token: str) -> str | None:
    channel = entry.channel_of(account)
    if channel is None:
        return None
    secret = line_credentials(account.id).get("login_channel_secret")
    try:
        return entry.signed_in(account.id, id_token, channel, secret, None)
    except entry.Refused:
        return None


def _read(account: Account, visit: Visit) -> tuple[list[Result], Sequence[FriendEvent]]:
    where, now = model.Where(account, snapshot(account.id)), clock.now()
    results: list[Result] = []
    events: list[FriendEvent] = []
    for n, raw in enumerate(visit.events):
        named = raw.get("id") if isinstance(raw.get("id"), str) else None
        try:
            event = model.read(where, visit.visitor, raw, f"events[{n}]", now)
        except TodokuError as error:
            results.append(Result(id=named, status="rejected", error=error.body()["error"]))
            continue
        results.append(Result(id=named, status="ignored" if event is None else "accepted"))
        events += [] if event is None else [event]
    return results, events
