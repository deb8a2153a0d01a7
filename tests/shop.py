"""A whole shop in one process: a document of every kind, friends, and the real workers behind the doors.

Requests go through the laptop's own gateway, so that what it refuses is seen as well.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from app import app
from chalicelib.accounts import service as accounts
from chalicelib.gateways import line, seam
from chalicelib.http.routes import Operation
from chalicelib.local import pollers, wiring
from chalicelib.local.api import Gateway
from chalicelib.local.http import Request
from tests import dynamo_rules, waiting_messages
from tests.api_client import A_COUPON
from tests.local_gateway import in_process

KEY = "the-shop's-key"
BASE = "/v1/accounts/shop"
SECRET = "channel-secret"
NAMES = {
    "account": "shop",
    "user": "U1",
    "user_id": "U1",
    "broadcast": "b1",
    "scenario": "welcome",
    "tag": "vip",
    "score": "interest",
    "attribute": "area",
    "segment": "vips",
    "message": "hello",
    "link": "spring",
    "rule": "r1",
    "form": "skin",
    "route": "poster",
    "menu": "main",
    "member": "m1",
    "policy": "default",
    "schedule": "daily",
    "stage": "default",
    "topic": "news",
    "audience": "vips",
    "page": "products",
    "coupon": "spring",
}
"""What stands in the place of each name in a path. Jobs, keys and contents are made by the doors."""

BUNDLE: dict[str, Any] = {
    "tags": {"vip": {"name": "VIP"}, "dry": {"name": "乾燥肌"}},
    "scores": {"interest": {"name": "関心度", "half_life": "7d", "thresholds": [3]}},
    "attributes": {
        "area": {"name": "エリア", "type": "text"},
        "visits": {"name": "Visits", "type": "number"},
        "birthday": {"name": "誕生日", "type": "date"},
        "likes": {"name": "Likes", "type": "multi_choice", "choices": ["hair", "nail"]},
    },
    "segments": {"vips": {"name": "VIPs", "condition": {"tag": "vip"}}},
    "links": {"spring": {"url": "https://salon.example/spring"}},
    "messages": {
        "hello": {
            "name": "Hello",
            "category": "transactional",
            "messages": [
                {"type": "text", "text": '{{ friend.display_name | default("お客様") }} {{ link("spring") }}'}
            ],
        }
    },
    "forms": {
        "skin": {"name": "肌診断", "questions": [{"id": "q1", "text": "いかがですか？", "attribute": "area"}]}
    },
    "routes": {"poster": {"name": "Poster", "then": [{"add_tag": "dry"}]}},
    "rich-menus": {"main": {"name": "Main", "rich_menu_id": "richmenu-1"}},
    "topics": {"news": {"name": "お知らせ"}},
    "coupons": {"spring": A_COUPON},
    "pages": {"products": {"name": "商品ページ", "pattern": "/products/*"}},
    "policies": {"default": {"caps": [{"category": "marketing", "max": 3, "per": "day"}]}},
    "stages": {"default": {"loyal": {"count": 5}}},
    "schedules": {
        "daily": {
            "name": "Daily",
            "enabled": False,
            "every": {"time": "03:00"},
            "audience": {"tag": "vip"},
            "then": [{"add_tag": "dry"}],
        }
    },
    "scenarios": {
        "welcome": {
            "name": "Welcome",
            "start": "m",
            "nodes": {
                "m": {"type": "message", "message": "hello", "next": "w"},
                "w": {"type": "wait", "after": "1h", "next": None},
            },
        }
    },
    "rules": {
        "r1": {
            "name": "trial",
            "when": {"event": "custom:trial", "match": {"kind": {"regex": "^a+"}}},
            "if": {"segment": "vips"},
            "then": [{"add_tag": "dry"}, {"add_score": {"score": "interest", "points": 1}}],
        },
        "text": {
            "name": "any text",
            "when": {"event": "messaged"},
            "then": [{"set_attribute": {"attribute": "area", "value": "{{ event.text }}"}}],
        },
    },
}


@dataclass(frozen=True)
class HttpAnswer:
    """An answer, and how much of this process's time it took."""

    status: int
    body: Any
    raw: bytes
    seconds: float


