"""The shape of an account's sending policies; ``deliveries`` decides by them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def _calendar_date(text: str) -> str:
    date.fromisoformat(text)
    return text


ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
CalendarDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_calendar_date)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class QuietHours(_Strict):
    """From ``from`` until ``to``, local time, over midnight when ``to`` is earlier."""

    from_: ClockTime = Field(alias="from")
    to: ClockTime
    then: Literal["defer", "skip"] = "defer"

    @model_validator(mode="after")
    def _not_always(self) -> QuietHours:
        if self.from_ == self.to:
            raise ValueError("from and to are the same: say what part of the day is quiet")
        return self


class Cap(_Strict):
    """At most ``max`` deliveries of a category per friend and calendar period."""

    category: Literal["marketing", "transactional"]
    max: int = Field(ge=0, le=10_000)
    per: Literal["day", "week", "month"]


class Policies(_Strict):
    """When, and how often, an account may send."""

    quiet_hours: QuietHours | None = None
    caps: list[Cap] = Field(default=[], max_length=20)
    blackout_dates: list[CalendarDate] = Field(default=[], max_length=1000)
    approval_above: int | None = Field(default=None, ge=0)
    """Broadcasts to more friends than this wait for an approval."""

    @model_validator(mode="after")
    def _one_cap_each(self) -> Policies:
        pairs = [(cap.category, cap.per) for cap in self.caps]
        if len(set(pairs)) != len(pairs):
            raise ValueError("caps: one per category and period")
        return self
