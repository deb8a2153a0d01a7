"""API keys: when they were used last, and how they get a new text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import keys, service
from chalicelib.gateways import clock, seam
from chalicelib.shared.errors import RuleViolation
from chalicelib.shared.times import parse_iso
from tests.api_client import Api, a_key, an_account, an_api

SHOWN = ("id", "name", "role", "account", "created_by")


@contextmanager
def later(by: timedelta) -> Iterator[list[str]]:
    """The clock of this block is late by so much; returns the DynamoDB calls that write."""
    writes: list[str] = []

    def shift(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name in {"dynamodb:UpdateItem", "dynamodb:PutItem"} and "KEY#" in str(detail):
            writes.append(name)
        return call() + by if name == "clock:now" else call()

    with seam.guarded(shift):
        yield writes


def the_key(admin: Api, key_id: str) -> list[dict[str, Any]]:
    return [key for key in admin.ok("GET", "/v1/keys")["items"] if key["id"] == key_id]


def test_last_use_is_noted_every_ten_minutes(cloud: None) -> None:
    """One small write per key in that time, whatever is asked; what is not used has none."""
    admin = an_api()
    made = admin.ok("POST", "/v1/keys", {"name": "k", "role": "viewer"})
    assert the_key(admin, made["id"])[0]["last_used_at"] is None
    used = Api(made["key"])
    used.ok("GET", "/v1/accounts")
    first = the_key(admin, made["id"])[0]["last_used_at"]
    assert timedelta() <= clock.now() - parse_iso(first) < timedelta(minutes=1)
    with later(timedelta(minutes=9)) as writes:
        used.ok("GET", "/v1/accounts")
        assert writes == []
    with later(timedelta(minutes=11)) as writes:
        for _ in range(3):
            used.ok("GET", "/v1/accounts")
        assert writes == ["dynamodb:UpdateItem"]
        assert the_key(admin, made["id"])[0]["last_used_at"] > first


def test_noting_the_use_is_never_in_the_way(cloud: None) -> None:
    """A write that fails fails no request; a key that is deleted meanwhile is not made again by it."""
    admin = an_api()
    made = admin.ok("POST", "/v1/keys", {"name": "k", "role": "viewer"})

    def fails(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name == "dynamodb:UpdateItem" and "last_used_at" in str(detail):
            raise RuntimeError("throttled")
        return call()

    with seam.guarded(fails):
        Api(made["key"]).ok("GET", "/v1/accounts")
    found = keys.key_store.find_key(keys.key_hash(made["key"]))
    assert found is not None
    admin.ok("DELETE", f"/v1/keys/{made['id']}")
    keys.key_store.note_use(found.hash, clock.now())
    keys.key_store.end_key(found.hash, clock.now())
    assert keys.key_store.find_key(found.hash) is None


def test_a_rotated_key_is_the_same_key_with_another_text(cloud: None) -> None:
    """Both texts are taken until the grace ends, then the new one alone; who it is stays the same."""
    admin = an_api()
    base = an_account(admin)
    made = admin.ok("POST", "/v1/keys", {"name": "CRM", "role": "editor", "account": "shop"})
    fresh = admin.ok("POST", f"/v1/keys/{made['id']}/rotate", {"grace": "1h"})
    assert (fresh["id"], fresh["key"] != made["key"]) == (made["id"], True)
    old, new = the_key(admin, made["id"])
    assert {name: old[name] for name in SHOWN[:4]} == {name: new[name] for name in SHOWN[:4]}
    assert (old["expires_at"], new["expires_at"]) == (fresh["previous_expires_at"], None)
    for number, text in enumerate((made["key"], fresh["key"])):
        Api(text).ok("PUT", f"{base}/tags/t{number}", {"name": "t"})
    lines = admin.ok("GET", f"{base}/audit?who={made['id']}")["items"]
    assert [line["target"] for line in lines] == ["tags/t1", "tags/t0"]
    with later(timedelta(hours=1, seconds=1)):
        Api(made["key"]).refused(401, "GET", "/v1/accounts")
        Api(fresh["key"]).ok("GET", "/v1/accounts")
        assert [key["expires_at"] for key in the_key(admin, made["id"])] == [None]
    admin.ok("DELETE", f"/v1/keys/{made['id']}")
    for text in (made["key"], fresh["key"]):
        Api(text).refused(401, "GET", "/v1/accounts")
    admin.refused(404, "POST", f"/v1/keys/{made['id']}/rotate", {})


def test_grace(cloud: None) -> None:
    """A day when nothing is said, none at all when asked, never more than 30 days; an end stays."""
    admin = an_api()
    made = admin.ok("POST", "/v1/keys", {"name": "k", "role": "viewer"})
    path = f"/v1/keys/{made['id']}/rotate"
    refreshed = admin.ok("POST", path, {})
    left = parse_iso(refreshed["previous_expires_at"]) - clock.now()
    assert timedelta(hours=23) < left <= timedelta(days=1)
    second = admin.ok("POST", path, {"grace": "0s"})
    Api(refreshed["key"]).refused(401, "GET", "/v1/accounts")
    Api(made["key"]).ok("GET", "/v1/accounts")
    Api(second["key"]).ok("GET", "/v1/accounts")
    for bad in ("31d", "-1h", "soon", 3):
        assert admin.paths(400, "POST", path, {"grace": bad}) == ["grace"]
    for _ in range(keys.MOST_TEXTS - 2):
        admin.ok("POST", path, {"grace": "1h"})
    admin.refused(409, "POST", path, {"grace": "1h"})


def test_who_may_rotate(cloud: None) -> None:
    """An account's admin that account's keys, a global admin all; no lesser role any."""
    admin = an_api()
    an_account(admin, "shop")
    an_account(admin, "other")
    own = a_key(admin, "admin", "shop")
    theirs = admin.ok("POST", "/v1/keys", {"name": "k", "role": "viewer", "account": "other"})["id"]
    mine = own.ok("POST", "/v1/keys", {"name": "k", "role": "viewer", "account": "shop"})["id"]
    own.ok("POST", f"/v1/keys/{mine}/rotate", {})
    own.refused(403, "POST", f"/v1/keys/{theirs}/rotate", {})
    own.refused(403, "POST", "/v1/keys/test-admin/rotate", {})
    a_key(admin, "publisher", "shop").refused(403, "POST", f"/v1/keys/{mine}/rotate", {})
    admin.ok("POST", f"/v1/keys/{theirs}/rotate", {})
    line = admin.ok("GET", "/v1/accounts/other/audit")["items"][0]
    assert (line["action"], line["target"]) == ("key.rotated", theirs)


def test_an_answer_that_was_lost_is_given_again(cloud: None) -> None:
    """The same request with its Idempotency-Key gives the same text; another key's rotation another one."""
    admin = an_api()
    one, two = (admin.ok("POST", "/v1/keys", {"name": "k", "role": "viewer"})["id"] for _ in range(2))
    first = admin.ok("POST", f"/v1/keys/{one}/rotate", {}, idempotency_key="r")
    assert admin.ok("POST", f"/v1/keys/{one}/rotate", {}, idempotency_key="r") == first
    assert len(the_key(admin, one)) == 2
    admin.refused(409, "POST", f"/v1/keys/{two}/rotate", {}, idempotency_key="r")


