"""An audience of ours, and what is due of it. Values, and pure decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.shared.times import iso, parse_iso

UPLOAD, CLICK, IMPRESSION = "upload", "click", "impression"
KINDS = {UPLOAD: "UPLOAD", CLICK: "CLICK", IMPRESSION: "IMP"}
"""What can be made by API, and LINE's word for it."""

RETIRED_FOR = timedelta(hours=48)
"""So long an audience that was replaced stays at LINE: a narrowcast on its way may name it, and LINE
knows the key of one for a day.
"""
STALLED_AFTER = timedelta(minutes=15)
"""When nothing was heard of an upload for so long, it is gone on with from where it is."""


@dataclass(frozen=True)
class Retired:
    """An audience at LINE that another one has replaced, and when it goes."""

    group: int
    until: str


@dataclass(frozen=True)
class Place:
    """How far an upload is: the shard, the user id after which, how many were handed to LINE, and how many
    friends were left out because their id is none of LINE's.
    """

    shard: int = 0
    after: str | None = None
    count: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Building:
    """An audience that is being made. ``mark`` is in its name at LINE, so that one whose answer was lost
    is found again. ``tried``: LINE was asked to make it. ``group``: LINE's number of it, once known.
    """

    job: str
    mark: str
    moved_at: str
    as_of: str
    tried: bool = False
    group: int | None = None
    place: Place = field(default_factory=Place)


@dataclass(frozen=True)
class Audience:
    """``of``: what it is made of (``segment`` or ``condition``; ``broadcast``, ``url``). ``group``: LINE's
    number of the one that narrowcasts name now. ``ends_at``: it serves one run, and goes then.
    """

    account: str
    id: str
    name: str
    kind: str
    of: Mapping[str, Any]
    rev: int
    created_at: str
    by: str
    group: int | None = None
    count: int | None = None
    left_out: int = 0
    as_of: str | None = None
    building: Building | None = None
    retired: tuple[Retired, ...] = ()
    every: Mapping[str, Any] | None = None
    next_at: str | None = None
    ends_at: str | None = None
    failure: Any = None

    @property
    def groups(self) -> list[int]:
        """Everything that it has at LINE."""
        own = [self.group, self.building.group if self.building else None]
        return [group for group in (*own, *(old.group for old in self.retired)) if group is not None]

    def next_due(self) -> datetime | None:
        """When it must be looked at next, if nothing else happens."""
        times = [self.next_at, self.ends_at, *(old.until for old in self.retired)]
        found = [parse_iso(at) for at in times if at]
        if self.building:
            found.append(parse_iso(self.building.moved_at) + STALLED_AFTER)
        return min(found, default=None)

    def is_stalled(self, now: datetime) -> bool:
        """Whether an upload has not moved for long."""
        return self.building is not None and parse_iso(self.building.moved_at) + STALLED_AFTER <= now

    def is_over(self, now: datetime) -> bool:
        """Whether the run that it served is over."""
        return self.ends_at is not None and parse_iso(self.ends_at) <= now

    def overdue(self, now: datetime) -> list[Retired]:
        """Replaced audiences whose time has come to go."""
        return [old for old in self.retired if parse_iso(old.until) <= now]


def moved(audience: Audience, now: datetime, **fields: Any) -> Audience:
    """The audience with its upload further on."""
    assert audience.building is not None
    return replace(audience, building=replace(audience.building, moved_at=iso(now), **fields))


def made(audience: Audience, now: datetime, twins: Sequence[int] = ()) -> Audience:
    """The audience once its upload is through: the new one is named from now on, the old one retires.
    What LINE has made of it besides (``twins``: two asked at the same time) goes at once.
    """
    building = audience.building
    assert building is not None
    assert building.group is not None
    retired = [*audience.retired, *(Retired(twin, iso(now)) for twin in twins)]
    if audience.group is not None:
        retired.append(Retired(audience.group, iso(now + RETIRED_FOR)))
    return replace(
        audience,
        group=building.group,
        count=building.place.count if audience.kind == UPLOAD else None,
        left_out=building.place.left_out,
        as_of=building.as_of,
        building=None,
        retired=tuple(retired),
        failure=None,
    )


def failed(audience: Audience, why: Any, now: datetime) -> Audience:
    """The audience when an upload cannot work: the one before stays, a half of the new one goes at once."""
    half = audience.building.group if audience.building else None
    retired = audience.retired + ((Retired(half, iso(now)),) if half is not None else ())
    return replace(audience, building=None, failure=why, retired=retired)
