"""The shape of an account's sending policies; ``deliveries`` decides by them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from chalicelib.shared.fields import PositiveDuration, Strict
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_duration


def _calendar_date(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(Reason("must_be_date")) from error
    return text


ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
CalendarDate = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_calendar_date)]


class QuietHours(Strict):
    """From ``from`` until ``to``, local time, over midnight when ``to`` is earlier."""

    from_: ClockTime = Field(alias="from")
    to: ClockTime
    then: Literal["defer", "skip"] = "defer"

    @model_validator(mode="after")
    def _not_always(self) -> QuietHours:
        if self.from_ == self.to:
            raise ValueError(Reason("quiet_hours_empty"))
        return self


class Cap(Strict):
    """At most ``max`` deliveries of a category per friend and calendar period."""

    category: Literal["marketing", "transactional"]
    max: int = Field(ge=0, le=10_000)
    per: Literal["day", "week", "month"]


class Runaway(Strict):
    """What the brake lets pass: no same content to a friend within that time, so many messages to one."""

    same_content_within: PositiveDuration = "10m"
    per_friend_per_hour: int = Field(default=30, ge=1, le=500)
    per_friend_per_day: int = Field(default=100, ge=1, le=500)

    @model_validator(mode="after")
    def _within_a_day(self) -> Runaway:
        if parse_duration(self.same_content_within) > timedelta(days=1):
            raise ValueError(Reason("at_most_a_day"))
        return self


class Policies(Strict):
    """When, and how often, an account may send."""

    quiet_hours: QuietHours | None = None
    caps: list[Cap] = Field(default=[], max_length=20)
    blackout_dates: list[CalendarDate] = Field(default=[], max_length=1000)
    approval_above: int | None = Field(default=None, ge=0)
    """Broadcasts to more friends than this wait for an approval."""
    runaway: Runaway | Literal[False] | None = None
    """The brake, which is on unless this is false."""

    @model_validator(mode="after")
    def _one_cap_each(self) -> Policies:
        pairs = [(cap.category, cap.per) for cap in self.caps]
        if len(set(pairs)) != len(pairs):
            raise ValueError(Reason("caps_twice"))
        return self
