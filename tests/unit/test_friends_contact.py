"""Who writes one to one is a friend, though no follow was seen; a block that is later stands."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.reaction.decide import decide
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import new_sheet
from chalicelib.webhook.parse import parse
from tests.reaction_builders import NOW, TOKYO, a_catalog, a_program, an_event
from tests.reasons_checked import in_words

CONTACT = ["messaged", "postback", "video_completed", "beacon", "account_link_result"]


def status_after(*events: FriendEvent) -> tuple[str, Any, Any]:
    sheet = new_sheet("shop", "U1", iso(NOW))
    for event in events:
        folding.fold_event(sheet, event, ZoneInfo("Asia/Tokyo"))
    return sheet["status"], sheet["blocked_at"], sheet["followed_at"]


@pytest.mark.parametrize("kind", CONTACT)
def test_who_writes_is_a_friend_and_the_timeline_says_why(kind: str) -> None:
    """Broadcasts reach them; when they followed is not known and not made up."""
    program = a_program()
    decision = decide(an_event(kind, text="こんにちは"), None, program, NOW)
    assert decision.after["status"] == "following"
    assert decision.after["followed_at"] is None
    assert in_words(decision.changes) == [
        {
            "type": "status_changed",
            "before": "unknown",
            "after": "following",
            "why": f"{kind} one to one: only friends can",
            "by": "line",
        }
    ]
    again = decide(an_event(kind, 1, id="e2", text="again"), decision.after, program, NOW)
    assert again.changes == []


@pytest.mark.parametrize("kind", ["unsent", "membership_changed", "custom:x", "purchased", "link_clicked"])
def test_other_events_show_nothing_of_friendship(kind: str) -> None:
    """People who have left can do these, or others tell them."""
    assert status_after(an_event(kind)) == ("unknown", None, None)


def test_another_system_that_says_so_makes_no_friend() -> None:
    """Only LINE's word counts."""
    event = an_event("messaged", text="x")
    reported = FriendEvent(
        event.event_id, "shop", "U1", "messaged", event.at, props=event.props, source="api"
    )
    assert status_after(reported)[0] == "unknown"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_event_older_than_the_block_does_not_undo_it(order: tuple[int, ...]) -> None:
    """By the events' own times, in whatever order they come; of the same moment the block wins."""
    events = [
        an_event("followed", 0, id="a"),
        an_event("messaged", 5, id="b", text="x"),
        an_event("unfollowed", 5, id="c"),
    ]
    status, blocked_at, followed_at = status_after(*(events[n] for n in order))
    assert (status, blocked_at, followed_at) == ("blocked", events[2].at, events[0].at)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_who_writes_after_a_block_is_back(order: tuple[int, ...]) -> None:
    """The unblocking was not seen: LINE lets nobody write who has blocked."""
    events = [
        an_event("followed", 0, id="a"),
        an_event("unfollowed", 5, id="b"),
        an_event("messaged", 6, id="c", text="x"),
    ]
    assert status_after(*(events[n] for n in order)) == ("following", None, events[0].at)


@pytest.mark.parametrize("source", [{"type": "group", "groupId": "C1"}, {"type": "room", "roomId": "R1"}])
def test_who_writes_in_a_group_is_not_a_friend_for_that(source: dict[str, str]) -> None:
    """Groups are full of people who have not added the account."""
    body = {
        "type": "message",
        "timestamp": 1,
        "source": {**source, "userId": "U1"},
        "message": {"type": "text", "id": "1", "text": "x"},
    }
    (event,) = parse(json.dumps({"events": [body]}).encode(), "shop", NOW)
    assert status_after(event)[0] == "unknown"


def test_conditions_on_followed_at_stay_false_without_a_follow() -> None:
    """Neither within nor before: an old friend is not taken for a new one, nor the other way round."""
    sheet = decide(an_event("messaged", text="x"), None, a_program(), NOW).after
    context = Context(a_catalog(), TOKYO)
    for age in ({"within": "7d"}, {"before": "7d"}):
        assert not language.compile({"friend": {"followed_at": age}}, context)(sheet, NOW)
    assert language.compile_audience({"everyone": True}, context)(sheet, NOW)
