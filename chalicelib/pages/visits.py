"""Who has opened a page of ours: by a token that the account signed for that page and friend, which counts.

So often as a person does it: each post of a friend is counted in its minute (``control``,
``<account>#VISITS#<hash of the friend>`` / the minute), and too many are refused.
"""

from __future__ import annotations

from datetime import timedelta

from chalice.app import Request

from chalicelib.accounts import page_tokens
from chalicelib.accounts.model import Account
from chalicelib.accounts.page_tokens import PageToken
from chalicelib.accounts.service import get_account
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.gateways.dynamo import write_if
from chalicelib.http.queries import path_id
from chalicelib.shared.errors import LimitReached, TodokuError
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets.model import erased_at

MOST_A_MINUTE = 30
FRESH = timedelta(hours=1)
_KEPT_S = 3600


class NotOpened(TodokuError):
    """The address does not say whose page it is, or does not count any more: it is opened from the chat."""

    status, code = 401, "unauthenticated"


def account_of(account: str) -> Account:
    """The account that a page belongs to. Raises InvalidInput, NotFound."""
    return get_account(path_id(account, "account"))


def read(request: Request, account: str, page: str) -> PageToken:
    """Whose page the address opens. Raises NotOpened."""
    return opened(account, str(dict(request.query_params or {}).get("t") or ""), page)


def opened(account: str, text: str, page: str) -> PageToken:
    """What a token says that counts for this page. Raises NotOpened."""
    token = page_tokens.ever(account, page, text)
    if token is None:
        raise NotOpened(Reason("page_not_opened"))
    if iso(clock.now()) >= token.until:
        raise NotOpened(Reason("page_over"))
    return token


def count(account: str, user: str) -> None:
    """One more post of a friend. Raises LimitReached when it is one too many of this minute."""
    now = int(clock.now().timestamp())
    name, minute = digest("visits", user)[:32], str(now // 60)
    if not write_if(
        "update_item",
        "control",
        Key={"pk": {"S": f"{account}#VISITS#{name}"}, "sk": {"S": minute}},
        UpdateExpression="ADD #n :one SET expires_at = :until",
        ConditionExpression="attribute_not_exists(#n) OR #n < :most",
        ExpressionAttributeNames={"#n": "n"},
        ExpressionAttributeValues={
            ":one": {"N": "1"},
            ":most": {"N": str(MOST_A_MINUTE)},
            ":until": {"N": str(now + _KEPT_S)},
        },
    ):
        raise LimitReached(Reason("page_too_often"))


def is_of_erased(sheet: Sheet, token: PageToken) -> bool:
    """Whether the token is from before the friend was erased: whoever came back since begins anew."""
    return sheet["status"] == "erased" or token.about <= erased_at(sheet)


def is_fresh(token: PageToken) -> bool:
    """Whether whoever has the token must have had it from us just now."""
    return clock.now() - parse_iso(token.about) <= FRESH
