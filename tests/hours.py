"""What the sweep asks for at a moment, as its function; and the jobs done, as theirs."""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.accounts import service as accounts
from chalicelib.heartbeat import workers
from chalicelib.jobs.kinds import JOBS
from tests.conftest import drain
from tests.roles import role_of


def ask(now: datetime) -> None:
    """Ask for what is due in this minute."""
    with role_of("sweep"):
        workers._ask_for_jobs(accounts.list_accounts(), now)


def do(job: str) -> list[str]:
    """Do all waiting jobs of one kind, and drop the others; returns their accounts."""
    waiting = [body for body in drain("bulk") if body["job"] == job]
    for body in waiting:
        with role_of("bulk"):
            JOBS[job].run(body, 1)
    return [body["account"] for body in waiting]


def pass_by(since: datetime, until: datetime, job: str) -> list[str]:
    """Let the minutes pass, and do all jobs of one kind that they ask for; returns their accounts."""
    done = []
    while since < until:
        ask(since)
        done += do(job)
        since += timedelta(minutes=1)
    return done
