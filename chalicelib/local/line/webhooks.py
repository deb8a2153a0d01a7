"""From a phone to Todoku: signed webhooks, kept before they are sent, so that they can be sent again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import urllib3

from chalicelib.local.line.httpd import dumps
from chalicelib.local.line.people import Channel, People
from chalicelib.local.line.store import Store
from chalicelib.shared.times import iso

_TIMEOUT = urllib3.Timeout(connect=2, read=15)


def sign(secret: str, body: bytes) -> str:
    """LINE's ``x-line-signature``: base64 of HMAC-SHA256 over the raw body."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


@dataclass(frozen=True)
class Outcome:
    """What Todoku answered; status 0 when there was no answer."""

    status: int
    body: Any
    ms: int

    @property
    def delivered(self) -> bool:
        """Whether LINE counts the webhook as received."""
        return 200 <= self.status < 300


class Courier:
    """Delivers events, and remembers them with their reply tokens."""

    def __init__(self, store: Store, people: People, api_url: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self._people = people
        self._api_url = api_url.rstrip("/")
        self._now = now
        self._http = urllib3.PoolManager(maxsize=16, retries=False, timeout=_TIMEOUT)

    def url(self, channel: Channel) -> str:
        """Where an account's webhooks go."""
        return channel.webhook_url or f"{self._api_url}/webhook/{channel.account}"

    def keep(self, account: str, event: dict[str, Any], shown: dict[str, Any] | None) -> int:
        """Write an event down before it is sent, with the reply token it carries; returns its seq.

        The token's life begins now, also for a recorded event of long ago. An event seen before (a recorded
        redelivery) keeps its place.
        """
        chat = chat_of(event)
        now = iso(self._now())
        with self._store.write() as db:
            row = self._store.one(
                "SELECT seq FROM events WHERE event_id = ? AND account = ?",
                event.get("webhookEventId"),
                account,
            )
            seq: int = row["seq"] if row else self._store.next_seq()
            db.execute(
                "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
                (
                    seq,
                    now,
                    account,
                    chat,
                    event.get("webhookEventId"),
                    dumps(event),
                    dumps(shown) if shown is not None else None,
                ),
            )
            token = event.get("replyToken")
            if isinstance(token, str):
                db.execute(
                    "INSERT INTO reply_tokens VALUES (?, ?, ?, ?, ?, NULL)"
                    " ON CONFLICT (token) DO UPDATE SET received_at = excluded.received_at",
                    (token, account, chat, now, now),
                )
        return seq

    def send(
        self, account: str, events: Sequence[dict[str, Any]], *, signature: str | None = None
    ) -> Outcome:
        """POST one webhook with these events (none: LINE's "verify"). ``signature`` replaces the true one."""
        channel = self._people.channel(account)
        body = orjson.dumps({"destination": channel.bot_id, "events": list(events)})
        return self.post(channel, body, signature)

    def post(self, channel: Channel, body: bytes, signature: str | None = None) -> Outcome:
        """POST these very bytes, signed."""
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "LineBotWebhook/2.0",
            "x-line-signature": sign(channel.secret, body) if signature is None else signature,
        }
        started = time.monotonic()
        try:
            answer = self._http.request("POST", self.url(channel), body=body, headers=headers)
            status, text = answer.status, answer.data
        except (urllib3.exceptions.HTTPError, OSError) as trouble:
            status, text = 0, f"{type(trouble).__name__}: {trouble}".encode()
        ms = round((time.monotonic() - started) * 1000)
        try:
            shown: Any = orjson.loads(text)
        except ValueError:
            shown = text.decode("utf-8", "replace")[:2000]
        return Outcome(status, shown, ms)

    def note(self, seqs: Sequence[int], outcome: Outcome) -> None:
        """Keep what Todoku answered to these events."""
        with self._store.write() as db:
            for seq in seqs:
                db.execute(
                    "UPDATE events SET status = ?, answer = ? WHERE seq = ?",
                    (outcome.status, dumps(outcome.body), seq),
                )

    def redeliver(self, account: str, event_ids: Sequence[str] | None) -> tuple[list[str], Outcome | None]:
        """Send events once more, the same but for ``isRedelivery``. None: all that were not answered 2xx.

        An unused reply token lives a minute again from this delivery.
        """
        if event_ids is None:
            rows = self._store.all(
                "SELECT * FROM events WHERE account = ?"
                " AND (status IS NULL OR status NOT BETWEEN 200 AND 299) ORDER BY seq LIMIT 100",
                account,
            )
        else:
            marks = ",".join("?" * len(event_ids))
            rows = self._store.all(
                f"SELECT * FROM events WHERE account = ? AND event_id IN ({marks}) ORDER BY seq",  # noqa: S608
                account,
                *event_ids,
            )
        if not rows:
            return [], None
        events = [orjson.loads(row["event"]) for row in rows]
        now = iso(self._now())
        for event in events:
            event["deliveryContext"] = {"isRedelivery": True}
            self._store.run(
                "UPDATE reply_tokens SET received_at = ? WHERE token = ? AND used_at IS NULL",
                now,
                event.get("replyToken"),
            )
        outcome = self.send(account, events)
        self.note([row["seq"] for row in rows], outcome)
        return [row["event_id"] for row in rows], outcome


def chat_of(event: dict[str, Any]) -> str | None:
    """The chat an event happened in: the user, or the group or room."""
    source = event.get("source")
    if not isinstance(source, dict):
        return None
    found = source.get("groupId") or source.get("roomId") or source.get("userId")
    return found if isinstance(found, str) else None
