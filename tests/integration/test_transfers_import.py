"""Importing, exporting and editing friends through the HTTP application and the queue handlers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.friends import store
from chalicelib.gateways import aws, line, seam
from chalicelib.reaction import workers
from chalicelib.shared.settings import settings
from chalicelib.sheets.model import new_sheet
from chalicelib.timeline import service as activities
from chalicelib.transfers import imports, uploads
from tests.api_client import a_key, an_account, an_api
from tests.conftest import drain
from tests.strategies import ATTRIBUTES

AT = "2026-11-20T00:00:00.000Z"


@pytest.fixture
def shop(cloud, monkeypatch):
    """An API client and the path of an account with documents."""
    api = an_api()
    base = an_account(api, shards=4)
    documents = {
        **{("tags", tag): {"name": tag} for tag in ("vip", "dry")},
        ("scores", "interest"): {"name": "Interest", "half_life": "7d", "max": 50, "thresholds": []},
        **{("attributes", attribute): body for attribute, body in ATTRIBUTES.items()},
    }
    catalog.save(
        "shop", [catalog.Write(*key, body) for key, body in documents.items()], lambda _: None, "test"
    )
    monkeypatch.setattr(line, "profile", lambda _token, _user: None)
    return api, base


def sqs_event(bodies):
    import json

    records = [
        {
            "messageId": str(n),
            "receiptHandle": str(n),
            "body": json.dumps(body),
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "0", "SenderId": "x",
                "ApproximateFirstReceiveTimestamp": "0", "MessageGroupId": "g", "SequenceNumber": str(n),
            },
            "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:ap-northeast-1:123456789012:q", "awsRegion": "ap-northeast-1",
        }
        for n, body in enumerate(bodies)
    ]  # fmt: skip
    return {"Records": records}


def run_bulk(handler=workers.bulk, queue="bulk"):
    """Let the handler work until its queue is empty; returns every body it got."""
    done = []
    while bodies := drain(queue):
        answer = handler(sqs_event(bodies), None)
        assert answer["batchItemFailures"] == []
        done += bodies
    return done


def run_inbox():
    return run_bulk(workers.react, "inbox")


def an_import(api, base, text, query=""):
    answer = api.call("POST", f"{base}/friends/import{query}", text, content_type="text/csv")
    assert answer.status_code == 202, answer.body
    return answer.json_body["job_id"]


HEADER = "user_id,display_name,followed_at,status,source,member_id,tags,score.interest,attribute.skin"
CSV = f"""{HEADER},attribute.likes,attribute.member
U1,花子,2026-01-02T10:00:00+09:00,,poster,m1,vip|dry@2026-02-01T00:00:00Z,7,dry,hair|spa,true
U2,"二,郎",,blocked,,,,,,,
U3,,,,,,nope,,,,

U4,,,,,,,many,,,
U5,,yesterday,,,,,,,,
,,,,,,vip,,,,
U6,a,b,c,d,e,f,g,h,i,j,k
U7,,,,,,,60,,,false
"""


def test_an_import_applies_good_lines_and_names_bad_ones(shop):
    """Each line stands alone; the job counts data lines and every error has its line and a reason."""
    api, base = shop
    job = an_import(api, base, CSV)
    assert api.ok("GET", f"{base}/jobs/{job}")["state"] == "running"
    run_bulk()
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["state"], body["done"], body["total"]) == ("done", 8, 8)
    assert [(e["line"], e["message"].split()[0]) for e in body["errors"]] == [
        (4, "tags:"), (6, "score.interest:"), (7, "followed_at:"), (8, "user_id:"), (9, "has"),
    ]  # fmt: skip
    one = api.ok("GET", f"{base}/friends/U1")
    assert one["status"] == "following"
    assert (one["display_name"], one["member_id"]) == ("花子", "m1")
    assert one["followed_at"] == "2026-01-02T01:00:00.000Z"
    assert one["source"] == {"first": "poster", "latest": "poster"}
    assert one["tags"]["dry"] == {"since": "2026-02-01T00:00:00.000Z", "by": f"import:{job}"}
    assert one["attributes"] == {"skin": "dry", "likes": ["hair", "spa"], "member": True}
    assert one["scores"]["interest"]["raw"] == 7.0
    assert one["facts"] == {}
    assert one["stage"] == "prospect"
    two = api.ok("GET", f"{base}/friends/U2")
    assert (two["status"], two["display_name"]) == ("blocked", "二,郎")
    assert api.ok("GET", f"{base}/friends/U7")["scores"]["interest"]["raw"] == 50.0
    for missing in ("U3", "U4", "U5", "U6"):
        api.refused(404, "GET", f"{base}/friends/{missing}")
    timeline = api.ok("GET", f"{base}/friends/U1/activities")["items"]
    assert [(a["type"], a["props"]["line"]) for a in timeline] == [("imported", 2)]
    assert {change["type"] for change in timeline[0]["changes"]} >= {
        "tag_added",
        "score_changed",
        "attribute_set",
    }


def forget_mark(job):
    """As if the process had ended just before the job's only chunk was marked."""
    group = {"pk": {"S": "shop"}, "sk": {"S": f"JOB#{job}#G0"}}
    aws.client("dynamodb").delete_item(TableName=settings().table("control"), Key=group)


