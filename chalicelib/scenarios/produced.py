"""The facts that an action may produce, as far as its document tells. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.messages.actions import parts

Produced: TypeAlias = tuple[str, dict[str, Any]]
"""Type and the properties that are certain."""


def at_once(action: Mapping[str, Any], snapshot: Snapshot) -> Iterator[Produced]:
    """What comes of it without any wait."""
    name, value = parts(action)
    if name == "add_tag":
        yield "tag_added", {"tag": value}
    elif name == "remove_tag":
        yield "tag_removed", {"tag": value}
    elif name in _POINTS:
        yield "score_changed", {"score": value["score"]}
        for threshold in _thresholds(value["score"], snapshot):
            for direction in _directions(name, value, threshold):
                yield _crossed(value["score"], threshold, direction)
    elif name == "set_attribute":
        yield "attribute_set", {"attribute": value["attribute"]}
    elif name == "record_event":
        yield f"custom:{value['name']}", {}
    elif name == "exit_scenario":
        yield "scenario_exited", {"scenario": value}
    elif name == "start_form" and _may_end_at_once(value, snapshot):
        yield "form_answered", {"form": value, "answers": {}}


def by_time(action: Mapping[str, Any], snapshot: Snapshot) -> Iterator[Produced]:
    """What follows of it by time alone: a score with a half-life sinks past a threshold again."""
    name, value = parts(action)
    document = snapshot.find("scores", value["score"]) if name in _POINTS else None
    if document is None or not document.body.get("half_life"):
        return
    for threshold in _thresholds(value["score"], snapshot):
        if _may_reach(name, value, threshold):
            yield _crossed(value["score"], threshold, "down" if threshold > 0 else "up")


def _may_end_at_once(form: str, snapshot: Snapshot) -> bool:
    """Whether a form may begin without asking anything: none of its questions is for everybody."""
    document = snapshot.find("forms", form)
    questions = document.body.get("questions") or () if document else ()
    return all(question.get("if") is not None for question in questions)


_POINTS = {"add_score": "points", "set_score": "value"}


def _thresholds(score: str, snapshot: Snapshot) -> list[float]:
    document = snapshot.find("scores", score)
    return list(document.body.get("thresholds") or ()) if document else []


def _crossed(score: str, threshold: float, direction: str) -> Produced:
    return "score_crossed", {"score": score, "threshold": threshold, "direction": direction}


def _directions(name: str, value: Mapping[str, Any], threshold: float) -> list[str]:
    """The ways in which points may take a score past a threshold; a variable may hold anything."""
    number = value[_POINTS[name]]
    if not isinstance(number, int | float):
        return ["up", "down"]
    if name == "add_score":
        return ["up"] if number > 0 else ["down"] if number < 0 else []
    return ["up"] if number >= threshold else ["down"]


def _may_reach(name: str, value: Mapping[str, Any], threshold: float) -> bool:
    """Whether points may take a score, away from nothing, to a threshold."""
    number = value[_POINTS[name]]
    if not isinstance(number, int | float):
        return threshold != 0
    return number * threshold > 0 and (name == "add_score" or abs(number) >= abs(threshold))
