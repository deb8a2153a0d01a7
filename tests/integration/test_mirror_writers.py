"""Registered writers: a snapshot of what they have ended writing leaves nothing to look at again."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta

import pytest

from chalicelib.friends import marks, store, writers
from chalicelib.friends.writers import lowest_open, registered
from chalicelib.gateways import clock
from chalicelib.jobs import service as jobs
from chalicelib.mirror import compaction, following, marked, workers
from chalicelib.mirror import store as heads
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from chalicelib.transfers import imports
from tests import roles
from tests.api_client import an_account, an_api
from tests.conftest import drain
from tests.laptop import both_stores, laptop_store  # noqa: F401 (fixtures)

pytest.importorskip("duckdb")
SHARDS = 4


@pytest.fixture
def shop(cloud, monkeypatch):
    monkeypatch.setattr(following, "_LOOK_EVERY_S", 0)
    an_account(an_api(), shards=SHARDS)
    return "shop"


def a_friend(number):
    one = new_sheet("shop", f"U{number:03d}", iso(clock.now())) | {"status": "following"}
    assert store.create_or_update("shop", SHARDS, one["user_id"], None, one, None)


def looked_at():
    """Whom the index names for every question about the snapshot in force."""
    return set(marked.changed("shop", range(SHARDS), heads.find("shop").changed))


def test_who_has_ended_is_not_looked_at_again(shop):
    """Of writes by nobody in particular it is not known for a while; of a writer that is open neither."""
    a_friend(0)
    with registered(shop):
        a_friend(1)
    with registered(shop):
        a_friend(2)
        compaction.run(shop, SHARDS)
        assert looked_at() == {"U000", "U002"}
        a_friend(3)
    with registered(shop):
        a_friend(4)
    assert looked_at() == {"U000", "U002", "U003", "U004"}
    compaction.run(shop, SHARDS)
    assert looked_at() == {"U000"}


def test_threads_join_the_writer_of_their_process(shop):
    """It is open until the last of them has ended, and the number is one."""
    seen = []

    def write():
        with registered(shop):
            seen.append(writers.current(shop))
            assert lowest_open(shop) == seen[0]

    with registered(shop):
        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [writers.current(shop)] * 3
        assert writers.current("other") is None
        assert lowest_open(shop) == seen[0]
    assert writers.current(shop) is None
    assert lowest_open(shop) == seen[0] + 1


def test_a_writer_that_may_have_a_write_on_its_way_stays_open(shop, monkeypatch):
    """After an error, and when the process died; until nobody of its time is alive."""
    with suppress(TimeoutError), registered(shop):
        number = writers.current(shop)
        raise TimeoutError
    with registered(shop):
        assert writers.current(shop) == number + 1
    assert lowest_open(shop) == number
    later = clock.now() + writers.FORGOTTEN_AFTER + timedelta(seconds=2)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert lowest_open(shop) == number + 2


def test_no_timestamp_is_beyond_a_number(shop):
    """One range of the index holds both: numbers stand behind every moment, the highest first."""
    low, high = marks.since(clock.now(), 7)
    in_order = [low, marks.new_mark(), marks.new_mark(9), marks.new_mark(8), marks.new_mark(7), high]
    assert sorted(in_order) == in_order
    assert marks.new_mark(6) > high
    assert iso(clock.now() - marks.LONGEST - timedelta(seconds=1)) < low


def test_a_large_import_is_followed_by_a_snapshot(shop, monkeypatch):
    """As soon as it is over; the questions that follow look at none of its friends again."""
    monkeypatch.setattr(following, "MANY", 20)
    text = "user_id,display_name\n" + "".join(f"U{n:03d},客{n}\n" for n in range(250))
    job = an_api().ok("POST", "/v1/accounts/shop/friends/import", text, content_type="text/csv")["job_id"]
    (cut,) = drain("bulk")
    with roles.role_of("bulk"):
        imports.work(cut)
    chunks = drain("bulk")
    (asked,) = waiting()
    assert asked == {"account": shop, "job": job}
    compact(asked)
    assert heads.find(shop) is None
    (asked,) = waiting()
    for chunk in chunks:
        with roles.role_of("bulk"):
            imports.work(chunk)
    assert jobs.get(shop, job).state == "done"
    compact(asked)
    assert heads.find(shop).friends == 250
    assert looked_at() == set()
    assert waiting() == []


def waiting():
    """The messages of the queue."""
    return drain("mirror")


def compact(body):
    with roles.role_of("compact"):
        workers.make(body)


def test_nobody_waits_for_a_job_that_is_not_there_or_never_ends(shop, monkeypatch):
    """Their messages end, and no snapshot is made."""
    assert not following.is_over(shop, {"job": "unknown"})
    job = jobs.create(shop, "import", by="test", total=9, chunks=1)
    monkeypatch.setattr(following, "_WAITED_FOR", timedelta())
    assert not following.is_over(shop, {"job": job})
    assert waiting() == []
