"""One message for many friends whose links differ by friend alone: through LIFF, which says who opens one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.liff import apps
from chalicelib.links.liff_addresses import ForEverybody
from chalicelib.messages import render
from chalicelib.messages.variables import PREFERENCES
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.template import Expression, expressions

_ADDRESSES = frozenset({"link", "form", "page"})
"""What LIFF leads to, whoever comes."""


def has_addresses(body: Mapping[str, Any]) -> bool:
    """Whether a message holds links, or pages of ours for a friend."""
    return bool(_kinds(body) & _ADDRESSES)


def why_not(body: Mapping[str, Any], account: Account) -> Reason | None:
    """Why a message with links cannot go through LIFF; None: it can. Asks LINE where the LIFF app is, which
    is known for a while.
    """
    if body.get("links") == "push":
        return Reason("links_asked_for")
    if _kinds(body) - _ADDRESSES - {"literal"}:
        return Reason("links_beside_values")
    if account.liff_id is None:
        return Reason("links_no_liff")
    return None if apps.is_ours(account) else Reason("links_other_liff", page=apps.page_address(account.id))


def through_liff(
    body: Mapping[str, Any], snapshot: Snapshot, now: datetime, account: Account, token: str
) -> list[dict[str, Any]]:
    """The message objects for everybody. ``token``: of the delivery, empty in what is only looked at. Raises
    Unrenderable.
    """
    everybody = ForEverybody(str(account.liff_id), token)
    return render.render(body, {}, snapshot, now, zone=account.zone, token=everybody)


def _kinds(body: Mapping[str, Any]) -> set[str]:
    return {_kind(expression) for _, _, expression in expressions(body["messages"])}


def _kind(expression: Expression) -> str:
    """What an expression stands for: the friend's own page is an address, not one of the friend's values."""
    return "page" if expression.path == PREFERENCES else expression.kind