def test_importing_twice_changes_nothing(shop):
    """The same messages again: same sheets, same counts; the same file again: no activities."""
    api, base = shop
    job = an_import(api, base, CSV)
    bodies = run_bulk()
    before = store.load("shop", 4, "U1")
    api.ok("PATCH", f"{base}/friends/U1", {"scores": {"add": {"interest": 5}}})
    run_inbox()
    workers.bulk(sqs_event(bodies), None)
    chunk = next(body for body in bodies if "rows" in body)
    forget_mark(job)
    imports.apply_rows(chunk, receive_count=2)
    after = store.load("shop", 4, "U1")
    assert after["scores"]["interest"]["value"] == pytest.approx(12, abs=0.01)
    assert after["tags"] == before["tags"]
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["done"], len(body["errors"])) == (8, 5)
    drain("bulk")
    an_import(api, base, "user_id,tags\nU1,vip\n")
    run_bulk()
    assert len(activities.recent("shop", "U1", 10)[0]) == 2


class Crash(Exception):
    """The process is gone."""


@pytest.mark.parametrize("after_the_call", [False, True])
def test_an_import_survives_a_crash_at_every_step(shop, after_the_call):
    """Stopped at any call, before or after it, and delivered again: same sheets, exact counts."""
    api, base = shop
    for step in range(40):
        users = [f"S{step}-{n}" for n in range(3)]
        job = an_import(api, base, "user_id,tags\n" + "".join(f"{u},vip\n" for u in users) + ",\nX,nope\n")
        imports.work(drain("bulk")[0])
        (chunk,) = drain("bulk")
        crossings = []

        def guard(name, _detail, call, step=step, crossings=crossings):
            if not name.startswith("dynamodb:"):
                return call()
            crossings.append(name)
            if len(crossings) == step + 1:
                if after_the_call:
                    call()
                raise Crash
            return call()

        crashed = False
        with seam.guarded(guard):
            try:
                imports.work(chunk, 1)
            except Crash:
                crashed = True
        imports.work(chunk, 2)
        body = api.ok("GET", f"{base}/jobs/{job}")
        assert (body["state"], body["done"], body["total"], len(body["errors"])) == ("done", 4, 4, 1)
        for user in users:
            sheet = store.load("shop", 4, user)
            assert (set(sheet["tags"]), sheet["rev"]) == ({"vip"}, 1)
            assert len(activities.recent("shop", user, 10)[0]) == 1, (step, crossings)
        if not crashed:
            break
    assert not crashed
    assert step > 8


def test_an_import_meets_an_engine_that_writes_at_the_same_time(shop):
    """Somebody else's write between read and write: both stand."""
    api, base = shop
    store.create_or_update("shop", 4, "U1", None, new_sheet("shop", "U1", AT), None)
    an_import(api, base, "user_id,tags\nU1,vip\n")
    raced = []

    def guard(name, detail, call):
        if name == "dynamodb:UpdateItem" and not raced and detail["Key"]["sk"] == {"S": "U1"}:
            raced.append(name)
            before = store.load("shop", 4, "U1")
            after = {**before, "language": "ja"}
            assert store.create_or_update("shop", 4, "U1", before, after, before["rev"])
        return call()

    with seam.guarded(guard):
        run_bulk()
    found = store.load("shop", 4, "U1")
    assert (found["language"], list(found["tags"]), found["rev"]) == ("ja", ["vip"], 3)


