"""Every kind of node in one scenario, run for each reservation: booked, moved, cancelled, told in any order;
friends who answer or do not; processes that die. Everybody gets exactly what an interpreter of its own
predicts, each message within three seconds of its moment.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

import pytest

from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.bookkeeping import TOKYO, Pace, Reminder, Walk, walk_nodes
from tests.integration.test_reservations_many import words_of
from tests.reservation_world import a_salon, word
from tests.scenario_world import SHOP, START, Crashed, World, publish, put_messages, put_tags, where

SPAN = timedelta(days=12)
WITHIN = timedelta(seconds=3)


NODES = walk_nodes("3h", {"offset": "-1d", "time": "18:00"}, "-2h", "45m")


def eve(at: datetime) -> datetime:
    """Six in the evening of the day before, by the shop's clock."""
    day = (at - timedelta(days=1)).astimezone(TOKYO)
    return day.replace(hour=18, minute=0, second=0, microsecond=0)


PACE = Pace(timedelta(hours=3), eve, timedelta(hours=2), timedelta(minutes=45))
MESSAGES = ("hello-a", "hello-b", "eve-1", "eve-2", "hours")
WORDS = '{{ reservation.id }} {{ reservation.at | date("%H:%M:%S") }}'


def happens(world: World, events: list[tuple[datetime, FriendEvent]], crash: Random | None) -> None:
    """Time passes, and each event is reacted to when it is heard; now and then a process dies."""
    for heard, event in sorted(events, key=lambda one: (one[0], one[1].event_id)):
        world.run(heard - world.now, sweep=False)
        if crash is not None and crash.random() < 0.5:
            world.crossings, world.crash_at = 0, crash.randint(1, 15)
        try:
            reaction.react(event)
        except Crashed:
            reaction.react(event)
        if crash is None or crash.random() < 0.5:
            world.crash_at = None  # else it dies in what comes next
    world.crash_at = None
    world.run(START + SPAN - world.now, sweep=False)


@pytest.mark.parametrize(("seed", "friends", "dies"), [(1, 4, False), (2, 2, True)])
def test_everybody_gets_exactly_what_is_due(cloud: None, seed: int, friends: int, dies: bool) -> None:
    """One to three reservations each."""
    dice = Random(seed)
    users = [f"u{n}" for n in range(friends)]
    words_by_reservation = {
        f"{user}-r{n}": words_of(dice, user, f"{user}-r{n}")
        for user in users
        for n in range(dice.randint(1, 3))
    }
    answers = {
        user: sorted(START + timedelta(seconds=60 * dice.randint(1, 5 * 1440) + 37) for _ in range(4))
        for user in users
    }
    with a_salon(*users) as world:
        put_messages(**{name: f"{name} {WORDS}" for name in MESSAGES})
        put_tags("answered")
        publish("remind", entry={"per": "reservation_id"}, start="who", nodes=NODES)
        events = [
            (
                one.heard,
                word(f"e-{name}-{n}", name, one.at, one.status, reported_at=one.reported_at, user=one.user),
            )
            for name, words in words_by_reservation.items()
            for n, one in enumerate(words)
        ]
        events += [
            (at, FriendEvent(f"ok-{user}-{n}", SHOP, user, "custom:ok", iso(at), props={}))
            for user, found in answers.items()
            for n, at in enumerate(found)
        ]
        happens(world, events, Random(seed) if dies else None)
        texts: set[str] = set()
        for user in users:
            runs = {name: words for name, words in words_by_reservation.items() if words[0].user == user}
            of_run = {name: Walk(words, answers[user], PACE) for name, words in runs.items()}
            wanted = sorted(one for found in of_run.values() for one in found.sent)
            got = sorted(Reminder(*sent) for sent in world.sends if sent[1] == user)
            assert sorted(one.text for one in got) == sorted(one.text for one in wanted), world.story(user)
            late = [(a, b) for a, b in zip(got, wanted, strict=True) if abs(a.at - b.at) > WITHIN]
            assert dies or late == [], user
            texts |= {one.text.split()[0] for one in got}
            over = {name for name, found in of_run.items() if found.stage == "over"}
            assert all(where(user, "remind", name).state == "exited" for name in over)
        assert texts >= ({"hours"} if dies else {"hello-a", "hello-b", "eve-1", "eve-2", "hours"})
