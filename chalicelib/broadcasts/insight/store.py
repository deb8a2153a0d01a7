"""LINE's numbers of runs, and the names of units that a month has used, in the ``broadcasts`` table. Private.

``account#insight`` / ``<run>`` the numbers of a run's arms · ``account#units`` / ``<month>`` the names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings

MOST_UNITS = 900
"""Of the 1,000 names that LINE takes a month; the rest is for other systems of the channel."""


class InsightItem(dynamo.Record):
    """LINE's numbers of a run."""

    class Meta:
        table_name = settings().table("broadcasts")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    arms = dynamo.Document()
    as_of = UnicodeAttribute()


@dataclass(frozen=True)
class Counted:
    """By variant (empty: it has none): ``impressions``, ``media_plays`` and ``clicks``, null below 20."""

    arms: dict[str, Any]
    as_of: str


def take_units(account: str, month: str, units: Sequence[str]) -> bool:
    """Use these names in a month; False when it has used as many as it may. Again is harmless."""
    return dynamo.write_if(
        "update_item",
        "broadcasts",
        Key={"pk": {"S": f"{account}#units"}, "sk": {"S": month}},
        UpdateExpression="ADD #units :units",
        ConditionExpression="attribute_not_exists(#units) OR size(#units) < :most OR contains(#units, :one)",
        ExpressionAttributeNames={"#units": "units"},
        ExpressionAttributeValues={
            ":units": {"SS": list(units)},
            ":most": {"N": str(MOST_UNITS)},
            ":one": {"S": units[0]},
        },
    )


def put(account: str, run: str, counted: Counted) -> None:
    """Keep LINE's numbers of a run, over what was kept before."""
    InsightItem(f"{account}#insight", run, arms=counted.arms, as_of=counted.as_of).save()


def find(account: str, run: str) -> Counted | None:
    """LINE's numbers of a run, consistent."""
    try:
        item = InsightItem.get(f"{account}#insight", run, consistent_read=True)
    except InsightItem.DoesNotExist:
        return None
    return Counted(item.arms, item.as_of)


def between(account: str, first: str, last: str) -> dict[str, Counted]:
    """LINE's numbers by run, of the runs between two; runs are in the order of time."""
    query = InsightItem.query(f"{account}#insight", InsightItem.sk.between(first, last))
    return {item.sk: Counted(item.arms, item.as_of) for item in query}