@functools.cache
def gateway() -> Gateway:
    """The laptop's gateway before the application, made once."""
    return Gateway(app, in_process(app))


def ask(
    method: str,
    target: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    key: str | None = KEY,
) -> HttpAnswer:
    """One request; a body that is not bytes or text is sent as JSON."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else b""
    if body is not None and not isinstance(body, bytes | str):
        data = json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
    sent |= dict(headers or {})
    began = time.process_time()
    reply = gateway().answer(Request(method, target, sent, data, lambda: True))
    took = time.process_time() - began
    is_json = any(n.lower() == "content-type" and "json" in v for n, v in reply.headers)
    return HttpAnswer(
        reply.status, json.loads(reply.body) if is_json and reply.body else None, reply.body, took
    )


def path_of(operation: Operation, names: Mapping[str, str] = NAMES) -> str:
    """The path of an operation with the names of things that exist (``unknown-id`` for the others)."""
    return re.sub(r"{(\w+)}", lambda found: names.get(found[1], "unknown-id"), operation.path)


def signed(body: bytes) -> dict[str, str]:
    """The header that makes a webhook body LINE's."""
    mac = hmac.new(SECRET.encode(), body, hashlib.sha256).digest()
    return {"x-line-signature": base64.b64encode(mac).decode()}


MANAGED: dict[str, Any] = {
    "line:info": {"userId": "U0", "basicId": "@shop", "displayName": "Shop", "chatMode": "bot"},
    "line:webhook_endpoint": {"endpoint": "https://line.test/webhook/shop", "active": True},
    "line:webhook_test": {"success": True, "statusCode": 200, "reason": "OK"},
    "line:audience_create": {"audienceGroupId": 7},
    "line:audience_add": None,
    "line:audience_delete": None,
    "line:audience": {"audienceGroup": {"audienceGroupId": 7, "type": "UPLOAD", "status": "READY"}},
    "line:audiences": {"audienceGroups": [], "hasNextPage": False},
    "line:coupon_create": {"couponId": "01KCOUPON"},
    "line:coupons": {"items": []},
    "line:coupon": None,
    "line:coupon_close": None,
    "line:richmenu_list": {"richmenus": []},
    "line:richmenu_alias_list": {"aliases": []},
    "line:richmenu_default": {"richMenuId": "richmenu-1"},
}
"""What LINE says of audiences."""


def outside(name: str, detail: Mapping[str, Any], call: Any) -> Any:
    """The seam's guard: DynamoDB is strict, LINE and the web answer well, machines are not ours, no sleep."""
    dynamo_rules.refuse(name, detail)
    if name in {"sqs:SendMessage", "sqs:SendMessageBatch", "sqs:ChangeMessageVisibility"}:
        return _queue(name, detail)
    if name == "line:quota":
        return (1000, 0)
    if name == "line:profile":
        return {"displayName": "花子", "language": "ja"}
    if name == "line:sent":
        return {"status": "ready", "success": 3}
    if name == "line:followers":
        return [], None
    if name in MANAGED:
        return MANAGED[name]
    if name == "line:content":
        return line.Content(404)
    if name.startswith("line:"):
        return line.Answer(200, request_id="r")
    if name.startswith("web:"):
        return 200
    if name.startswith("stepfunctions:"):
        return {"status": "RUNNING"}
    return None if name == "clock:sleep" else call()


