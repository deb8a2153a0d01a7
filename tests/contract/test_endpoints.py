"""What every door refuses: unknown parameters, unknown fields, unknown things; and in which order."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from app import app
from chalicelib.api import contract
from chalicelib.http import pages
from chalicelib.http.routes import Operation
from tests.conftest import emulated_aws
from tests.shop import NAMES, HttpAnswer, a_shop, ask, path_of

OPERATIONS = contract.declared(app.routes)
IN_ACCOUNT = [o for o in OPERATIONS if "{account}" in o.path and o.role is not None]
MAKES = {"PUT"}
"""A PUT makes what its path names."""


@pytest.fixture(scope="module")
def shop() -> Iterator[None]:
    with emulated_aws(), a_shop():
        yield


def refused(answer: HttpAnswer, status: int, what: Any) -> list[str]:
    """The paths of a refusal with this status, in the contract's shape."""
    assert answer.status == status, (what, answer.status, answer.raw)
    error = answer.body["error"]
    assert set(error) >= {"code", "message", "details"}
    return [detail["path"] for detail in error["details"]]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: f"{o.method} {o.path}")
def test_unknown_query_parameters_are_refused(shop: None, operation: Operation) -> None:
    """``?foo=1`` is 400 with its name everywhere, save where others add to the address what is not ours."""
    path = path_of(operation)
    answer = ask(operation.method, f"{path}?foo=1")
    if operation.any_query:
        assert answer.status != 400 or "foo" not in answer.raw.decode(), operation
        return
    assert refused(answer, 400, operation) == ["foo"]
    for name in operation.query or {}:
        answer = ask(operation.method, f"{path}?{name}=a&{name}=b")
        assert refused(answer, 400, operation) == [name]
        near = ask(operation.method, f"{path}?{name}s=1").body["error"]["message"]
        assert f'did you mean "{name}"' in near


@pytest.mark.parametrize("operation", IN_ACCOUNT, ids=lambda o: f"{o.method} {o.path}")
def test_unknown_fields_are_refused(shop: None, operation: Operation) -> None:
    """An unknown field is 400 with its name on every door that takes a body, and on those that take none."""
    answer = ask(operation.method, path_of(operation, NAMES), {"no_such_field": 1})
    if answer.status == 404 and "unknown-id" in path_of(operation):
        return
    paths = refused(answer, 400, operation)
    assert "no_such_field" in paths or operation.takes_no_body, (paths, answer.raw)


@pytest.mark.parametrize(
    "operation",
    [o for o in IN_ACCOUNT if o.path.count("{") > 1 and o.method not in MAKES],
    ids=lambda o: f"{o.method} {o.path}",
)
def test_what_does_not_exist_is_404_whatever_the_body(shop: None, operation: Operation) -> None:
    """Nobody mends a body for a document, a friend or a job that is not there."""
    path = path_of(operation, {"account": "shop"})
    for body in (None, {}, {"no_such_field": 1}, b"{", b'{"condition": {"tag": "unknown"}}'):
        if operation.takes_no_body and body not in (None, {}):
            continue
        query = "?erase=true" if "erase" in (operation.query or {}) else ""
        refused(ask(operation.method, path + query, body), 404, (operation, body))


def test_the_order_of_refusals(shop: None) -> None:
    """One wrong request after the other: the path, the key, the right, the account, the thing, the body."""
    bad = {"tag": {"no": "field"}}
    path = "/v1/accounts/shop/broadcasts/b1"
    refused(ask("PUT", "/v1/accounts/shop/no-such-kind/x", bad, key=None), 404, "path")
    refused(ask("PATCH", path, bad, key=None), 405, "method")
    refused(ask("PUT", path, bad, {"Content-Type": "text/plain"}, key=None), 415, "media type")
    refused(ask("PUT", path, bad, key=None), 401, "key")
    refused(ask("PUT", "/v1/accounts/nowhere/broadcasts/b1", bad), 404, "account")
    refused(ask("PUT", f"{path}?foo=1", b"x" * 2_000_000), 400, "query")
    refused(ask("PUT", path, b"x" * 2_000_000), 413, "size")
    refused(ask("PUT", path, {"name": 1}), 400, "shape")
    good = {"name": "b", "audience": {"tag": "unknown"}, "message": "hello"}
    refused(ask("PUT", path, good), 422, "reference")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/accounts/shop/tagz", 404),
        ("GET", "/v1/accounts/shop/tags/vip/x/y", 404),
        ("GET", "//v1//accounts", 404),
        ("POST", "/v1/accounts/shop/tags/vip", 405),
        ("DELETE", "/v1/status", 405),
        ("PUT", "/health", 405),
        ("BREW", "/health", 405),
    ],
)
def test_paths_and_methods_that_are_not(shop: None, method: str, path: str, status: int) -> None:
    """Unknown paths are 404 and wrong methods 405, in the contract's shape, with or without a key."""
    for key in (None, "unknown"):
        refused(ask(method, path, key=key), status, (method, path))


@pytest.mark.parametrize("operation", IN_ACCOUNT, ids=lambda o: f"{o.method} {o.path}")
def test_media_types_that_are_not(shop: None, operation: Operation) -> None:
    """A body of another media type is 415 in the contract's shape wherever a body is taken."""
    if operation.takes_no_body:
        return
    answer = ask(operation.method, path_of(operation), b"<x/>", {"Content-Type": "application/xml"})
    refused(answer, 415, operation)


