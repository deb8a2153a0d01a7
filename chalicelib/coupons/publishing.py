"""A coupon is made at LINE once, whatever dies on the way.

LINE has no retry key for this, and two calls are two coupons. So 1. it is noted that LINE is asked, by whom
and for how long; 2. whoever is not the first to ask looks whether LINE has made it before; 3. LINE is asked;
4. one commit of the catalog says which coupon it is, unless that is another document's; 5. the note goes.
``tests/model/test_coupons.py`` searches these steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.coupons import store
from chalicelib.coupons.documents import KIND, PUBLISHED, made_of, published
from chalicelib.coupons.request import is_made_of, request_of
from chalicelib.gateways import clock, queues
from chalicelib.gateways.line import NoAnswer
from chalicelib.gateways.line_sdk import coupons as at_line
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.jobs import kinds
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import Conflict, RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_iso

PUBLISH = "publish_coupon"
CLOSE = "close_coupon"


class _Busy(Exception):
    """Somebody else is at it: come again."""


class _Failed(Exception):
    """It cannot work; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text("en"))
        self.reason = reason


def begin(account: str, coupon: str, by: str, job: str) -> None:
    """Have a coupon made at LINE by a job. Raises NotFound, Conflict when it is published already, and
    RuleViolation when nobody could use it any more.
    """
    snapshot = catalog.snapshot(account)
    body, known = snapshot.get(KIND, coupon).body, published(snapshot, coupon)
    if known is not None and not known.get("closed_at") and known["job"] != job:
        raise Conflict(Reason("coupon_is_published", coupon=coupon))
    if parse_iso(body["until"]) <= clock.now():
        raise RuleViolation.at("until", Reason("in_the_past"))
    feed(account, PUBLISH, coupon, by, job)


def begin_closing(account: str, coupon: str, by: str, job: str) -> None:
    """Have a coupon ended at LINE by a job, also for those who hold it. Raises NotFound, and Conflict when
    none is published.
    """
    snapshot = catalog.snapshot(account)
    snapshot.get(KIND, coupon)
    known = published(snapshot, coupon)
    if known is None or known.get("closed_at"):
        raise Conflict(Reason("coupon_unpublished", coupon=coupon))
    feed(account, CLOSE, coupon, by, job)


def feed(account: str, kind: str, coupon: str, by: str, job: str) -> None:
    """Keep the job, and have it done."""
    jobs.create(account, kind, by=by, total=1, chunks=1, params={"coupon": coupon}, job_id=job)
    queues.send(kinds.QUEUE, {"job": kind, "account": account, "id": job})


def work(body: dict[str, Any]) -> None:
    """The jobs ``publish_coupon`` and ``close_coupon``, ``{account, id}``. While LINE is in trouble they come
    again, later and later.
    """
    header = jobs.header(body["account"], body["id"])
    if header.failure is not None or header.result is not None:
        return
    try:
        made = (_publish if header.kind == PUBLISH else _close)(header)
    except _Failed as error:
        jobs.fail(header.account, header.id, error.reason)
    except Refused as error:
        _later(
            body,
            header,
            error.is_later,
            Reason("line_answered", status=error.status, message=_refusal_text(error)),
        )
    except NoAnswer as error:
        _later(body, header, True, Reason("line_no_answer", error=str(error)))
    except _Busy:
        _later(body, header, True, Reason("coupon_in_work"))
    else:
        jobs.finish(header.account, header.id, {"coupon_id": made})
        jobs.finish_chunk(header, "coupon", 1)


def _later(body: dict[str, Any], header: jobs.JobHeader, may_work: bool, why: Reason) -> None:
    if may_work and not kinds.is_last(body):
        kinds.retry_later(body, why.text("en"))
    else:
        jobs.fail(header.account, header.id, why)


def _refusal_text(error: Refused) -> str:
    return " ".join([error.message, *error.codes])[:300]


