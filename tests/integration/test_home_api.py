"""Names, quota, summary, conversations and the waterfall: what the console's first looks ask for."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest

from chalicelib.catalog import stops
from chalicelib.conversations import list_api
from chalicelib.friends import store
from chalicelib.gateways import seam
from chalicelib.mirror import compaction, reader
from chalicelib.segments import audience, by_shard
from chalicelib.segments.waterfall import waterfall
from tests.api_client import Api, a_key, an_account, an_api
from tests.shop import outside, work_off

CSV = "user_id,display_name,tags,attribute.skin\n"


def a_shop_with_friends(api: Api) -> str:
    """Three friends: two with dry skin, one of them tagged."""
    base = an_account(api, shards=2)
    api.ok("PUT", f"{base}/tags/vip", {"name": "大切なお客様", "folder": "客層"})
    skin = {"name": "肌質", "type": "choice", "choices": ["乾燥肌", "普通肌"]}
    api.ok("PUT", f"{base}/attributes/skin", skin)
    rows = "Ua,花子,vip,乾燥肌\nUb,<img onerror=x>,,乾燥肌\nUc,次郎,,普通肌\n"
    with seam.guarded(outside):
        api.ok("POST", f"{base}/friends/import", CSV + rows, content_type="text/csv")
        assert work_off() == []
    return base


def quota(name: str, _detail: Any, call: Any) -> Any:
    """A LINE with 200 messages a month, 50 of them used."""
    return (200, 50) if name == "line:quota" else call()


def test_names_are_what_pickers_show(cloud: None) -> None:
    """Every kind, with the few fields that choose how a value is asked for."""
    base = a_shop_with_friends(an_api())
    names = an_api().ok("GET", f"{base}/catalog/names")["names"]
    assert names["tags"] == [{"id": "vip", "name": "大切なお客様", "more": {"folder": "客層"}}]
    assert names["attributes"][0]["more"] == {"type": "choice", "choices": ["乾燥肌", "普通肌"]}
    assert names["rules"] == []
    api = an_api()
    api.ok("PUT", f"{base}/messages/m", {"name": "m", "messages": [{"type": "text", "text": "a"}]})
    api.ok("PUT", f"{base}/broadcasts/b", {"name": "春", "audience": {"everyone": True}, "message": "m"})
    named = api.ok("GET", f"{base}/catalog/names")["names"]
    assert named["broadcasts"] == [{"id": "b", "name": "春", "more": {}}]


def test_the_summary_counts_friends_and_names_what_waits(cloud: None) -> None:
    """Who follows, who came today, what is scheduled, and the quota less what is reserved."""
    api = an_api()
    base = a_shop_with_friends(api)
    api.ok("PUT", f"{base}/messages/m", {"name": "m", "messages": [{"type": "text", "text": "a"}]})
    api.ok("PUT", f"{base}/broadcasts/b", {"name": "春", "audience": {"everyone": True}, "message": "m"})
    api.ok("POST", f"{base}/broadcasts/b/schedule", {"every": {"time": "03:33"}})
    with seam.guarded(quota):
        found = api.ok("GET", f"{base}/summary")
        alone = api.ok("GET", f"{base}/quota")
    assert (found["friends"]["following"], found["friends"]["blocked"]) == (3, 0)
    assert found["friends"]["exact"] is True
    assert len(found["friends"]["days"]) == 30
    assert [one["id"] for one in found["coming"]] == ["b"]
    assert found["sending"] == []
    assert alone == found["quota"]
    reserved = alone["reserved"]
    assert (alone["limit"], alone["used"], alone["left"]) == (200, 50, 150 - reserved)
    assert reserved in range(0, 3 * 31 + 1, 3)  # three friends, each night that is left of the month


def test_what_the_brake_has_paused_waits_for_a_person(cloud: None) -> None:
    """A rule and a schedule, with where they are let go on; afterwards they wait no more."""
    api = an_api()
    base = an_account(api, shards=1)
    doc = {"name": "返事", "when": {"event": "messaged"}, "then": []}
    api.ok("PUT", f"{base}/rules/r", doc)
    everyone = {"name": "毎日", "every": {"time": "10:00"}, "audience": {"everyone": True}, "then": []}
    api.ok("PUT", f"{base}/schedules/s", everyone)
    for kind, id_ in (("rules", "r"), ("schedules", "s")):
        assert stops.pause("shop", kind, id_, "brake", "runaway")
    with seam.guarded(quota):
        needs = api.ok("GET", f"{base}/summary")["needs"]
        assert [(one["kind"], one["document"], one["name"]) for one in needs] == [
            ("runaway", "rules", "返事"),
            ("runaway", "schedules", "毎日"),
        ]
        for one in needs:
            api.ok("POST", f"{base}/{one['document']}/{one['id']}/resume", {})
        assert api.ok("GET", f"{base}/summary")["needs"] == []


def test_a_waterfall_shows_how_many_are_left_after_each_part(cloud: None) -> None:
    """In the order of the outermost ``all``, behind who follows; the last is the count."""
    api = an_api()
    base = a_shop_with_friends(api)
    dry, vip = {"attribute": {"id": "skin", "eq": "乾燥肌"}}, {"tag": "vip"}
    found = api.ok("POST", f"{base}/segments/count", {"condition": {"all": [dry, vip]}, "waterfall": True})
    assert found["count"] == 1
    assert [(line["path"], line["left"]) for line in found["waterfall"]] == [
        ("", 3),
        ("condition.all[0]", 2),
        ("condition.all[1]", 1),
    ]
    single = api.ok("POST", f"{base}/segments/count", {"condition": {"not": vip}, "waterfall": True})
    assert [line["left"] for line in single["waterfall"]] == [3, 2]
    assert "waterfall" not in api.ok("POST", f"{base}/segments/count", {"condition": vip})


def test_the_mirror_returns_the_same_waterfall(cloud: None) -> None:
    """Once there is a snapshot the table is read no more, whether a part asks for the status or not."""
    pytest.importorskip("duckdb")
    a_shop_with_friends(an_api())
    dry, vip = {"attribute": {"id": "skin", "eq": "乾燥肌"}}, {"tag": "vip"}
    asked = [{"all": [dry, vip]}, {"not": vip}, {"all": [vip, {"friend": {"status": "blocked"}}]}]
    by_table = [waterfall("shop", condition) for condition in asked]
    assert compaction.run("shop", 2).is_over
    with mock.patch.object(by_shard, "within", side_effect=AssertionError("the table was read")):
        assert [waterfall("shop", condition) for condition in asked] == by_table
    reader.forget_copies()


def test_the_mirror_returns_the_same_trend(cloud: None) -> None:
    """Who follows, who came and who blocked today, also of those who changed since the snapshot."""
    pytest.importorskip("duckdb")
    api = an_api()
    base = a_shop_with_friends(api)
    today = api.ok("GET", f"{base}/summary")["as_of"]
    rows = f"user_id,followed_at,status\nUd,{today},following\nUe,{today},blocked\n"
    with seam.guarded(outside):
        api.ok("POST", f"{base}/friends/import", rows, content_type="text/csv")
        assert work_off() == []
        by_table = api.ok("GET", f"{base}/summary")["friends"]
        assert compaction.run("shop", 2).is_over
        rows = f"user_id,followed_at\nUf,{today}\n"
        api.ok("POST", f"{base}/friends/import", rows, content_type="text/csv")
        assert work_off() == []
    with mock.patch.object(by_shard, "within", side_effect=AssertionError("the table was read")):
        found = api.ok("GET", f"{base}/summary?quick=true")["friends"]
    reader.forget_copies()
    assert found["following"] == by_table["following"] + 1
    assert found["blocked"] == by_table["blocked"] == 1
    assert found["days"][:-1] == by_table["days"][:-1]
    assert found["days"][-1]["followed"] == by_table["days"][-1]["followed"] + 1
    assert found["days"][-1]["blocked"] == by_table["days"][-1]["blocked"]


def wrote(base: str, api: Api, user: str, at: str) -> None:
    """A friend is known to have written."""
    from chalicelib.accounts.service import get_account
    from chalicelib.friends import store

    account = get_account(base.rpartition("/")[2])
    fact = {"count": 1, "first_at": at, "last_at": at, "days": {}}
    assert store.update_paths(account.id, account.shards, user, [(("facts", "messaged"), fact)])


def test_conversations_come_newest_first_and_are_unread_until_read(cloud: None) -> None:
    """What is read up to a moment is unread again when the friend writes later; marks filter."""
    api = an_api()
    base = a_shop_with_friends(api)
    assert api.ok("GET", f"{base}/conversations")["items"] == []
    for user, at in (("Ua", "2026-11-01T00:00:00.000Z"), ("Ub", "2026-11-02T00:00:00.000Z")):
        wrote(base, api, user, at)
    first = api.ok("GET", f"{base}/conversations?limit=1")
    assert [one["user_id"] for one in first["items"]] == ["Ub"]
    second = api.ok("GET", f"{base}/conversations?limit=1&cursor={first['next_cursor']}")
    assert [one["user_id"] for one in second["items"]] == ["Ua"]
    assert second["next_cursor"] is None
    change = {
        "read_at": "2026-11-02T09:00:00+09:00",
        "mark": "waiting",
        "note": "折り返し",
        "assignee": "佐藤",
    }
    done = api.ok("PATCH", f"{base}/conversations/Ub", change)
    assert (done["unread"], done["mark"], done["assignee"]) == (False, "waiting", "佐藤")
    assert [one["user_id"] for one in api.ok("GET", f"{base}/conversations?unread=true")["items"]] == ["Ua"]
    assert [one["user_id"] for one in api.ok("GET", f"{base}/conversations?mark=waiting")["items"]] == ["Ub"]
    wrote(base, api, "Ub", "2026-11-03T00:00:00.000Z")
    again = api.ok("PATCH", f"{base}/conversations/Ub", {"note": None})
    assert (again["unread"], again["note"], again["mark"]) == (True, None, "waiting")


def test_the_mirror_lists_the_same_conversations(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """By activity, page by page, also of who is active without writing; the table is read no more."""
    pytest.importorskip("duckdb")
    monkeypatch.setattr(list_api, "_AHEAD", 3)
    api = an_api()
    base = an_account(api, shards=2)
    rows = "user_id\n" + "".join(f"U{n:02}\n" for n in range(12))
    with seam.guarded(outside):
        api.ok("POST", f"{base}/friends/import", rows, content_type="text/csv")
        assert work_off() == []
    for n in range(10):
        at = f"2026-11-{1 + (7 * n) % 10:02}T00:00:00.000Z"
        wrote(base, api, f"U{n:02}", at)
        active = "2026-11-29T00:00:00.000Z" if n % 4 == 0 else at
        assert store.update_paths("shop", 2, f"U{n:02}", [(("last_active_at",), active)])
    api.ok("PATCH", f"{base}/conversations/U03", {"mark": "waiting"})
    by_table = listed(api, base)
    assert compaction.run("shop", 2).is_over
    with mock.patch.object(audience, "walk_shard", side_effect=AssertionError("the table was read")):
        assert listed(api, base) == by_table
        assert len(by_table) == 10
        assert listed(api, base, "&mark=waiting") == ["U03"]
        wrote(base, api, "U11", "2026-11-30T00:00:00.000Z")
        at = [(("last_active_at",), "2026-11-30T00:00:00.000Z")]
        assert store.update_paths("shop", 2, "U11", at)
        assert listed(api, base) == ["U11", *by_table]
    reader.forget_copies()


def test_of_many_friends_a_quick_look_is_the_snapshot_s(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who came since is not asked for, and it says so; the whole answer has them."""
    pytest.importorskip("duckdb")
    monkeypatch.setattr(reader, "FEW", 0)
    api = an_api()
    base = a_shop_with_friends(api)
    assert compaction.run("shop", 2).is_over
    with seam.guarded(outside):
        api.ok("POST", f"{base}/friends/import", "user_id\nUz\n", content_type="text/csv")
        assert work_off() == []
    found = [api.ok("GET", f"{base}/summary{more}")["friends"] for more in ("?quick=true", "")]
    assert [(one["following"], one["exact"]) for one in found] == [(3, False), (4, True)]
    looked = [api.ok("POST", f"{base}/friends/search", {"quick": quick}) for quick in (True, False)]
    assert [one["total"] for one in looked] == [{"low": 3, "high": 3}, {"count": 4}]
    assert [len(one["items"]) for one in looked] == [3, 4]
    reader.forget_copies()


