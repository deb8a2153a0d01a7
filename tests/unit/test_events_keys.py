"""A custom event counts under its key, too, wherever it comes from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.intake.model import Event
from chalicelib.sheets.trim import tidy
from tests.reaction_builders import NOW, TOKYO, a_catalog, a_rule, after, an_event


def reported(**fields: Any) -> Event:
    return Event.model_validate({"event_id": "e", "user_id": "U1", "type": "custom:page", **fields})


def test_a_key_is_the_property_key() -> None:
    """As a field of what is reported, or among the properties; both must be the same."""
    assert reported(key="/lotion", props={"n": 1}).props == {"n": 1, "key": "/lotion"}
    assert reported(props={"key": "/lotion"}).props == {"key": "/lotion"}
    for wrong in ({"key": "a", "props": {"key": "b"}}, {"key": "a", "type": "reserved"}, {"key": ""}):
        with pytest.raises(ValueError, match="key"):
            reported(**wrong)


def test_it_is_counted_and_asked_for() -> None:
    """From outside and by a rule; the name alone counts all of them."""
    rule = a_rule(then=[{"record_event": {"name": "page", "props": {"key": "/lotion"}}}])
    sheet = after(an_event("custom:page", key="/soap"), {}).after
    sheet = after(an_event(id="e2", text="x"), {"r": rule}, sheet).after
    context = Context(a_catalog(), TOKYO)

    def count(**more: Any) -> int:
        asked = {"type": "custom:page", **more}
        return next(
            n
            for n in range(5)
            if language.compile({"event": {**asked, "count": {"eq": n}}}, context)(sheet, NOW)
        )

    assert (count(), count(key="/soap"), count(key="/lotion"), count(key="/x")) == (2, 1, 1, 0)
    assert count(key="/lotion", within="7d") == 1


def test_each_name_has_keys_of_its_own() -> None:
    """The oldest keys of a name that has too many go, and no other name's."""
    sheet = after(an_event("custom:other", key="kept"), {}).after
    for n in range(230):
        sheet = after(an_event("custom:page", minutes=n, id=f"e{n}", key=f"k{n}"), {}, sheet).after
    tidy(sheet, (NOW + timedelta(days=1)).date())
    names = set(sheet["facts"])
    assert {"custom:page", "custom:other", "custom:other::kept", "custom:page::k229"} <= names
    assert "custom:page::k0" not in names
