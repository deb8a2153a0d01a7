"""Jobs over the friends of an account: enter a condition's audience, wake who is due, arm anew, count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Account
from chalicelib.catalog import service as catalog
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.enrollments import decide, funnel, service
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.jobs.service import JobHeader
from chalicelib.segments import by_shard
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso


def start(account: str, scenario: str, condition: dict[str, Any], by: str, job_id: str) -> str:
    """Queue the enrollment of a condition's audience, shard by shard; returns the job's id.

    The same ``job_id`` again queues the same job again, which is harmless.
    """
    params = {"scenario": scenario, "condition": condition, "as_of": iso(clock.now())}
    return by_shard.start(accounts.get_account(account), "enroll", params, by, job_id)


def enroll(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job ``enroll``, ``{account, id, shard}``: enter one shard's friends."""
    account = accounts.get_account(body["account"])
    by_shard.go_on(account, body, lambda header: _enroll(account, header), left)


def follow(
    body: Mapping[str, Any], each: Callable[[Account, str], by_shard.Each], left: TimeLeft = NO_LIMIT
) -> None:
    """A job, likewise, on the friends of one shard who may be in the scenario."""
    account = accounts.get_account(body["account"])
    by_shard.go_on(account, body, lambda header: each(account, header.params["scenario"]), left, funnel.NEEDS)


def _enroll(account: Account, header: JobHeader) -> by_shard.Each:
    """The job is the cause, so a shard that is worked on twice enters each friend once."""
    snapshot = catalog.snapshot(account.id)
    now = parse_iso(header.params["as_of"])
    test = language.compile_audience(header.params["condition"], Context(snapshot, account.zone))

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        users = [sheet["user_id"] for sheet in sheets if test(sheet, now)]
        cause, scenario = f"job:{header.id}", header.params["scenario"]
        results = service.enroll(account.id, users, scenario, now, cause) if users else []
        return {"accepted": 0, "rejected": 0} | Counter(
            "accepted" if result.accepted else "rejected" for result in results
        )

    return each


def is_published(account_id: str, scenario: str) -> bool:
    """Whether friends can be entered at all."""
    account = accounts.get_account(account_id)
    program = decide.find_program(catalog.snapshot(account_id), scenario, account.zone)
    return program is not None
