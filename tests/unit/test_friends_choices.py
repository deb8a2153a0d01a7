"""``add_choice`` and ``remove_choice``: one of several choices, the others stay."""

from __future__ import annotations

from typing import Any

from chalicelib.actions.model import Decision
from chalicelib.messages import vocabulary
from tests.reaction_builders import a_catalog, a_rule, after, an_event

LIKES = {"likes": {"name": "Likes", "type": "multi_choice", "choices": ["hair", "nail", "spa"]}}


def decided(*then: dict[str, Any], sheet: dict[str, Any] | None = None, minutes: float = 0) -> Decision:
    return after(an_event(minutes=minutes, text="x"), {"r": a_rule(then=list(then))}, sheet, attributes=LIKES)


def choice(action: str, name: str) -> dict[str, Any]:
    return {action: {"attribute": "likes", "choice": name}}


def changes(decision: Decision) -> list[tuple[Any, Any]]:
    return [
        (line["type"], line.get("value")) for line in decision.changes if line["type"] != "status_changed"
    ]


def test_choices_come_and_go() -> None:
    """Each once, in the order in which they came; with the last one the attribute is gone."""
    decision = decided(
        choice("add_choice", "hair"), choice("add_choice", "spa"), choice("add_choice", "hair")
    )
    assert decision.after["attributes"]["likes"] == ["hair", "spa"]
    assert changes(decision) == [
        ("attribute_set", ["hair"]),
        ("attribute_set", ["hair", "spa"]),
        ("unchanged", None),
    ]
    decision = decided(choice("remove_choice", "nail"), choice("remove_choice", "hair"), sheet=decision.after)
    assert decision.after["attributes"]["likes"] == ["spa"]
    assert "likes" not in decided(choice("remove_choice", "spa"), sheet=decision.after).after["attributes"]


def test_what_happened_before_is_overtaken() -> None:
    """By the time of the event, like every other change."""
    later = decided(choice("add_choice", "spa"))
    earlier = decided(choice("remove_choice", "spa"), sheet=later.after, minutes=-5)
    assert earlier.after["attributes"]["likes"] == ["spa"]
    assert changes(earlier)[0][0] == "overtaken"


def test_what_fits_is_checked() -> None:
    """A choice that there is, of an attribute that has several."""
    then = [choice("add_choice", "hair"), choice("add_choice", "feet")]
    then.append({"add_choice": {"attribute": "skin", "choice": "dry"}})
    found = [detail.path for detail in vocabulary.check(then, a_catalog(attributes=LIKES))]
    assert found == ["then[1].add_choice.choice", "then[2].add_choice.attribute"]
