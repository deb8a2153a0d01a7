"""After a 2xx nothing fails for its content: what a door takes, the engine applies and the store holds."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chalicelib.friends import store
from chalicelib.gateways import aws, clock
from chalicelib.reaction import due_times
from chalicelib.reaction import service as reaction
from chalicelib.shared import settings as environment
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.storable import unfit
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from chalicelib.transfers import imports
from chalicelib.webhook import front
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.reaction_builders import DOCUMENTS
from tests.strategies import ONE_FIXTURE

A = "/v1/accounts/shop"
MAX_ITEM = 400 * 1024
ECHO = {name: f"{{{{ event.{name} }}}}" for name in ("a", "amount", "text", "data")}
RULES: dict[str, Any] = {
    kind: {
        "name": kind,
        "also_late": True,
        "when": {"event": kind, "match": match},
        "if": {
            "any": [{"purchase": {"total": {"gt": 0.3}, "last": {"within": "9999d"}}}, {"everyone": True}]
        },
        "then": [
            {"set_attribute": {"attribute": "memo", "value": "{{ event.a }}"}},
            {"set_attribute": {"attribute": "visit", "value": "{{ event.a }}"}},
            {"set_attribute": {"attribute": "n", "value": "{{ event.amount }}"}},
            {"add_score": {"score": "heat", "points": "{{ event.amount }}"}},
            *[{"record_event": {"name": f"echo{n}", "props": ECHO}} for n in range(4)],
            {"reply": {"message": "dear", "push_fallback": False}},
        ],
        "limit": {"cooldown": "1s"},
    }
    for kind, match in (
        ("custom:x", {"a": {"regex": "(?s)^(.*)$"}}),
        ("custom:y", {"a.b": {"gt": 1, "lt": 10**37}}),
        ("purchased", {"items.0.category": {"contains": "届", "fold": True}}),
        ("refunded", {}),
        ("messaged", {"text": {"regex": "."}}),
        ("attribute_set", {}),
        ("stage_changed", {}),
    )
}
WAITS = {
    "name": "waits",
    "start": "visit",
    "nodes": {
        "visit": {"type": "wait", "until": {"attribute": "visit", "offset": "-999999w"}, "next": "far"},
        "far": {"type": "wait", "until": {"attribute": "visit", "offset": "+999999w"}, "next": "heard"},
        "heard": {"type": "wait_for", "event": "purchased", "timeout": "999999w", "next": None},
    },
}


@pytest.fixture
def shop(cloud: None) -> Api:
    api = an_api()
    an_account(api)
    front.forget_secrets()
    for kind, documents in DOCUMENTS.items():
        for name, body in documents.items():
            api.ok("PUT", f"{A}/{kind}/{name}", body)
    for kind, body in RULES.items():
        api.ok("PUT", f"{A}/rules/{kind.replace(':', '-')}", body)
    rule = {"name": "in", "when": {"event": "followed"}, "then": [{"enter_scenario": "waits"}]}
    api.ok("PUT", f"{A}/scenarios/waits", WAITS)
    api.ok("POST", f"{A}/scenarios/waits/publish", {})
    api.ok("PUT", f"{A}/rules/in", rule | {"also_late": True})
    return api


# What comes

NASTY = [
    "",
    "__proto__",
    "constructor",
    "\ufffe",
    "\uffff",
    "\ud800",
    "\x00",
    "届" * 3,
    "𠮷👨\u200d👩\u200d👧",
    "か\u3099",
]
NASTY += ["0900-01-01", "9999-12-31", "NaN", "-0", "x" * 5000]
texts = st.one_of(st.text(max_size=8), st.sampled_from(NASTY))
numbers = st.one_of(
    st.integers(-(10**63), 10**63),
    st.floats(),
    st.sampled_from([10**38 - 1, 10**38, 10**62, 1e-99, 1e-101, 1e99, 1e101, -0.0, 5e-324, 1e12, 0.1, 1e-7]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), texts, numbers),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
TIMES = [
    "0001-01-01T00:00:00+09:00",
    "9999-12-31T23:59:59-09:00",
    "0900-05-01T00:00:00Z",
    "0999-12-31T23:59:59Z",
]
TIMES += [
    "1000-01-01T00:00:00+09:00",
    "1000-01-01T09:00:00+09:00",
    "2026-11-22T00:00:00",
    "2026-11-22T24:00:00Z",
]
TIMES += ["2026-W47-7T00:00:00Z", "2026-11-22T00:00:00.123456789+14:00", "10000-01-01T00:00:00Z", "now", ""]
times = st.one_of(st.datetimes().map(lambda at: at.isoformat() + "Z"), st.sampled_from(TIMES))
props = st.dictionaries(st.sampled_from(["a", "text", "amount", "b"]) | texts, values, max_size=4)
items = st.lists(
    st.fixed_dictionaries({"product": texts, "category": texts, "quantity": numbers, "amount": numbers}),
    max_size=3,
)
orders = st.fixed_dictionaries(
    {"order_id": texts, "amount": numbers | st.sampled_from([0.1, 0.2, 5000])},
    optional={"items": items, "refund_of": texts, "currency": st.sampled_from(["JPY", "yen", "USD"])},
)
EVENT = {"type": "custom:x", "event_id": "e", "props": {}}
events = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["custom:x", "custom:y", "reserved", "custom:\ufffe"]), "event_id": texts},
        optional={"at": times, "props": props, "fire": st.booleans()},
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["purchased", "refunded"]), "event_id": texts, "props": orders},
        optional={"at": times},
    ),
)
PATCH = st.fixed_dictionaries(
    {},
    optional={
        "attributes": st.dictionaries(st.sampled_from(["memo", "visit", "n", "skin"]), values, max_size=3),
        "scores": st.dictionaries(st.sampled_from(["add", "set"]), st.dictionaries(st.just("heat"), numbers)),
    },
)


# The worker, and the store


def work_off() -> None:
    """Everything that waits is applied; what raises would go to the dead letters."""
    for message in drain("inbox"):
        reaction.react(FriendEvent.from_message(message))
    for body in drain("bulk"):
        if body.get("job") == "events":
            for message in body["events"]:
                reaction.react(FriendEvent.from_message(message))
        elif body.get("job") == "import":
            imports.work(body, 1, reaction.react, due_times.OfAccount)


def assert_held(user: str) -> None:
    """What is stored of a friend is what DynamoDB and the laptop's store hold."""
    tables, dynamodb = environment.settings(), aws.client("dynamodb")
    found = dynamodb.query(
        TableName=tables.table("activities"),
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": f"shop#{user}"}},
    )["Items"]
    key = store.key("shop", 64, user)
    sheet = dynamodb.get_item(TableName=tables.table("friends"), Key=key).get("Item")
    assert all("state" not in item for item in found)
    for item in [*found, *([sheet] if sheet else [])]:
        assert len(json.dumps(item, ensure_ascii=False).encode()) < 2 * MAX_ITEM
        _held({"M": item}, 0)


