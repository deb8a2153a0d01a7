"""The end of a link by LINE Login or LIFF: whom LINE has signed in is the member from now on."""

from __future__ import annotations

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import line_credentials
from chalicelib.friends import service as friends
from chalicelib.gateways import line_login
from chalicelib.liff import id_tokens
from chalicelib.members import grants, logins, service
from chalicelib.members.logins import Flow, Refused
from chalicelib.members.model import Way
from chalicelib.shared.errors import Conflict, NotFound, Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason


def by_code(account: Account, flow: Flow, code: str) -> str:
    """Exchange a code of LINE Login, and link whom its ID token names; returns the user id.

    Raises Refused, Unavailable.
    """
    channel, secret = _channel(account)
    where = logins.callback(account.id)
    try:
        tokens = line_login.exchange(channel, secret, code, flow.verifier, where)
    except line_login.NoAnswer as error:
        raise Unavailable(Reason("line_no_login")) from error
    except line_login.Refused as error:
        raise Refused(Reason("link_refused_by_line")) from error
    user = _signed_in(account, str(tokens.get("id_token") or ""), flow.nonce)
    kept = tokens.get("refresh_token")
    _link(account, flow.member, user, "login", grants.seal(account.id, kept) if kept else None)
    return user


def by_id_token(account: Account, id_token: str, token: str) -> str:
    """Link whom an ID token of LIFF names with the member of a token; returns the member. Raises Refused."""
    logins.look(account.id, token)
    return by_sign_in(account, _signed_in(account, id_token, None), token)


def by_sign_in(account: Account, user: str, token: str) -> str:
    """Link whom LINE has signed in with the member of a token for LIFF; returns them. Raises Refused."""
    member = logins.take(account.id, token)
    _link(account, member, user, "liff", None)
    return member


def _signed_in(account: Account, id_token: str, nonce: str | None) -> str:
    channel, secret = _channel(account)
    try:
        return id_tokens.verify(id_token, channel, secret, nonce)
    except id_tokens.BadToken as error:
        logger.warning("an ID token is refused", extra={"account": account.id, "why": str(error)})
        raise Refused(Reason("link_bad_token")) from error


def _link(account: Account, member: str, user: str, way: Way, grant: str | None) -> None:
    sheet = friends.load(account.id, account.shards, user)
    if sheet is not None and sheet["status"] == "erased":
        raise Refused(Reason("friend_erased"))
    try:
        service.link(account.id, member, user, way, replace_other=True, grant=grant)
    except (Conflict, NotFound) as error:
        raise Refused(error.reason) from error


def _channel(account: Account) -> tuple[str, str]:
    secret = line_credentials(account.id).get("login_channel_secret")
    if account.login_channel_id is None or secret is None:
        raise Refused(Reason("no_login_channel"))
    return account.login_channel_id, secret
