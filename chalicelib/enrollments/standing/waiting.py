"""Friends who wait in a scenario, with the time at which each goes on: a page of them, shard by shard.

Looked for where sheets show who is in the scenario, and answered from the enrollments themselves. A request
reads as far as its time goes; the page says where the next one goes on, so it may be short, or empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts.service import Account
from chalicelib.enrollments import decide, funnel, nodes, store
from chalicelib.enrollments.model import Enrollment
from chalicelib.events.sheet import Sheet
from chalicelib.segments import audience
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import parse_iso
from chalicelib.sheets import positions

STUCK_AFTER = timedelta(minutes=10)
"""Whoever is this long after their due time where nothing holds them is stuck: timers feed again and queues
try again several times within it.
"""
_NEEDS = funnel.NEEDS | {"display_name"}
_PAGE = 500
_TOGETHER = 100


@dataclass(frozen=True)
class Place:
    """Where a list goes on: in a shard, behind a user id, and there behind a friend's run."""

    shard: int = 0
    after: str | None = None
    user: str = ""
    value: str = ""


@dataclass(frozen=True)
class Asked:
    """Which of those who wait: at a node (None: at any), the stuck ones alone."""

    program: decide.Program | None
    scenario: str
    node: str | None
    only_stuck: bool
    limit: int
    now: datetime


@dataclass(frozen=True)
class Waiting:
    """A friend's run that waits."""

    item: Enrollment
    name: str | None
    is_stuck: bool


@dataclass
class Page:
    """What was found, and where to go on (None: nowhere)."""

    found: list[Waiting] = field(default_factory=list)
    following: Place | None = None


def is_stuck(program: decide.Program | None, item: Enrollment, now: datetime) -> bool:
    """Whether a run should have gone on some time ago. A pause holds everybody; a hold of policies is waited
    for at a time of its own. What an action node has asked for is asked for again every minute, so there it
    counts since when the friend is there.
    """
    if item.state != "active" or (program is not None and program.paused):
        return False
    node = program.node(item.node) if program else None
    if node is not None and nodes.kind_of(node).acts and not item.waits:
        return parse_iso(item.node_at) + STUCK_AFTER < now
    return item.due_at is not None and parse_iso(item.due_at) + STUCK_AFTER < now


def find(account: Account, asked: Asked, place: Place, left: TimeLeft) -> Page:
    """A page from a place on; a piece of a shard is read in any case."""
    page = Page()
    while True:
        sheets, following = audience.read_shard(account.id, place.shard, place.after, _PAGE, needs=_NEEDS)
        for first in range(0, len(sheets), _TOGETHER):
            some = sheets[first : first + _TOGETHER]
            page.following = _fill(page, asked.limit, _runs(account, asked, some, place), place)
            if page.following is not None:
                return page
            place = Place(place.shard, some[-1]["user_id"])
        if following is not None:
            place = Place(place.shard, following)
        elif place.shard + 1 < account.shards:
            place = Place(place.shard + 1)
        else:
            return page
        if left.is_over:
            page.following = place
            return page


def _fill(page: Page, most: int, runs: Iterator[Waiting], place: Place) -> Place | None:
    """Put the runs of some friends on a page; where the next page begins, once this one is full."""
    for run in runs:
        if len(page.found) == most:
            return place
        page.found.append(run)
        place = replace(place, user=run.item.user_id, value=run.item.value or "")
    return None


def _runs(account: Account, asked: Asked, sheets: Sequence[Sheet], place: Place) -> Iterator[Waiting]:
    """The runs of these friends that are asked for, by user id and value, behind a place."""
    shown = [
        (sheet["user_id"], value)
        for sheet in sheets
        for value, position in positions.runs(sheet, asked.scenario).items()
        if position.get("state") == "active"
    ]
    behind = [one for one in shown if (one[0], one[1] or "") > (place.user, place.value)]
    places = [(account.id, asked.scenario, user, value) for user, value in behind]
    found = store.load(places) if places else {}
    names: dict[str, Any] = {sheet["user_id"]: sheet.get("display_name") for sheet in sheets}
    for item in sorted(found.values(), key=lambda one: (one.user_id, one.value or "")):
        stuck = is_stuck(asked.program, item, asked.now)
        at_node = asked.node in {None, item.node}
        if item.state == "active" and at_node and (stuck or not asked.only_stuck):
            yield Waiting(item, names[item.user_id], stuck)