def _held(av: dict[str, Any], depth: int) -> None:
    assert depth <= 32
    ((kind, value),) = av.items()
    if kind == "N":
        number = Decimal(value).normalize().as_tuple()
        assert len(number.digits) <= 38, value
        assert -130 <= Decimal(value).adjusted() <= 125 or not Decimal(value), value
    elif kind == "M":
        for name, inner in value.items():
            assert name not in {"", "__proto__"}
            _held(inner, depth + 1)
    elif kind == "L":
        for inner in value:
            _held(inner, depth + 1)


_users = count()
USUAL = settings(
    max_examples=20,
    suppress_health_check=[*ONE_FIXTURE, HealthCheck.data_too_large],
)


def a_user(shop: Api) -> str:
    """A friend of our own for one example, in the scenario."""
    user = f"U{next(_users)}"
    reaction.react(FriendEvent("f", "shop", user, "followed", iso(clock.now() - timedelta(hours=1))))
    drain("inbox")
    drain("bulk")
    return user


def taken(shop: Api, method: str, path: str, body: Any, **headers: str) -> bool:
    """Whether a door took it; what it does not take is a 4xx that says why."""
    answer = shop.call(method, f"{A}/{path}", body, **headers)
    assert answer.status_code < 500, answer.body
    if answer.status_code >= 400:
        assert answer.json_body["error"]["message"]
    return bool(answer.status_code < 300)


def deep(levels: int) -> Any:
    return {"a": deep(levels - 1)} if levels else 1


@pytest.mark.parametrize("many", [False, True])
def test_events(shop: Api, many: bool) -> None:
    """``POST /events``, one and many: what is taken is applied."""

    @USUAL
    @given(event=events)
    @example(event=EVENT | {"at": "0900-05-01T00:00:00Z"})
    @example(event=EVENT | {"at": "0001-01-01T00:00:00+09:00"})
    @example(event=EVENT | {"at": "9999-12-31T23:59:59-09:00"})
    @example(event=EVENT | {"props": {"__proto__": {"a": 1}}})
    @example(event=EVENT | {"props": {"a": {"": 1}}})
    @example(event=EVENT | {"props": {"a": 10**62}})
    @example(event=EVENT | {"props": {"a": 10**399}})
    @example(event=EVENT | {"props": {"a": float("nan")}})
    @example(event=EVENT | {"props": {"a": "\ud800"}})
    @example(event=EVENT | {"props": deep(33)})
    @example(event=EVENT | {"props": {"a": "届" * 19_000}})
    @example(event=EVENT | {"props": {"a": [0] * 29_000}})
    @example(event=EVENT | {"event_id": "__proto__"})
    @example(event=EVENT | {"event_id": "𠮷" * 128})
    def run(event: dict[str, Any]) -> None:
        user = a_user(shop)
        event = event | {"user_id": user}
        if taken(shop, "POST", "events", {"events": [event] * 12} if many else event):
            work_off()
        assert_held(user)

    run()


