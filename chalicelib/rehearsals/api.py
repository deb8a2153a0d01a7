"""``POST …/scenarios/{scenario}/rehearse``: who would get what and when, before anything is published.

It is in this room because a rehearsal puts together what may not know each other: the way of friends
through a scenario, what the rules above scenarios do about it, and the quota and prices of broadcasts. Each
is the function that decides in earnest; nothing is written, and LINE is asked for nothing but the quota.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from chalice.app import Blueprint, Response
from pydantic import BaseModel, Field, ValidationError, model_validator

from chalicelib.accounts.access import require
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.broadcasts.plans.quota import YEN_PER_MESSAGE, quota_of
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import triggers
from chalicelib.deliveries import policies
from chalicelib.events.kinds import event_key, type_of
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body, what_is_wrong
from chalicelib.http.queries import path_id
from chalicelib.http.routes import Operation
from chalicelib.messages import render
from chalicelib.reaction.decide import decide
from chalicelib.reaction.effects import holding, outgoing_messages
from chalicelib.reaction.effects.context import EffectContext
from chalicelib.rehearsals import sampling
from chalicelib.rehearsals import service as rehearsal
from chalicelib.rehearsals.posting import Anew, Message, Words
from chalicelib.rehearsals.simulation import React, Reaction, Stage
from chalicelib.reservations import model as reservations
from chalicelib.rules.compile import program_of
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation
from chalicelib.shared.events import RESERVED, FriendEvent
from chalicelib.shared.fields import Strict, Timestamp, UserId
from chalicelib.shared.reasons import Kept, Reason
from chalicelib.shared.storable import is_storable
from chalicelib.shared.times import iso, local_date, parse_iso

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/scenarios/{scenario}/rehearse"


class Cast(Strict):
    """Who takes part: some who follow, always the same ones, or friends by id."""

    sample: int | None = Field(default=None, ge=1, le=rehearsal.MAX_FRIENDS)
    user_ids: list[UserId] | None = Field(default=None, min_length=1, max_length=rehearsal.MAX_FRIENDS)

    @model_validator(mode="after")
    def _one_of_them(self) -> Cast:
        if (self.sample is None) == (self.user_ids is None):
            raise ValueError(Reason("one_of_sample_users"))
        return self


class RehearsedEvent(Strict):
    """What one friend, or every friend, does at a simulated time. ``takes_place``: of ``reserved``, what is
    reserved then; without it the reservation's time stays.
    """

    user_id: UserId | None = None
    at: Timestamp
    takes_place: Timestamp | None = None
    type: str = Field(min_length=1, max_length=110)
    key: str | None = Field(default=None, min_length=1, max_length=100)
    props: dict[str, Any] = {}


class RehearseRequest(Strict):
    """Friends, a simulated beginning at which all of them enter, and how long to look on."""

    friends: Cast
    start: Timestamp
    days: int = Field(ge=1, le=rehearsal.MAX_DAYS)
    events: list[RehearsedEvent] = Field(default=[], max_length=rehearsal.MAX_EVENTS)
    version: Literal["draft", "published"] = "draft"


What = Literal[
    "entered", "refused", "sent", "deferred", "skipped", "waiting", "waited", "passed", "answered",
    "timed_out", "branched", "happened", "acted", "finished", "exited", "cut", "more",
]  # fmt: skip


class TimelineEntry(BaseModel):
    """What happens to one friend at one instant. ``by``: the rule that sends, if no node does; ``value``: for
    which value the run is, where there is one for each.
    """

    at: str
    what: What
    node: str | None = None
    type: str | None = None
    message: str | None = None
    by: str | None = None
    value: str | None = None
    why: str | None = None
    changes: list[dict[str, Any]] | None = None
    effects: list[dict[str, Any]] | None = None


class RehearsedDay(BaseModel):
    """Messages of one local date; who was left out, and whose message was held back, by reason."""

    messages: int
    skipped: dict[str, int]
    deferred: dict[str, int]


class RehearsedFunnel(BaseModel):
    """Where friends are at the end, and what each node saw (``entered``, ``left``, ``sent`` …)."""

    entered: int
    active: dict[str, int]
    finished: int
    exited: dict[str, int]
    nodes: dict[str, dict[str, int]]


class RehearsedQuota(BaseModel):
    """LINE's quota now, what is needed per calendar month, and whether it holds (null: not reported)."""

    limit: int | None
    used: int | None
    left: int | None
    needed: dict[str, int]
    holds: bool | None


