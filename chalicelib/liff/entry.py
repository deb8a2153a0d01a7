"""From an ID token and a path to where the friend goes on.

``control``, ``<account>#SIGNIN#<hash>`` / the hash of an ID token: the path of a place that takes a sign-in
once. It goes by itself when the token is over.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qsl

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import line_credentials
from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, write_if
from chalicelib.liff import id_tokens
from chalicelib.liff.places import LIFF_PLACES, LiffPlace, Visit
from chalicelib.shared.errors import NotFound, TodokuError
from chalicelib.shared.ids import digest
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

_KEPT = timedelta(hours=25)
"""Longer than an ID token holds (one hour)."""
_MOST_PARAMS = 30


class Refused(TodokuError):
    """LINE does not say who this is, or the sign-in was used for something else."""

    code, status = "invalid_input", 400


def by_id_token(account: Account, id_token: str, path: str, query: str) -> str | Reason:
    """Where the friend of an ID token of LIFF goes on. Raises Refused, NotFound, Unavailable."""
    place, rest = find_place(path)
    channel = channel_of(account)
    if channel is None:
        raise Refused(Reason("no_login_channel"))
    secret = line_credentials(account.id).get("login_channel_secret")
    user = signed_in(account.id, id_token, channel, secret, None)
    visit = Visit(account, user, rest, params(query), ticket_of(id_token))
    if place.is_once:
        _take(visit, path)
    return place.enter(visit)


def signed_in(account: str, id_token: str, channel: str, secret: str | None, nonce: str | None) -> str:
    """The user id for whom LINE signed a token. Raises Refused, Unavailable."""
    try:
        return id_tokens.verify(id_token, channel, secret, nonce)
    except id_tokens.BadToken as error:
        logger.warning("an ID token is refused", extra={"account": account, "why": str(error)})
        raise Refused(Reason("sign_in_unknown")) from error


def ticket_of(id_token: str) -> str:
    """Names a sign-in by what LINE has signed: of a signature there are several that hold."""
    return digest("id token", id_token.rpartition(".")[0])


def find_place(path: str) -> tuple[LiffPlace, str]:
    """The place of a path, and what follows it. Raises NotFound."""
    name, _, rest = path.strip("/").partition("/")
    place = LIFF_PLACES.get(name)
    if place is None:
        raise NotFound(Reason("no_liff_place"))
    return place, rest


def channel_of(account: Account) -> str | None:
    """The Login channel in which the account's LIFF app lives: a LIFF id begins with it.
    https://developers.line.biz/en/docs/liff/registering-liff-apps/
    """
    return account.login_channel_id or (account.liff_id or "").partition("-")[0] or None


def params(query: str) -> dict[str, str]:
    """An address's parameters; of a name that comes twice the first."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query)[:_MOST_PARAMS]:
        found.setdefault(name, value)
    return found


def _take(visit: Visit, path: str) -> None:
    """Let a sign-in open this path, and no other. Raises Refused."""
    account, name = visit.account.id, visit.ticket
    key = {"pk": {"S": f"{account}#SIGNIN#{name[:2]}"}, "sk": {"S": name}}
    until = int((clock.now() + _KEPT).timestamp())
    item = key | {"path": {"S": path}, "expires_at": {"N": str(until)}}
    if write_if("put_item", "control", Item=item, ConditionExpression="attribute_not_exists(pk)"):
        return
    table = settings().table("control")
    found = aws.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
    if found is None or plain_item(found)["path"] != path:
        raise Refused(Reason("sign_in_used"))
