"""What a job of the queue ``bulk`` is, and every kind of job there is.

A message is ``{"job": kind, "account", …}``. A job that raises comes again as SQS sees fit; one that knows
that it has to wait asks for its time itself (``retry_later``).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from chalicelib.gateways import queues
from chalicelib.shared.tables import Table

Body: TypeAlias = dict[str, Any]

QUEUE = "bulk"
LAST_RECEIVE = 10
"""The ``maxReceiveCount`` of the queue."""
_FIRST_DELAY_S = 10


class NotDone(Exception):
    """The job, or a part of it, has to come again."""


@dataclass(frozen=True)
class Minute:
    """A minute of the sweep, as it is for one account."""

    account: str
    zone: ZoneInfo
    now: datetime

    @property
    def local(self) -> datetime:
        """By the account's own clock."""
        return self.now.astimezone(self.zone)

    def turn(self, turns: int) -> int:
        """Which of so many turns is this account's, always the same."""
        return zlib.crc32(self.account.encode()) % turns


@dataclass(frozen=True)
class JobKind:
    """A kind of job, as its owner declares it.

    ``run`` takes the message's body and how often SQS has delivered it; safe to repeat. ``attempts``: so
    often a job is tried in all that asks for another attempt. ``is_asked``: whether the sweep asks for it
    (``{"job", "account"}``) in a minute; one that it cannot ask for then waits for the next.
    """

    run: Callable[[Body, int], None]
    attempts: int = 1
    is_asked: Callable[[Minute], bool] | None = None


JOBS = Table("jobs", JobKind)
"""Every kind of job."""


def carry_out(body: Body, received: int) -> None:
    """Do a message's work. Raises KeyError for a job that nobody has declared."""
    JOBS[body["job"]].run(body, received)


def asked(minute: Minute) -> list[str]:
    """The jobs that the sweep asks for now."""
    return [name for name, kind in JOBS.items() if kind.is_asked is not None and kind.is_asked(minute)]


def attempt(body: Body) -> int:
    """The number of this attempt, from 1."""
    return int(body.get("attempt", 1))


def is_last(body: Body) -> bool:
    """Whether no other attempt follows this one."""
    return attempt(body) >= JOBS[body["job"]].attempts


def retry_later(body: Body, why: str) -> None:
    """Put a job back, with a longer delay each time. Raises NotDone at its last attempt: dead letters."""
    if is_last(body):
        raise NotDone(why)
    delay = min(queues.MAX_DELAY_S, _FIRST_DELAY_S * 2 ** (attempt(body) - 1))
    queues.send(QUEUE, body | {"attempt": attempt(body) + 1}, delay_s=delay)
