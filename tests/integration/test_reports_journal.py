"""The journal of reports: one line for each event, whatever dies on the way; none of who is erased."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.friends import store as friends
from chalicelib.reports import journal
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.api_client import an_api
from tests.reaction_builders import NOW, an_event
from tests.reaction_world import RULES, Crash, World, author, batch, world
from tests.sent_lines import sent_lines

__all__ = ["world"]

PROPS = {"link": "spring", "delivery": "sale", "run": "r1", "variant": "b", "raw": {"a": 1}}


def events(user: str) -> list[FriendEvent]:
    """A follow, a click, and a message, which is not counted."""
    found = [
        an_event("followed", is_unblocked=False),
        an_event("link_clicked", id="e2", minutes=1, **PROPS),
        an_event(text="hello", id="e3", minutes=2),
    ]
    return [FriendEvent(e.event_id, "shop", user, e.type, e.at, e.key, e.props) for e in found]


def lines_of(user: str) -> list[tuple[str, Any]]:
    every = [line for part in range(journal.PARTS) for line in journal.lines("shop", part)]
    return [(line.kind, line.props) for line in every if line.user == user]


WANTED = [("followed", {}), ("clicked", {name: value for name, value in PROPS.items() if name != "raw"})]


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_crossing_leaves_one_line_of_each_event(world: World, before: bool) -> None:
    """Killed before every second call or after the others, redelivered, and once more: one line each."""
    batch(*events("U0"))
    total = len(world.calls)
    assert lines_of("U0") == WANTED
    for at in range(before, total, 2):
        user = f"V{at}"
        world.calls.clear()
        world.crash_at, world.before = at, before
        with contextlib.suppress(Crash):
            batch(*events(user))
        world.crash_at = None
        batch(*events(user))
        batch(*reversed(events(user)))
        assert lines_of(user) == WANTED, at


def test_who_is_erased_is_in_no_line(world: World) -> None:
    """Up to the erasure; what somebody does who comes back later stays, and so do the others' lines."""
    for user in ("U1", "U2"):
        batch(*events(user))
    journal.forget(get_account("shop"), "U1", events("U1")[0].at)
    assert [lines_of(user) for user in ("U1", "U2")] == [WANTED[1:], WANTED]
    journal.forget(get_account("shop"), "U1", events("U1")[1].at)
    assert [lines_of(user) for user in ("U1", "U2")] == [[], WANTED]


def test_friends_by_the_route_they_came_by(world: World) -> None:
    """Who came by one, who by none; who follows at the end of the days is counted back from now."""
    for user in ("U1", "U2", "U3"):
        batch(*events(user))
    for user, route in {"U1": "poster", "U2": "poster"}.items():
        source = {"latest": route, "latest_at": iso(NOW)}
        friends.update_paths("shop", get_account("shop").shards, user, [(("source",), source)])
    later = FriendEvent("e9", "shop", "U1", "unfollowed", iso(NOW + timedelta(days=2)))
    batch(later)
    api, day = an_api(), "2026-11-22"
    asked = f"group_by=route&from={day}&to="
    rows = api.ok("GET", f"/v1/accounts/shop/reports/friends?{asked}{day}")
    found = [(row["route"], row["followed"], row["unfollowed"], row["following"]) for row in rows["items"]]
    assert found == [(None, 1, 0, 1), ("poster", 2, 0, 2)]
    rows = api.ok("GET", f"/v1/accounts/shop/reports/friends?{asked}2026-11-30")
    assert (rows["items"][1]["following"], rows["items"][1]["block_rate"]) == (1, 0.5)
    assert (rows["total"]["followed"], rows["total"]["following"]) == (3, 2)
    named = f"report=friends&number=followed&row=poster&{asked}{day}"
    people = api.ok("GET", f"/v1/accounts/shop/reports/people?{named}")["items"]
    assert sorted(one["user_id"] for one in people) == ["U1", "U2"]


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_crossing_leaves_what_was_sent_as_the_activity_has_it(
    world: World, before: bool
) -> None:
    """Replies and pushes of rules, killed likewise and redelivered: a line of each, made of its activity."""
    author(RULES)

    def events_of(user: str) -> list[FriendEvent]:
        found = (an_event("followed"), an_event(text="SALE", id="e2", minutes=1))
        return [
            FriendEvent(one.event_id, "shop", user, one.type, one.at, one.key, one.props, reply_token="t")
            for one in found
        ]

    batch(*events_of("U0"))
    total = len(world.calls)
    assert sorted(one["via"] for one in sent_lines("U0")) == ["push", "reply", "reply"]
    for at in range(before, total, 2):
        world.calls.clear()
        world.crash_at, world.before = at, before
        with contextlib.suppress(Crash):
            batch(*events_of(f"V{at}"))
        world.crash_at = None
        batch(*events_of(f"V{at}"))
        assert len(sent_lines(f"V{at}")) == 3, at
