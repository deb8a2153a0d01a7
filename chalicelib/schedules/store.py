"""What schedules keep in the ``control`` table. Private to this room.

``account`` / ``SCHEDULE#<id>`` how far a schedule has been looked at · ``account#SCHEDULE#<id>`` / ``<at>``
an occurrence: what was decided about it, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings

KEPT = timedelta(days=400)


class ScheduleItem(dynamo.Record):
    """How far a schedule is, or one of its occurrences."""

    class Meta:
        table_name = settings().table("control")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    through = UnicodeAttribute(null=True)
    armed = UnicodeAttribute(null=True)
    version = UnicodeAttribute(null=True)
    job = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)


@dataclass(frozen=True)
class Place:
    """Every occurrence up to ``through`` is decided about, and there is an entry for the one ``armed``;
    ``version``: of the document that this was so for.
    """

    through: str
    armed: str
    version: str


@dataclass(frozen=True)
class Occurrence:
    """A due time of a schedule, and the job that does its work; ``job`` None: it was too late."""

    at: str
    job: str | None


def find_place(account: str, schedule: str) -> Place | None:
    """How far a schedule is, consistent."""
    try:
        item = ScheduleItem.get(account, f"SCHEDULE#{schedule}", consistent_read=True)
    except ScheduleItem.DoesNotExist:
        return None
    return Place(item.through or "", item.armed or "", item.version or "")


def put_place(account: str, schedule: str, place: Place) -> None:
    """Keep how far a schedule is. Whoever was slower may put an earlier place: what is decided stays."""
    ScheduleItem(account, f"SCHEDULE#{schedule}", **vars(place)).save()


def decide(account: str, schedule: str, wanted: Occurrence, now: datetime) -> Occurrence:
    """Keep what is decided about an occurrence; returns what was decided first."""
    pk = f"{account}#SCHEDULE#{schedule}"
    item = ScheduleItem(pk, wanted.at, job=wanted.job, expires_at=int((now + KEPT).timestamp()))
    if not item.save_new():
        return Occurrence(wanted.at, ScheduleItem.get(pk, wanted.at, consistent_read=True).job)
    return wanted


def occurrences(account: str, schedule: str, limit: int, before: str | None = None) -> list[Occurrence]:
    """At most ``limit`` occurrences of a schedule, newest first."""
    earlier = ScheduleItem.sk < before if before else None
    found = ScheduleItem.query(
        f"{account}#SCHEDULE#{schedule}", earlier, scan_index_forward=False, limit=limit, consistent_read=True
    )
    return [Occurrence(item.sk, item.job) for item in found]
