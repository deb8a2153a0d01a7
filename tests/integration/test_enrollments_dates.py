"""A date that is waited for is followed, whoever moves it and whenever: imports, rules, while entering."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.enrollments import entry as scenario_entry
from chalicelib.enrollments import store as enrollments
from chalicelib.friends import store
from chalicelib.jobs import service as jobs
from chalicelib.reaction import due_times
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers
from chalicelib.transfers import imports
from chalicelib.transfers import rows as csv_rows
from tests.integration.test_enrollments_event_handling import put
from tests.reaction_builders import a_rule
from tests.scenario_world import (
    SHOP,
    Crashed,
    World,
    a_world,
    enroll,
    message,
    publish,
    put_friends,
    put_messages,
    where,
)

REMINDS: dict[str, Any] = {
    "start": "before",
    "nodes": {
        "before": {
            "type": "wait",
            "until": {"attribute": "visit", "offset": "-1d", "time": "09:00"},
            "next": "reminder",
        },
        "reminder": message("m1"),
    },
}
HEADER = ["user_id", "attribute.visit"]


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world(timers_shards=1) as found:
        put_messages(m1="tomorrow")
        put(
            {
                "attributes": {"visit": {"name": "visit", "type": "date"}},
                "rules": {
                    "books": a_rule(
                        "custom:books",
                        [{"set_attribute": {"attribute": "visit", "value": "{{ event.day }}"}}],
                    )
                },
            }
        )
        put_friends("u1", "u2")
        publish(**REMINDS)
        yield found


def books(world: World, day: str, event_id: str, user: str = "u1") -> None:
    world.now += timedelta(seconds=1)
    reaction.react(FriendEvent(event_id, SHOP, user, "custom:books", iso(world.now), props={"day": day}))


def a_job(job: str = "j1") -> None:
    params = {"header": HEADER, "fire": False}
    jobs.create(SHOP, "import", by="t", total=1, chunks=1, params=params, job_id=job)


def import_rows(*rows: list[str], received: int = 1, job: str = "j1") -> None:
    """The chunk of an import, worked on for the first time or again."""
    lines = [[n, row] for n, row in enumerate(rows, 2)]
    body = {"account": SHOP, "id": job, "chunk": "000000", "rows": lines}
    imports.apply_rows(body, received, reaction.react, due_times.OfAccount)


def due() -> str:
    found = where("u1").due_at
    assert found is not None
    return str(found)


def test_an_import_moves_the_reminder(world: World) -> None:
    """Earlier than it was: the reminder goes out the day before the new date."""
    books(world, "2026-12-20", "e1")
    enroll("u1")
    assert due() == "2026-12-19T00:00:00.000Z"
    a_job()
    import_rows(["u1", "2026-11-24"])
    assert due() == "2026-11-23T00:00:00.000Z"
    world.run(timedelta(hours=18), sweep=False)
    assert world.received("u1") == ["tomorrow"], world.story("u1")


def test_an_import_killed_anywhere_moves_the_reminder(world: World) -> None:
    """Whatever it dies before: the chunk that comes again sees to it, though the sheet says it already."""
    books(world, "2026-12-20", "e1")
    enroll("u1")
    begin_again, point, survived = world.keep(), 0, False
    while not survived:
        point += 1
        begin_again()
        job = f"j{point}"
        a_job(job)
        world.crossings, world.crash_at = 0, point
        try:
            import_rows(["u1", "2026-11-24"], job=job)
            survived = world.crash_at is not None
        except Crashed:
            import_rows(["u1", "2026-11-24"], received=2, job=job)
        world.crash_at = None
        assert due() == "2026-11-23T00:00:00.000Z", f"crash at crossing {point}"
    assert point > 4


def test_friends_without_such_a_wait_cost_no_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import reads enrollments only of friends whose sheet shows a scenario that waits for dates."""
    publish("other", start="w", nodes={"w": {"type": "wait", "after": "1d"}})
    enroll("u2", scenario="other")
    looked: list[str] = []
    monkeypatch.setattr(enrollments, "find", lambda *names: looked.append(names[2]))
    a_job()
    import_rows(["u1", "2026-12-24"], ["u2", "2026-12-24"])
    assert looked == []


def test_a_date_that_moves_while_the_friend_enters_is_followed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The friend is read, the import writes without seeing them in the scenario, then they enter."""
    books(world, "2026-12-20", "e1")
    fresh, done = scenario_entry.fresh, []

    def meanwhile(*args: Any) -> Any:
        item = fresh(*args)
        if not done:
            done.append(True)
            a_job()
            import_rows(["u1", "2026-11-24"])
        return item

    monkeypatch.setattr(scenario_entry, "fresh", meanwhile)
    enroll("u1")
    assert done
    assert due() == "2026-11-23T00:00:00.000Z"


def test_a_date_that_moves_before_the_mirror_is_followed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import has read the friend; they enter; the import does not write what it made of it before."""
    books(world, "2026-12-20", "e1")
    fold, entered = csv_rows.fold_row, []

    def meanwhile(*args: Any) -> Any:
        facts = fold(*args)
        if not entered:
            entered.extend(enroll("u1"))
        return facts

    monkeypatch.setattr(csv_rows, "fold_row", meanwhile)
    a_job()
    import_rows(["u1", "2026-11-24"])
    assert entered == [None]
    assert due() == "2026-11-23T00:00:00.000Z"


def test_of_two_who_move_the_date_the_last_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is overtaken between its look at the sheet and its write: it looks again."""
    books(world, "2026-12-20", "e1")
    enroll("u1")
    arm, overtaken = timers.arm, []

    def meanwhile(entry: Any) -> None:
        arm(entry)
        if not overtaken:
            overtaken.append(entry)
            books(world, "2026-11-26", "e2")

    monkeypatch.setattr(timers, "arm", meanwhile)
    a_job()
    import_rows(["u1", "2026-12-10"])
    assert overtaken
    sheet = store.load(SHOP, 4, "u1")
    assert sheet is not None
    assert sheet["attributes"]["visit"] == "2026-11-26"
    assert due() == "2026-11-25T00:00:00.000Z"
