"""The sizes of segments by day, in the ``control`` table. Private to this room.

``account#SIZES`` / ``<local date>`` when they were counted, and how many friends each segment had.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings

KEPT = timedelta(days=800)


class SizesItem(dynamo.Record):
    """The sizes of one day."""

    class Meta:
        table_name = settings().table("control")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    as_of = UnicodeAttribute()
    sizes = dynamo.Document()
    expires_at = NumberAttribute()


@dataclass(frozen=True)
class Size:
    """How many friends a segment had on a day, counted at ``as_of``."""

    date: str
    count: int
    as_of: str


def put_sizes(account: str, day: str, as_of: datetime, text: str, sizes: dict[str, int]) -> None:
    """Keep what a day's count came to. Again is the same."""
    item = SizesItem(f"{account}#SIZES", day, as_of=text, sizes=sizes)
    item.expires_at = int((as_of + KEPT).timestamp())
    item.save()


def sizes_of(account: str, segment: str, first: str, last: str) -> list[Size]:
    """A segment's sizes from a day to another, oldest first; days without a count are left out."""
    days = SizesItem.query(f"{account}#SIZES", SizesItem.sk.between(first, last), consistent_read=True)
    return [Size(day.sk, day.sizes[segment], day.as_of) for day in days if segment in day.sizes]
