"""The document this room owns: rules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from chalicelib.catalog.kinds import DocumentKind, Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends.purchases import STAGES
from chalicelib.messages import actions
from chalicelib.scenarios import loops
from chalicelib.segments import conditions
from chalicelib.segments.behaviour import EVENT_TYPES, NOT_MADE
from chalicelib.segments.matching import BadMatch, compile_match, group_names
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Clock, LongName, Moment, PositiveDuration, Weekday
from chalicelib.shared.times import parse_iso

MAX_CUSTOM = 100


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class When(_Strict):
    """The trigger: a type of event, and what its properties must look like."""

    event: str = Field(min_length=1, max_length=MAX_CUSTOM + len("custom:"))
    match: dict[str, Any] = Field(default={}, max_length=20)


class Limit(_Strict):
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
            raise ValueError('a limit is "once" or has exactly one of cooldown, every, per_day')
        return self

    @model_serializer(mode="wrap")
    def _as_word(self, handler: SerializerFunctionWrapHandler) -> Any:
        return "once" if self.once else handler(self)


class Hours(_Strict):
    """From a local time up to another; past midnight when the second is the earlier one."""

    from_: Clock = Field(alias="from")
    to: Clock


class Valid(_Strict):
    """When the rule is in force, by the event's own time: a period, weekdays, hours.

    Hours that go past midnight belong to the weekday on which they begin.
    """

    from_: Moment | None = Field(default=None, alias="from")
    until: Moment | None = None
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)] | None = None
    hours: Hours | None = None


class Rule(_Strict):
    """When something happens to a friend, and a condition holds, do this."""

    name: LongName
    enabled: bool = True
    when: When
    if_: dict[str, Any] | None = Field(default=None, alias="if")
    then: actions.Actions
    limit: Limit | None = None
    priority: Annotated[int, Field(ge=-1_000_000, le=1_000_000)] = 0
    stop: bool = False
    valid: Valid | None = None


def shape(body: dict[str, Any]) -> Iterator[Detail]:
    """What is wrong with the shape of the match and of the condition."""
    try:
        compile_match(body["when"].get("match") or {})
    except BadMatch as error:
        yield Detail(f"when.match.{error.path}".rstrip("."), error.message)
    if body.get("if") is not None:
        yield from conditions.shape(body["if"], "if")


_MATCHED = {
    "tag": ("tags", {"tag_added", "tag_removed"}),
    "score": ("scores", {"score_changed", "score_crossed"}),
    "attribute": ("attributes", {"attribute_set"}),
    "scenario": ("scenarios", {"scenario_entered", "scenario_finished", "scenario_exited"}),
    "form": ("forms", {"form_answered"}),
    "link": ("links", {"link_clicked"}),
    "route": ("routes", {"route_entered"}),
}
"""Properties that name documents: the kind, and of which events."""


def _matched(when: dict[str, Any]) -> Iterator[Reference]:
    """The documents that a match waits for: without them the rule never runs."""
    for name, test in (when.get("match") or {}).items():
        kind, events = _MATCHED.get(name, ("", set[str]()))
        if when["event"] not in events:
            continue
        path = f"when.match.{name}"
        if isinstance(test, str):
            yield Reference(path, kind, test)
        elif isinstance(test, dict):
            if isinstance(test.get("eq"), str):
                yield Reference(f"{path}.eq", kind, test["eq"])
            for n, one in enumerate(test.get("in") or ()):
                yield Reference(f"{path}.in[{n}]", kind, str(one))


def references(body: dict[str, Any]) -> Iterator[Reference]:
    """Whatever the match, the condition and the actions name."""
    yield from _matched(body["when"])
    if body.get("if") is not None:
        yield from conditions.references(body["if"], "if")
    yield from actions.references(body.get("then") or ())


def unknown_event(event: str) -> str | None:
    """Why there is no such type of event; None when there is."""
    custom = event.startswith("custom:") and len(event) > len("custom:")
    if custom or event in EVENT_TYPES:
        return None
    return f"there is no event {event!r}; there are {', '.join(sorted(EVENT_TYPES))} and custom:<name>"


def check(_id: str, body: dict[str, Any], snapshot: Snapshot) -> Iterable[Detail]:
    """What cannot work: unknown triggers, impossible conditions, actions, periods that never come."""
    unknown = unknown_event(body["when"]["event"])
    if unknown:
        yield Detail("when.event", unknown)
    if body.get("if") is not None:
        yield from conditions.logic(body["if"], snapshot, "if")
    yield from actions.check(body.get("then") or (), snapshot)
    yield from _unknown_groups(body)
    valid = body.get("valid") or {}
    if valid.get("from") and valid.get("until") and parse_iso(valid["from"]) >= parse_iso(valid["until"]):
        yield Detail("valid.until", "must be later than valid.from")
    hours = valid.get("hours")
    if hours and hours["from"] == hours["to"]:
        yield Detail("valid.hours", "from and to are the same: the rule would never run")


def _unknown_groups(body: dict[str, Any]) -> Iterator[Detail]:
    """Variables ``event.match.…`` that no group of the match fills in."""
    event = body["when"]["event"]
    known = group_names(compile_match(body["when"].get("match") or {}))
    if not known and event not in PROPERTIES:
        return  # the event may have a property of this name
    there = f"there are {', '.join(known)}" if known else "no regex of the match has groups"
    for where, expression in actions.expressions(body.get("then") or (), "then"):
        first, *rest = expression.path if expression.kind == "variable" else ("",)
        if first == "event" and rest[:1] == ["match"] and (len(rest) != 2 or rest[1] not in known):
            yield Detail(where, f"{expression.name}: there is no such group; {there}")


_LINE = frozenset({"chat", "standby", "redelivered", "trimmed"})
"""Properties that any event from LINE may have."""
PROPERTIES: dict[str, frozenset[str]] = {
    "followed": _LINE | {"is_unblocked"},
    "unfollowed": _LINE,
    "messaged": _LINE | {"message_type", "text", "message_id", "quoted_message_id", "raw"},
    "postback": _LINE | {"data", "params"},
    "unsent": _LINE | {"message_id"},
    "video_completed": _LINE | {"tracking_id"},
    "beacon": _LINE | {"hwid", "action", "dm"},
    "account_linked": _LINE | {"result", "nonce"},
    "membership_changed": _LINE | {"change", "membership_id"},
    "tag_added": frozenset({"tag"}),
    "tag_removed": frozenset({"tag"}),
    "score_changed": frozenset({"score", "before", "after"}),
    "score_crossed": frozenset({"score", "threshold", "direction"}),
    "attribute_set": frozenset({"attribute", "value"}),
    "stage_changed": frozenset({"before", "after"}),
    "form_answered": frozenset({"form", "answers"}),
}
"""What the events have whose properties are not somebody else's to choose."""