def test_purchases(shop: Api) -> None:
    """``POST /purchases``: orders, refunds and parts of them, in any form."""

    @USUAL
    @given(order=orders, at=times)
    @example(order={"order_id": "__proto__", "amount": 1}, at="2026-11-22T00:00:00Z")
    @example(order={"order_id": "o", "amount": 10**399}, at="2026-11-22T00:00:00Z")
    @example(
        order={"order_id": "o", "amount": 1, "items": [{"product": "__proto__", "amount": 1}]},
        at="2026-11-22T00:00:00Z",
    )
    @example(order={"order_id": "𠮷" * 120, "amount": 0.1}, at="1000-01-01T00:00:00Z")
    def run(order: dict[str, Any], at: str) -> None:
        user = a_user(shop)
        if taken(shop, "POST", "purchases", order | {"user_id": user, "at": at}):
            work_off()
        assert_held(user)

    run()


def test_patches(shop: Api) -> None:
    """``PATCH /friends``: 202, and applied."""

    @USUAL
    @given(patch=PATCH)
    @example(patch={"attributes": {"visit": "0900-01-01"}})
    @example(patch={"attributes": {"visit": "9999-12-31"}})
    @example(patch={"attributes": {"memo": "\ufffe"}})
    @example(patch={"scores": {"add": {"heat": 1e-200}}})
    def run(patch: dict[str, Any]) -> None:
        user = a_user(shop)
        if taken(shop, "PATCH", f"friends/{user}", patch):
            work_off()
        assert_held(user)

    run()


@pytest.mark.parametrize("fire", ["false", "true"])
def test_imports(shop: Api, fire: str) -> None:
    """A CSV that is taken is applied or says what is wrong with a line, with rules and without."""
    cells = st.one_of(texts, times, numbers.map(str)).map(
        lambda text: text.replace('"', "").replace("\ud800", "")
    )

    @USUAL
    @given(row=st.lists(cells, min_size=6, max_size=6))
    @example(row=["a", "0900-01-01T00:00:00Z", "vip@0001-01-01T00:00:00+09:00", "1", "2", "0900-01-01"])
    @example(row=["\ufffe", "", "vip@9999-12-31T23:59:59Z", "1e400", "9" * 400, "9999-12-31"])
    def run(row: list[str]) -> None:
        user = a_user(shop)
        header = "user_id,display_name,followed_at,tags,score.heat,attribute.n,attribute.visit"
        line = ",".join(f'"{cell}"' for cell in [user, *row])
        path = f"friends/import?fire={fire}"
        if taken(shop, "POST", path, f"{header}\n{line}\n".encode(), content_type="text/csv"):
            work_off()
            work_off()
        assert_held(user)

    run()


def test_webhooks(shop: Api) -> None:
    """LINE's webhooks cannot be refused: they are made storable, and say so."""

    @USUAL
    @given(text=texts, raw=values, at=st.integers(-(10**20), 10**20))
    @example(text="a", raw={"__proto__": 1, "": 2, "a": 10**400, "b": float("inf"), "c": deep(40)}, at=1)
    def run(text: str, raw: Any, at: int) -> None:
        user = a_user(shop)
        message = {"type": "text", "id": "m", "text": text, "more": raw}
        event = {"type": "message", "timestamp": at, "source": {"type": "user", "userId": user}}
        body = json.dumps({"events": [event | {"message": message, "webhookEventId": "w"}]}).encode()
        signature = base64.b64encode(hmac.new(b"secret", body, hashlib.sha256).digest()).decode()
        assert front.receive("shop", body, signature).status == 200
        work_off()
        assert_held(user)
        kept = activities.find("shop", user, "w")
        assert kept is not None
        assert kept["props"].get("made_storable", False) is (front.parse.storable(message) != message)

    run()


def test_what_staff_say(shop: Api) -> None:
    """A message that the door takes is kept as it was given."""

    @USUAL
    @given(text=texts, more=values)
    def run(text: str, more: Any) -> None:
        user = a_user(shop)
        body = {"messages": [{"type": "text", "text": text, "more": more}]}
        if taken(shop, "POST", f"friends/{user}/messages", body):
            (event,) = [FriendEvent.from_message(message) for message in drain("inbox")]
            assert unfit(event.props) is None

    run()
