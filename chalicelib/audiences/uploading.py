"""The job that makes an audience at LINE: who is in it is read shard by shard and handed over by thousands.

The audience's item says how far it is; a message only says that it is to be gone on with. So two messages
of one upload, or one that comes again after a crash, repeat at most one call, which adds whom LINE has
already. LINE has no retry key for making an audience: that it was asked is written before, and the name
carries a mark by which one whose answer was lost is found again. Model:
``tests/model/test_audiences.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.audiences import model, store
from chalicelib.audiences.model import Audience, Building, Place
from chalicelib.catalog import service as catalog
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.gateways import clock, queues
from chalicelib.gateways.line import NoAnswer
from chalicelib.gateways.line_sdk import audiences as at_line
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.jobs import kinds
from chalicelib.jobs import service as jobs
from chalicelib.segments import audience as reading
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import parse_iso
from chalicelib.timers import service as timers
from chalicelib.timers.model import Entry

JOB = "line_audience"
ATTEMPTS = 12
_ENOUGH = at_line.MOST_USERS - reading.PAGE
"""When so many are found, one page more could be too many for a call."""
_USER_ID = re.compile(r"U[0-9a-f]{32}\Z")
"""LINE refuses a whole upload for one id that is none."""


def begin(audience: Audience, shards: int) -> None:
    """Keep the job of an audience that is being made, and put a message that goes on with it. Again is
    harmless: whoever kept the audience may have died before its job.
    """
    building = audience.building
    if building is None:
        return
    chunks = shards if audience.kind == model.UPLOAD else 1
    jobs.create(
        audience.account,
        JOB,
        by=audience.by,
        total=chunks,
        chunks=chunks,
        params={"audience": audience.id, "needs_result": True},
        job_id=building.job,
    )
    _feed(audience.account, building.job)


def _feed(account: str, job: str) -> None:
    queues.send(kinds.QUEUE, {"job": JOB, "account": account, "id": job})


def arm(audience: Audience) -> None:
    """Have the timers come back when the next thing of an audience is due. Before it is written."""
    due_at = audience.next_due()
    if due_at is not None:
        version = int(due_at.timestamp() * 1000)
        timers.arm(Entry(audience.account, JOB, audience.id, version, due_at))


def work(body: dict[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job ``line_audience``, ``{account, id}``: hand over whom there is time for, and go on later."""
    header = jobs.header(body["account"], body["id"])
    audience = store.find(header.account, header.params["audience"])
    if header.failure is not None or header.result is not None:
        return
    if audience is None or audience.building is None or audience.building.job != header.id:
        _catch_up(header, audience)
        return
    try:
        _hand_over(header, audience, left)
    except Refused as error:
        if error.is_later and not kinds.is_last(body):
            kinds.retry_later(body, str(error))
        else:
            give_up(header, audience, refusal(error))
    except NoAnswer as error:
        if kinds.is_last(body):
            give_up(header, audience, Reason("line_no_answer", error=str(error)))
        else:
            kinds.retry_later(body, str(error))


def refusal(error: Refused) -> Reason:
    """What LINE's refusal is to somebody who reads it."""
    code = error.codes[0] if error.codes else error.message
    return Reason("line_refused_audience", status=error.status, code=code[:200])


def give_up(header: jobs.JobHeader, audience: Audience, why: Reason) -> None:
    """This upload cannot work: say so; the audience that was there before stays."""
    now = clock.now()
    current = store.find(audience.account, audience.id)
    if current is not None and current.building is not None and current.building.job == header.id:
        ended = model.failed(current, why.kept(), now)
        arm(ended)
        store.write(ended)
    jobs.fail(header.account, header.id, why)


def _catch_up(header: jobs.JobHeader, audience: Audience | None) -> None:
    """The audience is done with this upload, or gone: so is the job. A crash may have come in between."""
    if audience is not None and audience.building is None and audience.failure is None:
        _finish(header, audience)
    else:
        jobs.fail(header.account, header.id, Reason("audience_overtaken"))


def _finish(header: jobs.JobHeader, audience: Audience) -> None:
    for chunk in range(header.chunk_count):
        jobs.finish_chunk(header, f"{chunk:06d}", 1)
    result = {"audience": audience.id, "audience_group_id": audience.group, "count": audience.count}
    jobs.finish(header.account, header.id, result | {"left_out": audience.left_out})


# Handing over -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """Who is to be handed over next, and where reading goes on then."""

    users: list[str]
    place: Place
    passed: list[int]
    is_end: bool