@contextmanager
def a_shop() -> Iterator[None]:
    """The shop of this page, in an emulated AWS that is there already."""
    with seam.guarded(outside):
        accounts.ensure_key("shop-admin", "tests", "admin", None, KEY)
        channel = {"channel_secret": SECRET, "channel_access_token": "token", "shards": 2}
        channel |= {"login_channel_id": "1234567890", "login_channel_secret": "5" * 32}
        _good(ask("PUT", BASE, {"name": "Shop", **channel}))
        _good(ask("PUT", "/v1/accounts/other", {"name": "Other", **channel}))
        _good(ask("POST", f"{BASE}/catalog/apply", BUNDLE))
        csv = "user_id,display_name,tags\nU1,花子,vip\nU2,太郎,dry\nU3,次郎,\n"
        _good(ask("POST", f"{BASE}/friends/import", csv, {"Content-Type": "text/csv"}))
        audience = {"name": "b1", "audience": {"tag": "vip"}, "message": "hello"}
        _good(ask("PUT", f"{BASE}/broadcasts/b1", audience))
        _good(ask("POST", f"{BASE}/scenarios/welcome/publish", {}))
        for name in ("vips", "spare"):
            _good(ask("POST", f"{BASE}/audiences", {"id": name, "name": name, "segment": "vips"}))
        _good(ask("PUT", f"{BASE}/members/m1", {"rank": "gold", "attributes": {"area": "横浜"}}))
        assert work_off() == []
        _good(ask("POST", f"{BASE}/members/m1/link", {"user_id": "U3"}))
        assert work_off() == []
        yield


def _good(answer: HttpAnswer) -> HttpAnswer:
    assert answer.status < 300, (answer.status, answer.raw)
    return answer


_TRIES = 5


def work_off() -> list[tuple[str, Any]]:
    """Let the real workers do what is queued, and what comes of it; returns what failed for good."""
    dead: list[tuple[str, Any]] = []
    for queue, delayed in waiting_messages.LATER.items():
        waiting_messages.NOW[queue].extend(delayed)
        delayed.clear()
    busy = True
    while busy:
        busy = False
        for handler in wiring.queue_handlers(app):
            while messages := _take(handler.queue, handler.batch_size):
                busy = True
                dead += [(handler.queue, json.loads(m["Body"])) for m in _handle(handler, messages)]
    return dead


def _take(queue: str, most: int) -> list[dict[str, Any]]:
    return [waiting_messages.NOW[queue].popleft() for _ in range(min(most, len(waiting_messages.NOW[queue])))]


def _queue(name: str, detail: Mapping[str, Any]) -> Any:
    """Queues of our own: moto's take time that grows with the square of what is in them."""
    queue = str(detail["QueueUrl"]).rpartition("/")[2]
    if name == "sqs:ChangeMessageVisibility":
        return {}
    entries = detail.get("Entries") or [detail]
    for entry in entries:
        body = entry["MessageBody"]
        attributes = {"MessageGroupId": entry["MessageGroupId"]} if "MessageGroupId" in entry else {}
        number = f"m{next(_NUMBERS)}"
        (waiting_messages.LATER if entry.get("DelaySeconds") else waiting_messages.NOW)[queue].append(
            {
                "MessageId": number,
                "ReceiptHandle": number,
                "Body": body,
                "MD5OfBody": "-",
                "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0", **attributes},
            }
        )
    return {"Successful": [{"Id": entry.get("Id", "0")} for entry in entries], "Failed": []}


"""What is sent with a delay is there when the queues are worked off the next time: who polls, polls once."""
_NUMBERS = itertools.count()


def _handle(handler: wiring.QueueHandler, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Hand over a batch; what fails comes again by itself, until its tries are over. Returns what is left."""
    work = wiring.load_handler(handler.function.path)
    for number in range(1, _TRIES + 1):
        for message in messages:
            message["Attributes"]["ApproximateReceiveCount"] = str(number)
        event = pollers.to_event(handler.queue, messages)
        ids = [message["MessageId"] for message in messages]
        failed = pollers.failed_ids(work(event, wiring.context(handler.function)), ids)
        messages = [message for message in messages if message["MessageId"] in failed]
        if not messages:
            break
    return messages
