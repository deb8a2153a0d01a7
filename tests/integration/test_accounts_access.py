"""Accounts, keys and roles: who may do what, and what is never told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import service
from chalicelib.accounts.model import Account
from chalicelib.gateways import aws, clock, seam, secrets
from chalicelib.shared.errors import InvalidInput, NotFound, RuleViolation
from chalicelib.shared.settings import settings
from tests.api_client import ADMIN_KEY, Api, a_key, an_account, an_api

LINE = {"channel_secret": "very-secret", "channel_access_token": "very-secret-token"}


def kept(credentials: dict[str, str] | None) -> dict[str, str]:
    """What its owner gave of an account's credentials; the key of friend tokens is the account's own."""
    found = dict(credentials or {})
    assert len(found.pop("token_key", "")) == 64
    return found


def everything_stored() -> str:
    """All items of all tables as text."""
    dynamodb = aws.client("dynamodb")
    tables = [settings().table(name) for name in ("control", "catalog", "friends", "activities")]
    return json.dumps([dynamodb.scan(TableName=table)["Items"] for table in tables], default=str)


def test_an_account_is_made_and_replaced(cloud: None) -> None:
    """PUT makes (201) or replaces (200); what is left out falls back, shards and secrets stay."""
    api = an_api()
    body = {"name": "店", "time_zone": "America/New_York", "shards": 8, "liff_id": "1-a", **LINE}
    made = api.call("PUT", "/v1/accounts/shop", body)
    assert made.status_code == 201
    assert made.json_body["shards"] == 8
    replaced = api.call("PUT", "/v1/accounts/shop", {"name": "店2"})
    assert replaced.status_code == 200
    assert replaced.json_body == {
        **made.json_body,
        "name": "店2",
        "time_zone": "Asia/Tokyo",
        "liff_id": None,
    }
    assert api.ok("GET", "/v1/accounts/shop") == replaced.json_body
    assert api.ok("GET", "/v1/accounts") == {"items": [replaced.json_body], "next_cursor": None}
    assert kept(service.line_credentials("shop")) == LINE


def test_secrets_go_to_the_secret_store_only(cloud: None) -> None:
    """No answer and no table holds a channel secret, a token or an API key."""
    api = an_api()
    answer = api.call("PUT", "/v1/accounts/shop", {"name": "a", **LINE})
    key = api.ok("POST", "/v1/keys", {"name": "k", "role": "admin"}, idempotency_key="1")["key"]
    text = answer.body.decode() + json.dumps([api.ok("GET", "/v1/accounts"), api.ok("GET", "/v1/keys")])
    for secret in (*LINE.values(), key, ADMIN_KEY):
        assert secret not in text
        assert secret not in everything_stored()
    assert kept(secrets.find_line_credentials("shop")) == LINE


def test_one_secret_may_change_alone(cloud: None) -> None:
    """A new token is in force within this process at once; the other secret stays."""
    api = an_api()
    an_account(api)
    service.line_credentials("shop")
    api.ok("PUT", "/v1/accounts/shop", {"name": "a", "channel_access_token": "new"})
    assert kept(service.line_credentials("shop")) == {
        "channel_secret": "secret",
        "channel_access_token": "new",
    }


BAD_ACCOUNTS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": 1}, "name"),
    ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ({"time_zone": "../etc/passwd"}, "time_zone"),
    ({"time_zone": "Asia"}, "time_zone"),
    ({"time_zone": ""}, "time_zone"),
    ({"shards": 0}, "shards"),
    ({"shards": 100_000}, "shards"),
    ({"shards": "64"}, "shards"),
    ({"channel_secret": ""}, "channel_secret"),
    ({"channel_access_token": "a\nb"}, "channel_access_token"),
    ({"channel_secret": None}, "channel_secret"),
    ({"color": 1}, "color"),
    ({"policies": {"quiet_hours": {"from": "25:00", "to": "09:00"}}}, "policies.quiet_hours.from"),
    ({"policies": {"quiet_hours": {"from": "21:00"}}}, "policies.quiet_hours.to"),
    ({"policies": {"caps": [{"category": "x", "max": 1, "per": "day"}]}}, "policies.caps[0].category"),
    (
        {"policies": {"caps": [{"category": "marketing", "max": -1, "per": "day"}]}},
        "policies.caps[0].max",
    ),
    ({"policies": {"blackout_dates": ["2026-02-30"]}}, "policies.blackout_dates[0]"),
    ({"policies": {"blackout": []}}, "policies.blackout"),
]


def test_a_bad_account_is_refused_with_the_path(cloud: None) -> None:
    """Every wrong field of an account is named, and nothing is made."""
    api = an_api()
    for fields, path in BAD_ACCOUNTS:
        body = {"name": "a", **LINE, **fields}
        assert api.paths(400, "PUT", "/v1/accounts/shop", body) == [path]
    api.refused(404, "GET", "/v1/accounts/shop")
    assert secrets.find_line_credentials("shop") is None


def test_account_ids_have_a_pattern(cloud: None) -> None:
    """An id that cannot be one is invalid input."""
    api = an_api()
    for account in ("Shop", "-a", "a b", "%E5%BA%97", "a" * 65):
        api.refused(400, "PUT", f"/v1/accounts/{account}", {"name": "a", **LINE})


def test_shards_are_fixed(cloud: None) -> None:
    """Another number of shards is refused; the same one, or none, is fine."""
    api = an_api()
    an_account(api, shards=8)
    assert api.paths(422, "PUT", "/v1/accounts/shop", {"name": "a", "shards": 16}) == ["shards"]
    api.ok("PUT", "/v1/accounts/shop", {"name": "a", "shards": 8})


def test_policies_of_an_account_are_its_document(cloud: None) -> None:
    """Policies given with the account are the document ``policies/default``, and are answered from it."""
    api = an_api()
    policies = {"quiet_hours": {"from": "21:00", "to": "09:00"}}
    base = an_account(api, policies=policies)
    document = api.ok("GET", f"{base}/policies/default")
    assert document["quiet_hours"] == {"from": "21:00", "to": "09:00", "then": "defer"}
    api.ok("PUT", f"{base}/policies/default", {"caps": [{"category": "marketing", "max": 1, "per": "day"}]})
    assert "quiet_hours" not in api.ok("GET", base)["policies"]
    api.ok("PUT", base, {"name": "a"})
    assert api.ok("GET", base)["policies"]["caps"] == [{"category": "marketing", "max": 1, "per": "day"}]


def test_a_crash_while_making_an_account_can_be_repeated(cloud: None) -> None:
    """Dying at any call makes no account without credentials, and the same PUT completes it."""

    class Crash(BaseException):
        pass

    account = Account("shop", "a", "Asia/Tokyo", 0)
    for crossing in range(1, 12):
        n = 0

        def die(_name: str, _detail: Mapping[str, Any], call: Callable[[], Any], at: int = crossing) -> Any:
            nonlocal n
            n += 1
            if n == at:
                raise Crash
            return call()

        with seam.guarded(die):
            try:
                service.put_account(account, LINE, shards=4, by="tests")
            except Crash:
                pass
            else:
                break
        found = service.find_account("shop")
        assert found is None or kept(service.line_credentials("shop")) == LINE
        assert {a.id for a in service.list_accounts()} == ({"shop"} if found else set())
    assert service.put_account(account, LINE, shards=4, by="tests")[0].shards == 4


def test_accounts_are_cached_for_ten_seconds(cloud: None) -> None:
    """A found account is not read again for 10 s; a missing one is looked for every time."""
    with pytest.raises(NotFound):
        service.get_account("shop")
    service.put_account(Account("shop", "a", "Asia/Tokyo", 0), LINE, shards=None, by="tests")
    offset, reads = timedelta(), 0

    def watch(name: str, _detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        nonlocal reads
        if name == "clock:now":
            return call() + offset
        reads += name.startswith("dynamodb")
        return call()

    with seam.guarded(watch):
        assert [service.get_account("shop").name for _ in range(3)] == ["a"] * 3
        assert reads == 1
        offset = timedelta(seconds=11)
        service.get_account("shop")
        assert reads == 2
        offset = timedelta(seconds=-3600)
        service.get_account("shop")
        assert reads == 3


def test_a_new_account_needs_both_secrets(cloud: None) -> None:
    """A new account without credentials could not receive or send anything."""
    with pytest.raises(InvalidInput) as caught:
        service.put_account(Account("shop", "a", "Asia/Tokyo", 0), {}, shards=None, by="tests")
    assert [detail.path for detail in caught.value.details] == ["channel_secret", "channel_access_token"]


ROLES = ["viewer", "editor", "publisher", "admin"]
ASKED: list[tuple[str, str, Any, str]] = [
    ("GET", "/v1/status", None, "viewer"),
    ("GET", "/v1/accounts", None, "viewer"),
    ("GET", "/v1/accounts/shop", None, "viewer"),
    ("GET", "/v1/accounts/shop/tags", None, "viewer"),
    ("GET", "/v1/accounts/shop/catalog/export", None, "viewer"),
    ("PUT", "/v1/accounts/shop/tags/a", {"name": "a"}, "editor"),
    ("POST", "/v1/accounts/shop/catalog/apply", {"tags": {}}, "editor"),
    ("GET", "/v1/accounts/shop/audit", None, "admin"),
    ("PUT", "/v1/accounts/shop", {"name": "b"}, "admin"),
    ("POST", "/v1/keys", {"name": "k", "role": "viewer", "account": "shop"}, "admin"),
    ("GET", "/v1/keys", None, "admin"),
]


@pytest.mark.parametrize("account", [None, "shop"])
def test_roles(cloud: None, account: str | None) -> None:
    """A role may do what it and the lesser ones may; a lesser role is 403, no key or a wrong one 401."""
    admin = an_api()
    an_account(admin)
    keys = {role: a_key(admin, role, account) for role in ROLES}
    for method, path, body, least in ASKED:
        for role, key in keys.items():
            status = key.call(method, path, body).status_code
            allowed = ROLES.index(role) >= ROLES.index(least)
            assert status in ({200, 201} if allowed else {403}), (role, method, path)
        for wrong in (None, "wrong", "", "Bearer x", "x" * 600, "é"):
            Api(wrong).refused(401, method, path, body)


def test_a_key_of_an_account_sees_no_other(cloud: None) -> None:
    """Whatever it asks about another account is 403, existing or not; lists hold its own account only."""
    admin = an_api()
    an_account(admin, "shop")
    an_account(admin, "other")
    key = a_key(admin, "admin", "shop")
    for account in ("other", "nowhere", "Bad Id"):
        quoted = account.replace(" ", "%20")
        for method, path, body in (
            ("GET", "", None),
            ("PUT", "", {"name": "b", **LINE}),
            ("GET", "/tags", None),
            ("PUT", "/tags/a", {"name": "a"}),
            ("POST", "/catalog/apply", {}),
            ("GET", "/audit", None),
        ):
            key.refused(403, method, f"/v1/accounts/{quoted}{path}", body)
    assert [item["id"] for item in key.ok("GET", "/v1/accounts")["items"]] == ["shop"]
    key.refused(403, "POST", "/v1/keys", {"name": "k", "role": "viewer"})
    key.refused(403, "POST", "/v1/keys", {"name": "k", "role": "viewer", "account": "other"})
    theirs = admin.ok("POST", "/v1/keys", {"name": "k", "role": "viewer", "account": "other"})["id"]
    key.refused(403, "DELETE", f"/v1/keys/{theirs}")
    key.refused(403, "DELETE", "/v1/keys/test-admin")
    assert {item["account"] for item in key.ok("GET", "/v1/keys")["items"]} == {"shop"}


def test_a_deleted_key_is_refused_at_once(cloud: None) -> None:
    """DELETE takes effect with its answer; the last global admin key cannot be deleted."""
    admin = an_api()
    made = admin.ok("POST", "/v1/keys", {"name": "k", "role": "admin"})
    other = Api(made["key"])
    other.ok("GET", "/v1/accounts")
    admin.ok("DELETE", f"/v1/keys/{made['id']}")
    other.refused(401, "GET", "/v1/accounts")
    admin.refused(404, "DELETE", f"/v1/keys/{made['id']}")
    admin.refused(422, "DELETE", "/v1/keys/test-admin")
    with pytest.raises(RuleViolation):
        service.delete_key("test-admin", None, "tests")


def test_keys_are_checked(cloud: None) -> None:
    """A key needs a name, a role that exists, and an account that exists."""
    admin = an_api()
    assert admin.paths(400, "POST", "/v1/keys", {"name": "", "role": "owner"}) == ["name", "role"]
    assert admin.paths(422, "POST", "/v1/keys", {"name": "a", "role": "viewer", "account": "no"}) == [
        "account"
    ]
    admin.refused(400, "DELETE", "/v1/keys/NOT-AN-ID")


def test_the_local_admin_key_is_the_one_given(cloud: None) -> None:
    """The installation's own key changes with its setting; the old one is refused."""
    service.ensure_local_admin_key("first")
    service.ensure_local_admin_key("first")
    Api("first").ok("GET", "/v1/accounts")
    service.ensure_local_admin_key("second")
    Api("first").refused(401, "GET", "/v1/accounts")
    Api("second").ok("GET", "/v1/accounts")
    assert len(service.list_keys(None)) == 1