def test_later_lines_of_a_friend_win_wherever_they_are(shop):
    """Lines of one friend stay in one chunk, in their order."""
    api, base = shop
    lines = ["U0,first", *(f"U{n},x" for n in range(1, 150)), "U0,last"]
    an_import(api, base, "user_id,attribute.area\n" + "\n".join(lines) + "\n")
    run_bulk()
    assert store.load("shop", 4, "U0")["attributes"]["area"] == "last"


def test_what_line_reports_decides_over_an_assumed_follow(shop):
    """A new id is assumed to follow; a block from before the import that arrives late still counts."""
    api, base = shop
    an_import(api, base, "user_id\nU1\n")
    run_bulk()
    sheet = store.load("shop", 4, "U1")
    assert (sheet["status"], sheet["status_at"], sheet["followed_at"]) == ("following", None, None)


WRONG_HEADERS = [
    ("", 400, "header"),
    ("display_name\nx\n", 400, "header.user_id"),
    ("user_id,user_id\nx,y\n", 400, "header.user_id"),
    ("user_id,area\nx,y\n", 400, "header.area"),
    ("user_id,score.nope\nx,1\n", 422, "header.score.nope"),
    ("user_id,attribute.nope\nx,1\n", 422, "header.attribute.nope"),
    ('user_id\n"x\n', 400, "line 2"),
]


def test_a_header_that_cannot_work_is_refused_at_once(shop):
    """Before any job is made."""
    api, base = shop
    for text, status, path in WRONG_HEADERS:
        error = api.refused(status, "POST", f"{base}/friends/import", text, content_type="text/csv")
        assert path in [detail["path"] for detail in error["details"]], text
    assert drain("bulk") == []


def test_unknown_columns_become_attributes_when_asked(shop):
    """``?unknown=attribute`` makes text attributes of columns that are none yet."""
    api, base = shop
    an_import(api, base, "user_id,area,shoe-size\nU1,横浜,25\n", "?unknown=attribute")
    run_bulk()
    assert api.ok("GET", f"{base}/friends/U1")["attributes"] == {"area": "横浜", "shoe-size": "25"}
    assert api.ok("GET", f"{base}/attributes/shoe-size")["type"] == "text"


def test_rules_fire_only_when_asked(shop):
    """With fire=true each line goes through the engine once, and its facts trigger rules."""
    api, base = shop
    rule = {"name": "r", "when": {"event": "tag_added"}, "then": [{"add_tag": "dry"}]}
    api.ok("PUT", f"{base}/rules/on-tag", rule)
    an_import(api, base, "user_id,tags\nU1,vip\n")
    an_import(api, base, "user_id,tags\nU2,vip\n", "?fire=true")
    bodies = run_bulk()
    workers.bulk(sqs_event(bodies), None)
    assert set(store.load("shop", 4, "U1")["tags"]) == {"vip"}
    assert set(store.load("shop", 4, "U2")["tags"]) == {"vip", "dry"}
    assert [a["type"] for a in activities.recent("shop", "U2", 10)[0]] == ["imported"]


def test_an_import_costs_two_writes_a_friend(shop):
    """An import does not crawl: three messages after cutting, a handful of calls per friend."""
    api, base = shop
    lines = "".join(f"U{n:03d},name {n},vip,3\n" for n in range(300))
    calls = []

    def guard(name, detail, call):
        calls.append(name)
        return call()

    job = an_import(api, base, "user_id,display_name,tags,score.interest\n" + lines)
    with seam.guarded(guard):
        bodies = run_bulk()
    assert len(bodies) == 4
    assert sum(name == "dynamodb:PutItem" for name in calls) <= 300 * 2 + 3
    assert sum(name.startswith("dynamodb:") for name in calls) <= 300 * 2 + 40
    assert api.ok("GET", f"{base}/jobs/{job}")["done"] == 300


def test_a_large_file_goes_through_an_upload(shop):
    """POST /uploads gives a URL for PUT; the import names the upload."""
    api, base = shop
    upload = api.ok("POST", f"{base}/uploads")
    assert upload["url"].startswith("http")
    api.refused(400, "POST", f"{base}/friends/import", {"upload_id": upload["upload_id"]})
    from chalicelib.gateways import objects

    objects.put(uploads.upload_key("shop", upload["upload_id"]), "\ufeffuser_id\nU1\n".encode(), "text/csv")
    api.ok("POST", f"{base}/friends/import", {"upload_id": upload["upload_id"]})
    run_bulk()
    api.ok("GET", f"{base}/friends/U1")


