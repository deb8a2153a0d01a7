"""Segments over HTTP: counting, explaining, listing, and deleting one in use."""

from __future__ import annotations

import pytest

from chalicelib.friends import store
from chalicelib.gateways import seam
from chalicelib.jobs import service as jobs
from chalicelib.segments import audience, by_shard, service
from chalicelib.sheets.model import new_sheet
from tests.api_client import a_key, an_account, an_api
from tests.conftest import drain

AT = "2026-11-20T00:00:00.000Z"
DRY = {"all": [{"tag": "dry"}, {"score": {"id": "interest", "gte": 3}}]}


@pytest.fixture
def shop(cloud):
    """An account of 30 friends: dry every second, interest = number mod 10; every fifth has blocked."""
    api = an_api()
    base = an_account(api, shards=4)
    api.ok("PUT", f"{base}/tags/dry", {"name": "dry"})
    api.ok("PUT", f"{base}/scores/interest", {"name": "Interest"})
    for n in range(30):
        a_friend("shop", f"U{n:02d}", n)
    return api, base


def a_friend(account, user, n):
    sheet = new_sheet(account, user, AT)
    sheet["status"] = "blocked" if n % 5 == 0 else "following"
    sheet["display_name"] = f"Friend {n}"
    if n % 2 == 0:
        sheet["tags"]["dry"] = {"since": AT, "by": "rule:r", "at": AT}
    sheet["scores"]["interest"] = {"value": float(n % 10), "at": AT}
    store.create_or_update(account, 4, user, None, sheet, None)


WANTED = {f"U{n:02d}" for n in range(30) if n % 5 and n % 2 == 0 and n % 10 >= 3}


def test_counting_is_exact(shop):
    """Followers only, unless a status is asked for."""
    api, base = shop
    answer = api.ok("POST", f"{base}/segments/count", {"condition": DRY})
    assert (answer["count"], answer["exact"]) == (len(WANTED), True)
    assert answer["as_of"].endswith("Z")

    def count(condition):
        return api.ok("POST", f"{base}/segments/count", {"condition": condition})["count"]

    assert count({"everyone": True}) == 24
    assert count({"friend": {"status": "blocked"}}) == 6
    assert count({"any": [{"friend": {"status": "blocked"}}, {"everyone": True}]}) == 30
    assert count({"all": [{"tag": "dry"}, {"not": {"tag": "dry"}}]}) == 0


def test_a_segment_is_counted_listed_and_held_by_its_users(shop):
    """By id; a segment that another names cannot be deleted, and its users are told."""
    api, base = shop
    api.ok("PUT", f"{base}/segments/dry-lovers", {"name": "Dry", "condition": DRY})
    api.ok("PUT", f"{base}/segments/outer", {"name": "O", "condition": {"segment": "dry-lovers"}})
    assert api.ok("GET", f"{base}/segments/dry-lovers/count")["count"] == len(WANTED)
    assert api.ok("GET", f"{base}/segments/outer/count")["count"] == len(WANTED)
    api.refused(404, "GET", f"{base}/segments/nope/count")
    assert "segments.outer.condition.segment" in api.paths(422, "DELETE", f"{base}/segments/dry-lovers")
    circle = {"name": "D", "condition": {"segment": "outer"}}
    assert "condition.segment" in api.paths(422, "PUT", f"{base}/segments/dry-lovers", circle)
    assert api.paths(422, "DELETE", f"{base}/tags/dry")
    bundle = {"segments": {"count": {"name": "C", "condition": DRY}}}
    assert api.paths(422, "POST", f"{base}/catalog/apply", bundle) == ["segments.count.id"]
    api.refused(400, "PUT", f"{base}/segments/bad", {"name": "B", "condition": {"tagg": "dry"}})

    listed, cursor = set(), ""
    while cursor is not None:
        page = api.ok("GET", f"{base}/friends?segment=outer&limit=3{cursor and '&cursor=' + cursor}")
        assert len(page["items"]) <= 3
        assert not listed & {f["user_id"] for f in page["items"]}
        listed |= {f["user_id"] for f in page["items"]}
        cursor = page["next_cursor"]
    assert listed == WANTED


def test_friends_are_listed_by_tag_and_name(shop):
    """All statuses without a segment; unknown filters and broken cursors are refused."""
    api, base = shop

    def names(query):
        return {f["user_id"] for f in api.ok("GET", f"{base}/friends?limit=200{query}")["items"]}

    assert len(names("")) == 30
    assert names("&tag=dry") == {f"U{n:02d}" for n in range(0, 30, 2)}
    assert names("&q=friend%207") == {"U07"}
    assert names("&q=u2") == {f"U{n}" for n in range(20, 30)}
    assert names("&q=nobody") == set()
    assert names("&q=%EF%BC%A6riend%20%EF%BC%97") == {"U07"}
    api.refused(422, "GET", f"{base}/friends?tag=nope")
    api.refused(422, "GET", f"{base}/friends?segment=nope")
    api.refused(400, "GET", f"{base}/friends?cursor=zzz")
    api.refused(400, "GET", f"{base}/friends?limit=0")


