"""The document this room owns: rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from chalicelib.actions import texts
from chalicelib.actions.kinds import parts
from chalicelib.catalog import stops
from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language, triggers
from chalicelib.events.kinds import EVENTS, type_of
from chalicelib.events.matching import BadMatch, compile_match, group_names
from chalicelib.messages import vocabulary
from chalicelib.scenarios import loops
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Clock, LongName, PositiveDuration, Strict, Timestamp, Weekday
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_iso

MAX_CUSTOM = 100


class When(Strict):
    """The trigger: a type of event, and what its properties must look like."""

    event: str = Field(min_length=1, max_length=MAX_CUSTOM + len("custom:"))
    match: dict[str, Any] = Field(default={}, max_length=20)


class Limit(Strict):
    """How often the rule runs for one friend: ``"once"``, or exactly one of the others."""

    once: Literal[True] | None = None
    cooldown: PositiveDuration | None = None
    every: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    per_day: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, given: Any) -> Any:
        return {"once": True} if given == "once" else given

    @model_validator(mode="after")
    def _one_of_them(self) -> Limit:
        if sum(given is not None for given in (self.once, self.cooldown, self.every, self.per_day)) != 1:
            raise ValueError(Reason("limit_shape"))
        return self

    @model_serializer(mode="wrap")
    def _as_word(self, handler: SerializerFunctionWrapHandler) -> Any:
        return "once" if self.once else handler(self)


class Hours(Strict):
    """From a local time up to another; past midnight when the second is the earlier one."""

    from_: Clock = Field(alias="from")
    to: Clock


class Valid(Strict):
    """When the rule is in force, by the event's own time: a period, weekdays, hours.

    Hours that go past midnight belong to the weekday on which they begin.
    """

    from_: Timestamp | None = Field(default=None, alias="from")
    until: Timestamp | None = None
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = None
    hours: Hours | None = None


class Rule(Strict):
    """When something happens to a friend, and a condition holds, do this."""

    name: LongName
    enabled: bool = True
    when: When
    if_: dict[str, Any] | None = Field(default=None, alias="if")
    then: vocabulary.Actions
    limit: Limit | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    stop: bool = False
    over_forms: bool = False
    also_late: bool = False
    valid: Valid | None = None


def shape(body: dict[str, Any]) -> Iterator[Detail]:
    """What is wrong with the shape of the match and of the condition."""
    try:
        compile_match(body["when"].get("match") or {})
    except BadMatch as error:
        yield Detail(f"when.match.{error.path}".rstrip("."), error.reason)
    if body.get("if") is not None:
        yield from language.shape(body["if"], "if")


def references(body: dict[str, Any]) -> Iterator[Reference]:
    """Whatever the match, the condition and the actions name."""
    when = body["when"]
    yield from triggers.references(when["event"], when.get("match") or {}, "when.match")
    if body.get("if") is not None:
        yield from language.references(body["if"], "if")
    yield from vocabulary.references(body.get("then") or ())


def check(_id: str, body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    """What cannot work: unknown triggers, impossible conditions, actions, periods that never come."""
    unknown = triggers.unknown_event(body["when"]["event"])
    if unknown:
        yield Detail("when.event", unknown)
    if body.get("if") is not None:
        yield from language.logic(body["if"], snapshot, "if")
    yield from vocabulary.check(body.get("then") or (), snapshot)
    yield from _unknown_groups(body)
    valid = body.get("valid") or {}
    if valid.get("from") and valid.get("until") and parse_iso(valid["from"]) >= parse_iso(valid["until"]):
        yield Detail("valid.until", Reason("later_than_from"))
    hours = valid.get("hours")
    if hours and hours["from"] == hours["to"]:
        yield Detail("valid.hours", Reason("hours_empty"))


def _unknown_groups(body: dict[str, Any]) -> Iterator[Detail]:
    """Variables ``event.match.…`` that no group of the match fills in."""
    event = body["when"]["event"]
    known = group_names(compile_match(body["when"].get("match") or {}))
    if not known and type_of(event).props is None:
        return  # the event may have a property of this name
    for where, expression in texts.expressions(body.get("then") or (), "then"):
        first, *rest = expression.path if expression.kind == "variable" else ("",)
        if first == "event" and rest[:1] == ["match"] and (len(rest) != 2 or rest[1] not in known):
            yield Detail(where, _no_group(expression.name, list(known)))


def _unknown_properties(body: dict[str, Any]) -> Iterator[Detail]:
    """Variables of actions for what the rule's event never has."""
    event = body["when"]["event"]
    for where, expression in texts.expressions(body.get("then") or (), "then"):
        first, *rest = expression.path if expression.kind == "variable" else ("",)
        if first == "event" and rest and rest[0] != "match" and not type_of(event).may_have(".".join(rest)):
            yield Detail(where, triggers.no_property(event, ".".join(rest)))


def _no_group(name: str, known: list[str]) -> Reason:
    return Reason("no_group", name=name, known=known) if known else Reason("no_groups", name=name)


def _values_missing(rule: dict[str, Any], snapshot: Snapshot) -> Iterator[Detail]:
    """Scenarios that run for each value of a property which the rule's events never have."""
    for index, action in enumerate(rule["then"]):
        name, scenario = parts(action)
        document = snapshot.find("scenarios", scenario) if name == "enter_scenario" else None
        per = (document.body.get("entry") or {}).get("per") if document else None
        if per and not type_of(rule["when"]["event"]).may_have(per):
            yield Detail(
                f"then[{index}].{name}", Reason("per_never_there", event=rule["when"]["event"], per=per)
            )


def warn(id_: str, snapshot: Snapshot) -> Iterator[Detail]:
    """What probably was not meant: an event that never comes, what the event never has, rules that wake each
    other.
    """
    rule = snapshot.get("rules", id_).body
    when, event = rule["when"], rule["when"]["event"]
    if type_of(event).made_by is None:
        yield Detail("when.event", Reason("never_made_rule", event=event))
    if rule.get("over_forms") and not type_of(event).answers_forms:
        answers = [name for name, kind in EVENTS.items() if kind.answers_forms]
        yield Detail("over_forms", Reason("over_forms_useless", answers=answers, event=event))
    yield from triggers.warnings(event, when.get("match") or {}, snapshot, "when")
    yield from _unknown_properties(rule)
    yield from _values_missing(rule, snapshot)
    yield from loops.warnings(snapshot, "rules", id_)


DOCUMENTS: dict[str, DocumentKind] = {
    **stops.document_kind("rules"),
    "rules": DocumentKind(
        "rules",
        Rule,
        state_model=stops.State,
        state=lambda id_, snapshot: stops.state("rules", id_, snapshot),
        path_name="rule",
        shape=shape,
        references=references,
        path_words=frozenset({"test"}),
        check=check,
        warn=warn,
    ),
}
