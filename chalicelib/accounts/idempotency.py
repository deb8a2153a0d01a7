"""``Idempotency-Key`` on POSTs: the same key and request within 24 hours gives the first answer again.
A key is for one API key and account: one word used for two accounts is two requests.

The record of a request is put before the work and completed after it. Work that crashed in between is
done again by the next request with the key, once its lease is over; what it does must be safe to repeat,
as everything behind a POST is. Answers that say "not now" (5xx, 429) are not kept. Work that others must
recognise when it is done again (a job, an event, a cause) takes the name that ``once_named`` gives it: the
same for each try within these 24 hours, another one afterwards.

An answer that is too large for an item is kept as an object, before the record says so. Where even that
fails, the record says that the work was done: it is never done again because its answer cannot be kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalice.app import Request, Response

from chalicelib.accounts import store
from chalicelib.accounts.model import Account, Principal
from chalicelib.gateways import clock, control, objects
from chalicelib.http.answers import error_response, json_response
from chalicelib.http.bodies import raw_body
from chalicelib.http.language import LANG
from chalicelib.shared.errors import Conflict, InvalidInput, TodokuError
from chalicelib.shared.ids import digest, new_ulid
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso

HEADER = "Idempotency-Key"
_KEPT = timedelta(hours=24)
_LEASE = timedelta(seconds=60)
"""Longer than any HTTP function may run: after this, the first attempt cannot be running any more."""
_ANY_BYTES = 1 << 24
_ITEM_CHARACTERS = 350_000
"""Of a packed answer (ASCII): an item holds 400 KB."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}\Z")

Run = Callable[[], Any]
Named = Callable[[str], Any]


def once(
    request: Request, principal: Principal, run: Run, *, unkept: Callable[[Any], Any] | None = None
) -> Response:
    """Answer ``run()``, once per Idempotency-Key of this principal in this account; without the header
    simply ``run()``.

    ``run`` answers a Response or a body (200). ``unkept`` completes a stored body with what must not be
    stored (a secret); it is called with every answered body of a 2xx. Raises Conflict when the key came
    with another request before, or when its first request is still being worked on.
    """
    return once_named(request, principal, lambda _: run(), unkept=unkept)


def once_named(
    request: Request, principal: Principal, run: Named, *, unkept: Callable[[Any], Any] | None = None
) -> Response:
    """``once``; ``run`` is given the name of the work, 32 characters at most: the same each time a request is
    tried again under its key, fresh without one.
    """
    key = request.headers.get(HEADER.lower())
    if key is None:
        return _finished(_response(run(new_ulid())), unkept)
    if not _KEY.match(key):
        raise InvalidInput.at(HEADER, Reason("idempotency_key"))
    record = _record(request, principal, key, clock.now())
    kept = _begin(record, clock.now())
    if kept is not None:
        return _finished(_replayed(kept), unkept)
    name = digest(record.pk, record.sk, str(record.since))[:32]
    return _finished(_run(record, lambda: run(name)), unkept)


def _record(request: Request, principal: Principal, key: str, now: datetime) -> store.AnswerItem:
    query = sorted(pair for pair in (request.query_params or {}).items() if pair[0] != LANG)
    asked = digest(request.method, _path(request), json.dumps(query), _body_hash(request))
    return store.AnswerItem(
        (request.uri_params or {}).get("account") or principal.account or control.INSTALLATION,
        f"IDEM#{digest(principal.key_id, key)}",
        state="running",
        request=asked,
        owner=new_ulid(),
        started_at=iso(now),
        lease_until=iso(now + _LEASE),
        expires_at=int((now + _KEPT).timestamp()),
    )


def _path(request: Request) -> str:
    return json.dumps([request.path, sorted((request.uri_params or {}).items())])


def _body_hash(request: Request) -> str:
    return digest(raw_body(request, _ANY_BYTES).hex())


def _begin(record: store.AnswerItem, now: datetime) -> store.AnswerItem | None:
    """Take the key for this request (None), or find the first one's answer. Raises Conflict.

    Who takes over the same request goes on with its work, and keeps the time since when it is done.
    """
    record.since = record.started_at
    while not store.begin_answer(record):
        known = store.find_answer(record.pk, record.sk)
        if known is None:
            continue
        if known.expires_at > now.timestamp():
            is_same = known.request == record.request
            if not is_same and known.state != "free":
                raise Conflict(Reason("key_reused", header=HEADER))
            if known.state == "done":
                return known
            if known.state == "running" and known.lease_until > iso(now):
                raise Conflict(Reason("key_in_work", header=HEADER))
            record.since = (known.since or known.started_at) if is_same else record.started_at
        if store.take_over(record, known.owner):
            return None
    return None


def _run(record: store.AnswerItem, run: Run) -> Response:
    try:
        response = _response(run())
    except TodokuError as error:
        response = error_response(error)
    except Exception:
        store.free_answer(record)
        raise
    if response.status_code >= 500 or response.status_code == 429:
        store.free_answer(record)
    else:
        _finish(record, response)
    return response


def _finish(record: store.AnswerItem, response: Response) -> None:
    """Keep the answer. The work is done: whatever fails here, its answer is given."""
    try:
        packed = store.pack(_body(response))
        if len(packed) <= _ITEM_CHARACTERS:
            store.finish_answer(record, response.status_code, answer=packed)
        else:
            store.finish_answer(record, response.status_code, place=_keep_aside(record, packed))
    except Exception:  # noqa: BLE001 (a 5xx would say that nothing was done)
        logger.exception("the answer to a request with an idempotency key could not be kept")


def _keep_aside(record: store.AnswerItem, packed: str) -> str | None:
    """Keep a large answer as an object; returns its key, or None when that failed."""
    key = f"answers/{record.pk.strip('#')}/{digest(record.sk)}/{record.owner}"
    try:
        objects.put(key, packed.encode(), "application/octet-stream")
    except Exception:  # noqa: BLE001 (the record then says that the work was done)
        logger.exception("a large answer could not be kept")
        return None
    return key


def forget(account: Account, user: str, until: str) -> None:
    """Keep no answer of up to that time that names a friend; that the work was done stays known."""
    for record in store.answers(account.id):
        if record.state != "done" or record.started_at > until:
            continue
        packed = _packed(record)
        if packed is not None and user in json.dumps(store.unpack(packed), ensure_ascii=False):
            if record.place is not None:
                objects.delete(record.place)
            store.drop_answer(record)


def _packed(kept: store.AnswerItem) -> str | None:
    found = objects.find(kept.place) if kept.place is not None else None
    return found.decode() if found is not None else kept.answer


def _response(answer: Any) -> Response:
    return answer if isinstance(answer, Response) else json_response(answer)


def _replayed(kept: store.AnswerItem) -> Response:
    """The first answer again. Raises Conflict, which says what is true, when it could not be kept."""
    packed = _packed(kept)
    if packed is None:
        raise Conflict(
            Reason("answer_not_kept", at=str(kept.started_at), status=int(kept.status)),
            carried_out_at=kept.started_at,
            status=int(kept.status or 200),
        )
    return json_response(store.unpack(packed), int(kept.status or 200), {"Idempotency-Replayed": "true"})


def _body(response: Response) -> Any:
    return json.loads(response.body) if isinstance(response.body, str | bytes) else response.body


def _finished(response: Response, unkept: Callable[[Any], Any] | None) -> Response:
    if unkept is None or response.status_code >= 300:
        return response
    return json_response(unkept(_body(response)), response.status_code, dict(response.headers))
