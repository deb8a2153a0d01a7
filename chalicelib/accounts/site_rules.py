"""What an account says of the tag on its own sites; ``site`` decides by it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.model import Account
from chalicelib.shared.fields import Id


class SiteRules(BaseModel):
    """``consent``: nothing is kept of a visitor before they agree. ``events``: the custom events that a
    browser may report. ``purchases``: an order that a browser reports is a purchase.

    Whoever visits a site can send what its tag sends. So a browser's order is a conversion and no purchase,
    and custom events are those that were named, unless the account says otherwise.
    """

    model_config = ConfigDict(extra="forbid")

    consent: bool = False
    events: Annotated[list[Id], Field(max_length=50)] = []
    purchases: bool = False


def of(account: Account) -> SiteRules:
    """The account's."""
    return SiteRules(**account.site)
