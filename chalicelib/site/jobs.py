"""What sites leave for later: a friend who turned out to be a visitor gets what the visitor did."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _join(body: Body, _received: int) -> None:
    from chalicelib.accounts.service import get_account
    from chalicelib.site import visits

    visits.join(get_account(body["account"]), body["browser"])


JOBS: dict[str, JobKind] = {"join_visits": JobKind(_join)}
