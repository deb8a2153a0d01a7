"""Many friends, each with a few reservations, moved and cancelled by chance and told in any order: everybody
gets exactly the reminders that a small bookkeeping of its own predicts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from chalicelib.enrollments import store
from chalicelib.reaction import service as reaction
from tests.bookkeeping import Reminder, Word, predicted
from tests.reservation_world import a_salon, word
from tests.scenario_world import SHOP, START, Crashed, World

TOKYO = ZoneInfo("Asia/Tokyo")
FRIENDS, SPAN = 5, timedelta(days=12)
SLACK = timedelta(seconds=90)


def words_of(dice: Random, user: str, reservation: str) -> list[Word]:
    """Booked, perhaps moved some times, perhaps cancelled; heard late, and not always in order."""
    reported_at = START + timedelta(minutes=dice.randint(1, 3 * 1440))
    states = ["booked", *["moved"] * dice.choice([0, 0, 1, 1, 2, 3])]
    states += ["cancelled"] if dice.random() < 0.3 else []
    found = []
    for status in states:
        at = reported_at + timedelta(minutes=dice.randint(30, 6 * 1440))
        heard = reported_at + timedelta(seconds=dice.choice([1, 5, 40, 300, 7200]))
        found.append(Word(heard, reported_at, user, reservation, at, status))
        reported_at += timedelta(minutes=dice.choice([1, 30, 600, 2000]))
    return found


def due(stage: str, at: datetime) -> datetime:
    """The evening before, and two hours before."""
    if stage == "second":
        return at - timedelta(hours=2)
    eve = (at - timedelta(days=1)).astimezone(TOKYO)
    return eve.replace(hour=18, minute=0, second=0, microsecond=0)


def text(stage: str, one: Word) -> str:
    """What the friend reads."""
    local = one.at.astimezone(TOKYO)
    name = {"first": "evening", "second": "hours"}[stage]
    return f"{name} {one.reservation} {local.month}/{local.day} {local:%H:%M}"


def happens(world: World, words: list[Word], crash: Random | None = None) -> None:
    """Time passes, and every word is reacted to when it is heard; now and then a process dies."""
    for n, one in enumerate(sorted(words)):
        while world.now < one.heard:
            try:
                world.run(one.heard - world.now, sweep=False)
            except Crashed:
                continue
        event = word(f"e{n}", one.reservation, one.at, one.status, reported_at=one.reported_at, user=one.user)
        if crash is not None and crash.random() < 0.4:
            world.crossings, world.crash_at = 0, crash.randint(1, 12)
        try:
            reaction.react(event)
        except Crashed:
            reaction.react(event)
        if crash is None or crash.random() < 0.5:
            world.crash_at = None  # else it dies in what comes next
    world.crash_at = None
    world.run(START + SPAN - world.now, sweep=False)


@pytest.mark.parametrize("seed", [1, 2])
def test_everybody_gets_exactly_the_reminders_that_are_due(cloud: None, seed: int) -> None:
    """1 to 4 reservations each; with the second seed processes die, and are done again."""
    dice = Random(seed)
    users = [f"u{n}" for n in range(FRIENDS // seed)]
    words_by_reservation = {
        (user, f"{user}-r{n}"): words_of(dice, user, f"{user}-r{n}")
        for user in users
        for n in range(dice.randint(1, 4))
    }
    with a_salon(*users) as world:
        happens(
            world,
            [one for words in words_by_reservation.values() for one in words],
            Random(seed) if seed > 1 else None,
        )
        for user in users:
            mine = [words for (one, _), words in words_by_reservation.items() if one == user]
            wanted = [reminder for words in mine for reminder in predicted(words, due, text)]
            got = [Reminder(*sent) for sent in world.sends if sent[1] == user]
            assert sorted(r.text for r in got) == sorted(r.text for r in wanted), world.story(user)
            if seed == 1:
                late = [
                    (a, b) for a, b in zip(sorted(got), sorted(wanted), strict=True) if a.at - b.at > SLACK
                ]
                assert late == [], user
        for (user, name), words in words_by_reservation.items():
            if max(words, key=lambda one: one.reported_at).status == "cancelled":
                found = store.find(SHOP, "remind", user, name)
                assert found is None or found.state != "active"
