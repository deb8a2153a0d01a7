"""An outside program, with its own LINE and API.md in hand: exact tags, scores, counts and sends."""

from __future__ import annotations

import hashlib
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.client import Refused, until
from tests.e2e.platform import Platform
from tests.e2e.strict_line import StrictLine

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(280)]

SECRET, TOKEN = "the-channel-secret", "the-token"
A = "/v1/accounts/shop"


def user(number: int) -> str:
    return "U" + hashlib.md5(str(number).encode()).hexdigest()


class Shop:
    """One account of the platform, driven through its public doors."""

    def __init__(self, platform: Platform, line: StrictLine) -> None:
        self.platform, self.line, self.api = platform, line, platform.api
        self.sequence = 0

    def open(self) -> None:
        self.api.put(A, {"name": "店", "channel_secret": SECRET, "channel_access_token": TOKEN})
        for kind, documents in DOCUMENTS.items():
            for name, body in documents.items():
                self.api.put(f"{A}/{kind}/{name}", body)

    def event(self, kind: str, who: str, **payload: Any) -> dict[str, Any]:
        self.sequence += 1
        return {
            "type": kind,
            "mode": "active",
            "timestamp": int(time.time() * 1000),
            "webhookEventId": f"01E2E{self.sequence:021d}",
            "deliveryContext": {"isRedelivery": False},
            "source": {"type": "user", "userId": who},
            "replyToken": f"token-{self.sequence}",
            **payload,
        }

    def follow(self, who: str) -> dict[str, Any]:
        return self.event("follow", who, follow={"isUnblocked": False})

    def text(self, who: str, text: str) -> dict[str, Any]:
        return self.event(
            "message",
            who,
            message={"type": "text", "id": str(self.sequence), "text": text, "quoteToken": "q"},
        )

    def deliver(self, *events: dict[str, Any]) -> int:
        return self.api.webhook("shop", SECRET, {"destination": "U" + "0" * 32, "events": list(events)})

    def quiet(self, timeout_s: float = 120) -> None:
        until("quiet", self.platform.idle, timeout_s)

    def count(self, condition: Any) -> int:
        answer: int = self.api.post(f"{A}/segments/count", {"condition": condition})["count"]
        return answer

    def import_friends(self, numbers: range, extra: str = "", header: str = "") -> None:
        lines = ["user_id,display_name" + header] + [f"{user(n)},友だち{n}😀{extra}" for n in numbers]
        upload = self.api.post(f"{A}/uploads", {})
        file = "\n".join([*lines, ""]).encode()
        urllib.request.urlopen(urllib.request.Request(upload["url"], file, method="PUT"), timeout=60).close()
        job = self.api.post(f"{A}/friends/import", {"upload_id": upload["upload_id"]})["job_id"]
        state = until("import", lambda: self._job(job), 120)
        assert (state["state"], state["total"], state["errors"]) == ("done", len(numbers), [])

    def _job(self, job: str) -> Any:
        state = self.api.get(f"{A}/jobs/{job}")
        return state if state["state"] != "running" else None

    def broadcast_state(self, name: str, *states: str) -> Any:
        state = self.api.get(f"{A}/broadcasts/{name}")
        progress = state["progress"]
        parts = [progress["pending"], progress["accepted"], progress["unknown"], progress["held_out"]]
        balance = sum(parts) + sum(progress["skipped"].values()) + sum(progress["failed"].values())
        assert progress["planned"] == balance, progress
        return state if state["status"] in states else None