def _publish(header: jobs.JobHeader) -> str:
    """LINE's id of the coupon."""
    account, coupon = accounts.get_account(header.account), str(header.params["coupon"])
    snapshot = catalog.snapshot(account.id)
    known, document = published(snapshot, coupon), snapshot.find(KIND, coupon)
    if known is not None and known["job"] == header.id:
        store.end(account.id, coupon, header.id)
        return str(known["coupon_id"])
    if known is not None and not known.get("closed_at"):
        raise _Failed(Reason("coupon_is_published", coupon=coupon))
    if document is None:
        raise _Failed(Reason("no_path", path=f"{KIND}/{coupon}"))
    asked, digest = request_of(document.body, account.zone), made_of(document.body)
    attempt = store.begin(account.id, coupon, header.id, asked, digest, clock.now())
    if attempt is None:
        raise _Busy
    token = accounts.line_credentials(account.id)["channel_access_token"]
    made = _made_before(account.id, token, coupon, attempt) if attempt.again else None
    if made is None:
        made = _create(token, header, coupon, attempt)
    catalog.save(
        account.id, lambda seen: _next(seen, header, coupon, made, attempt.made_of), lambda _: None, header.by
    )
    store.end(account.id, coupon, header.id)
    return made


def _create(token: str, header: jobs.JobHeader, coupon: str, attempt: store.Attempt) -> str:
    try:
        return at_line.create(token, attempt.asked)
    except Refused:
        if not attempt.again:
            store.end(header.account, coupon, header.id)  # nothing was made, by anybody
        raise


def _made_before(account: str, token: str, coupon: str, attempt: store.Attempt) -> str | None:
    """What LINE has made of this before, and nobody has taken note of: the oldest."""
    taken = _taken(catalog.snapshot(account), coupon)
    found = [one for one in _details(token, attempt.asked["title"], taken) if _is(one, attempt)]
    found.sort(key=lambda one: (one.get("createdTimestamp") or 0, str(one["couponId"])))
    return str(found[0]["couponId"]) if found else None


def _is(found: Mapping[str, Any], attempt: store.Attempt) -> bool:
    return is_made_of(found, attempt.asked, attempt.since)


def _details(token: str, title: str, taken: frozenset[str]) -> Iterator[dict[str, Any]]:
    """The coupons at LINE with this title that are no document's yet."""
    start: str | None = None
    while True:
        items, start = at_line.page(token, ("DRAFT", "RUNNING"), at_line.MOST_PER_PAGE, start)
        for one in items:
            if one.get("title") == title and one["couponId"] not in taken:
                detail = at_line.find(token, one["couponId"])
                if detail is not None:
                    yield {**detail, "couponId": one["couponId"]}
        if start is None:
            return


def _taken(snapshot: Snapshot, coupon: str) -> frozenset[str]:
    """LINE's ids that documents have, and that this one had before."""
    found: set[str] = set()
    for id_, document in snapshot.all(PUBLISHED).items():
        found.update(document.body.get("earlier", ()))
        if id_ != coupon or document.body.get("closed_at"):
            found.add(document.body["coupon_id"])
    return frozenset(found)


def _next(seen: Snapshot, header: jobs.JobHeader, coupon: str, made: str, digest: str) -> list[Write]:
    """The commit of a publication. Raises _Failed for what nobody shall get, which is closed, and _Busy."""
    known = published(seen, coupon) or {}
    if known.get("job") == header.id:
        return []
    if seen.find(KIND, coupon) is None:
        _close_at_line(header.account, made)
        raise _Failed(Reason("no_path", path=f"{KIND}/{coupon}"))
    if known and not known.get("closed_at"):
        if known["coupon_id"] != made:
            _close_at_line(header.account, made)
        raise _Failed(Reason("coupon_is_published", coupon=coupon))
    if made in _taken(seen, coupon):
        raise _Busy
    earlier = [*known.get("earlier", ()), *([known["coupon_id"]] if known else [])]
    body = {
        "coupon": coupon,
        "coupon_id": made,
        "made_of": digest,
        "job": header.id,
        "published_at": iso(clock.now()),
        "earlier": earlier,
    }
    return [Write(PUBLISHED, coupon, body)]


def _close_at_line(account: str, made: str) -> None:
    at_line.close(accounts.line_credentials(account)["channel_access_token"], made)


def _close(header: jobs.JobHeader) -> str:
    """LINE's id of what is closed: at LINE first, which may be done again."""
    coupon = str(header.params["coupon"])
    known = published(catalog.snapshot(header.account), coupon)
    if known is None:
        raise _Failed(Reason("coupon_unpublished", coupon=coupon))
    made = str(known["coupon_id"])
    _close_at_line(header.account, made)

    def closed(seen: Snapshot) -> list[Write]:
        now = published(seen, coupon)
        if now is None or now.get("closed_at") or now["coupon_id"] != made:
            return []
        return [Write(PUBLISHED, coupon, {**now, "closed_at": iso(clock.now())})]

    catalog.save(header.account, closed, lambda _: None, header.by)
    return made
