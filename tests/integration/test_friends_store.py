"""Fact sheets and activities against an emulated DynamoDB."""

from __future__ import annotations

import copy

import pytest

from chalicelib.friends import store
from chalicelib.gateways.expressions import Condition
from chalicelib.sheets.model import new_sheet
from chalicelib.timeline import service

AT = "2026-11-22T06:00:00.000Z"

pytestmark = pytest.mark.usefixtures("cloud")


def a_stored(user: str = "U1", **changes):
    sheet = new_sheet("salon", user, AT) | changes
    assert store.create_or_update("salon", 4, user, None, sheet, None)
    return sheet


def test_a_new_sheet_is_read_back_as_it_was_put():
    """What is put is what is read, and putting again is refused."""
    sheet = a_stored(
        tags={"vip": {"since": AT, "by": "rule:r", "at": AT}}, scores={"s": {"value": 1.5, "at": AT}}
    )
    assert sheet["rev"] == 1
    assert store.load("salon", 4, "U1") == sheet
    assert not store.create_or_update("salon", 4, "U1", None, new_sheet("salon", "U1", AT), None)
    assert store.load("salon", 4, "U2") is None


def test_an_update_writes_changed_paths_only():
    """Another room's write between read and update survives, and names with dots and brackets are names."""
    before = a_stored()
    after = copy.deepcopy(before)
    after["facts"]["postback:items[0].a=日本"] = {"count": 1}
    after["status"] = "following"
    assert store.update_paths("salon", 4, "U1", [(("scenarios", "welcome"), {"v": 1, "state": "active"})])
    assert store.create_or_update("salon", 4, "U1", before, after, 1)
    found = store.load("salon", 4, "U1")
    assert found["scenarios"] == {"welcome": {"v": 1, "state": "active"}}
    assert found["facts"] == {"postback:items[0].a=日本": {"count": 1}}
    assert (found["status"], found["rev"], after["rev"]) == ("following", 2, 2)


def test_an_update_of_an_old_revision_is_refused():
    """Two who read the same revision: one wins, the other is told."""
    before = a_stored()
    one, two = copy.deepcopy(before), copy.deepcopy(before)
    one["language"], two["language"] = "ja", "en"
    assert store.create_or_update("salon", 4, "U1", before, one, 1)
    assert not store.create_or_update("salon", 4, "U1", before, two, 1)
    assert store.load("salon", 4, "U1")["language"] == "ja"


def test_paths_are_written_under_conditions():
    """Caps: a set grows while absent, holding the member, or smaller than the maximum."""
    a_stored()
    cap = ("cap_marketing_2026-11-22",)

    def reserve(run: str) -> bool:
        free = [Condition(cap, "absent"), Condition(cap, "contains", run), Condition(cap, "size<", 2)]
        return store.update_paths("salon", 4, "U1", adds=[(cap, {run})], conditions=[free])

    assert [reserve(run) for run in ("r1", "r2", "r1", "r3")] == [True, True, True, False]
    assert store.update_paths("salon", 4, "U1", deletes=[(cap, {"r1"})])
    assert store.load("salon", 4, "U1")[cap[0]] == {"r2"}
    assert not store.update_paths("salon", 4, "U9", [(("scenarios", "s"), {})])


def test_an_erased_friend_is_a_tombstone():
    """Nothing is left but that it was erased, and nobody writes paths there any more."""
    a_stored(display_name="Hanako")
    assert store.erase("salon", 4, "U1", AT)
    found = store.load("salon", 4, "U1")
    assert found["status"] == "erased"
    assert "display_name" not in found
    assert not store.update_paths("salon", 4, "U1", [(("display_name",), "x")])
    assert not store.erase("salon", 4, "U2", AT)


def test_many_are_loaded_at_once():
    """More than one batch of keys; unknown ones are left out."""
    for n in range(105):
        a_stored(f"U{n}")
    found = store.load_many("salon", 4, [f"U{n}" for n in range(110)] + ["U1"])
    assert len(found) == 105
    assert found["U7"]["user_id"] == "U7"


def an_activity(n: int, **more):
    return {
        "account": "salon",
        "user_id": "U1",
        "event_id": f"e{n}",
        "type": "messaged",
        "at": f"2026-11-22T06:00:{n:02d}.000Z",
        "props": {"text": "あ"},
        "rules": [],
        "effects": [],
    } | more


def test_activities_are_kept_once_and_listed_newest_first():
    """Put-if-absent; pages go on until the cursor is None; a failed one is replaced by a success."""
    for n in (2, 0, 1, 3):
        assert service.put(an_activity(n, state="failed" if n == 3 else "done"))
    assert not service.put(an_activity(1, type="other"))
    assert service.replace_failed(an_activity(3, state="done"))
    assert not service.replace_failed(an_activity(3, state="done"))
    first, cursor = service.recent("salon", "U1", 3)
    second, end = service.recent("salon", "U1", 3, cursor)
    assert [a["event_id"] for a in first + second] == ["e3", "e2", "e1", "e0"]
    assert end is None
    assert service.find("salon", "U1", "e1") == an_activity(1, state="done")
    (page,) = service.pages("salon", "U1")
    assert sorted(a["event_id"] for a in page) == ["e0", "e1", "e2", "e3"]
    service.delete([("salon", "U1", a["event_id"]) for a in page])
    assert service.find("salon", "U1", "e1") is None
