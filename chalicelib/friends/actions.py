"""What actions do to a friend's facts: tags, scores, attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from chalicelib.actions.kinds import ActionKind, Produced, named
from chalicelib.actions.model import ActionContext, Decision, Done, Effect, EffectContext
from chalicelib.actions.texts import MAX_TEXT, expressions
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.errors import Detail
from chalicelib.shared.fields import Id, Strict
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.template import has_expressions
from chalicelib.sheets.scores import VALUE_LIMIT


def _number_or_variable(value: Any) -> Any:
    if isinstance(value, str) and has_expressions(value) and len(value) <= MAX_TEXT:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= VALUE_LIMIT:
        return value
    raise ValueError(Reason("number_or_variable"))


NumberOrVariable = Annotated[Any, AfterValidator(_number_or_variable)]


class AddScore(Strict):
    """Points to a score; ``max_per_day`` is the most that the rule adds to one friend's score in a local day.

    All actions of the rule with a ``max_per_day`` for that score share the day.
    """

    score: Id
    points: NumberOrVariable
    max_per_day: Annotated[float, Field(gt=0, le=VALUE_LIMIT)] | None = None


class SetScore(Strict):
    """A score's new value."""

    score: Id
    value: NumberOrVariable


class SetAttribute(Strict):
    """An attribute's new value; null removes it."""

    attribute: Id
    value: Any


class Choice(Strict):
    """One choice of an attribute that has several."""

    attribute: Id
    choice: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


def _choice_fits(value: Mapping[str, Any], snapshot: Snapshot, path: str) -> Iterable[Detail]:
    document = snapshot.find("attributes", value["attribute"])
    if document is None:
        return
    if document.body["type"] != "multi_choice":
        yield Detail(f"{path}.attribute", Reason("attribute_one_value", attribute=value["attribute"]))
        return
    for detail in _value_fits({**value, "value": [value["choice"]]}, snapshot, path):
        yield Detail(f"{path}.choice", detail.reason)


def _value_fits(value: Mapping[str, Any], snapshot: Snapshot, path: str) -> Iterable[Detail]:
    from chalicelib.sheets import values

    given = value.get("value")
    document = snapshot.find("attributes", value["attribute"])
    if document is None or given is None or any(True for _ in expressions(given, path)):
        return
    try:
        values.check(document.body, given, f"{path}.value")
    except values.UnfitValue as error:
        yield from error.details


# What they do


Apply = Callable[[Decision, Effect, Any, ActionContext], list[Fact]]


def _by(name: str) -> Apply:
    """The change of this name (``sheets.changes``), read when it is first made: a cold start needs none."""

    def apply(decision: Decision, effect: Effect, value: Any, context: ActionContext) -> list[Fact]:
        from chalicelib.sheets import changes

        change: Callable[..., list[Fact]] = getattr(changes, name)
        return change(decision, effect["action"], value, context)

    return apply


def _fetch_profile(context: EffectContext, _effect: Effect) -> Done:
    """Ask for the friend's profile in the background; the reaction does not wait for it."""
    from chalicelib.gateways import queues

    body = {"job": "profile", "account": context.account.id, "user": context.event.user_id}
    queues.send("bulk", body)
    return "done", None


# What they may cause


def _tag_added(tag: str, _snapshot: Snapshot) -> Iterable[Produced]:
    yield "tag_added", {"tag": tag}


def _tag_removed(tag: str, _snapshot: Snapshot) -> Iterable[Produced]:
    yield "tag_removed", {"tag": tag}


def _attribute_set(value: Mapping[str, Any], _snapshot: Snapshot) -> Iterable[Produced]:
    yield "attribute_set", {"attribute": value["attribute"]}


Value = Mapping[str, Any]
Directions = Callable[[float, float], list[str]]
"""The ways in which a number takes a score past a threshold."""


def _added(points: float, _threshold: float) -> list[str]:
    return ["up"] if points > 0 else ["down"] if points < 0 else []


def _set(value: float, threshold: float) -> list[str]:
    return ["up"] if value >= threshold else ["down"]


def _passed(field: str, directions: Directions) -> Callable[[Value, Snapshot], Iterator[Produced]]:
    """The facts of points at once; a variable may hold anything."""

    def at_once(value: Value, snapshot: Snapshot) -> Iterator[Produced]:
        number = value[field]
        yield "score_changed", {"score": value["score"]}
        for threshold in _thresholds(value["score"], snapshot):
            known = isinstance(number, int | float)
            for direction in directions(number, threshold) if known else ["up", "down"]:
                yield _crossed(value["score"], threshold, direction)

    return at_once


def _sinks(field: str, *, is_whole: bool) -> Callable[[Value, Snapshot], Iterator[Produced]]:
    """What follows of points by time alone: a score with a half-life sinks past a threshold again.

    ``is_whole``: the number is all that the score has then.
    """

    def by_time(value: Value, snapshot: Snapshot) -> Iterator[Produced]:
        document = snapshot.find("scores", value["score"])
        if document is None or not document.body.get("half_life"):
            return
        for threshold in _thresholds(value["score"], snapshot):
            if _may_reach(value[field], threshold, is_whole=is_whole):
                yield _crossed(value["score"], threshold, "down" if threshold > 0 else "up")

    return by_time


def _may_reach(number: Any, threshold: float, *, is_whole: bool) -> bool:
    """Whether points may take a score, away from nothing, to a threshold."""
    if not isinstance(number, int | float):
        return threshold != 0
    return number * threshold > 0 and (not is_whole or abs(number) >= abs(threshold))


def _thresholds(score: str, snapshot: Snapshot) -> list[float]:
    document = snapshot.find("scores", score)
    return list(document.body.get("thresholds") or ()) if document else []


def _crossed(score: str, threshold: float, direction: str) -> Produced:
    return "score_crossed", {"score": score, "threshold": threshold, "direction": direction}


ACTIONS: dict[str, ActionKind] = {
    "add_tag": ActionKind(
        model=Id, apply=_by("add_tag"), references=named("tags"), at_once=_tag_added, changes_facts_alone=True
    ),
    "remove_tag": ActionKind(
        model=Id,
        apply=_by("remove_tag"),
        references=named("tags"),
        at_once=_tag_removed,
        changes_facts_alone=True,
    ),
    "add_score": ActionKind(
        model=AddScore,
        apply=_by("add_score"),
        references=named("scores", "score"),
        at_once=_passed("points", _added),
        by_time=_sinks("points", is_whole=False),
        changes_facts_alone=True,
    ),
    "set_score": ActionKind(
        model=SetScore,
        apply=_by("set_score"),
        references=named("scores", "score"),
        at_once=_passed("value", _set),
        by_time=_sinks("value", is_whole=True),
        changes_facts_alone=True,
    ),
    "set_attribute": ActionKind(
        model=SetAttribute,
        apply=_by("set_attribute"),
        references=named("attributes", "attribute"),
        check=_value_fits,
        at_once=_attribute_set,
        changes_facts_alone=True,
    ),
    **{
        name: ActionKind(
            model=Choice,
            apply=_by("choose"),
            references=named("attributes", "attribute"),
            check=_choice_fits,
            at_once=_attribute_set,
            changes_facts_alone=True,
        )
        for name in ("add_choice", "remove_choice")
    },
    "fetch_profile": ActionKind(carry_out=_fetch_profile, is_shown=False),
}
