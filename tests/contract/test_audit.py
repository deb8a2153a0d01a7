"""Every route that may change something is in the audit log, whoever wrote it; no other one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from app import app
from chalicelib.accounts import audit, service
from chalicelib.api import contract
from chalicelib.api.kinds import PATH_NAMES
from chalicelib.gateways import clock, seam
from chalicelib.http.routes import Operation
from chalicelib.shared.times import iso
from tests.conftest import emulated_aws
from tests.media_builders import a_sound
from tests.shop import BUNDLE, NAMES, HttpAnswer, a_shop, ask, outside, path_of

OPERATIONS = contract.declared(app.routes)
AUDITED = [o for o in OPERATIONS if o.is_audited]
IN = "/v1/accounts/{account}"
VIEWER = "a-viewer-of-the-shop"
MP3 = {"Content-Type": "audio/mpeg"}
KINDS = {
    "/friends/import": {"Content-Type": "text/csv"},
    "/members/import": {"Content-Type": "text/csv"},
    "/reservations/import": {"Content-Type": "text/csv"},
    "/purchases/import": {"Content-Type": "text/csv"},
    "/media": MP3,
}
EVENT = {"event_id": "e1", "user_id": "U1", "type": "custom:other"}
ORDER = {"order_id": "o1", "user_id": "U1", "at": "2026-11-22T00:00:00Z", "amount": 100}
NEWS = {"name": "b1", "audience": {"tag": "vip"}, "message": "hello"}
BODIES: dict[tuple[str, str], Any] = {
    ("PUT", IN): {"name": "Shop", "login_channel_id": "1234567890"},
    ("POST", "/v1/keys"): {"name": "k", "role": "viewer"},
    ("POST", "/v1/keys/{key}/rotate"): {"grace": "1h"},
    ("POST", f"{IN}/catalog/apply"): {"tags": {"new": {"name": "new"}}},
    ("POST", f"{IN}/events"): EVENT,
    ("POST", f"{IN}/purchases"): ORDER,
    ("POST", f"{IN}/exports"): {},
    ("POST", f"{IN}/audiences"): {"id": "new", "name": "New", "segment": "vips"},
    ("POST", f"{IN}/segments/members"): {"condition": {"everyone": True}},
    ("PATCH", f"{IN}/friends/{{user}}"): {"tags": {"add": ["dry"]}},
    ("POST", f"{IN}/friends/import"): "user_id\nU7\n",
    ("POST", f"{IN}/media"): a_sound(3),
    ("POST", f"{IN}/friends/bulk"): {"user_ids": ["U1"], "then": [{"add_tag": "dry"}]},
    ("POST", f"{IN}/members/import"): "member_id,rank\nm7,gold\n",
    ("POST", f"{IN}/purchases/import"): "order_id,user_id,at,amount\no-7,U1,2026-11-20T01:00:00Z,1200\n",
    ("POST", f"{IN}/reservations/import"): "reservation_id,user_id,at\nr7,U1,2026-12-10T01:00:00Z\n",
    ("POST", f"{IN}/members/{{member}}/nonce"): {"link_token": "t"},
    ("POST", f"{IN}/members/{{member}}/login"): {"liff": True},
    ("PUT", f"{IN}/members/{{member}}"): {"rank": "gold"},
    ("POST", f"{IN}/members/{{member}}/link"): {"user_id": "U2"},
    ("DELETE", f"{IN}/members/{{member}}/link"): {"user_id": "U2"},
    ("POST", f"{IN}/friends/{{user}}/messages"): {"message": "hello"},
    ("PUT", f"{IN}/broadcasts/{{broadcast}}"): NEWS,
    ("POST", f"{IN}/broadcasts/{{broadcast}}/schedule"): {"at": iso(clock.now() + timedelta(days=1))},
    ("POST", f"{IN}/broadcasts/{{broadcast}}/test"): {"user_ids": ["U1"]},
    ("POST", f"{IN}/broadcasts/{{broadcast}}/clone"): {"id": "copy"},
    ("POST", f"{IN}/broadcasts/{{broadcast}}/decide"): {"winner": None},
    ("POST", f"{IN}/scenarios/{{scenario}}/enroll"): {"user_ids": ["U1"]},
    ("POST", f"{IN}/scenarios/{{scenario}}/exit"): {"user_ids": ["U1"]},
    ("POST", f"{IN}/scenarios/{{scenario}}/retry"): {"user_ids": ["U1"]},
    ("POST", f"{IN}/scenarios/{{scenario}}/test"): {"user_ids": ["U1"]},
    **{
        ("PUT", f"{IN}/{kind}/{{{name}}}"): BUNDLE[kind][NAMES[name]]
        for kind, name in PATH_NAMES.items()
        if kind in BUNDLE
    },
}
"""What each route accepts; without one, nothing or an empty object."""
FITS = {200, 201, 202, 409}
"""Accepted; or, for what an action is done to, in the wrong state."""


@pytest.fixture(scope="module")
def shop() -> Iterator[None]:
    with emulated_aws(), a_shop():
        service.ensure_key("a-viewer", "見る人", "viewer", "shop", VIEWER)
        yield


@contextmanager
def writes() -> Iterator[list[Any]]:
    """Every call in this block that writes to a table."""
    seen: list[Any] = []

    def watch(name: str, detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name.startswith("dynamodb:") and not name.endswith(("GetItem", "Query", "Scan")):
            seen.append((name, detail))
        return outside(name, detail, call)

    with seam.guarded(watch):
        yield seen


def lines() -> list[dict[str, Any]]:
    return audit.read([None, "shop"], audit.Asked(), 8, None)[0]


def ask_for(operation: Operation, key: str | None = None) -> HttpAnswer:
    """One request that the route accepts."""
    names, query = dict(NAMES), ""
    if operation.method == "DELETE":
        spare = dict.fromkeys((*PATH_NAMES.values(), "member", "audience"), "spare")
        names |= spare | {"user": "U3"}
        query = "?erase=true" if "erase" in (operation.query or {}) else ""
    if "{key}" in operation.path:
        names["key"] = ask("POST", "/v1/keys", {"name": "k", "role": "viewer", "account": "shop"}).body["id"]
    if "{media}" in operation.path:
        names["media"] = ask("POST", "/v1/accounts/shop/media", a_sound(3), MP3).body["id"]
    body = BODIES.get((operation.method, operation.path), None if operation.takes_no_body else {})
    headers = next((kind for end, kind in KINDS.items() if operation.path.endswith(end)), None)
    more = {} if key is None else {"key": key}
    return ask(operation.method, path_of(operation, names) + query, body, headers, **more)


ONE = {"policies", "stages"}
"""Kinds of which there is one document."""


def spare() -> None:
    """A document of every kind that nothing uses."""
    bundle = {kind: {"spare": next(iter(BUNDLE[kind].values()))} for kind in BUNDLE if kind not in ONE}
    assert ask("POST", "/v1/accounts/shop/catalog/apply", bundle).status == 200
    assert ask("PUT", "/v1/accounts/shop/members/spare", {}).status < 300
    assert ask("POST", "/v1/accounts/shop/members/spare/link?replace=true", {"user_id": "U2"}).status == 200


@pytest.mark.parametrize("operation", AUDITED, ids=lambda o: f"{o.method} {o.path}")
def test_every_write_has_one_line_accepted_or_refused(shop: None, operation: Operation) -> None:
    """Whoever adds a route that may change something finds it in the audit log: who, what, what came."""
    if operation.method == "DELETE" and operation.path.split("/")[4:5] != ["friends"]:
        spare()
    answer = ask_for(operation)
    if not operation.path.endswith(("policies/{policy}", "stages/{stage}")):  # never to spare
        assert answer.status in FITS, (operation, answer.raw)
    newest = next(line for line in lines() if line["who"] == "key:shop-admin")
    assert newest["status"] == answer.status, (operation, newest)
    assert newest["outcome"] == ("done" if answer.status < 400 else "failed")
    assert (newest["who_name"], bool(newest["target"])) == ("tests", True)
    assert len([line for line in lines() if line["request_id"] == newest["request_id"]]) == 1
    if operation.role == "viewer":
        return
    assert ask_for(operation, VIEWER).status == 403
    line = next(line for line in lines() if line["who"] != "key:shop-admin" or "{key}" not in operation.path)
    audited = (line["outcome"], line["status"], line["who"], line["who_name"])
    assert audited == ("refused", 403, "key:a-viewer", "見る人")
    assert line["action"] == operation.action_name


@pytest.mark.parametrize(
    "operation",
    [o for o in OPERATIONS if not o.is_audited and o.role is not None],
    ids=lambda o: f"{o.method} {o.path}",
)
def test_what_has_no_line_changes_nothing(shop: None, operation: Operation) -> None:
    """What a viewer may do writes nothing but that somebody looks on: nothing that should have a line is
    without one.
    """
    body = None if operation.takes_no_body else _question(operation)
    with writes() as seen:
        ask(operation.method, path_of(operation), body)
    assert [call for call in seen if "SITEWATCH" not in str(call)] == []


def _question(operation: Operation) -> Any:
    bodies: dict[str, Any] = {
        "count": {"condition": {"tag": "vip"}},
        "explain": {"condition": {"tag": "vip"}, "user_id": "U1"},
        "plan": {"tags": {"planned": {"name": "x"}}},
        "rehearse": {"friends": {"user_ids": ["U1"]}, "start": "2026-11-22T00:00:00Z", "days": 1},
    }
    return bodies.get(operation.path.rpartition("/")[2], {})


def test_names_of_actions_differ_by_route() -> None:
    """Two routes of different meaning are not one action, so that a filter finds what it says."""
    names = [o.action_name for o in AUDITED if o.action is None]
    assert len(set(names)) == len(names)