def _hand_over(header: jobs.JobHeader, audience: Audience, left: TimeLeft) -> None:
    account = accounts.get_account(audience.account)
    token = accounts.line_credentials(audience.account)["channel_access_token"]
    if audience.kind != model.UPLOAD:
        _make_of_sent(token, header, audience)
        return
    while True:
        building = audience.building
        assert building is not None
        found = _collect(account, audience, building, left)
        if found is None:
            give_up(header, audience, Reason("audience_condition_gone"))
            return
        further = _passed_on(token, audience, found)
        if further is None:
            return  # somebody else went on with it
        for shard in found.passed:
            jobs.finish_chunk(header, f"{shard:06d}", 1)
        if found.is_end:
            _end(token, header, further)
            return
        audience = further
        if left.is_over:
            _feed(audience.account, header.id)
            return


def _end(token: str, header: jobs.JobHeader, audience: Audience) -> None:
    """The upload is through: the new audience takes the place of the old one."""
    building = audience.building
    assert building is not None
    if building.group is None:
        give_up(header, audience, Reason("audience_empty"))
        return
    twins = [group for group in _marked(token, building.mark) if group != building.group]
    done = model.made(audience, clock.now(), twins)
    arm(done)
    written = store.write(done)
    if written is not None:
        _finish(header, written)


def _collect(account: Account, audience: Audience, building: Building, left: TimeLeft) -> _Found | None:
    """Read on until there are enough for a call, or no more time; a page in any case. None: the segment is
    gone.
    """
    condition = _condition(account, audience.of)
    if condition is None:
        return None
    context = Context(catalog.snapshot(account.id), account.zone)
    test, needs = language.compile_audience(condition, context), language.needs(condition, context.snapshot)
    now, place = parse_iso(building.as_of), building.place
    users: list[str] = []
    passed: list[int] = []
    while place.shard < account.shards:
        sheets, following = reading.read_shard(account.id, place.shard, place.after, needs=needs)
        matching = [str(sheet["user_id"]) for sheet in sheets if test(sheet, now)]
        users += [user for user in matching if _USER_ID.match(user)]
        left_out = place.left_out + sum(not _USER_ID.match(user) for user in matching)
        place = replace(place, after=following, left_out=left_out)
        if following is None:
            passed.append(place.shard)
            place = replace(place, shard=place.shard + 1)
        if len(users) > _ENOUGH or left.is_over:
            break
    place = replace(place, count=place.count + len(users))
    return _Found(users, place, passed, place.shard >= account.shards)


def _condition(account: Account, of: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if of.get("segment") is None:
        return dict(of["condition"])
    known = catalog.snapshot(account.id).find("segments", of["segment"]) is not None
    return {"segment": of["segment"]} if known else None


def _passed_on(token: str, audience: Audience, found: _Found) -> Audience | None:
    """Hand these over, and keep how far the upload is; None when the audience was changed meanwhile."""
    building = audience.building
    assert building is not None
    group = building.group
    if found.users and group is None:
        made = _make(token, audience, found.users)
        if made is None:
            return None
        audience, group = made
    elif found.users and group is not None:
        at_line.add(token, group, found.users)
    return store.write(model.moved(audience, clock.now(), group=group, place=found.place))


def _make(token: str, audience: Audience, users: list[str]) -> tuple[Audience, int] | None:
    """Have LINE make the audience of its first users, once."""
    noted, known, name = _noted(token, audience)
    if noted is None:
        return None
    if known is None:
        return noted, at_line.create(token, name, users)
    at_line.add(token, known, users)
    return noted, known


def _noted(token: str, audience: Audience) -> tuple[Audience | None, int | None, str]:
    """Before LINE is asked to make one: that it is asked is stored, and what it made before is looked for.
    Answers the audience (None: changed meanwhile), LINE's number of one that is found, and the name.
    """
    building = audience.building
    assert building is not None
    name = description(audience.name, building.mark)
    if not building.tried:
        return store.write(model.moved(audience, clock.now(), tried=True)), None, name
    known = _marked(token, building.mark)
    return audience, known[0] if known else None, name


def _make_of_sent(token: str, header: jobs.JobHeader, audience: Audience) -> None:
    """Have LINE make the audience of what a narrowcast came to."""
    noted, group, name = _noted(token, audience)
    if noted is None:
        return
    request = str(audience.of["request_id"])
    if group is None and audience.kind == model.CLICK:
        group = at_line.of_clicks(token, name, request, audience.of.get("url"))
    elif group is None:
        group = at_line.of_impressions(token, name, request)
    further = store.write(model.moved(noted, clock.now(), group=group))
    if further is not None:
        _end(token, header, further)


def _marked(token: str, mark: str) -> list[int]:
    """What LINE has by the name with this mark."""
    groups, _ = at_line.page(token, 1, at_line.MOST_PER_PAGE, mark)
    return sorted(int(one["audienceGroupId"]) for one in groups if mark in str(one.get("description")))


def description(name: str, mark: str) -> str:
    """An audience's name at LINE: ours, as much as fits, and the mark. LINE counts UTF-16 code units."""
    room = at_line.LONGEST_DESCRIPTION - len(mark) - 3
    kept = name.encode("utf-16-le")[: room * 2].decode("utf-16-le", "ignore")
    return f"{kept} ({mark})"