class RehearseAnswer(BaseModel):
    """What would happen to these friends; nothing did. ``cost_yen``: at the highest price, quota aside."""

    version: int | None
    until: str
    timelines: dict[str, list[TimelineEntry]]
    per_day: dict[str, RehearsedDay]
    messages: int
    cost_yen: int
    quota: RehearsedQuota
    funnel: RehearsedFunnel


OPERATIONS = [
    Operation(
        "POST", _PATH, "Try a scenario on friends under a simulated clock", "viewer", RehearseRequest,
        RehearseAnswer,
    )
]  # fmt: skip


@bp.route("/v1/accounts/{account}/scenarios/{scenario}/rehearse", methods=["POST"])
@http_errors
def rehearse(account: str, scenario: str) -> Response:
    """``POST …/rehearse``: timelines, messages per day, yen, funnel; changes and sends nothing."""
    require(bp.current_request, "viewer", account)
    found, catalog = get_account(account), snapshot(account)
    scenario = catalog.get("scenarios", path_id(scenario, "scenario")).id
    asked = json_body(bp.current_request, RehearseRequest)
    program, version = rehearsal.program_of(catalog, scenario, found.zone, asked.version)
    start, end = _span(asked)
    check_events(asked.events, start, end)
    sheets = _cast(found, asked.friends)
    steps, entries = rehearsal.limits(len(sheets))
    policy, react = policies.current(account), reacting(found, catalog)
    anew = judging(found, catalog)
    stage = Stage(found, program, catalog, policy, react, anew, start, end, steps, entries)
    result = rehearsal.rehearse(stage, sheets, by_friend(account, asked.events, sheets))
    return json_response(
        {
            "version": version,
            "until": iso(end),
            **result,
            "cost_yen": result["messages"] * YEN_PER_MESSAGE,
            "quota": _quota(found, result["per_day"]),
        }
    )


def _span(asked: RehearseRequest) -> tuple[datetime, datetime]:
    # What is stored has milliseconds; a clock with more would lie between two texts.
    start = parse_iso(iso(parse_iso(asked.start)))
    try:
        return start, start + timedelta(days=asked.days)
    except OverflowError as error:
        raise InvalidInput.at("start", Reason("too_late")) from error


def check_events(events: Sequence[RehearsedEvent], start: datetime, end: datetime) -> None:
    """Raises InvalidInput, then RuleViolation."""
    outside = [
        Detail(f"events[{index}].at", Reason("not_within_rehearsal"))
        for index, event in enumerate(events)
        if not start <= parse_iso(event.at) < end
    ]
    outside += [
        Detail(f"events[{index}].props", Reason("unstorable"))
        for index, event in enumerate(events)
        if not is_storable(event.props)
    ]
    for index, event in enumerate(events):
        outside += _wrong_with_reservation(event, f"events[{index}]")
    if outside:
        raise InvalidInput.of(outside)
    unknown = [
        Detail(f"events[{index}].type", why)
        for index, event in enumerate(events)
        if (why := triggers.unknown_event(event.type))
    ]
    if unknown:
        raise RuleViolation.of(unknown)


def _wrong_with_reservation(event: RehearsedEvent, path: str) -> list[Detail]:
    """What is wrong with what is said of a reservation, or with saying it of anything else."""
    if event.type != RESERVED:
        return [Detail(f"{path}.takes_place", Reason("of_reserved_alone"))] if event.takes_place else []
    try:
        reservations.Reservation.model_validate(event.props)
    except ValidationError as error:
        return what_is_wrong(reservations.Reservation, error, f"{path}.props")
    return []


