"""The audit log: what a line shows and never shows, which lines are answered, and what a crash leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import audit
from chalicelib.accounts import service as accounts
from chalicelib.gateways import aws, clock, seam
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from tests.api_client import ADMIN_KEY, Api, a_key, an_account, an_api
from tests.integration.test_transfers_import import run_bulk

A = "/v1/accounts/shop"
TEXT = {"name": "m", "messages": [{"type": "text", "text": "{{ friend.display_name }}"}]}
RULE = {"name": "r", "when": {"event": "custom:x"}}


@pytest.fixture
def api(cloud: None) -> Api:
    api = an_api()
    an_account(api)
    return api


def items() -> list[dict[str, Any]]:
    """The lines as they are stored."""
    found = aws.client("dynamodb").scan(TableName=settings().table("control"))["Items"]
    return [item for item in found if item["sk"]["S"].startswith("AUDIT#")]


def newest(api: Api, query: str = "") -> dict[str, Any]:
    line: dict[str, Any] = api.ok("GET", f"{A}/audit?limit=1{query}")["items"][0]
    return line


def test_a_line_shows_what_differs(api: Api) -> None:
    """A new document whole, of a changed one the fields that differ, of a deleted one what it was."""
    api.ok("PUT", f"{A}/tags/vip", {"name": "VIP", "folder": "a"})
    made = newest(api)
    assert (made["action"], made["target"], made["outcome"]) == ("tags.put", "tags/vip", "done")
    assert (made.get("before"), made["after"]) == (None, {"name": "VIP", "folder": "a"})
    api.ok("PUT", f"{A}/tags/vip", {"name": "上客", "folder": "a"})
    assert newest(api)["before"] == {"name": "VIP"}
    assert newest(api)["after"] == {"name": "上客"}
    api.ok("PUT", f"{A}/tags/vip", {"name": "上客", "folder": "a"})
    assert {"before", "after"}.isdisjoint({n for n, v in newest(api).items() if v is not None})
    api.ok("DELETE", f"{A}/tags/vip")
    assert (newest(api)["action"], newest(api)["before"]["name"]) == ("tags.delete", "上客")
    api.ok("POST", f"{A}/catalog/apply", {"tags": {"a": {"name": "a"}, "b": {"name": "b"}}})
    assert newest(api)["after"] == {"tags/a": {"name": "a"}, "tags/b": {"name": "b"}}
    many = {f"t{n}": {"name": "x" * 90} for n in range(60)}
    api.ok("POST", f"{A}/catalog/apply", {"tags": many})
    assert newest(api)["after"]["changed"] == 60
    assert len(json.dumps(newest(api))) < 3_000
    api.ok("PUT", f"{A}/messages/m", TEXT)
    api.ok("PUT", f"{A}/broadcasts/b", {"name": "b", "audience": {"tag": "a"}, "message": "m"})
    assert (newest(api)["action"], newest(api)["after"]["audience"]) == ("broadcast.saved", {"tag": "a"})


def test_nothing_of_friends_and_no_secret_is_in_it(api: Api) -> None:
    """Names, answers, words, props, tokens, secrets and keys: none of what passes the doors is in a line."""
    word, token = "ひみつの言葉", "abc.AAAAAAAAAAAAAAAAAAAAAA"
    api.ok("PUT", A, {"name": "a", "channel_secret": "s3cr3t-one", "channel_access_token": "s3cr3t-two"})
    api.ok("PUT", f"{A}/attributes/skin", {"name": "skin", "type": "text"})
    api.ok("PUT", f"{A}/messages/m", TEXT)
    then = [{"call_webhook": {"url": "https://x.example/h", "secret": "s3cr3t-three"}}]
    api.ok("PUT", f"{A}/rules/r", {**RULE, "then": then})
    text = {"type": "text", "text": f"https://x.example/r/1?t={token} こちら"}
    api.ok("PUT", f"{A}/messages/linked", {"name": "m", "messages": [text]})
    csv = f"user_id,display_name,attribute.skin\nU1,{word},{word}\n"
    api.call("POST", f"{A}/friends/import", csv, content_type="text/csv")
    run_bulk()
    api.ok("PATCH", f"{A}/friends/U1", {"attributes": {"skin": word}})
    api.call("POST", f"{A}/friends/U1/messages", {"messages": [{"type": "text", "text": word}]})
    event = {"event_id": "e", "user_id": "U1", "type": "custom:x", "props": {"text": word}}
    api.ok("POST", f"{A}/events", event)
    order = {"order_id": "o", "user_id": "U1", "at": iso(clock.now()), "amount": 1, "items": []}
    api.ok("POST", f"{A}/purchases", order)
    made = api.ok("POST", "/v1/keys", {"name": "k", "role": "viewer", "account": "shop"})["key"]
    kept = json.dumps(items(), ensure_ascii=False)
    for never in (word, token, "s3cr3t", made, ADMIN_KEY):
        assert never not in kept, never
    assert audit.HIDDEN in kept
    assert "friends/U1" in kept
    assert "こちら" in kept


def test_lines_are_found(api: Api) -> None:
    """By account, key, action (or the beginning of actions) and time; in pages that go through all of it."""
    an_account(api, "other")
    editor = a_key(api, "editor", "shop")
    me = api.ok("GET", "/v1/keys")["items"][-1]["id"]
    editor.ok("PUT", f"{A}/tags/a", {"name": "a"})
    api.ok("PUT", "/v1/accounts/other/tags/a", {"name": "a"})
    everything = api.ok("GET", "/v1/audit?limit=200")["items"]
    assert [line["at"] for line in everything] == sorted((line["at"] for line in everything), reverse=True)
    assert len({line["request_id"] for line in everything}) == len(everything) == 5
    paged, cursor = [], ""
    while True:
        page = api.ok("GET", f"/v1/audit?limit=2{cursor}")
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert paged == everything
    shop = api.ok("GET", f"{A}/audit")["items"]
    assert shop == api.ok("GET", "/v1/audit?account=shop")["items"]
    assert {line["target"] for line in shop} == {"shop", "tags/a", me}
    for who in (me, f"key:{me}"):
        assert [line["action"] for line in api.ok("GET", f"{A}/audit?who={who}")["items"]] == ["tags.put"]
    assert [line["target"] for line in api.ok("GET", f"{A}/audit?action=tags")["items"]] == ["tags/a"]
    assert api.ok("GET", f"{A}/audit?action=tag")["items"] == []
    at = everything[1]["at"]
    later = api.ok("GET", f"/v1/audit?from={at}")["items"]
    earlier = api.ok("GET", f"/v1/audit?to={at}")["items"]
    assert (later, earlier) == (everything[:2], everything[2:])
    assert api.ok("GET", f"/v1/audit?from={iso(clock.now() + timedelta(days=1))}")["items"] == []
    assert api.paths(400, "GET", f"{A}/audit?from=yesterday") == ["from"]
    api.refused(404, "GET", "/v1/audit?account=nowhere")


def test_an_accounts_admin_reads_that_accounts_lines(api: Api) -> None:
    """What a key tries elsewhere stands in its own account's log, and in no other's."""
    an_account(api, "other")
    admin = a_key(api, "admin", "shop")
    admin.refused(403, "PUT", "/v1/accounts/other/tags/x", {"name": "x"})
    line = admin.ok("GET", "/v1/audit")["items"][0]
    assert (line["outcome"], line["target"]) == ("refused", "accounts/other/tags/x")
    assert admin.ok("GET", "/v1/audit") == admin.ok("GET", f"{A}/audit")
    admin.refused(403, "GET", "/v1/audit?account=other")
    others = api.ok("GET", "/v1/accounts/other/audit")["items"]
    assert [line["action"] for line in others] == ["account.created"]
    a_key(api, "publisher", "shop").refused(403, "GET", "/v1/audit")


def test_a_repeated_request_says_so(api: Api) -> None:
    """The first answer given again is a line of its own, and no second change."""
    for _ in range(2):
        api.ok("POST", f"{A}/catalog/apply", {"tags": {"a": {"name": "a"}}}, idempotency_key="k")
    assert [line["outcome"] for line in api.ok("GET", f"{A}/audit?limit=2")["items"]] == ["repeated", "done"]


class Crash(BaseException):
    pass


def test_no_change_without_a_line(api: Api) -> None:
    """Whatever call a save dies at, a change that was made has a line, asked or done; one that fails to be
    begun changes nothing, and one that fails to be ended does not take the answer away."""
    api.ok("GET", f"{A}/tags")
    for crossing in range(1, 30):
        target, n = f"t{crossing}", 0

        def die(_name: str, _detail: Mapping[str, Any], call: Callable[[], Any], at: int = crossing) -> Any:
            nonlocal n
            n += 1
            if n == at:
                raise Crash
            return call()

        with seam.guarded(die):
            try:
                api.ok("PUT", f"{A}/tags/{target}", {"name": "x"})
            except Crash:
                over = False
            else:
                over = True
        accounts._cache.clear()
        made = api.call("GET", f"{A}/tags/{target}").status_code == 200
        line = next(
            (i for i in api.ok("GET", f"{A}/audit")["items"] if i["target"] == f"tags/{target}"), None
        )
        assert line is not None or not made, crossing
        if over:
            assert line is not None
            assert line["outcome"] == "done"
            return
    raise AssertionError("a save that makes 30 calls")


@pytest.mark.parametrize(("call", "status"), [("PutItem", 500), ("UpdateItem", 201)])
def test_when_the_log_cannot_be_written(api: Api, call: str, status: int) -> None:
    """Not begun: nothing is done. Not ended: it is done, answered, and stays ``asked``."""

    def fails(name: str, detail: Mapping[str, Any], go: Callable[[], Any]) -> Any:
        if name == f"dynamodb:{call}" and "AUDIT#" in str(detail):
            raise RuntimeError("the log is not there")
        return go()

    with seam.guarded(fails):
        assert api.call("PUT", f"{A}/tags/a", {"name": "a"}).status_code == status
    assert api.call("GET", f"{A}/tags/a").status_code == (404 if status == 500 else 200)
    lines = [line for line in api.ok("GET", f"{A}/audit")["items"] if line["target"] == "tags/a"]
    assert [line["outcome"] for line in lines] == ([] if status == 500 else ["asked"])


def test_lines_end_by_age(api: Api) -> None:
    """Each is kept for the days of the setting."""
    begun = clock.now().timestamp() + (settings().audit_days - 1) * 86_400
    assert all(float(item["expires_at"]["N"]) > begun for item in items())
