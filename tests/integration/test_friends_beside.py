"""Receipts beside the fact sheet: found on it by whoever reads it, bounded, gone with an erasure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.friends import beside, store
from chalicelib.gateways import aws, clock
from chalicelib.privacy import erasure
from chalicelib.segments import audience
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from tests.deliveries_builders import SHOP, a_friend, a_world

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
USERS = [f"U{n:02}" for n in range(6)]


def at(**ago: float) -> str:
    return iso(NOW - timedelta(**ago))


def note(user: str, delivery: str, read_at: str) -> list[str]:
    return beside.note(SHOP.id, SHOP.shards, user, delivery, read_at)


def of(user: str) -> dict[str, str]:
    sheet = store.load(SHOP.id, SHOP.shards, user)
    assert sheet is not None
    return {delivery: receipt["at"] for delivery, receipt in sheet.get("received", {}).items()}


def items() -> int:
    pages = aws.client("dynamodb").scan(TableName=settings().table("friends"))["Items"]
    return sum(beside.is_beside(item) for item in pages)


@pytest.fixture(autouse=True)
def shop(cloud: None) -> None:
    with a_world():
        for user in USERS:
            a_friend(user)


def test_every_reader_of_sheets_finds_them() -> None:
    """One sheet, many, a shard by the page, an export; delivery ids may hold anything."""
    for n, user in enumerate(USERS[:4]):
        note(user, "春.セール#1", at(hours=n))
    expected = {user: {"春.セール#1": at(hours=n)} for n, user in enumerate(USERS[:4])} | {
        user: {} for user in USERS[4:]
    }
    assert {user: of(user) for user in USERS} == expected
    many = store.load_many(SHOP.id, SHOP.shards, USERS)
    pages = [
        sheet
        for shard in range(SHOP.shards)
        for needs in (None, {"received"})
        for sheets in audience.walk_shard(SHOP.id, shard, needs=needs)
        for sheet in sheets
    ]
    exported = [sheet for shard in range(SHOP.shards) for sheet in store.read_all(SHOP.id, shard)]
    for sheet in [*many.values(), *pages, *exported]:
        found = {name: receipt["at"] for name, receipt in sheet["received"].items()}
        assert found == expected[sheet["user_id"]]
    assert (len(many), len(pages), len(exported)) == (6, 12, 6)


def test_the_latest_counts_whatever_comes_when() -> None:
    """An earlier receipt of a delivery changes nothing; the sheet and its ``rev`` are not touched."""
    before = store.load(SHOP.id, SHOP.shards, "U00")
    for hours in (2, 1, 3):
        note("U00", "news", at(hours=hours))
    after = store.load(SHOP.id, SHOP.shards, "U00")
    assert of("U00") == {"news": at(hours=1)}
    assert before is not None
    assert after == before | {"received": {"news": {"at": at(hours=1)}}}


def test_a_friend_s_receipts_are_bounded_and_stay_small() -> None:
    """The newest hundred stay, and nothing of more than 400 days once there are more; what goes is named."""
    gone = [name for n in range(130) for name in note("U00", f"campaign-{n:03}", at(days=500 - n))]
    assert gone == [f"campaign-{n:03}" for n in range(30)]
    assert len(of("U00")) == beside.KEPT
    assert note("U00", "today", at()) == [f"campaign-{n:03}" for n in range(30, 100)]
    assert list(of("U00")) == [*(f"campaign-{n:03}" for n in range(100, 130)), "today"]
    assert items() == 1


def test_a_sheet_in_hand_never_writes_them() -> None:
    """A reaction decided on a sheet writes what changed of it, and no receipt that it was shown."""
    note("U00", "news", at(hours=2))
    before = store.load(SHOP.id, SHOP.shards, "U00")
    assert before is not None
    note("U00", "later", at(hours=1))
    after = {**before, "display_name": "花"}
    assert store.create_or_update(SHOP.id, SHOP.shards, "U00", before, after, before["rev"])
    assert of("U00") == {"news": at(hours=2), "later": at(hours=1)}


def test_an_erasure_takes_them_and_who_comes_back_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left; a job that comes late adds nothing that could be seen, and is swept up."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    note("U00", "news", at(hours=2))
    assert erasure.erase(SHOP, "U00", at(hours=1))
    assert items() == 0
    note("U00", "late", at(hours=2))
    assert of("U00") == {}
    tombstone = store.load(SHOP.id, SHOP.shards, "U00")
    assert tombstone is not None
    anew = {**tombstone, "status": "following", "erased_at": at(hours=1)}
    assert store.create_or_update(SHOP.id, SHOP.shards, "U00", tombstone, anew, tombstone["rev"])
    note("U00", "welcome", at(minutes=1))
    assert of("U00") == {"welcome": at(minutes=1)}
    erasure.finish(SHOP, "U00")
    found = aws.client("dynamodb").scan(TableName=settings().table("friends"))["Items"]
    (item,) = (one for one in found if beside.is_beside(one))
    assert "d:late" not in item
    assert of("U00") == {"welcome": at(minutes=1)}
