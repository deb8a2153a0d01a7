"""What a broadcast's document and its actions' bodies must look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from chalicelib.broadcasts.model import MAX_LATENESS
from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.segments import conditions
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Duration, Id, LongName

Percent = Annotated[float, Field(ge=0, le=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Variant(_Strict):
    """One of several messages; friends are divided by weight."""

    id: Id
    message: Id
    weight: Annotated[float, Field(gt=0, le=1_000_000)] = 1


class Comparison(_Strict):
    """How variants are compared. Only the hold-out is in force yet: these friends get nothing."""

    sample_percent: Percent | None = None
    hold_out_percent: Percent = 0
    metric: Literal["click"] | None = None
    decide_after: Duration | None = None
    min_per_arm: Annotated[int, Field(ge=1)] | None = None


class Broadcast(_Strict):
    """Who gets which message."""

    name: LongName
    audience: dict[str, Any]
    exclude: dict[str, Any] | None = None
    message: Id | None = None
    variants: Annotated[list[Variant], Field(min_length=2, max_length=8)] | None = None
    test: Comparison | None = None
    max_lateness: Duration = MAX_LATENESS

    @model_validator(mode="after")
    def _one_of_them(self) -> Broadcast:
        if (self.message is None) == (self.variants is None):
            raise ValueError("give message, or variants, and not both")
        ids = [variant.id for variant in self.variants or ()]
        if len(set(ids)) != len(ids):
            raise ValueError("variants: each id once")
        return self


class Every(_Strict):
    """A local time on some weekdays; none named: every day."""

    weekdays: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    time: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Schedule(_Strict):
    """Once at a moment, or again and again."""

    at: AwareDatetime | None = None
    every: Every | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Schedule:
        if (self.at is None) == (self.every is None):
            raise ValueError("give at, or every, and not both")
        return self


class Trial(_Strict):
    """Who gets the test."""

    user_ids: Annotated[list[Annotated[str, Field(min_length=1, max_length=128)]], Field(min_length=1)]

    @model_validator(mode="after")
    def _not_too_many(self) -> Trial:
        if len(set(self.user_ids)) > 100:
            raise ValueError("a test goes to at most 100 friends")
        return self


class Nothing(_Strict):
    """An action without parameters."""


def _shape(body: dict[str, Any]) -> Iterable[Detail]:
    yield from conditions.shape(body["audience"], "audience")
    if body.get("exclude") is not None:
        yield from conditions.shape(body["exclude"], "exclude")


def references(body: dict[str, Any]) -> Iterable[Reference]:
    """The messages, and what the conditions name."""
    yield from conditions.references(body["audience"], "audience")
    if body.get("exclude") is not None:
        yield from conditions.references(body["exclude"], "exclude")
    if body.get("message") is not None:
        yield Reference("message", "messages", body["message"])
    for index, variant in enumerate(body.get("variants") or ()):
        yield Reference(f"variants[{index}].message", "messages", variant["message"])


def logic(body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    """What cannot work although everything that is named is there."""
    yield from conditions.logic(body["audience"], snapshot, "audience")
    if body.get("exclude") is not None:
        yield from conditions.logic(body["exclude"], snapshot, "exclude")
    for name in ("sample_percent", "metric", "decide_after", "min_per_arm"):
        if (body.get("test") or {}).get(name) is not None:
            why = "choosing a winner is not available yet: only hold_out_percent may be given"
            yield Detail(f"test.{name}", why)


KIND = DocumentKind(
    "broadcasts",
    Broadcast,
    references=references,
    check=lambda _id, body, snapshot: logic(body, snapshot),
    shape=_shape,
)
"""Broadcasts are kept by this room, in the shape that the catalog's documents have."""


def problems(body: dict[str, Any], snapshot: Snapshot) -> list[Detail]:
    """Why a document of the right shape cannot work now: what it names is missing, or its logic."""
    missing = [
        Detail(reference.path, f"there is no {reference.kind}/{reference.id}")
        for reference in references(body)
        if snapshot.find(reference.kind, reference.id) is None
    ]
    return missing + list(logic(body, snapshot))