DOCUMENTS: dict[str, dict[str, Any]] = {
    "tags": {"new": {"name": "新規"}, "vip": {"name": "VIP"}},
    "scores": {"interest": {"name": "関心"}},
    "messages": {
        "hello": {"name": "hello", "messages": [{"type": "text", "text": "ようこそ😀"}]},
        "sale": {"name": "sale", "messages": [{"type": "text", "text": "SALE 全員に"}]},
        "dear": {
            "name": "dear",
            "messages": [{"type": "text", "text": 'DEAR {{ friend.display_name | default("お客様") }}'}],
        },
        "step": {"name": "step", "messages": [{"type": "text", "text": "STEP 1"}]},
        "step-two": {"name": "step 2", "messages": [{"type": "text", "text": "STEP 2"}]},
    },
    "rules": {
        "welcome": {
            "name": "welcome",
            "when": {"event": "followed"},
            "then": [
                {"add_tag": "new"},
                {"add_score": {"score": "interest", "points": 1}},
                {"reply": {"message": "hello"}},
            ],
        },
        "keen": {
            "name": "keen",
            "when": {"event": "messaged", "match": {"text": {"contains": "好き"}}},
            "then": [{"add_score": {"score": "interest", "points": 3}}],
        },
        "vip": {
            "name": "vip",
            "when": {"event": "messaged", "match": {"text": "VIP"}},
            "if": {"score": {"id": "interest", "gte": 4}},
            "limit": "once",
            "then": [{"add_tag": "vip"}, {"send": {"message": "sale"}}],
        },
    },
    "scenarios": {
        "wave": {
            "name": "wave",
            "entry": {"re_entry": "never"},
            "start": "w",
            "nodes": {
                "w": {"type": "wait", "after": "12s", "next": "m"},
                "m": {"type": "message", "message": "step", "next": "w2"},
                "w2": {"type": "wait", "after": "10s", "next": "m2"},
                "m2": {"type": "message", "message": "step-two"},
            },
        },
    },
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    line = StrictLine(TOKEN)
    platform = Platform(tmp_path, TODOKU_LINE_API_URL=line.url)
    platform.start()
    shop = Shop(platform, line)
    shop.open()
    yield shop
    platform.kill()
    line.close()


def test_from_webhook_to_exact_numbers(shop: Shop) -> None:
    """Follows and texts become exact tags, scores, replies and sends; duplicates change nothing."""
    friends = [user(n) for n in range(40)]
    for who in friends:
        assert shop.deliver(shop.follow(who)) == 200
    likes = [shop.text(who, "これ好きです💕") for who in friends[:20]]
    assert shop.deliver(*likes) == 200
    assert shop.deliver(*[dict(e, deliveryContext={"isRedelivery": True}) for e in likes]) == 200
    assert shop.deliver(*[shop.text(who, "VIP") for who in friends[10:30]]) == 200
    assert shop.deliver(*[shop.text(who, "VIP") for who in friends[10:30]]) == 200
    assert shop.deliver() == 200
    shop.quiet()
    assert shop.count({"everyone": True}) == 40
    assert shop.count({"tag": "new"}) == 40
    assert shop.count({"score": {"id": "interest", "eq": 4}}) == 20
    assert shop.count({"tag": "vip"}) == 10
    assert shop.count({"event": {"type": "messaged", "count": {"eq": 3}}}) == 10
    assert len(shop.line.replies("ようこそ")) == 40
    assert shop.line.received("SALE") == dict.fromkeys(friends[10:20], 1)
    one = shop.api.get(f"{A}/friends/{friends[10]}")
    assert one["status"] == "following"
    assert one["scores"]["interest"]["value"] == 4
    assert set(one["tags"]) == {"new", "vip"}
    assert shop.line.refused == []


def test_bad_webhooks_touch_nothing(shop: Shop) -> None:
    """A wrong signature is 401, an unknown account 404; neither leaves a trace."""
    who = user(1)
    payload = {"destination": "U" + "0" * 32, "events": [shop.follow(who)]}
    assert shop.api.webhook("shop", "wrong-secret", payload) == 401
    assert shop.api.webhook("nowhere", SECRET, payload) == 404
    shop.quiet()
    with pytest.raises(Refused) as refused:
        shop.api.get(f"{A}/friends/{who}")
    assert refused.value.status == 404
    assert set(refused.value.body["error"]) >= {"code", "message", "details"}


def test_power_cuts_during_a_broadcast_and_a_wave(shop: Shop) -> None:
    """SIGKILL to everything, twice, in the middle of a broadcast to 2,000 and of a wave of 300.

    Every recipient is accepted exactly once, and every webhook answered 200 is applied exactly once.
    """
    shop.import_friends(range(2000))
    assert shop.count({"everyone": True}) == 2000
    shop.api.post(f"{A}/scenarios/wave/publish", {})
    shop.line.delay_s = 0.15
    shop.api.put(f"{A}/broadcasts/all", {"name": "all", "audience": {"everyone": True}, "message": "dear"})
    shop.api.put(f"{A}/broadcasts/sale", {"name": "sale", "audience": {"everyone": True}, "message": "sale"})
    wave = [user(n) for n in range(300)]
    enrolled = shop.api.post(f"{A}/scenarios/wave/enroll", {"user_ids": wave})
    assert enrolled["accepted"] == 300
    shop.api.post(f"{A}/broadcasts/all/send", {})
    shop.api.post(f"{A}/broadcasts/sale/send", {})
    answered = []
    for n in range(60):
        event = shop.text(user(n), "好き")
        if shop.deliver(event) == 200:
            answered.append(user(n))
    until("the first sends", lambda: sum(shop.line.received("DEAR").values()) > 50, 60, 0.05)
    shop.platform.kill()
    shop.platform.start()
    at_first_restart = sum(shop.line.received("DEAR").values())
    for n in range(60, 120):
        if shop.deliver(shop.text(user(n), "好き")) == 200:
            answered.append(user(n))
    until(
        "the broadcast goes on",
        lambda: sum(shop.line.received("DEAR").values()) > at_first_restart + 50,
        30,
        0.05,
    )
    shop.platform.kill()
    shop.platform.start()
    shop.line.delay_s = 0
    for name in ("all", "sale"):
        state = until(
            f"broadcast {name}", lambda name=name: shop.broadcast_state(name, "done", "failed"), 120
        )
        assert state["status"] == "done"
        assert (state["progress"]["planned"], state["progress"]["accepted"]) == (2000, 2000), state
    until("the wave", lambda: len(shop.line.received("STEP 2")) == 300, 120)
    shop.quiet()
    everyone = {user(n): 1 for n in range(2000)}
    assert shop.line.received("DEAR") == everyone
    assert shop.line.received("SALE") == everyone
    assert shop.line.received("STEP 1") == dict.fromkeys(wave, 1)
    assert shop.line.received("STEP 2") == dict.fromkeys(wave, 1)
    assert shop.count({"score": {"id": "interest", "eq": 3}}) == len(answered)
    assert shop.count({"event": {"type": "messaged", "count": {"eq": 1}}}) == len(answered)
    assert shop.line.refused == []