def warn(id_: str, snapshot: Snapshot) -> Iterator[str]:
    """What probably was not meant: an event that never comes, a property that the event never has, a
    threshold that the score has not, rules that wake each other.
    """
    when = snapshot.get("rules", id_).body["when"]
    match, event = when.get("match") or {}, when["event"]
    if event in NOT_MADE:
        yield f"when.event: nothing makes {event} in this version; the rule never runs"
    known = PROPERTIES.get(event)
    for path in match:
        if known is not None and path.split(".")[0] not in known:
            yield f"when.match.{path}: {event} has no such property; it has {', '.join(sorted(known))}"
    if event == "stage_changed":
        yield from _unknown_stages(match)
    if event == "form_answered":
        yield from _unknown_questions(match, snapshot)
    score = snapshot.find("scores", match["score"]) if isinstance(match.get("score"), str) else None
    threshold = match.get("threshold")
    if event == "score_crossed" and score is not None and isinstance(threshold, int | float):
        thresholds = score.body.get("thresholds") or []
        if threshold not in thresholds:
            yield f"when.match.threshold: scores/{score.id} has no threshold {threshold}; it has {thresholds}"
    yield from loops.warnings(snapshot, "rules", id_)


def _unknown_stages(match: dict[str, Any]) -> Iterator[str]:
    for test in compile_match(match):
        if test.path in {"before", "after"} and all(test.failure({test.path: stage}) for stage in STAGES):
            yield f"when.match.{test.path}: no stage is like that; there are {', '.join(STAGES)}"


def _unknown_questions(match: dict[str, Any], snapshot: Snapshot) -> Iterator[str]:
    """Answers to questions that none of the forms has which the match may mean."""
    tests = {test.path: test for test in compile_match(match)}
    meant = {
        name: {question["id"] for question in document.body.get("questions") or ()}
        for name, document in snapshot.all("forms").items()
        if "form" not in tests or tests["form"].failure({"form": name}) is None
    }
    known = {question for questions in meant.values() for question in questions}
    which = f"forms/{next(iter(meant))} has no" if len(meant) == 1 else "no form that is meant has a"
    for test in tests.values():
        if test.parts[0] == "answers" and len(test.parts) > 1 and test.parts[1] not in known:
            there = ", ".join(sorted(known)) or "none"
            yield f"when.match.{test.path}: {which} question {test.parts[1]}; there are {there}"


KINDS: dict[str, DocumentKind] = {
    "rules": DocumentKind("rules", Rule, shape=shape, references=references, check=check, warn=warn)
}
