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
from chalicelib.gateways import clock
from chalicelib.jobs.service import Head
from chalicelib.segments import by_shard
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets.model import Sheet


def start(account: str, scenario: str, condition: dict[str, Any], by: str, job_id: str) -> str:
    """Queue the enrollment of a condition's audience, shard by shard; answers the job's id.

    The same ``job_id`` again queues the same job again, which is harmless.
    """
    params = {"scenario": scenario, "condition": condition, "as_of": iso(clock.now())}
    return by_shard.start(accounts.get_account(account), "enroll", params, by, job_id)


def enroll(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job ``enroll``, ``{account, id, shard}``: enter one shard's friends."""
    owner = accounts.get_account(body["account"])
    by_shard.go_on(owner, body, lambda head: _enroll(owner, head), left)


def follow(
    body: Mapping[str, Any], each: Callable[[Account, str], by_shard.Each], left: TimeLeft = NO_LIMIT
) -> None:
    """A job, likewise, on the friends of one shard who may be in the scenario."""
    owner = accounts.get_account(body["account"])
    by_shard.go_on(owner, body, lambda head: each(owner, head.params["scenario"]), left, funnel.NEEDS)


def _enroll(owner: Account, head: Head) -> by_shard.Each:
    """The job is the cause, so a shard that is worked on twice enters each friend once."""
    snapshot = catalog.snapshot(owner.id)
    now = parse_iso(head.params["as_of"])
    test = language.compile_audience(head.params["condition"], Context(snapshot, owner.zone))

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        users = [sheet["user_id"] for sheet in sheets if test(sheet, now)]
        cause, scenario = f"job:{head.id}", head.params["scenario"]
        results = service.enroll(owner.id, users, scenario, now, cause) if users else []
        return {"accepted": 0, "rejected": 0} | Counter(
            "accepted" if result.accepted else "rejected" for result in results
        )

    return each


def is_published(account: str, scenario: str) -> bool:
    """Whether friends can be entered at all."""
    owner = accounts.get_account(account)
    program = decide.find_program(catalog.snapshot(account), scenario, owner.zone)
    return program is not None
