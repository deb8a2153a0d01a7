"""What the phones show: conversations out of the log, and news as it happens."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import orjson

from chalicelib.local.line.httpd import dumps
from chalicelib.local.line.store import Store

_KEEP_ALIVE_S = 15.0


class Hub:
    """Brings news to the open pages, each only that of the phones it shows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pages: dict[int, tuple[frozenset[tuple[str, str]], queue.SimpleQueue[bytes]]] = {}
        self._next = 0

    def publish(self, account: str, users: list[str], news: dict[str, Any]) -> None:
        """Notify the pages that show one of these users' phones."""
        with self._lock:
            pages = list(self._pages.values())
        if not pages:
            return
        reached = set(users)
        for phones, waiting in pages:
            for on_account, user in phones:
                if on_account == account and user in reached:
                    waiting.put(_frame(news | {"account": account, "user_id": user}))

    def stream(self, phones: frozenset[tuple[str, str]]) -> Iterator[bytes]:
        """Server-sent events for a page, until it goes away."""
        waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        with self._lock:
            self._next += 1
            mine = self._next
            self._pages[mine] = (phones, waiting)
        try:
            yield b": welcome\n\n"
            while True:
                try:
                    yield waiting.get(timeout=_KEEP_ALIVE_S)
                except queue.Empty:
                    yield b": still here\n\n"
        finally:
            with self._lock:
                del self._pages[mine]


def _frame(news: dict[str, Any]) -> bytes:
    return f"data: {dumps(news)}\n\n".encode()


def with_titles(store: Store, account: str, messages: list[Any]) -> list[Any]:
    """Messages, coupons with the title that LINE shows."""
    return [
        message | _title(store, account, message)
        if isinstance(message, dict) and message.get("type") == "coupon"
        else message
        for message in messages
    ]


def _title(store: Store, account: str, message: dict[str, Any]) -> dict[str, Any]:
    named = (account, message.get("couponId"))
    row = store.one("SELECT coupon, status FROM coupons WHERE account = ? AND id = ?", *named)
    if row is None:
        return {}
    return {"title": orjson.loads(row["coupon"])["title"], "is_closed": row["status"] == "CLOSED"}


def sent_item(
    seq: int, at: str, kind: str, messages: list[Any], sent: list[dict[str, str]]
) -> dict[str, Any]:
    """Messages from the account, as the page shows them."""
    return {
        "seq": seq,
        "at": at,
        "from": "account",
        "kind": kind,
        "messages": messages,
        "ids": [one["id"] for one in sent],
    }


def event_item(
    seq: int, at: str, event: dict[str, Any], shown: dict[str, Any] | None, status: int | None
) -> dict[str, Any]:
    """Something the friend did, as the page shows it."""
    return {"seq": seq, "at": at, "from": "friend", "event": event, "shown": shown, "status": status}


def timeline(store: Store, account: str, user: str, limit: int) -> list[dict[str, Any]]:
    """The last items of one conversation, oldest first. Blocked and skipped sends are not in it."""
    sends = store.all(
        "SELECT seq, at, kind, body, sent FROM sends WHERE account = ? AND status IN (200, 202) AND ("
        " recipient = ? OR (kind IN ('broadcast', 'narrowcast') AND at >= COALESCE("
        "   (SELECT MIN(e.at) FROM events e WHERE e.account = sends.account AND e.chat = ?), at))"
        " OR (kind = 'multicast' AND instr(body, ?)))"
        " AND (skipped IS NULL OR NOT instr(skipped, ?)) ORDER BY seq DESC LIMIT ?",
        account,
        user,
        user,
        user.encode(),
        user,
        limit,
    )
    events = store.all(
        "SELECT seq, at, event, shown, status FROM events WHERE account = ? AND chat = ?"
        " ORDER BY seq DESC LIMIT ?",
        account,
        user,
        limit,
    )
    items = [
        sent_item(
            row["seq"],
            row["at"],
            row["kind"],
            with_titles(store, account, orjson.loads(row["body"])["messages"]),
            orjson.loads(row["sent"]),
        )
        for row in sends
    ]
    items += [
        event_item(
            row["seq"],
            row["at"],
            orjson.loads(row["event"]),
            orjson.loads(row["shown"]) if row["shown"] else None,
            row["status"],
        )
        for row in events
    ]
    return sorted(items, key=lambda item: item["seq"])[-limit:]
