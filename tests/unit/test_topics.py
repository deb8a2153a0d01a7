"""Who is out of which topic, by what they said, by its default, and in any order of arrival."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.sheets import folds
from chalicelib.sheets.model import new_sheet
from chalicelib.topics import consent
from tests.reaction_builders import a_catalog, a_rule, after, an_event

TOPICS = {"news": {"name": "News", "default": "in"}, "tips": {"name": "Tips", "default": "out"}}
CATALOG = a_catalog({}, topics=TOPICS)
AT = "2026-11-22T03:00:00.000Z"


def a_sheet(**topics: bool) -> dict[str, Any]:
    """A sheet of a friend who said this: topic=whether out."""
    return {
        "topics": {topic: {"out": out, "since": AT, "at": AT, "by": "x"} for topic, out in topics.items()}
    }


@pytest.mark.parametrize(
    ("sheet", "message", "held"),
    [
        ({}, {"category": "marketing"}, False),
        (a_sheet(marketing=True), {"category": "marketing"}, True),
        (a_sheet(marketing=True), {}, True),
        (a_sheet(marketing=True), {"category": "transactional"}, False),
        (a_sheet(news=True), {"category": "transactional", "topic": "news"}, True),
        (a_sheet(news=True), {"category": "marketing"}, False),
        ({}, {"category": "transactional", "topic": "tips"}, True),
        (a_sheet(tips=False), {"category": "transactional", "topic": "tips"}, False),
        (a_sheet(tips=False, marketing=True), {"category": "marketing", "topic": "tips"}, True),
    ],
)
def test_what_is_held_back(sheet: dict[str, Any], message: dict[str, Any], held: bool) -> None:
    """Marketing is always a topic; a transactional message is held back by its own topic alone; who never
    said anything is where the topic's default puts them.
    """
    assert consent.holds_back(sheet, message, CATALOG) is held


@given(st.permutations([(1, True), (2, False), (3, True), (4, False)]))
def test_the_latest_word_counts(words: list[tuple[int, bool]]) -> None:
    """In whatever order they arrive."""
    sheet = new_sheet("shop", "U1", AT)
    for hour, out in words:
        folds.consent(sheet, "news", out=out, at=f"2026-11-22T0{hour}:00:00.000Z", by="rule:r")
    assert sheet["topics"]["news"]["out"] is False


def test_a_keyword_opts_out_and_the_timeline_says_so() -> None:
    """Who, when, by what; the event beside it has the words. Rules react to it; said again it is no news."""
    stop = a_rule("messaged", [{"opt_out": "news"}], match={"text": "停止"})
    noted = a_rule("opted_out", [{"add_tag": "vip"}], match={"topic": "news"})
    found = after(an_event(text="停止"), {"stop": stop, "noted": noted}, topics=TOPICS)
    assert found.after["topics"]["news"] == {"out": True, "since": AT, "at": AT, "by": "rule:stop"}
    assert {"type": "opted_out", "topic": "news", "by": "rule:stop"} in found.changes
    assert "vip" in found.after["tags"]
    again = after(an_event(id="e2", minutes=5, text="停止"), {"stop": stop}, found.after, topics=TOPICS)
    assert again.changes == [
        {"type": "unchanged", "action": "opt_out", "what": "news", "by": "rule:stop"},
    ]


def test_a_late_word_is_overtaken() -> None:
    """An event that comes late does not undo what was said after it."""
    sheet = new_sheet("shop", "U1", AT)
    folds.consent(sheet, "news", out=False, at="2026-11-22T04:00:00.000Z", by="page")
    stop = a_rule("messaged", [{"opt_out": "news"}])
    found = after(an_event(), {"stop": stop}, sheet, topics=TOPICS)
    assert found.after["topics"]["news"]["out"] is False
    assert "overtaken" in [change["type"] for change in found.changes]