def test_explaining_shows_truth_and_values(shop):
    """The tree for one friend; 404 for one never seen; a friend who blocked is not looked at."""
    api, base = shop
    body = {"condition": DRY, "user_id": "U02"}
    answer = api.ok("POST", f"{base}/segments/explain", body)
    assert (answer["matches"], answer["looked_at"]) == (False, True)
    tag, score = answer["tree"]["children"]
    assert (tag["kind"], tag["value"], tag["seen"]) == ("tag", True, AT)
    assert (score["kind"], score["value"], score["seen"]) == ("score", False, 2)
    blocked = api.ok("POST", f"{base}/segments/explain", {"condition": {"tag": "dry"}, "user_id": "U10"})
    assert (blocked["matches"], blocked["tree"]["value"], blocked["looked_at"]) == (False, True, False)
    api.refused(404, "POST", f"{base}/segments/explain", {"condition": DRY, "user_id": "U99"})
    wrong = {"condition": {"all": [{"tag": "nope"}]}, "user_id": "U02"}
    assert api.paths(422, "POST", f"{base}/segments/explain", wrong) == ["condition.all[0].tag"]
    for user in (f"U{n:02d}" for n in range(30)):
        answer = api.ok("POST", f"{base}/segments/explain", {"condition": DRY, "user_id": user})
        assert answer["matches"] is (user in WANTED)


def test_a_count_that_takes_too_long_becomes_a_job(shop, monkeypatch):
    """202 with an interval that holds the truth, and a job whose result is the exact answer."""
    api, base = shop
    monkeypatch.setattr(service, "SYNCHRONOUS_S", 0)
    monkeypatch.setattr(by_shard, "_THREADS", 1)
    answer = api.call("POST", f"{base}/segments/count", {"condition": DRY})
    assert answer.status_code == 202
    estimate = answer.json_body["estimate"]
    assert estimate["low"] <= len(WANTED) <= estimate["high"]
    job = answer.json_body["job_id"]
    bodies = drain("bulk")
    assert len(bodies) == 4
    for body in bodies[:3]:
        service.work(body)
        service.work(body)
    assert api.ok("GET", f"{base}/jobs/{job}")["state"] == "running"
    service.work(bodies[3])
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["state"], body["result"]["count"], body["result"]["exact"]) == ("done", len(WANTED), True)


def test_a_job_without_its_result_is_not_done(shop):
    """All chunks there and the adding up lost: any chunk's message again finishes it."""
    job = service.start_count("shop", DRY, _now(), "test")
    bodies = drain("bulk")
    for body in bodies:
        service.work(body)
    jobs.JobItem("shop", f"JOB#{job}").update([jobs.JobItem.result.remove()])
    assert jobs.get("shop", job).state == "running"
    service.work(bodies[0])
    assert jobs.get("shop", job).result["count"] == len(WANTED)


def _now():
    from chalicelib.gateways import clock

    return clock.now()


def test_reading_a_shard_pages_through_everybody_once(shop):
    """Whole sheets as the store knows them; pages follow one another; a projection holds what was asked."""
    seen = []
    for shard in range(4):
        after = None
        while True:
            sheets, after = audience.read_shard("shop", shard, after, limit=3)
            seen += sheets
            if after is None:
                break
    assert sorted(s["user_id"] for s in seen) == [f"U{n:02d}" for n in range(30)]
    assert all(sheet == store.load("shop", 4, sheet["user_id"]) for sheet in seen)
    part, _ = audience.read_shard("shop", 0, needs={"tags"})
    assert {frozenset(sheet) for sheet in part} == {frozenset({"account", "user_id", "status", "tags"})}
    store.erase("shop", 4, "U01", AT)
    assert "U01" not in {s["user_id"] for n in range(4) for s in audience.read_shard("shop", n)[0]}


def test_nothing_crosses_accounts(shop):
    """Friends of another account are neither counted, listed nor explained, whatever the condition."""
    api, base = shop
    other = an_account(api, "shop2", shards=4)
    api.ok("PUT", f"{other}/tags/dry", {"name": "dry"})
    a_friend("shop2", "V1", 4)
    read = []

    def guard(name, detail, call):
        if name == "dynamodb:Query" and "friends" in detail["TableName"]:
            read.append(detail["ExpressionAttributeValues"][":pk"]["S"])
        return call()

    with seam.guarded(guard):
        condition = {"not": {"friend": {"status": "unknown"}}}
        assert api.ok("POST", f"{other}/segments/count", {"condition": condition})["count"] == 1
        assert [f["user_id"] for f in api.ok("GET", f"{other}/friends")["items"]] == ["V1"]
    assert {pk.removesuffix("#beside") for pk in read} == {f"shop2#{n}" for n in range(4)}
    api.refused(404, "POST", f"{other}/segments/explain", {"condition": {"tag": "dry"}, "user_id": "U02"})
    a_key(api, "admin", "shop2").refused(403, "POST", f"{base}/segments/count", {"condition": {"tag": "dry"}})
