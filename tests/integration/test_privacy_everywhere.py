"""After an erasure every table and every object is walked: only the named keepers know of the friend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import aws, clock, line, objects, seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service, workers
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from chalicelib.transfers import imports, uploads
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.integration.test_transfers_import import run_bulk, sqs_event
from tests.laptop import both_stores, laptop_store
from tests.reaction_builders import an_event
from tests.reasons_checked import words

__all__ = ["both_stores", "laptop_store"]

GONE = "Uerased0123456789"
OTHER = "Uother0123456789"
WORDS = ("山田秘密子", "ひみつの用事", "ひみつの住所", "ひみつの写真")
BASE = "/v1/accounts/shop"
CSV = f"user_id,display_name,attribute.area\n{GONE},山田秘密子,ひみつの住所\n{OTHER},太郎,横浜\n"
STAYS = {
    "friends": "the tombstone",
    "ledger": "that something was sent to this id, and what came of it",
    "control AUDIT#": "what staff did to this id",
}
"""docs/privacy.md says of each how long, and why."""


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    """An account with a rule that sends, and a LINE that takes everything."""

    def outside(name: str, detail: Any, call: Any) -> Any:
        if name == "line:content":
            return line.Content(404)
        if name.startswith("line:"):
            return None if name == "line:profile" else line.Answer(200, request_id="r")
        return call()

    with seam.guarded(outside):
        api = an_api()
        an_account(api, shards=4)
        api.ok("PUT", f"{BASE}/attributes/area", {"name": "area", "type": "text"})
        api.ok("PUT", f"{BASE}/attributes/skin", {"name": "s", "type": "choice", "choices": ["dry"]})
        messaged = {"name": "m", "messages": [{"type": "text", "text": "{{ event.text }}、了解です"}]}
        api.ok("PUT", f"{BASE}/messages/m", messaged | {"category": "transactional"})
        rule = {"name": "r", "when": {"event": "messaged"}, "then": [{"send": {"message": "m"}}]}
        api.ok("PUT", f"{BASE}/rules/r", rule)
        yield api


def found(*words: str) -> dict[str, list[str]]:
    """Where any of these words stand: by table (and kind of item), and by object."""
    places: dict[str, list[str]] = {}
    dynamodb = aws.client("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        short = table.removeprefix(settings().table(""))
        for item in dynamodb.scan(TableName=table)["Items"]:
            text = json.dumps(item, ensure_ascii=False, default=str)
            if any(word in text for word in words):
                kind = item["sk"]["S"].partition("#")[0] if short == "control" else ""
                places.setdefault(f"{short} {kind}#" if kind else short, []).append(text)
    for key in objects.keys(""):
        data = objects.find(key) or b""
        if any(word.encode(encoding) in data for word in words for encoding in ("utf-8", "utf-16-le")):
            places.setdefault("objects", []).append(key)
    return places


def send_all() -> None:
    for body in drain("sends"):
        deliveries.send_now(body["account"], body["run"], body["chunk"])


def an_old_life(api: Api) -> str:
    """Imports, an export, messages, wrong lines, an upload that nobody imported; returns the export's job."""
    bad = f"user_id,display_name,attribute.skin\n{GONE},x,ひみつの用事\n{OTHER},x,しめった\n"
    for text in (CSV, bad):
        api.call("POST", f"{BASE}/friends/import", text, content_type="text/csv")
    run_bulk()
    for name, user, text in (("e1", GONE, "ひみつの用事"), ("e2", OTHER, "やあ")):
        messaged = an_event(id=name, text=text)
        service.react(replace(messaged, user_id=user, at=iso(clock.now())))
    send_all()
    upload = api.ok("POST", f"{BASE}/uploads")["upload_id"]
    objects.put(uploads.upload_key("shop", upload), CSV.encode("utf-16"), "text/csv")
    job: str = api.ok("POST", f"{BASE}/exports")["job_id"]
    run_bulk()
    return job


def test_everywhere_is_walked(api: Api) -> None:
    """The friend's id stands with the named keepers only, their words nowhere; of others nothing is lost."""
    job = an_old_life(api)
    before = found(GONE, *WORDS)
    assert set(before) >= {"friends", "activities", "ledger", "control JOBERR#", "objects"}
    others = found(OTHER)["activities"]
    api.ok("DELETE", f"{BASE}/friends/{GONE}?erase=true")
    run_bulk()
    assert found(*WORDS) == {}
    left = found(GONE)
    assert set(left) <= set(STAYS), left
    assert len(left["friends"]) == 1
    assert found(OTHER)["activities"] == others
    body = api.ok("GET", f"{BASE}/jobs/{job}")
    assert body["result"]["url"] is None
    assert "erased" in words(body["result"])


