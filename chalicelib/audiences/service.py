"""What may be done with audiences. LINE's own are known by LINE's number, ours by the id that we gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.audiences import model, store, uploading
from chalicelib.audiences.model import Audience, Building
from chalicelib.catalog import service as catalog
from chalicelib.gateways import clock
from chalicelib.gateways.line import NoAnswer
from chalicelib.gateways.line_sdk import audiences as at_line
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.shared.errors import Conflict, Detail, NotFound, RuleViolation, Unavailable
from chalicelib.shared.ids import digest
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.tables import handed_down
from chalicelib.shared.times import from_ms, iso, parse_iso
from chalicelib.timers.recurrence import next_occurrence

_FIRST_PAGE = 1


def create(
    account: Account,
    audience_id: str,
    name: str,
    asked: tuple[str, Mapping[str, Any]],
    by: str,
    job: str,
    every: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Begin to make an audience; returns it, with the job. The same ``job`` again is the same request.
    ``asked``: its kind, and ``{segment}`` or ``{broadcast, url?}``.

    Raises Conflict when the id is taken, and RuleViolation for a segment or a narrowcast that is not there.
    """
    if audience_id.isdigit():
        raise RuleViolation.at("id", Reason("audience_id_digits"))
    kind, of = asked
    _require_segment(account.id, of)
    if kind != model.UPLOAD:
        of = {**of, "request_id": _request_of(account.id, kind, str(of["broadcast"]))}
    now = clock.now()
    next_at = iso(next_occurrence(every, account.zone, now)) if every else None
    wanted = Audience(
        account=account.id,
        id=audience_id,
        name=name,
        kind=kind,
        of=dict(of),
        rev=1,
        created_at=iso(now),
        by=by,
        every=every,
        next_at=next_at,
        building=_building(audience_id, job, now),
    )
    uploading.arm(wanted)
    if not store.create(wanted):
        known = store.find(account.id, audience_id)
        if known is None or known.building is None or known.building.job != job:
            raise Conflict(Reason("audience_taken", audience=audience_id))
    uploading.begin(wanted, account.shards)
    return shown(wanted, None)


def _building(audience_id: str, job: str, now: datetime) -> Building:
    return Building(job, digest("audience", audience_id, job)[:8], iso(now), iso(now))


def _require_segment(account: str, of: Mapping[str, Any]) -> None:
    segment = of.get("segment")
    if segment is not None and catalog.snapshot(account).find("segments", segment) is None:
        raise RuleViolation.at("segment", Reason("no_path", path=f"segments/{segment}"))


def _request_of(account: str, kind: str, broadcast: str) -> str:
    """LINE's id of what a broadcast has sent. Only of narrowcasts LINE says who saw it."""
    found = handed_down("narrowcast_request")(account, broadcast)
    if found is None:
        raise RuleViolation.at(kind, Reason("audience_no_narrowcast", broadcast=broadcast))
    return str(found)


def ensure(account: Account, audience_id: str, name: str, of: Mapping[str, Any], ends_at: str) -> None:
    """Have an audience made that serves one run and goes then, unless it is. Again is harmless."""
    if store.find(account.id, audience_id) is not None:
        return
    now, job = clock.now(), digest("audience-of-run", audience_id)[:26]
    wanted = Audience(
        account=account.id,
        id=audience_id,
        name=name,
        kind=model.UPLOAD,
        of=dict(of),
        rev=1,
        created_at=iso(now),
        by="broadcasts",
        ends_at=ends_at,
        building=_building(audience_id, job, now),
    )
    uploading.arm(wanted)
    if store.create(wanted):
        uploading.begin(wanted, account.shards)


def ready_group(account: str, audience_id: str) -> int | Reason | None:
    """LINE's number of an audience (ours, or LINE's own by its number) that a narrowcast may name now; None:
    not yet; a Reason: never. Asks LINE.
    """
    audience = store.find(account, audience_id)
    group = audience.group if audience else int(audience_id) if audience_id.isdigit() else None
    if group is None:
        if audience is not None and audience.building is not None:
            return None
        if audience is not None and audience.failure:
            return Reason.of(audience.failure)
        return Reason("narrowcast_audience", audience=audience_id, status="GONE")
    try:
        found = at_line.find(_token(account), group)
    except (Refused, NoAnswer):
        return None
    status = str((found or {}).get("status") or "GONE")
    if status == "READY":
        return group
    if status in {"IN_PROGRESS", "ACTIVATING"}:
        return None
    return Reason("narrowcast_audience", audience=audience_id, status=status)


def find(account: str, audience_id: str) -> Audience | None:
    """An audience of ours."""
    return store.find(account, audience_id)


def ids(account: str) -> list[str]:
    """Those that have a name of ours and are not of one run."""
    return [audience.id for audience in store.all_of(account) if audience.ends_at is None]


