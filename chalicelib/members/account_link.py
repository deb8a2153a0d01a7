"""LINE's account link: ``link_account`` sends where the friend signs in; who comes back with the nonce is
linked.

The message is rendered with a place for the address, which the friend's own link token fills when it goes
out: a token is asked of LINE then, lives ten minutes and works once.
https://developers.line.biz/en/docs/messaging-api/linking-accounts/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import line_credentials
from chalicelib.gateways import line
from chalicelib.shared.errors import RuleViolation, Unavailable
from chalicelib.shared.reasons import Reason

ACTION = "link_account"
_PLACE = "https://account-link.invalid/"


def place_for(effect: Mapping[str, Any]) -> str | None:
    """What stands for the address until the message goes out; None: it is no message of ``link_account``."""
    return _PLACE if effect.get("action") == ACTION else None


def filled(
    account: Account, user: str, effect: Mapping[str, Any], messages: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The messages with the friend's address in its place. Raises RuleViolation, and Unavailable when LINE
    does not answer.
    """
    if place_for(effect) is None or not _holds(messages):
        return messages
    address = _address(account, user)
    return [_put(message, address) for message in messages]


def _address(account: Account, user: str) -> str:
    if account.member_site_url is None:
        raise RuleViolation(Reason("no_member_site"))
    try:
        token = line.link_token(line_credentials(account.id)["channel_access_token"], user)
    except line.NoAnswer as error:
        raise Unavailable(Reason("line_no_link_token")) from error
    if token is None:
        raise RuleViolation(Reason("line_refused_link_token"))
    mark = "&" if "?" in account.member_site_url else "?"
    return f"{account.member_site_url}{mark}linkToken={quote(token, safe='')}"


def _holds(value: Any) -> bool:
    if isinstance(value, str):
        return _PLACE in value
    if isinstance(value, dict):
        return any(map(_holds, value.values()))
    return isinstance(value, list) and any(map(_holds, value))


def _put(value: Any, address: str) -> Any:
    if isinstance(value, str):
        return value.replace(_PLACE, address)
    if isinstance(value, dict):
        return {name: _put(inner, address) for name, inner in value.items()}
    return [_put(inner, address) for inner in value] if isinstance(value, list) else value
