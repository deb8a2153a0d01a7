"""The five ways to send: what LINE answers, and what it keeps of what it accepted."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from chalicelib.local.line.httpd import Request, Response, dumps
from chalicelib.local.line.people import CHAT_ID, USER_ID, People
from chalicelib.local.line.store import Store
from chalicelib.local.line.validation.messages import Refusal, check_messages
from chalicelib.shared.times import iso, parse_iso

KINDS = ("reply", "push", "multicast", "narrowcast", "broadcast")
RETRY_KEY = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
KEY_LIFE = timedelta(hours=24)
TOKEN_LIFE = timedelta(minutes=1)
TOKEN_OLDEST = timedelta(minutes=20)
_UNIT = re.compile(r"[a-zA-Z0-9_]{1,30}\Z")
_QUOTABLE = {"text", "textV2", "sticker", "image", "video"}
_MOST_BYTES = 2 * 1024 * 1024


class Refused(Exception):
    """LINE answers with an error, and nothing was sent to anyone."""

    def __init__(self, status: int, message: str, details: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"message": message} | ({"details": details} if details else {})
        self.headers: dict[str, str] = {}


@dataclass(frozen=True)
class Accepted:
    """What LINE took: to whom it goes, who is silently left out, and the ids of the messages."""

    kind: str
    account: str
    recipient: str | None
    delivered: list[str]
    skipped: list[str]
    sent: list[dict[str, str]]
    status: int = 200
    counted: bool = True


@dataclass(frozen=True)
class Attempt:
    """One request to a sending endpoint, whatever comes of it."""

    account: str
    kind: str
    request: Request
    request_id: str
    now: datetime

    @property
    def retry_key(self) -> str | None:
        """The retry key, in the one spelling that compares."""
        key = self.request.headers.get("x-line-retry-key")
        return key.lower() if key else None


@dataclass
class Sender:
    """Judges attempts. ``heard`` is called with everything accepted, after it is written; ``choose`` says
    whom a narrowcast reaches.
    """

    store: Store
    people: People
    new_id: Callable[[], str]
    heard: Callable[[Attempt, Accepted, list[Any], int], None] = field(default=lambda *_: None)
    choose: Callable[[Attempt, dict[str, Any]], list[str]] = field(default=lambda *_: [])

    def judge(self, attempt: Attempt) -> Response:
        """Accept or refuse; in LINE's order: size, retry key, JSON, messages, recipients, quota.

        Raises Refused. An accepted attempt and its retry key are one transaction.
        """
        if len(attempt.request.body) > _MOST_BYTES:
            raise Refused(413, "Request entity too large")
        with self.store.lock:
            self._check_retry_key(attempt)
            body = _read(attempt.request)
            if refusal := check_messages(body.get("messages")):
                raise _refused(refusal)
            accepted = getattr(self, f"_{attempt.kind}")(attempt, body)
            seq = self._accept(attempt, accepted)
        self.heard(attempt, accepted, body["messages"], seq)
        shows_ids = attempt.kind in {"reply", "push"}
        return Response(accepted.status, {"sentMessages": accepted.sent} if shows_ids else {})

    # retry keys ---------------------------------------------------------------------------------------

    def _check_retry_key(self, attempt: Attempt) -> None:
        key = attempt.retry_key
        if key is None:
            return
        if attempt.kind == "reply":
            raise Refused(400, "The retry key is not supported by this endpoint")
        if not RETRY_KEY.match(key):
            raise Refused(400, "The retry key is invalid")
        row = self.store.one(
            "SELECT * FROM retry_keys WHERE account = ? AND retry_key = ?", attempt.account, key
        )
        if row is None or attempt.now - parse_iso(row["at"]) >= KEY_LIFE:
            return
        refused = Refused(409, "The retry key is already accepted")
        refused.headers["x-line-accepted-request-id"] = row["request_id"]
        if row["kind"] == "push":
            refused.body["sentMessages"] = orjson.loads(row["sent"])
        raise refused

    # the five ways ------------------------------------------------------------------------------------

    def _reply(self, attempt: Attempt, body: dict[str, Any]) -> Accepted:
        token = body.get("replyToken")
        if not isinstance(token, str) or not token:
            raise Refused(400, "The request body has 1 error(s)", [_detail("May not be empty", "replyToken")])
        row = self.store.one("SELECT * FROM reply_tokens WHERE token = ?", token)
        if row is None:
            if self.store.meta("strict_reply_tokens", False):
                raise Refused(400, "Invalid reply token")
            chat = None
        else:
            old = attempt.now - parse_iso(row["event_at"]) > TOKEN_OLDEST
            late = attempt.now - parse_iso(row["received_at"]) > TOKEN_LIFE
            if row["used_at"] or row["account"] != attempt.account or old or late:
                raise Refused(400, "Invalid reply token")
            chat = row["chat"]
        blocked = chat is not None and self.people.status(attempt.account, chat) == "blocked"
        return Accepted(
            "reply",
            attempt.account,
            chat,
            [chat] if chat and not blocked else [],
            [chat] if chat and blocked else [],
            self._sent(body),
            counted=False,
        )

    def _push(self, attempt: Attempt, body: dict[str, Any]) -> Accepted:
        to = body.get("to")
        if to is None or to == "":
            raise Refused(400, "The request body has 1 error(s)", [_detail("May not be empty", "to")])
        if not isinstance(to, str) or not CHAT_ID.match(to):
            raise Refused(400, "The property, 'to', in the request body is invalid (line: -, column: -)")
        _check_units(body)
        status = self.people.status(attempt.account, to)
        if status == "foreign":
            raise Refused(400, "Failed to send messages")
        reached = status == "following" or not USER_ID.match(to)
        return self._within_quota(
            attempt,
            Accepted(
                "push",
                attempt.account,
                to,
                [to] if reached else [],
                [] if reached else [to],
                self._sent(body),
            ),
        )

    def _multicast(self, attempt: Attempt, body: dict[str, Any]) -> Accepted:
        to = body.get("to")
        if not isinstance(to, list) or not to:
            raise Refused(400, "The request body has 1 error(s)", [_detail("May not be empty", "to")])
        if len(to) > 500:
            raise Refused(
                400, "The request body has 1 error(s)", [_detail("Size must be between 1 and 500", "to")]
            )
        statuses = self.people.statuses(attempt.account)
        for index, user in enumerate(to):
            if not isinstance(user, str) or not USER_ID.match(user) or statuses.get(user) == "foreign":
                raise Refused(400, f"The property, to[{index}], in the request body is invalid")
        _check_units(body)
        unique = dict.fromkeys(to)
        return self._within_quota(
            attempt,
            Accepted(
                "multicast",
                attempt.account,
                None,
                [user for user in unique if statuses.get(user) == "following"],
                [user for user in unique if statuses.get(user) != "following"],
                self._sent(body),
            ),
        )

    def _broadcast(self, attempt: Attempt, body: dict[str, Any]) -> Accepted:
        everyone = self.people.following(attempt.account)
        accepted = Accepted("broadcast", attempt.account, None, everyone, [], self._sent(body))
        return self._within_quota(attempt, accepted)

    def _narrowcast(self, attempt: Attempt, body: dict[str, Any]) -> Accepted:
        chosen = self.choose(attempt, body)
        accepted = Accepted("narrowcast", attempt.account, None, chosen, [], self._sent(body), status=202)
        return self._within_quota(attempt, accepted)

    def _sent(self, body: dict[str, Any]) -> list[dict[str, str]]:
        sent = []
        for message in body["messages"]:
            one = {"id": self.new_id()}
            if message["type"] in _QUOTABLE:
                one["quoteToken"] = f"q{one['id']}"
            sent.append(one)
        return sent

    # quota --------------------------------------------------------------------------------------------

    def quota(self, account: str) -> int | None:
        """The monthly limit of an account, None without one."""
        limits: dict[str, int | None] = self.store.meta("quota", {})
        return limits.get(account, limits.get("*"))

    def used(self, account: str, now: datetime) -> int:
        """How many messages counted this month (Japan's calendar)."""
        row = self.store.one("SELECT used FROM usage WHERE account = ? AND month = ?", account, month(now))
        return row["used"] if row else 0

    def _within_quota(self, attempt: Attempt, accepted: Accepted) -> Accepted:
        limit = self.quota(attempt.account)
        if limit is not None and self.used(attempt.account, attempt.now) + len(accepted.delivered) > limit:
            raise Refused(429, "You have reached your monthly limit.")
        return accepted

    # the log ------------------------------------------------------------------------------------------

    def _accept(self, attempt: Attempt, accepted: Accepted) -> int:
        seq = self.store.next_seq()
        at = iso(attempt.now)
        sent = dumps(accepted.sent)
        with self.store.write() as db:
            if attempt.retry_key:
                db.execute(
                    "INSERT OR REPLACE INTO retry_keys VALUES (?, ?, ?, ?, ?, ?)",
                    (attempt.account, attempt.retry_key, at, attempt.kind, attempt.request_id, sent),
                )
            if attempt.kind == "reply":
                token = orjson.loads(attempt.request.body)["replyToken"]
                db.execute(
                    "INSERT INTO reply_tokens VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (token) DO UPDATE SET used_at = excluded.used_at",
                    (token, attempt.account, None, at, at, at),
                )
            if accepted.counted and accepted.delivered:
                db.execute(
                    "INSERT INTO usage VALUES (?, ?, ?)"
                    " ON CONFLICT (account, month) DO UPDATE SET used = used + excluded.used",
                    (attempt.account, month(attempt.now), len(accepted.delivered)),
                )
            self._insert(seq, attempt, accepted.status, accepted=accepted, sent=sent)
        return seq

    def record_refusal(self, attempt: Attempt, status: int, error: str) -> None:
        """Keep an attempt that LINE did not accept, with the status LINE answered (0: dropped)."""
        self._insert(self.store.next_seq(), attempt, status, error=error)

    def record_answer(self, request_id: str, answered: int) -> None:
        """LINE accepted, and the caller saw something else."""
        self.store.run("UPDATE sends SET answered = ? WHERE request_id = ?", answered, request_id)

    def _insert(
        self,
        seq: int,
        attempt: Attempt,
        status: int,
        *,
        accepted: Accepted | None = None,
        sent: str | None = None,
        error: str | None = None,
    ) -> None:
        self.store.run(
            "INSERT INTO sends VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            seq,
            iso(attempt.now),
            attempt.account,
            attempt.kind,
            status,
            status,
            attempt.request_id,
            attempt.retry_key,
            accepted.recipient if accepted else None,
            attempt.request.body,
            dumps(accepted.skipped) if accepted and accepted.skipped else None,
            len(accepted.delivered) if accepted else 0,
            sent,
            error,
        )


def month(now: datetime) -> str:
    """The month LINE counts in."""
    return f"{now.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m}"


def _detail(message: str, name: str) -> dict[str, str]:
    return {"message": message, "property": name}


def _refused(refusal: Refusal) -> Refused:
    return Refused(400, refusal.message, refusal.details)


def _read(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except orjson.JSONDecodeError as broken:
        raise Refused(
            400,
            f"The request body could not be parsed as JSON (line: {broken.lineno}, column: {broken.colno})",
        ) from broken
    if not isinstance(body, dict):
        raise Refused(400, "The request body could not be parsed as JSON (line: 1, column: 1)")
    return body


def _check_units(body: dict[str, Any]) -> None:
    units = body.get("customAggregationUnits")
    if units is None:
        return
    fits = isinstance(units, list) and len(units) <= 1
    if not fits or not all(isinstance(unit, str) and _UNIT.match(unit) for unit in units):
        raise Refused(
            400, "The request body has 1 error(s)", [_detail("invalid property", "customAggregationUnits")]
        )
