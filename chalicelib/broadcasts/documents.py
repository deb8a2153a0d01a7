"""What a broadcast's document and its actions' bodies must look like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, model_validator

from chalicelib.broadcasts.model import LONGEST_TEST, MAX_LATENESS
from chalicelib.broadcasts.narrowcasts import documents as narrowcasts
from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.references import unresolved
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.messages import checks
from chalicelib.messages import documents as messages
from chalicelib.messages.documents import Track
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Duration, Id, LongName, Strict, UserId
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_duration

Percent = Annotated[float, Field(ge=0, le=100)]


class Variant(Strict):
    """One of several messages; friends are divided by weight. ``at``: it is not sent before this time."""

    id: Id
    message: Id
    weight: Annotated[float, Field(gt=0, le=1_000_000)] = 1
    at: AwareDatetime | None = None


class Comparison(Strict):
    """How variants are compared. ``hold_out_percent`` of the audience get nothing. With a ``metric``, so long
    after the sample was sent the variant with more clicks or conversions is looked for, and the rest of the
    audience gets it; ``if_none``: what the rest gets when none is significantly better (the first variant is
    the control).
    """

    sample_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    hold_out_percent: Percent = 0
    metric: Literal["click", "conversion"] | None = None
    decide_after: Duration | None = None
    min_per_arm: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    if_none: Literal["control", "best", "nobody"] | None = None


class Broadcast(Strict):
    """Who gets which message: one by its id, one of several, or one that is given whole (``messages`` with
    ``category``, ``topic`` and ``track``). ``links``: ``push`` keeps tracked links from going through LIFF.
    ``priority``: where it competes with another delivery for one place under a cap, the place is its.
    With ``narrowcast`` in the place of ``audience`` LINE chooses who.
    """

    name: LongName
    audience: dict[str, Any] | None = None
    narrowcast: narrowcasts.Narrowcast | None = None
    exclude: dict[str, Any] | None = None
    message: Id | None = None
    messages: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=5)] | None = None
    category: Literal["marketing", "transactional"] | None = None
    topic: Id | None = None
    track: Track | None = None
    variants: Annotated[list[Variant], Field(min_length=2, max_length=8)] | None = None
    test: Comparison | None = None
    links: Literal["push"] | None = None
    priority: bool | None = None
    max_lateness: Duration = MAX_LATENESS

    @model_validator(mode="after")
    def _one_of_them(self) -> Broadcast:
        if sum(given is not None for given in (self.message, self.messages, self.variants)) != 1:
            raise ValueError(Reason("message_or_variants"))
        if self.messages is None and (self.category or self.topic or self.track):
            raise ValueError(Reason("category_with_messages"))
        ids = [variant.id for variant in self.variants or ()]
        if len(set(ids)) != len(ids):
            raise ValueError(Reason("variant_twice"))
        return self


class Every(Strict):
    """A local time on some weekdays, or on some days of each month (a month that has none of that number is
    left out; ``last`` is its last one); none named: every day.
    """

    weekdays: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    days_of_month: list[Annotated[int, Field(ge=1, le=31)] | Literal["last"]] = []
    time: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]

    @model_validator(mode="after")
    def _one_kind_of_days(self) -> Every:
        if self.weekdays and self.days_of_month:
            raise ValueError(Reason("every_shape"))
        return self


class Send(Strict):
    """``again``: also when it was sent or cancelled before, as a new run. ``rest_of``: only to friends whom
    that run of it has not reached.
    """

    again: bool = False
    rest_of: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Schedule(Strict):
    """Once at a time, or again and again."""

    at: AwareDatetime | None = None
    every: Every | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Schedule:
        if (self.at is None) == (self.every is None):
            raise ValueError(Reason("at_or_every"))
        return self


class Decide(Strict):
    """Which variant the rest of the audience gets; null: it gets nothing."""

    winner: Id | None


class TestSend(Strict):
    """Who gets the test."""

    user_ids: Annotated[list[UserId], Field(min_length=1)]

    @model_validator(mode="after")
    def _not_too_many(self) -> TestSend:
        if len(set(self.user_ids)) > 100:
            raise ValueError(Reason("test_at_most"))
        return self


class Nothing(Strict):
    """An action without parameters."""


def _shape(body: dict[str, Any]) -> Iterable[Detail]:
    yield from _one_audience(body)
    if body.get("audience") is not None:
        yield from language.shape(body["audience"], "audience")
    if narrowcasts.is_one(body):
        yield from narrowcasts.shape(body["narrowcast"])
    if body.get("exclude") is not None:
        yield from language.shape(body["exclude"], "exclude")
    if body.get("messages"):
        yield from messages.shape(body)


_NOT_OF_NARROWCASTS = ("exclude", "variants", "test", "priority")


def _one_audience(body: dict[str, Any]) -> Iterable[Detail]:
    """A condition of ours, or LINE's choice; with the latter nothing that needs to know who gets it."""
    if not narrowcasts.is_one(body):
        if body.get("audience") is None:
            yield Detail("audience", Reason("is_required"))
        return
    if body.get("audience") is not None:
        yield Detail("audience", Reason("narrowcast_alone", field="audience"))
    for field in _NOT_OF_NARROWCASTS:
        if body.get(field) is not None:
            yield Detail(field, Reason("narrowcast_alone", field=field))


