"""``Idempotency-Key`` on POSTs: the same key and request within 24 hours gives the first answer again.

The record of a request is put before the work and completed after it. Work that crashed in between is
done again by the next request with the key, once its lease is over; what it does must be safe to repeat,
as everything behind a POST is. Answers that say "not now" (5xx, 429) are not kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalice.app import Request, Response

from chalicelib.accounts import store
from chalicelib.accounts.model import Principal
from chalicelib.gateways import clock
from chalicelib.shared.errors import Conflict, Detail, InvalidInput, TodokuError
from chalicelib.shared.http import error_response, json_response, raw_body
from chalicelib.shared.ids import digest, new_ulid
from chalicelib.shared.times import iso

HEADER = "Idempotency-Key"
_KEPT = timedelta(hours=24)
_LEASE = timedelta(seconds=60)
"""Longer than any HTTP function may run: after this, the first attempt cannot be running any more."""
_ANY_BYTES = 1 << 24
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")

Run = Callable[[], Any]


def once(
    request: Request, principal: Principal, run: Run, *, unkept: Callable[[Any], Any] | None = None
) -> Response:
    """Answer ``run()``, once per Idempotency-Key of this principal; without the header simply ``run()``.

    ``run`` answers a Response or a body (200). ``unkept`` completes a stored body with what must not be
    stored (a secret); it is called with every answered body of a 2xx. Raises Conflict when the key came
    with another request before, or when its first request is still being worked on.
    """
    key = request.headers.get(HEADER.lower())
    if key is None:
        return _finished(_response(run()), unkept)
    if not _KEY.match(key):
        reason = "must be 1 to 255 visible ASCII characters"
        raise InvalidInput(f"{HEADER}: {reason}", [Detail(HEADER, reason)])
    record = _record(request, principal, key, clock.now())
    kept = _begin(record, clock.now())
    if kept is not None:
        return _finished(_replayed(kept), unkept)
    return _finished(_run(record, run), unkept)


def _record(request: Request, principal: Principal, key: str, now: datetime) -> store.AnswerItem:
    query = sorted((request.query_params or {}).items())
    asked = digest(request.method, _path(request), json.dumps(query), _body_hash(request))
    return store.AnswerItem(
        principal.account or store.INSTALLATION,
        f"IDEM#{digest(principal.key_id, key)}",
        state="running",
        request=asked,
        owner=new_ulid(),
        started_at=iso(now),
        lease_until=iso(now + _LEASE),
        expires_at=int((now + _KEPT).timestamp()),
    )


def _path(request: Request) -> str:
    params = request.uri_params or {}
    return "|".join([request.path, *(f"{name}={params[name]}" for name in sorted(params))])


def _body_hash(request: Request) -> str:
    return digest(raw_body(request, _ANY_BYTES).hex())


def _begin(record: store.AnswerItem, now: datetime) -> store.AnswerItem | None:
    """Take the key for this request (None), or find the first one's answer. Raises Conflict."""
    while not store.begin_answer(record):
        known = store.find_answer(record.pk, record.sk)
        if known is None:
            continue
        if known.expires_at <= now.timestamp():
            if store.take_over(record, known.owner):
                return None
            continue
        if known.request != record.request:
            raise Conflict(f"this {HEADER} was used with another request within the last 24 hours")
        if known.state == "done":
            return known
        if known.lease_until > iso(now):
            raise Conflict(f"the first request with this {HEADER} is still being worked on; ask again")
        if store.take_over(record, known.owner):
            return None
    return None


def _run(record: store.AnswerItem, run: Run) -> Response:
    try:
        response = _response(run())
    except TodokuError as error:
        response = error_response(error)
    except Exception:
        store.forget_answer(record)
        raise
    if response.status_code >= 500 or response.status_code == 429:
        store.forget_answer(record)
    else:
        store.finish_answer(record, response.status_code, store.pack(_body(response)))
    return response


def _response(answer: Any) -> Response:
    return answer if isinstance(answer, Response) else json_response(answer)


def _replayed(kept: store.AnswerItem) -> Response:
    return json_response(
        store.unpack(kept.answer or "null"), int(kept.status or 200), {"Idempotency-Replayed": "true"}
    )


def _body(response: Response) -> Any:
    return json.loads(response.body) if isinstance(response.body, str | bytes) else response.body


def _finished(response: Response, unkept: Callable[[Any], Any] | None) -> Response:
    if unkept is None or response.status_code >= 300:
        return response
    return json_response(unkept(_body(response)), response.status_code, dict(response.headers))
