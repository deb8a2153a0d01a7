"""What was done in a browser, given to its friend: into the inbox, and an order on to the purchases where the
account lets browsers report them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from chalicelib.accounts import site_rules
from chalicelib.accounts.model import Account
from chalicelib.friends import orders
from chalicelib.gateways import inbox
from chalicelib.intake import model as intake_model
from chalicelib.intake import service as intake
from chalicelib.members.model import member_of
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.observability import logger


def give(account: Account, user: str, events: Sequence[FriendEvent]) -> None:
    """Put events in the inbox as a friend's. Again is the same. Raises Unavailable when it did not take all.

    An order that is known to be another friend's is not theirs, whatever a browser says.
    """
    foreign = _of_others(account.id, user, events)
    theirs = [
        replace(event, account_id=account.id, user_id=user)
        for event in events
        if event.type != "converted" or event.props["order_id"] not in foreign
    ]
    inbox.put_all(theirs)
    bought = [event for event in theirs if event.type == "converted"]
    if bought and site_rules.of(account).purchases:
        _report(account.id, bought)


def _of_others(account: str, user: str, events: Sequence[FriendEvent]) -> set[str]:
    named = [event.props["order_id"] for event in events if event.type == "converted"]
    held = orders.holders(account, named) if named else {}
    return {
        order for order, holder in held.items() if holder.user_id != user and not member_of(holder.user_id)
    }


def _report(account: str, bought: Sequence[FriendEvent]) -> None:
    """Report orders as purchases; one that cannot be taken stays a conversion."""
    items = [
        {
            "order_id": event.props["order_id"],
            "user_id": event.user_id,
            "at": event.at,
            "amount": event.props["value"],
            "items": event.props["items"],
        }
        for event in bought
    ]
    results = intake.take(account, intake_model.Purchase, intake.Batch(items, "purchases"), _allow)
    rejected = sum(result["status"] == "rejected" for result in results)
    if rejected:
        logger.warning("orders of a site are not taken", extra={"account": account, "orders": rejected})


def _allow(_events: Mapping[str, FriendEvent]) -> None:
    """The account has said that browsers may."""
