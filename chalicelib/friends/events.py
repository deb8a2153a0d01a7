"""The events of a friend's facts: what changes of a sheet produce, and the edits that change one."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Changed, EventType, Match
from chalicelib.events.sheet import Sheet
from chalicelib.shared.errors import Detail
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason


def _unknown_stages(match: Match, _snapshot: Snapshot, path: str) -> Iterator[Detail]:
    from chalicelib.events.matching import compile_match, no_value
    from chalicelib.sheets.purchases import STAGES

    for test in compile_match(match):
        if test.path in {"before", "after"}:
            yield from no_value(test, STAGES, f"{path}.match")


def _unknown_choice(match: Match, snapshot: Snapshot, path: str) -> Iterator[Detail]:
    from chalicelib.events.matching import compile_match, no_value

    name = match.get("attribute")
    document = snapshot.find("attributes", name) if isinstance(name, str) else None
    if document is not None and document.body["type"] == "choice":
        for test in compile_match({"value": match["value"]} if "value" in match else {}):
            yield from no_value(test, document.body["choices"], f"{path}.match")


def _unknown_threshold(match: Match, snapshot: Snapshot, path: str) -> Iterator[Detail]:
    score = snapshot.find("scores", match["score"]) if isinstance(match.get("score"), str) else None
    threshold = match.get("threshold")
    if score is not None and isinstance(threshold, int | float):
        thresholds = score.body.get("thresholds") or []
        if threshold not in thresholds:
            known = [str(one) for one in thresholds]
            unknown = Reason("threshold_unknown", score=score.id, threshold=threshold, known=known)
            yield Detail(
                f"{path}.match.threshold", unknown if known else Reason("no_thresholds", score=score.id)
            )


def _edited(sheet: Sheet, event: FriendEvent, snapshot: Snapshot, zone: ZoneInfo) -> Changed:
    from chalicelib.friends import edits

    by = str(event.props.get("by") or "console")
    facts, refused = edits.apply(sheet, event.props, snapshot, zone, event.at, by)
    return Changed(by, facts, refused)


EVENTS: dict[str, EventType] = {
    "tag_added": EventType(
        "friends", key="tag", props=frozenset({"tag"}), documents={"tag": "tags"}, is_change=True
    ),
    "tag_removed": EventType(
        "friends", key="tag", props=frozenset({"tag"}), documents={"tag": "tags"}, is_change=True
    ),
    "score_changed": EventType(
        "friends",
        key="score",
        props=frozenset({"score", "before", "after"}),
        documents={"score": "scores"},
        is_change=True,
    ),
    "score_crossed": EventType(
        "friends",
        key="score",
        props=frozenset({"score", "threshold", "direction"}),
        documents={"score": "scores"},
        values={"direction": ("up", "down")},
        warn=_unknown_threshold,
        is_change=True,
    ),
    "attribute_set": EventType(
        "friends",
        key="attribute",
        props=frozenset({"attribute", "value"}),
        documents={"attribute": "attributes"},
        warn=_unknown_choice,
        is_change=True,
    ),
    "stage_changed": EventType(
        "friends", key="after", props=frozenset({"before", "after"}), warn=_unknown_stages, is_change=True
    ),
    "console_edit": EventType("friends", change=_edited, counts=False, is_trigger=False),
}