LISTS = [o for o in OPERATIONS if "cursor" in (o.query or {})]


def a_cursor(operation: Operation, path: str) -> str | None:
    """The cursor of the second page, where there is one."""
    answer = ask(operation.method, f"{path}?limit=1")
    assert answer.status == 200, answer.raw
    cursor: str | None = answer.body["next_cursor"]
    return cursor


def test_a_cursor_serves_its_own_list_only(shop: None) -> None:
    """A cursor of another list, account, friend or filter is 400; its own list goes on."""
    for n in range(2):
        ask("PUT", f"/v1/accounts/other/tags/t{n}", {"name": "t"})
        ask("PUT", "/v1/accounts/shop/tags/vip", {"name": f"VIP {n}"})
    cursors = {path: a_cursor(o, path) for o in LISTS if (path := path_of(o))}
    cursors["/v1/accounts/other/tags"] = a_cursor(LISTS[0], "/v1/accounts/other/tags")
    made = {path: cursor for path, cursor in cursors.items() if cursor}
    assert len(made) > 6
    for path, cursor in made.items():
        assert ask("GET", f"{path}?cursor={cursor}").status == 200
        for other in cursors:
            if other != path:
                refused(ask("GET", f"{other}?cursor={cursor}"), 400, (path, other))
    friends = made["/v1/accounts/shop/friends"]
    assert refused(ask("GET", f"/v1/accounts/shop/friends?q=x&cursor={friends}"), 400, "filter") == ["cursor"]
    assert ask("GET", f"/v1/accounts/shop/friends?limit=2&cursor={friends}").status == 200


@pytest.mark.parametrize("operation", LISTS, ids=lambda o: o.path)
def test_forged_cursors_are_refused_or_lead_nowhere_else(shop: None, operation: Operation) -> None:
    """Whatever stands in a cursor, the answer is 400 or a page of the same list, never an error of ours."""
    path = path_of(operation)
    cursor = a_cursor(operation, path)
    position = pages.decode_cursor(cursor) if cursor else {"list": "x", "after": "x", "at": "x"}
    odd = (
        "",
        "x",
        "#",
        "\ud83d",
        "a" * 2_000,
        "𠮷" * 300,
        "\x00",
        -1,
        0,
        1 << 60,
        1.5,
        None,
        True,
        [],
        {"a": 1},
    )
    for name in position:
        for value in odd:
            try:
                forged = pages.encode_cursor({**position, name: value})
            except UnicodeEncodeError:
                text = json.dumps({**position, name: value})
                forged = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
            answer = ask(operation.method, f"{path}?cursor={forged}")
            assert answer.status in {200, 400}, (name, value, answer.raw)
            assert answer.status == 400 or name != "list"
    more = pages.encode_cursor({**position, **{f"n{n}": "x" for n in range(20)}})
    refused(ask(operation.method, f"{path}?cursor={more}"), 400, "too many places")


EVENT = {"event_id": "e", "user_id": "U1", "type": "custom:a"}
NEWS = {"name": "b", "audience": {"tag": "vip"}, "message": "hello"}


@pytest.mark.parametrize(
    ("method", "path", "body", "hint"),
    [
        (
            "POST",
            "events",
            EVENT | {"at": "tomorrow"},
            "+09:00",
        ),
        (
            "POST",
            "events",
            EVENT | {"at": "2026-11-22"},
            "+09:00",
        ),
        ("POST", "broadcasts/b1/schedule", {"at": "2026-11-22T10:00"}, "+09:00"),
        ("PUT", "scores/interest", {"name": "x", "half_life": "7 days"}, "30s, 15m, 4h, 1d or 2w"),
        ("PUT", "tags/No-Id", {"name": "x"}, "beginning with a letter or digit"),
        ("PUT", "scenarios/s1", {"name": "s", "start": "No Id", "nodes": {}}, "e.g. spring-sale"),
        (
            "PUT",
            "broadcasts/b2",
            NEWS | {"audience": {"tag": ["vip", "dry"]}},
            '"any"',
        ),
        (
            "PUT",
            "broadcasts/b2",
            NEWS | {"message": ["hello"]},
            "not a list",
        ),
        ("POST", "exports", {"colums": ["user_id"]}, '"columns"'),
    ],
)
def test_errors_help(shop: None, method: str, path: str, body: Any, hint: str) -> None:
    """A refusal shows an example of the form, the operator that takes a list, or the name that was meant."""
    answer = ask(method, f"/v1/accounts/shop/{path}", body)
    assert answer.status == 400, answer.raw
    assert any(hint in detail["message"] for detail in answer.body["error"]["details"]), answer.raw


@pytest.mark.timeout(30)
def test_many_parameters_are_refused_quickly(shop: None) -> None:
    """Tens of thousands of query parameters are one short refusal, in a time that grows with their number
    (with its square they would take minutes)."""
    query = "&".join(f"p{n}=1" for n in range(50_000))
    answer = ask("GET", f"/v1/accounts/shop/tags?{query}")
    assert len(refused(answer, 400, "many")) == 101
    assert len(answer.raw) < 50_000
