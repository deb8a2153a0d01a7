"""What staff say to one friend, as it goes out: variables filled in, with the friend's own addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.accounts.model import Account
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.references import missing
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.messages import checks, render, variables
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit


def saved(account: Account, sheet: Sheet, message: str) -> list[dict[str, Any]]:
    """A saved message for the friend. Raises RuleViolation."""
    catalog = snapshot(account.id)
    document = catalog.find("messages", message)
    if document is None:
        raise RuleViolation.at("message", missing(Reference("message", "messages", message), catalog))
    return _filled(account, sheet, catalog, document.body, "message")


def written(account: Account, sheet: Sheet, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages that staff write themselves, for the friend. Raises InvalidInput, RuleViolation."""
    is_plain = render.is_static({"messages": messages})
    wrong: Sequence[Detail] = checks.check(messages) if is_plain else _unfit_templates(messages)
    if not wrong and (found := unfit(messages, "messages")) is not None:
        wrong = [Detail(*found)]
    if wrong:
        raise InvalidInput.of(wrong)
    if is_plain:
        return messages
    catalog = snapshot(account.id)
    named = list(variables.references(messages))
    gone = [Detail(one.path, missing(one, catalog)) for one in named if not catalog.find(one.kind, one.id)]
    if gone:
        raise RuleViolation.of(gone)
    return _filled(account, sheet, catalog, {"messages": messages}, "messages")


def _unfit_templates(messages: list[dict[str, Any]]) -> Sequence[Detail]:
    return checks.check_shape(messages) or checks.check_templates(messages)


def _filled(
    account: Account, sheet: Sheet, catalog: Snapshot, body: Mapping[str, Any], path: str
) -> list[dict[str, Any]]:
    friend = FriendToken(sheet["user_id"])

    def token(page: str = "") -> str:
        return friend_tokens.make(account.id, friend, page)

    try:
        return render.render(body, sheet, catalog, clock.now(), zone=account.zone, token=token)
    except render.Unrenderable as error:
        raise RuleViolation.at(path, Reason("cannot_be_sent", why=error.reason)) from error