def references(body: dict[str, Any]) -> Iterable[Reference]:
    """The messages, and what the conditions name."""
    if body.get("audience") is not None:
        yield from language.references(body["audience"], "audience")
    if narrowcasts.is_one(body):
        yield from narrowcasts.references(body["narrowcast"])
    if body.get("exclude") is not None:
        yield from language.references(body["exclude"], "exclude")
    if body.get("message") is not None:
        yield Reference("message", "messages", body["message"])
    if body.get("messages"):
        yield from messages.references(body)
    for index, variant in enumerate(body.get("variants") or ()):
        yield Reference(f"variants[{index}].message", "messages", variant["message"])


def logic(body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    """What cannot work although everything that is named is there."""
    if body.get("audience") is not None:
        yield from language.logic(body["audience"], snapshot, "audience")
    if narrowcasts.is_one(body):
        yield from narrowcasts.logic(body, snapshot)
    if body.get("exclude") is not None:
        yield from language.logic(body["exclude"], snapshot, "exclude")
    if body.get("messages"):
        yield from messages.check("", body, snapshot)
    yield from _test(body.get("test") or {}, has_variants=bool(body.get("variants")))


def _test(test: dict[str, Any], *, has_variants: bool) -> Iterable[Detail]:
    """What of a test cannot work."""
    if test.get("metric") is None:
        for name in ("sample_percent", "decide_after", "min_per_arm", "if_none"):
            if test.get(name) is not None:
                yield Detail(f"test.{name}", Reason("test_without_metric"))
    elif not has_variants:
        yield Detail("test.metric", Reason("test_without_variants"))
    if (test.get("sample_percent") or 0) + (test.get("hold_out_percent") or 0) > 100:
        yield Detail("test.sample_percent", Reason("test_over_100"))
    if test.get("decide_after") and parse_duration(test["decide_after"]) > LONGEST_TEST:
        yield Detail("test.decide_after", Reason("test_too_long", most=LONGEST_TEST.days))


DOCUMENTS: dict[str, DocumentKind] = {}
"""The catalog keeps none of this room's."""

KIND = DocumentKind(
    "broadcasts",
    Broadcast,
    references=references,
    check=lambda _id, body, snapshot: logic(body, snapshot),
    shape=_shape,
)
"""Broadcasts are kept by this room, in the shape that the catalog's documents have."""


def problems(broadcast_id: str, body: dict[str, Any], snapshot: Snapshot) -> list[Detail]:
    """Why a document of the right shape cannot work now: what it names is missing, or its logic."""
    own = ("deliveries", broadcast_id)
    return [*unresolved(references(body), snapshot, own), *logic(body, snapshot)]


def unready(body: dict[str, Any], snapshot: Snapshot) -> list[Detail]:
    """What keeps a document from being sent now that may be saved: coupons that LINE has not made yet."""
    named = [("message", body)] if body.get("message") else []
    named += [(f"variants[{n}].message", variant) for n, variant in enumerate(body.get("variants") or ())]
    whole = list(checks.unpublished(body["messages"], snapshot)) if body.get("messages") else []
    return whole + [
        Detail(path, detail.reason)
        for path, where in named
        for detail in checks.unpublished(
            snapshot.get("messages", where["message"]).body["messages"], snapshot
        )
    ]