def test_an_export_is_a_file_that_imports_alike(shop):
    """Every friend once, every shard; importing the file again changes nothing."""
    api, base = shop
    an_import(api, base, CSV)
    run_bulk()
    job = api.ok("POST", f"{base}/exports")["job_id"]
    bodies = run_bulk()
    workers.bulk(sqs_event(bodies[:1]), None)
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["state"], body["result"]["rows"]) == ("done", 3)
    assert body["result"]["url"].startswith("http")
    from chalicelib.gateways import objects

    text = objects.find(body["result"]["key"]).decode()
    assert len(text.splitlines()) == 4
    before = {user: store.load("shop", 4, user) for user in ("U1", "U2", "U7")}
    an_import(api, base, text)
    run_bulk()
    for user, sheet in before.items():
        found = store.load("shop", 4, user)
        assert found["tags"].keys() == sheet["tags"].keys()
        assert {k: v for k, v in found.items() if k in {"attributes", "followed_at", "display_name"}} == {
            k: v for k, v in sheet.items() if k in {"attributes", "followed_at", "display_name"}
        }


def test_an_export_has_scores_as_they_are(shop, monkeypatch):
    """A score that has decayed since is written decayed: imported again, it has not grown young."""
    from chalicelib.gateways import clock, objects

    api, base = shop
    api.ok("PUT", f"{base}/scores/warmth", {"name": "w", "half_life": "1h"})
    an_import(api, base, "user_id,score.warmth\nU1,8\n")
    run_bulk()
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=2))
    job = api.ok("POST", f"{base}/exports")["job_id"]
    run_bulk()
    text = objects.find(api.ok("GET", f"{base}/jobs/{job}")["result"]["key"]).decode()
    header, row = [line.split(",") for line in text.splitlines()]
    assert float(row[header.index("score.warmth")]) == pytest.approx(2, abs=0.01)


def test_erasing_leaves_a_tombstone_that_late_events_do_not_lift(shop):
    """No sheet, no timeline; a late event and an import change nothing."""
    api, base = shop
    an_import(api, base, "user_id,display_name,tags\nU1,花子,vip\n")
    run_bulk()
    assert api.paths(400, "DELETE", f"{base}/friends/U1") == ["erase"]
    full = api.ok("GET", f"{base}/friends/U1/export")
    assert (full["friend"]["display_name"], len(full["activities"])) == ("花子", 1)
    api.ok("PATCH", f"{base}/friends/U1", {"tags": {"add": ["dry"]}})
    api.ok("DELETE", f"{base}/friends/U1?erase=true")
    run_inbox()
    job = an_import(api, base, "user_id,tags\nU1,vip\n")
    run_bulk()
    assert "erased" in api.ok("GET", f"{base}/jobs/{job}")["errors"][0]["message"]
    friend = api.ok("GET", f"{base}/friends/U1")
    assert (friend["status"], friend["tags"], friend["display_name"]) == ("erased", {}, None)
    assert api.ok("GET", f"{base}/friends/U1/activities")["items"] == []
    api.refused(409, "PATCH", f"{base}/friends/U1", {})
    api.refused(404, "DELETE", f"{base}/friends/U9?erase=true")


def test_roles_and_accounts_are_kept_apart(shop):
    """A viewer reads; another account's key may nothing."""
    api, base = shop
    an_account(api, "other")
    viewer, stranger = a_key(api, "viewer", "shop"), a_key(api, "admin", "other")
    viewer.ok("GET", f"{base}/friends")
    viewer.refused(403, "PATCH", f"{base}/friends/U1", {})
    viewer.refused(403, "POST", f"{base}/friends/import", "user_id\n", content_type="text/csv")
    stranger.refused(403, "GET", f"{base}/friends")
    job = an_import(api, base, "user_id\n")
    assert api.ok("GET", f"{base}/jobs/{job}")["state"] == "done"
    api.refused(404, "GET", f"/v1/accounts/other/jobs/{job}")