def test_what_is_on_its_way_does_not_bring_the_friend_back(api: Api) -> None:
    """A chunk of wrong lines and an export that are worked on after the erasure say nothing of the friend."""
    api.call("POST", f"{BASE}/friends/import", CSV, content_type="text/csv")
    run_bulk()
    bad = f"user_id,attribute.skin\n{GONE},ひみつの用事\n"
    importing = api.call("POST", f"{BASE}/friends/import", bad, content_type="text/csv").json_body["job_id"]
    imports.work(drain("bulk")[0])
    chunks = drain("bulk")
    exporting = api.ok("POST", f"{BASE}/exports")["job_id"]
    *parts, last = drain("bulk")
    workers.bulk(sqs_event(parts), None)
    api.ok("DELETE", f"{BASE}/friends/{GONE}?erase=true")
    drain("bulk")
    for body in chunks:
        imports.work(body)
    for _ in range(2):
        workers.bulk(sqs_event([last]), None)
    JOBS["erase"].run({"account": "shop", "user": GONE, "at": iso(clock.now())}, 1)
    assert found(*WORDS) == {}
    assert set(found(GONE)) <= set(STAYS)
    (error,) = api.ok("GET", f"{BASE}/jobs/{importing}")["errors"]
    assert (error["message"], error["message_ja"]) == ("this friend was erased", "この友だちは消去されました")
    assert api.ok("GET", f"{BASE}/jobs/{exporting}")["state"] == "done"


def test_an_export_after_the_erasure_stays(api: Api) -> None:
    """The second look, five minutes later, takes only what was asked for before."""
    an_old_life(api)
    api.ok("DELETE", f"{BASE}/friends/{GONE}?erase=true")
    run_bulk()
    job = api.ok("POST", f"{BASE}/exports")["job_id"]
    run_bulk()
    JOBS["erase"].run({"account": "shop", "user": GONE, "at": iso(clock.now())}, 1)
    url = api.ok("GET", f"{BASE}/jobs/{job}")["result"]["url"]
    assert url.startswith("http")


def test_an_import_that_waits_for_long_has_to_come_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file names the friend: five minutes after the erasure it is gone, and the job says why."""
    assert api.call("POST", f"{BASE}/friends/import", CSV, content_type="text/csv")
    run_bulk()
    job = api.call("POST", f"{BASE}/friends/import", CSV, content_type="text/csv").json_body["job_id"]
    (cut,) = drain("bulk")
    api.ok("DELETE", f"{BASE}/friends/{GONE}?erase=true")
    assert list(objects.keys("imports/"))
    monkeypatch.setattr(imports, "_SPLIT_WITHIN", imports._SPLIT_WITHIN * 0)
    JOBS["erase"].run({"account": "shop", "user": GONE, "at": iso(clock.now())}, 1)
    assert list(objects.keys("imports/")) == []
    imports.work(cut)
    body = api.ok("GET", f"{BASE}/jobs/{job}")
    assert body["state"] == "failed"
    assert "import it again" in body["errors"][0]["message"]


def test_an_answer_that_names_the_friend_is_not_given_again(api: Api) -> None:
    """The same request is not carried out twice for it; one that names nobody is answered as before."""
    api.call("POST", f"{BASE}/friends/import", CSV, content_type="text/csv")
    run_bulk()
    condition = {"condition": {"tag": "nobody"}}
    api.ok("PUT", f"{BASE}/tags/nobody", {"name": "n"})
    named = {"user_id": GONE, "event_id": GONE, "type": "custom:seen", "props": {}}
    answer = api.ok("POST", f"{BASE}/events", named, idempotency_key="one")
    other = api.ok("POST", f"{BASE}/segments/count", condition, idempotency_key="two")
    assert GONE in json.dumps(answer)
    api.ok("DELETE", f"{BASE}/friends/{GONE}?erase=true")
    run_bulk()
    assert "control IDEM#" not in found(GONE)
    error = api.refused(409, "POST", f"{BASE}/events", named, idempotency_key="one")
    assert "erased" in error["message"]
    assert api.ok("POST", f"{BASE}/segments/count", condition, idempotency_key="two") == other