def listed(api: Api, base: str, more: str = "") -> list[str]:
    """The ids of all conversations, in pages of two."""
    users, cursor = [], ""
    while True:
        found = api.ok("GET", f"{base}/conversations?limit=2{more}{cursor}")
        users += [one["user_id"] for one in found["items"]]
        if found["next_cursor"] is None:
            return users
        cursor = f"&cursor={found['next_cursor']}"


def test_conversations_refuse_what_they_do_not_know(cloud: None) -> None:
    """Unknown marks 400, unknown friends 404, a viewer's writes 403."""
    api = an_api()
    base = a_shop_with_friends(api)
    assert api.paths(400, "GET", f"{base}/conversations?mark=red") == ["mark"]
    assert api.paths(400, "PATCH", f"{base}/conversations/Ua", {"mark": "red"}) == ["mark"]
    api.refused(404, "PATCH", f"{base}/conversations/Unobody", {"mark": "done"})
    a_key(api, "viewer", "shop").refused(403, "PATCH", f"{base}/conversations/Ua", {"mark": "done"})


def test_a_schedule_is_taken_back_a_draft_copied_and_deleted(cloud: None) -> None:
    """Unscheduled, it is a draft that may be edited and sent; what may still send is not deleted."""
    api = an_api()
    base = a_shop_with_friends(api)
    api.ok("PUT", f"{base}/messages/m", {"name": "m", "messages": [{"type": "text", "text": "a"}]})
    body = {"name": "春", "audience": {"everyone": True}, "message": "m"}
    api.ok("PUT", f"{base}/broadcasts/b", body)
    api.refused(409, "POST", f"{base}/broadcasts/b/unschedule", {})
    api.ok("POST", f"{base}/broadcasts/b/schedule", {"every": {"time": "03:33"}})
    api.refused(409, "DELETE", f"{base}/broadcasts/b")
    editor = a_key(api, "editor", "shop")
    editor.refused(403, "POST", f"{base}/broadcasts/b/unschedule", {})
    back = api.ok("POST", f"{base}/broadcasts/b/unschedule", {})
    assert (back["status"], back["run"], back["every"]) == ("draft", None, None)
    with seam.guarded(quota):
        assert api.ok("GET", f"{base}/summary")["coming"] == []
    copy = editor.ok("POST", f"{base}/broadcasts/b/clone", {"id": "b2"})
    assert (copy["name"], copy["status"], copy["revision"]) == ("春", "draft", 1)
    editor.refused(409, "POST", f"{base}/broadcasts/b/clone", {"id": "b2"})
    assert editor.ok("DELETE", f"{base}/broadcasts/b") == {"id": "b", "deleted": True}
    api.refused(404, "GET", f"{base}/broadcasts/b")
    assert (
        api.ok("POST", f"{base}/broadcasts/b2/schedule", {"every": {"time": "03:33"}})["status"]
        == "scheduled"
    )