def sync(account: Account, audience_id: str, by: str, job: str) -> dict[str, Any]:
    """Begin to make another audience of the same segment, which takes the place of this one when it is made.

    Raises NotFound, Conflict while one is being made, and RuleViolation for what is not made of a segment.
    """
    audience = _get(account.id, audience_id)
    if audience.building is not None and audience.building.job != job:
        raise Conflict(Reason("audience_in_work", audience=audience_id))
    if audience.kind != model.UPLOAD:
        raise RuleViolation.at("audience", Reason("audience_not_synced"))
    _require_segment(account.id, audience.of)
    if audience.building is None and not _rebuild(account, audience, by, job):
        raise Conflict(Reason("audience_in_work", audience=audience_id))
    return shown(_get(account.id, audience_id), None)


def _rebuild(account: Account, audience: Audience, by: str, job: str) -> bool:
    wanted = replace(audience, building=_building(audience.id, job, clock.now()), by=by, failure=None)
    uploading.arm(wanted)
    if store.write(wanted) is None:
        return False
    uploading.begin(wanted, account.shards)
    return True


def delete(account: str, audience_id: str) -> None:
    """Take an audience away, here and at LINE; one that LINE's tools made by LINE's number.

    Raises NotFound, and RuleViolation when a broadcast names it that may still go out, or LINE refuses.
    """
    audience = store.find(account, audience_id)
    token = _token(account)
    if audience is None:
        _delete_at_line(token, _number(audience_id, token))
        return
    users = handed_down("audience_users")(account, audience_id)
    if users:
        details = [
            Detail(f"broadcasts.{user}", Reason("used_here", path=f"audiences/{audience_id}"))
            for user in users
        ]
        raise RuleViolation.of(details)
    _forget(token, audience)


def _forget(token: str, audience: Audience) -> None:
    """At LINE first: what is forgotten here could not be found there."""
    for group in audience.groups:
        _delete_at_line(token, group)
    if not store.delete(audience):
        raise Conflict(Reason("audience_in_work", audience=audience.id))


def _delete_at_line(token: str, group: int) -> None:
    try:
        at_line.delete(token, group)
    except Refused as error:
        if error.is_later:
            raise Unavailable(Reason("line_busy")) from error
        raise RuleViolation(uploading.refusal(error)) from error
    except NoAnswer as error:
        raise Unavailable(Reason("line_silent")) from error


def _number(audience_id: str, token: str) -> int:
    """LINE's number of an audience that is not ours. Raises NotFound."""
    if not audience_id.isdigit() or len(audience_id) > 18 or _found(token, int(audience_id)) is None:
        raise NotFound(Reason("no_document", kind="audience", id=audience_id))
    return int(audience_id)


def require_known(account: str, audience_id: str) -> None:
    """Raises NotFound for an audience that is none of ours."""
    _get(account, audience_id)


def _get(account: str, audience_id: str) -> Audience:
    audience = store.find(account, audience_id)
    if audience is None:
        raise NotFound(Reason("no_document", kind="audience", id=audience_id))
    return audience


def _token(account: str) -> str:
    return accounts.line_credentials(account)["channel_access_token"]


# What the timers and the jobs ask for


def look_at(account_id: str, audience_id: str) -> None:
    """Do what is due of an audience: a sync, the end of what was replaced, an upload that has stalled.

    Safe at any time, and by several at once: each change is written over what was read.
    """
    account, audience = accounts.find_account(account_id), store.find(account_id, audience_id)
    if account is None or audience is None:
        return
    now = clock.now()
    try:
        if audience.is_over(now):
            _forget(_token(account.id), audience)
            return
        audience = _tidied(account, audience, now)
    except (Unavailable, RuleViolation, Conflict) as error:
        logger.warning("an audience could not be tidied", extra={"audience": audience.id, "why": str(error)})
        _come_again(audience, now)
    if audience.next_at is not None and parse_iso(audience.next_at) <= now:
        audience = _synced(account, audience, now)
    if audience.is_stalled(now):
        audience = store.write(model.moved(audience, now)) or audience
        uploading.begin(audience, account.shards)
    uploading.arm(audience)


def _come_again(audience: Audience, now: datetime) -> None:
    """LINE does not take it now: come back in a while."""
    uploading.arm(replace(audience, next_at=None, ends_at=iso(now + model.STALLED_AFTER), retired=()))


def _tidied(account: Account, audience: Audience, now: datetime) -> Audience:
    """Without the replaced ones whose time has come, here and at LINE."""
    gone = audience.overdue(now)
    for old in gone:
        _delete_at_line(_token(audience.account), old.group)
    if not gone:
        return audience
    rest = tuple(old for old in audience.retired if old not in gone)
    written = store.write(replace(audience, retired=rest))
    if written is not None:
        uploading.begin(written, account.shards)  # whoever was at work on it finds it changed, and stops
    return written or audience


