"""Types of fields that documents of several rooms have in common."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_duration, parse_iso
from chalicelib.shared.user_ids import LONGEST, user_id


class Strict(BaseModel):
    """A body that has no other fields than these, by the names that it gives them."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _positive_duration(text: str) -> str:
    if not parse_duration(text):
        raise ValueError(Reason("longer_than_nothing"))
    return text


def _timestamp(text: str) -> str:
    parse_iso(text)
    return text


def _readable(text: str) -> str:
    kinds = {unicodedata.category(char) for char in text}
    if kinds & {"Cc", "Zl", "Zp"}:
        raise ValueError(Reason("no_controls"))
    if kinds <= {"Zs", "Cf"}:
        raise ValueError(Reason("only_spaces"))
    return text


Id = Annotated[str, Field(pattern="^" + ID_PATTERN.pattern.removesuffix(r"\Z") + "$")]
"""An id that callers choose."""
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_readable)]
"""What people call something: one line that can be read."""
LongName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_readable)]
Duration = Annotated[str, AfterValidator(_duration)]
PositiveDuration = Annotated[str, AfterValidator(_positive_duration)]
Timestamp = Annotated[str, AfterValidator(_timestamp)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A local time of day."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
UserId = Annotated[str, Field(min_length=1, max_length=LONGEST), AfterValidator(user_id)]
"""A friend's id, judged and in the form in which it is kept."""


class Every(BaseModel):
    """A local time of the account: every day, on some weekdays, or on some days of each month. A month that
    has no day of that number is left out; ``last`` is its last day.
    """

    model_config = ConfigDict(extra="forbid")

    time: Clock
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = None
    days_of_month: (
        Annotated[
            list[Annotated[int, Field(ge=1, le=31)] | Literal["last"]], Field(min_length=1, max_length=32)
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Every:
        if self.weekdays is not None and self.days_of_month is not None:
            raise ValueError(Reason("every_shape"))
        return self
