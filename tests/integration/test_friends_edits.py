"""One friend by hand: a patch goes through the inbox, is checked first, and can be waited for."""

from __future__ import annotations

from chalicelib.friends import store
from chalicelib.sheets.model import new_sheet
from tests import roles
from tests.conftest import drain
from tests.integration.test_transfers_import import AT, an_import, run_bulk, run_inbox, shop

__all__ = ["shop"]


def test_a_patch_goes_through_the_inbox(shop):
    """202 with the event; applied by the engine; the activity tells what changed and by whom."""
    api, base = shop
    an_import(api, base, "user_id,tags\nU1,dry\n")
    run_bulk()
    patch = {
        "tags": {"add": ["vip"], "remove": ["dry"]},
        "attributes": {"visits": 3, "likes": ["spa"]},
        "scores": {"set": {"interest": 4}},
    }
    answer = api.call("PATCH", f"{base}/friends/U1", patch)
    assert answer.status_code == 202
    run_inbox()
    friend = api.ok("GET", f"{base}/friends/U1")
    assert set(friend["tags"]) == {"vip"}
    assert friend["attributes"] == {"visits": 3, "likes": ["spa"]}
    assert friend["scores"]["interest"]["raw"] == 4
    newest = api.ok("GET", f"{base}/friends/U1/activities?limit=1")
    assert newest["items"][0]["event_id"] == answer.json_body["event_id"]
    rest = api.ok("GET", f"{base}/friends/U1/activities?cursor={newest['next_cursor']}")
    assert [a["type"] for a in rest["items"]] == ["imported"]
    api.ok("PATCH", f"{base}/friends/U1", {"attributes": {"visits": None}})
    run_inbox()
    assert api.ok("GET", f"{base}/friends/U1")["attributes"] == {"likes": ["spa"]}


def test_dates_are_days_of_the_account(shop):
    """A moment with an offset is the day that it is in Tokyo; a local time is as written."""
    api, base = shop
    an_import(api, base, "user_id,attribute.birthday\nU1,2026-02-01T15:30:00Z\nU2,２０２６-０２-０１\n")
    run_bulk()
    assert api.ok("GET", f"{base}/friends/U1")["attributes"] == {"birthday": "2026-02-02"}
    assert api.ok("GET", f"{base}/friends/U2")["attributes"] == {"birthday": "2026-02-01"}
    for given, kept in (("2026-03-01T15:30:00Z", "2026-03-02"), ("2026-03-01T15:30", "2026-03-01")):
        api.ok("PATCH", f"{base}/friends/U1", {"attributes": {"birthday": given}})
        run_inbox()
        assert api.ok("GET", f"{base}/friends/U1")["attributes"] == {"birthday": kept}
    api.ok("POST", f"{base}/friends/import?fire=true", "user_id,attribute.birthday\nU3,2026-02-01T15:30Z\n",
           content_type="text/csv")  # fmt: skip
    run_bulk()
    assert api.ok("GET", f"{base}/friends/U3")["attributes"] == {"birthday": "2026-02-02"}


def test_what_is_left_of_deleted_documents_can_be_taken_away(shop):
    """A tag or attribute that friends still have can be removed after its document is gone, not given."""
    api, base = shop
    an_import(api, base, "user_id,tags,attribute.visits\nU1,dry,3\n")
    run_bulk()
    for kind, name in (("tags", "dry"), ("attributes", "visits")):
        api.ok("DELETE", f"{base}/{kind}/{name}")
    api.refused(422, "PATCH", f"{base}/friends/U1", {"tags": {"add": ["dry"]}})
    api.ok("PATCH", f"{base}/friends/U1", {"tags": {"remove": ["dry"]}, "attributes": {"visits": None}})
    run_inbox()
    friend = api.ok("GET", f"{base}/friends/U1")
    assert (friend["tags"], friend["attributes"]) == ({}, {})
    api.refused(422, "PATCH", f"{base}/friends/U1", {"tags": {"remove": ["dry"]}})


def test_a_patch_can_wait(shop, monkeypatch):
    """200 with the friend once applied; 202 when it takes longer."""
    api, base = shop
    an_import(api, base, "user_id\nU1\n")
    run_bulk()
    from chalicelib.gateways import clock

    monkeypatch.setattr(clock, "sleep", lambda _seconds: roles.role_of(None)(run_inbox)())
    answer = api.call("PATCH", f"{base}/friends/U1?wait=true", {"tags": {"add": ["vip"]}})
    assert (answer.status_code, set(answer.json_body["tags"])) == (200, {"vip"})
    waited: list[float] = []
    monkeypatch.setattr(clock, "sleep", waited.append)
    slow = api.call("PATCH", f"{base}/friends/U1?wait=true", {"tags": {"remove": ["vip"]}})
    assert (slow.status_code, set(slow.json_body)) == (202, {"event_id"})
    assert 4 < sum(waited) <= 5


WRONG_PATCHES = [
    ({"tags": {"add": ["nope"]}}, 422, "tags.add[0]"),
    ({"scores": {"add": {"nope": 1}}}, 422, "scores.add.nope"),
    ({"attributes": {"nope": 1}}, 422, "attributes.nope"),
    ({"attributes": {"visits": "3"}}, 400, "attributes.visits"),
    ({"attributes": {"skin": "wet"}}, 400, "attributes.skin"),
    ({"attributes": {"birthday": "2026-02-30"}}, 400, "attributes.birthday"),
    ({"scores": {"add": {"interest": "3"}}}, 400, "scores.add.interest"),
    ({"scores": {"add": {"interest": True}}}, 400, "scores.add.interest"),
    ({"tags": ["vip"]}, 400, "tags"),
    ({"tags": {"add": ["VIP!"]}}, 400, "tags.add[0]"),
    ({"nope": 1}, 400, "nope"),
]


def test_a_patch_that_cannot_work_is_refused(shop):
    """400 for types, 422 for unknown ids; nothing reaches the inbox."""
    api, base = shop
    store.create_or_update("shop", 4, "U1", None, new_sheet("shop", "U1", AT), None)
    for patch, status, path in WRONG_PATCHES:
        assert path in api.paths(status, "PATCH", f"{base}/friends/U1", patch), patch
    assert drain("inbox") == []
    api.refused(404, "PATCH", f"{base}/friends/U9", {})
