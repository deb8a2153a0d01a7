"""The table ``control``: what all its items have in common, whichever room they are of."""

from __future__ import annotations

from pynamodb.attributes import UnicodeAttribute

from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings

INSTALLATION = "#installation"
"""The partition of what belongs to no account."""


class ControlItem(dynamo.Record):
    """The keys that every control item has."""

    class Meta:
        table_name = settings().table("control")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