def _synced(account: Account, audience: Audience, now: datetime) -> Audience:
    """The sync of a schedule is begun, and the next one noted; both in one write."""
    assert audience.every is not None
    next_at = iso(next_occurrence(audience.every, account.zone, now))
    following = replace(audience, next_at=next_at)
    if audience.building is not None:
        uploading.arm(following)
        return store.write(following) or audience
    job = digest("audience-sync", audience.id, str(audience.next_at))[:26]
    begun = _rebuild(account, following, audience.by, job)
    return (store.find(account.id, audience.id) or audience) if begun else audience


def is_done_with(account: str, audience_id: str, due_at: datetime) -> bool:
    """Whether nothing is due of an audience that was so at a time."""
    audience = store.find(account, audience_id)
    due = audience.next_due() if audience else None
    return due is None or due > due_at


# Shown


def _found(token: str, group: int) -> dict[str, Any] | None:
    try:
        return at_line.find(token, group)
    except Refused as error:
        raise Unavailable(Reason("line_busy" if error.is_later else "line_silent")) from error
    except NoAnswer as error:
        raise Unavailable(Reason("line_silent")) from error


def get(account: str, audience_id: str) -> dict[str, Any]:
    """An audience, ours or LINE's, as LINE has it now. Raises NotFound, Unavailable."""
    audience, token = store.find(account, audience_id), _token(account)
    if audience is None:
        number = int(audience_id) if audience_id.isdigit() and len(audience_id) <= 18 else None
        found = _found(token, number) if number is not None else None
        if found is None:
            raise NotFound(Reason("no_document", kind="audience", id=audience_id))
        return shown(None, found)
    return shown(audience, _found(token, audience.group) if audience.group is not None else None)


def page(account: str, limit: int, number: int) -> tuple[list[dict[str, Any]], int | None]:
    """A page of all audiences: first ours of which LINE has none yet, then LINE's list, newest first; and the
    number of the next page. Raises Unavailable.
    """
    own = list(store.all_of(account))
    named = {one.group: one for one in own if one.group is not None}
    own_only = [one for one in own if one.group is None and one.ends_at is None]
    items = [shown(one, None) for one in own_only] if number == _FIRST_PAGE else []
    try:
        found, goes_on = at_line.page(_token(account), number, min(limit, at_line.MOST_PER_PAGE))
    except Refused as error:
        raise Unavailable(Reason("line_busy" if error.is_later else "line_silent")) from error
    except NoAnswer as error:
        raise Unavailable(Reason("line_silent")) from error
    items += [shown(named.get(int(one.get("audienceGroupId") or 0)), one) for one in found]
    return items, number + 1 if goes_on else None


_AT_LINE = {
    "audience_group_id": "audienceGroupId",
    "type": "type",
    "status": "status",
    "failed_type": "failedType",
    "permission": "permission",
    "create_route": "createRoute",
    "request_id": "requestId",
    "click_url": "clickUrl",
}


def shown(audience: Audience | None, at_line_now: Mapping[str, Any] | None) -> dict[str, Any]:
    """An audience as it is answered: what LINE says of it, in our words, and what we know besides."""
    found = at_line_now or {}
    body: dict[str, Any] = {name: found.get(theirs) for name, theirs in _AT_LINE.items()}
    body |= {"id": None, "name": found.get("description"), "count": found.get("audienceCount")}
    body |= {
        "created_at": _timestamp(found.get("created")),
        "expires_at": _timestamp(found.get("expireTimestamp")),
    }
    body |= {"segment": None, "broadcast": None, "sync": None, "next_sync_at": None, "synced_at": None}
    body |= {"job_id": None, "left_out": 0, "why": None, "reason": None}
    return body if audience is None else body | _ours(audience, body)


def _ours(audience: Audience, body: Mapping[str, Any]) -> dict[str, Any]:
    building = audience.building
    status = "UPLOADING" if building and audience.group is None else body["status"]
    if status is None:
        status = "FAILED" if audience.group is None else "GONE"
    why = Reason.of(audience.failure).shown() if audience.failure else {}
    return {
        "id": audience.id,
        "name": audience.name,
        "type": body["type"] or model.KINDS[audience.kind],
        "status": status,
        "audience_group_id": audience.group,
        "count": audience.count if body["count"] is None else body["count"],
        "created_at": body["created_at"] or audience.created_at,
        "segment": audience.of.get("segment"),
        "broadcast": audience.of.get("broadcast"),
        "sync": {"every": audience.every} if audience.every else None,
        "next_sync_at": audience.next_at,
        "synced_at": audience.as_of,
        "job_id": building.job if building else None,
        "left_out": audience.left_out,
        **why,
    }


def _timestamp(seconds: Any) -> str | None:
    return iso(from_ms(int(seconds) * 1000)) if isinstance(seconds, int | float) else None