@pytest.mark.parametrize("crossing", [1, 2, 3, 4])
def test_a_rotation_that_dies_locks_nobody_out(cloud: None, crossing: int) -> None:
    """Whatever write it dies at, the old text is taken for the grace at least, and rotating again works."""
    admin = an_api()
    made = admin.ok("POST", "/v1/keys", {"name": "k", "role": "viewer"})
    n = 0

    class Crash(BaseException):
        pass

    def die(name: str, _detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal n
        n += name in {"dynamodb:PutItem", "dynamodb:UpdateItem"}
        if n == crossing:
            raise Crash
        return call()

    grace = timedelta(hours=1)
    with seam.guarded(die), suppress(Crash):
        service.rotate_key("tdk_lost", made["id"], grace, None, "tests")
    Api(made["key"]).ok("GET", "/v1/accounts")
    service.rotate_key("tdk_new", made["id"], grace, None, "tests")
    Api(made["key"]).ok("GET", "/v1/accounts")
    Api("tdk_new").ok("GET", "/v1/accounts")
    assert [key.expires_at for key in keys.list_keys(None) if key.hash == keys.key_hash("tdk_new")] == [None]


def test_the_last_admin_key_is_one_that_does_not_end(cloud: None) -> None:
    """An old text in its grace is no key that could make the next one."""
    an_api()
    service.create_key("tdk_one", "one", "admin", None, "tests")
    (one,) = [key.id for key in keys.list_keys(None) if key.name == "one"]
    keys.key_store.end_key(keys.key_hash("tdk_one"), clock.now() + timedelta(hours=1))
    with pytest.raises(RuleViolation):
        service.delete_key("test-admin", None, "tests")
    service.delete_key(one, None, "tests")