def test_changes_are_in_the_audit_log(cloud: None) -> None:
    """Who made and changed accounts and keys can be read, newest first, in pages."""
    admin = an_api()
    base = an_account(admin)
    for n in range(3):
        admin.ok("PUT", base, {"name": f"n{n}"})
    admin.ok("POST", "/v1/keys", {"name": "k", "role": "viewer", "account": "shop"})
    lines, cursor = [], ""
    while True:
        page = admin.ok("GET", f"{base}/audit?limit=2{cursor}")
        lines += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [line["action"] for line in lines] == [
        "key.created:viewer",
        *["account.changed"] * 3,
        "account.created",
    ]
    assert {line["who"] for line in lines} == {"key:test-admin"}


def test_lists_of_accounts_have_pages(cloud: None) -> None:
    """Going on from each cursor shows every account once."""
    admin = an_api()
    for n in range(5):
        an_account(admin, f"a{n}")
    seen, cursor = [], ""
    while True:
        page = admin.ok("GET", f"/v1/accounts?limit=2{cursor}")
        seen += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"a{n}" for n in range(5)]
    for bad in ("limit=0", "limit=x", "limit=201", "cursor=%21", "cursor=abc", "cursor=e30"):
        admin.refused(400, "GET", f"/v1/accounts?{bad}")


def test_a_request_reads_its_key_and_at_most_its_account(cloud: None) -> None:
    """Asking who asks costs one consistent read, and one more for the account when it is not cached."""
    admin = an_api()
    base = an_account(admin)
    reads: list[str] = []

    def watch(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name.startswith("dynamodb"):
            reads.append(detail.get("TableName", "").rpartition("-")[2])
        return call()

    admin.ok("GET", f"{base}/tags")
    with seam.guarded(watch):
        admin.ok("GET", f"{base}/tags")
    assert reads == ["control", "catalog"]
    assert clock.now()
