"""Paths: however a request comes to the application, its path names the same things."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.local.api import Gateway
from chalicelib.local.http import Request
from tests.api_client import ADMIN_KEY, a_key, an_account, an_api
from tests.local_gateway import in_process

ACCOUNT = {"name": "a", "channel_secret": "s", "channel_access_token": "t"}
HEADERS = {"Authorization": f"Bearer {ADMIN_KEY}", "Content-Type": "application/json"}
Send = Callable[[str, str, Any], tuple[int, Any]]


def _sent(body: Any) -> str:
    return "" if body is None else json.dumps(body)


def _chalice_local(method: str, path: str, body: Any) -> tuple[int, Any]:
    answer = an_api().call(method, path, body)
    return answer.status_code, answer.json_body


def _platform(method: str, path: str, body: Any) -> tuple[int, Any]:
    from app import app

    request = Request(method, path, HEADERS, _sent(body).encode(), lambda: True)
    reply = Gateway(app, in_process(app)).answer(request)
    return reply.status, json.loads(reply.body)


def _api_gateway(method: str, path: str, body: Any) -> tuple[int, Any]:
    """A REST API's proxy event: path parameters as they were sent."""
    from app import app

    collection, _, name = path.rpartition("/")
    event = {
        "resource": f"{collection}/{{account}}",
        "path": path,
        "headers": HEADERS,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"account": name},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": f"{collection}/{{account}}",
            "httpMethod": method,
            "apiId": "abc",
            "stage": "api",
            "path": f"/api{path}",
        },
        "body": _sent(body),
        "isBase64Encoded": False,
    }
    answer = app(event, None)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.fixture(params=[_chalice_local, _platform, _api_gateway])
def send(request: pytest.FixtureRequest, cloud: None) -> Send:
    """A way by which requests come to the application."""
    an_api()
    found: Send = request.param
    return found


def test_an_encoded_id_is_the_id(send: Send) -> None:
    """``%7A1`` is ``z1``: made, read and listed under the id that is stored."""
    assert send("PUT", "/v1/accounts/%7A1", ACCOUNT)[0] == 201
    assert send("PUT", "/v1/accounts/z1", ACCOUNT)[0] == 200
    assert send("GET", "/v1/accounts/z%31", None)[1]["id"] == "z1"
    assert [account["id"] for account in an_api().ok("GET", "/v1/accounts")["items"]] == ["z1"]


@pytest.mark.parametrize(
    "name",
    [
        "Z1",
        "%5A1",
        "%257A1",
        "z%2F1",
        "z%231",
        "z+1",
        "z%20",
        "z%00",
        "%EF%BD%9A1",
        "%E7%BE%8E",
        "%FF",
        "z%",
        "%2e",
    ],
)
def test_what_is_no_id_makes_no_account(send: Send, name: str) -> None:
    """Upper case, slashes, signs, full-width letters, encoded twice or broken: 400, and nothing is made."""
    status, body = send("PUT", f"/v1/accounts/{name}", ACCOUNT)
    assert (status, body["error"]["code"]) == (400, "invalid_input")
    assert an_api().ok("GET", "/v1/accounts")["items"] == []


def test_a_key_is_judged_by_what_the_path_means(cloud: None) -> None:
    """An account's key works for its account however the path writes it, and for no other."""
    admin = an_api()
    for account in ("shop", "salon"):
        an_account(admin, account)
    editor = a_key(admin, "editor", "shop")
    editor.ok("PUT", "/v1/accounts/%73hop/tags/%76ip", {"name": "VIP"})
    assert editor.ok("GET", "/v1/accounts/shop/tags/vip")["id"] == "vip"
    editor.refused(403, "GET", "/v1/accounts/sal%6Fn/tags", None)
    editor.refused(403, "GET", "/v1/accounts/shop%2F..%2Fsalon/tags", None)