def _cast(account: Account, friends: Cast) -> list[Sheet]:
    if friends.user_ids is not None:
        return sampling.named(account, friends.user_ids)
    return sampling.sample(account, friends.sample or 1)


def by_friend(
    account: str, events: Sequence[RehearsedEvent], sheets: Sequence[Sheet]
) -> Mapping[str, Sequence[FriendEvent]]:
    """Each friend's events. Raises RuleViolation for one of somebody who does not take part."""
    found: dict[str, list[FriendEvent]] = {sheet["user_id"]: [] for sheet in sheets}
    strangers = [
        Detail(f"events[{index}].user_id", Reason("takes_no_part", user=event.user_id))
        for index, event in enumerate(events)
        if event.user_id is not None and event.user_id not in found
    ]
    if strangers:
        raise RuleViolation.of(strangers)
    for index, event in enumerate(events):
        for user in found if event.user_id is None else (event.user_id,):
            found[user].append(_event(account, user, f"rehearsal:{index}", event))
    return found


def _event(account: str, user: str, name: str, event: RehearsedEvent) -> FriendEvent:
    return FriendEvent(
        event_id=name,
        account_id=account,
        user_id=user,
        type=event.type,
        at=iso(parse_iso(event.takes_place or event.at)),
        key=event.key or event_key(event.type, event.props),
        props=_props(name, event),
        reply_token="rehearsal" if type_of(event.type).has_reply_token else None,
    )


def _props(name: str, event: RehearsedEvent) -> dict[str, Any]:
    if event.type != RESERVED:
        return event.props
    has_time = event.takes_place is not None
    return reservations.props(name, event.props, parse_iso(event.at), has_time=has_time)


def reacting(account: Account, catalog: Snapshot) -> React:
    """The reaction's decision about an event, with the account's rules in force."""
    program = program_of(catalog, account.zone, account.react_within)

    def react(event: FriendEvent, sheet: Sheet, now: datetime) -> Reaction:
        decision = decide(event, sheet, program, now)
        return Reaction(decision.after, decision.changes, decision.effects, is_news=decision.history is None)

    return react


def judging(account: Account, catalog: Snapshot) -> Anew:
    """How the reaction judges what rules send when a hold has ended, with the account's rules in force."""
    program = program_of(catalog, account.zone, account.react_within)

    def why_not(what: Message, sheet: Sheet, now: datetime) -> Kept | None:
        event = what.event
        why = holding.why_not(program, what.effect, sheet, now) if what.effect is not None else None
        if why is None and event is not None and what.message is not None and what.effect is not None:
            context = EffectContext(account, event, sheet, program)
            try:
                outgoing_messages.rendered(
                    context, catalog.get("messages", what.message).body, what.effect, now
                )
            except render.Unrenderable as error:
                return Reason("unrenderable_for", why=error.reason).kept()
        return None if why is None else why.kept()

    def words(what: Message, sheet: Sheet, now: datetime) -> Words | None:
        if what.effect is not None and (kept := what.effect.get("messages")) is not None:
            return list(kept)
        if what.effect is None or what.event is None or what.message is None:
            return None
        body = catalog.get("messages", what.message).body
        try:
            return outgoing_messages.rendered(
                EffectContext(account, what.event, sheet, program), body, what.effect, now
            )
        except render.Unrenderable:
            return None

    return Anew(lambda effect, sheet, now: holding.asks_again(program, effect, sheet, now), why_not, words)


def _quota(account: Account, per_day: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Whether the quota holds: in this month what is left of it, in every other all of it."""
    needed: Counter[str] = Counter()
    for day, counts in per_day.items():
        needed[day[:7]] += counts["messages"]
    known, this_month = quota_of(account.id), local_date(clock.now(), account.zone).isoformat()[:7]
    limit, left = known["limit"], known["left"]
    holds: bool | None = None
    if known["used"] is not None:
        free = {month: left if month == this_month else limit for month in needed}
        holds = all(room is None or needed[month] <= room for month, room in free.items())
    return {**known, "needed": dict(needed), "holds": holds}
