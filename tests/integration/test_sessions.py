"""Sessions of the console: a cookie that stands for a key, and nothing that another site could use."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.accounts import session_store, sessions
from chalicelib.gateways import aws, clock, seam
from chalicelib.shared.settings import settings
from tests.api_client import ADMIN_KEY, Api, a_key, an_account, an_api

HOST = "todoku.example"
OURS = {"host": HOST, "origin": f"https://{HOST}", "x_todoku_console": "1"}
NOBODY = Api(None)


def signed_in(key: str = ADMIN_KEY, **more: str) -> str:
    """The cookie of a new session, as a browser sends it back."""
    answer = NOBODY.call("POST", "/v1/session", {"key": key}, host=HOST, **more)
    assert answer.status_code == 201, answer.body
    return str(answer.headers["Set-Cookie"]).partition(";")[0]


def test_a_key_becomes_a_cookie_that_scripts_cannot_read(cloud: None) -> None:
    """HttpOnly, SameSite=Strict, twelve hours, Secure off loopback; the answer says who is signed in."""
    an_api()
    answer = NOBODY.call("POST", "/v1/session", {"key": ADMIN_KEY}, host=HOST)
    assert answer.status_code == 201
    assert answer.json_body == {"key_id": "test-admin", "name": "tests", "role": "admin", "account": None}
    cookie = answer.headers["Set-Cookie"]
    assert "; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure" in cookie
    assert ADMIN_KEY not in cookie
    local = NOBODY.call("POST", "/v1/session", {"key": ADMIN_KEY}, host="127.0.0.1:8000")
    assert local.headers["Set-Cookie"].endswith("SameSite=Strict")
    kept = str(aws.client("dynamodb").scan(TableName=settings().table("control"))["Items"])
    assert cookie.split("=")[1].partition(";")[0] not in kept


def test_every_route_takes_a_session(cloud: None) -> None:
    """Reads need the cookie alone; writes also the header and our own origin."""
    an_api()
    cookie = signed_in()
    assert NOBODY.ok("GET", "/v1/me", cookie=cookie)["key_id"] == "test-admin"
    body = {"name": "店", "channel_secret": "s", "channel_access_token": "t"}
    made = NOBODY.call("PUT", "/v1/accounts/shop", body, cookie=cookie, **OURS)
    assert made.status_code == 201
    line = an_api().ok("GET", "/v1/audit?limit=1")["items"][0]
    assert line["who"] == "key:test-admin"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"x_todoku_console": ""},
        {"x_todoku_console": "0"},
        {"origin": "https://evil.example"},
        {"origin": f"http://{HOST}"},
        {"origin": f"https://{HOST}.evil.example"},
        {"origin": f"https://{HOST}:444"},
        {"origin": "null"},
    ],
    ids=str,
)
def test_a_write_that_another_site_could_send_is_refused(cloud: None, spoilt: dict[str, str]) -> None:
    """403, and nothing is written."""
    api = an_api()
    cookie = signed_in()
    body = {"name": "店", "channel_secret": "s", "channel_access_token": "t"}
    error = NOBODY.refused(403, "PUT", "/v1/accounts/shop", body, cookie=cookie, **{**OURS, **spoilt})
    assert error["code"] == "forbidden"
    without = {name: value for name, value in OURS.items() if name not in spoilt}
    NOBODY.refused(403, "PUT", "/v1/accounts/shop", body, cookie=cookie, **without)
    assert api.ok("GET", "/v1/accounts")["items"] == []


def test_a_key_beside_a_cookie_is_the_one_that_counts(cloud: None) -> None:
    """A program that sends a key is that key, whatever cookies it carries."""
    api = an_api()
    an_account(api)
    viewer = a_key(api, "viewer", "shop")
    assert viewer.ok("GET", "/v1/me", cookie=signed_in())["role"] == "viewer"


def test_the_role_of_a_session_is_its_key_s(cloud: None) -> None:
    """A viewer's session writes nothing, and reads no other account."""
    api = an_api()
    base, other = an_account(api), an_account(api, "other")
    cookie = signed_in(str(a_key(api, "viewer", "shop").key))
    assert NOBODY.ok("GET", f"{base}/tags", cookie=cookie)["items"] == []
    NOBODY.refused(403, "PUT", f"{base}/tags/vip", {"name": "VIP"}, cookie=cookie, **OURS)
    NOBODY.refused(403, "GET", f"{other}/tags", cookie=cookie)


def test_a_session_ends_with_its_key_by_signing_out_and_by_itself(cloud: None) -> None:
    """Each is 401 from then on."""
    api = an_api()
    made = api.ok("POST", "/v1/keys", {"name": "k", "role": "viewer"})
    first, second = signed_in(made["key"]), signed_in(made["key"])
    NOBODY.refused(403, "DELETE", "/v1/session", cookie=first, host=HOST)
    gone = NOBODY.call("DELETE", "/v1/session", cookie=first, **OURS)
    assert gone.json_body == {"signed_in": False}
    assert "Max-Age=0" in gone.headers["Set-Cookie"]
    NOBODY.refused(401, "GET", "/v1/me", cookie=first)
    NOBODY.ok("GET", "/v1/me", cookie=second)
    api.ok("DELETE", f"/v1/keys/{made['id']}")
    NOBODY.refused(401, "GET", "/v1/me", cookie=second)
    third = signed_in()
    later = clock.now() + sessions.LIFE + timedelta(seconds=1)
    with seam.guarded(lambda name, _detail, call: later if name == "clock:now" else call()):
        NOBODY.refused(401, "GET", "/v1/me", cookie=third)


def test_a_code_opens_one_session(cloud: None) -> None:
    """The laptop's sign-in link: one use, an hour, no key in it."""
    an_api()
    sessions.make_code("a-code", ADMIN_KEY)
    assert NOBODY.call("POST", "/v1/session", {"code": "a-code"}).json_body["role"] == "admin"
    NOBODY.refused(401, "POST", "/v1/session", {"code": "a-code"})
    NOBODY.refused(401, "POST", "/v1/session", {"code": "another"})
    session_store.put_code("x", "y", clock.now() - timedelta(seconds=1))
    assert session_store.take_code("x", clock.now()) is None


def test_signing_in_is_refused_for_what_is_no_key_and_for_other_sites(cloud: None) -> None:
    """401 for an unknown key, 403 for another origin, 400 for what is neither a key nor a code."""
    an_api()
    NOBODY.refused(401, "POST", "/v1/session", {"key": "no"})
    NOBODY.refused(403, "POST", "/v1/session", {"key": ADMIN_KEY}, host=HOST, origin="https://evil.example")
    NOBODY.refused(400, "POST", "/v1/session", {})
    NOBODY.refused(400, "POST", "/v1/session", {"key": "a", "code": "b"})
    NOBODY.refused(401, "GET", "/v1/me", cookie="todoku_session=unknown")
    NOBODY.refused(401, "GET", "/v1/me", cookie="todoku_session=")
    NOBODY.refused(401, "GET", "/v1/me", cookie="\x00;;;")


def test_a_session_makes_no_key_that_it_could_not_answer_again(cloud: None) -> None:
    """Without Idempotency-Key it makes keys; with one it is refused before anything is made."""
    api = an_api()
    cookie = signed_in()
    body = {"name": "k", "role": "viewer"}
    NOBODY.refused(400, "POST", "/v1/keys", body, cookie=cookie, idempotency_key="1", **OURS)
    assert NOBODY.ok("POST", "/v1/keys", body, cookie=cookie, **OURS)["key"].startswith("tdk_")
    assert len(api.ok("GET", "/v1/keys")["items"]) == 2
