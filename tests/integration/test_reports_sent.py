"""What rules, schedules, forms and staff sent is in the report of deliveries: as the activities have it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.friend_tokens import FriendToken, author_of, of_effect
from chalicelib.gateways import line as line_gateway
from chalicelib.links import service as links
from chalicelib.reaction import service as reaction
from chalicelib.shared.times import iso
from tests.api_client import Api
from tests.integration.test_reaction_delivery_results import report_all, send_all
from tests.integration.test_reaction_effects import A, Line, a_rule, api, world
from tests.reaction_builders import NOW, an_event
from tests.sent_lines import sent_lines

__all__ = ["api", "world"]

REPORT = f"{A}/reports/deliveries"


def rows(api: Api, query: str = "group_by=delivery") -> dict[str, dict[str, Any]]:
    return {row["row"]: row for row in api.ok("GET", f"{REPORT}?{query}")["items"]}


def test_replies_pushes_and_what_is_refused(api: Api, world: Line) -> None:
    """By rule: what was meant, what LINE took, how much of it free; refused later, it is no more accepted."""
    then = (
        {"reply": {"message": "hi"}},
        {"send": {"message": "hi"}},
        {"add_score": {"score": "heat", "points": 1}},
    )
    api.ok("PUT", f"{A}/rules/r", a_rule(*then))
    world.answers["line:push"] = [line_gateway.Answer(400, "May not be empty")]
    for n, event in enumerate((an_event("followed", id="f"), an_event(id="e1"), an_event(id="e2"))):
        reaction.react(event)
        report_all(send_all())
        assert len(sent_lines()) == 2 * n
    reaction.react(an_event("link_clicked", id="c", minutes=1, link="x", author="rule:r"))
    row = rows(api)["rule:r"]
    assert (row["kind"], row["delivery"], row["name"]) == ("rule", "r", "r")
    numbers = ("planned", "accepted", "failed", "skipped", "by_reply", "cost_yen", "clickers", "click_rate")
    assert [row[name] for name in numbers] == [4, 3, 1, 0, 2, 3, 1, 0.3333]
    for kind, n in {"all": 4, "rule": 4, "schedule": 0, "broadcast": 0}.items():
        for group in ("day", "delivery"):
            total = api.ok("GET", f"{REPORT}?kind={kind}&group_by={group}")["total"]
            assert (total["planned"] or 0) == n, (kind, group)
    assert not rows(api, "group_by=segment")
    people = f"{A}/reports/people?report=deliveries&group_by=delivery&row=rule:r"
    for number, amount in {"accepted": 3, "failed": 1, "by_reply": 2, "clickers": 1}.items():
        [one] = api.ok("GET", f"{people}&number={number}")["items"]
        assert (one["user_id"], one["amount"]) == ("U1", amount)


def test_a_schedule_many_friends_and_staff_have_rows_of_their_own(api: Api, world: Line) -> None:
    """Those without a document are named by what they are."""
    body = {"name": "朝", "every": {"time": "10:00"}, "audience": {"everyone": True}}
    api.ok("PUT", f"{A}/schedules/daily", body | {"then": [{"send": {"message": "hi"}}]})
    then = [{"send": {"message": "hi"}}]
    reaction.react(an_event("followed", id="f"))
    reaction.react(an_event("scheduled", id="s", schedule="daily", then=then))
    reaction.react(an_event("bulk_action", id="b", by="key-1", then=then))
    reaction.react(an_event("staff_message", id="m", messages=[{"type": "text", "text": "hello"}]))
    found = rows(api)
    assert {name: row["accepted"] for name, row in found.items()} == {
        "schedule:daily": 1,
        "many:friends": 1,
        "chat:staff": 1,
    }
    assert (found["schedule:daily"]["kind"], found["schedule:daily"]["name"]) == ("schedule", "朝")
    assert rows(api, "group_by=delivery&delivery=schedule:daily").keys() == {"schedule:daily"}
    sent_lines()


@pytest.mark.parametrize(
    ("rule", "event", "author", "node"),
    [
        ("hello", "messaged", "rule:hello", ""),
        ("schedule:daily", "scheduled", "schedule:daily", ""),
        ("form:skin:q1", "messaged", "form:skin", ""),
        ("scenario:welcome:n1", "scenario_action", "scenario:welcome", "n1"),
        ("-", "staff_message", "chat:staff", ""),
        ("01KEY", "bulk_action", "many:friends", ""),
    ],
)
def test_whose_an_effect_is(rule: str, event: str, author: str, node: str) -> None:
    """By the name that effects have; a scenario's click is the scenario's and its node's."""
    assert author_of(rule, event) == (author, node)
    token = of_effect("U1", rule, event)
    clicked = links.clicked("shop", "spring", token, iso(NOW)).props
    wanted = {"delivery": "welcome", "node": "n1"} if node else {"author": author}
    assert clicked == {"link": "spring"} | wanted


def test_a_live_address_shows_which_rule_sent_it(api: Api, world: Line) -> None:
    """Opened, it counts for that rule, and an order after it too."""
    api.ok("PUT", f"{A}/links/spring", {"url": "https://shop.example/spring"})
    text = {"type": "text", "text": 'こちら {{ link("spring") }}'}
    api.ok("PUT", f"{A}/messages/offer", {"name": "offer", "messages": [text]})
    api.ok("PUT", f"{A}/rules/r", a_rule({"reply": {"message": "offer"}}))
    for event in (an_event("followed", id="f"), an_event(text="x", id="e")):
        reaction.react(event)
    [url] = [d["body"]["messages"][0]["text"].split()[1] for name, d in world.calls if name == "line:reply"]
    token = friend_tokens.read("shop", url.partition("?t=")[2])
    assert token == FriendToken("U1", "rule:r")
    reaction.react(links.clicked("shop", "spring", token, iso(NOW + timedelta(minutes=5))))
    order = {"order_id": "o1", "amount": 500}
    reaction.react(an_event("purchased", id="order:o1", minutes=9, **order))
    row = rows(api)["rule:r"]
    assert [row[name] for name in ("clicks", "clickers", "conversions", "revenue")] == [1, 1, 1, 500]
    conversions = api.ok("GET", f"{A}/reports/conversions?group_by=delivery")["items"]
    assert [one["delivery"] for one in conversions] == ["rule:r"]
    by_delivery = api.ok("GET", f"{A}/reports/links?group_by=delivery")["items"]
    assert [one["row"] for one in by_delivery] == ["rule:r"]


def test_who_blocks_after_what_a_rule_sent(api: Api, world: Line) -> None:
    """Within 72 hours."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"reply": {"message": "hi"}}))
    for event in (an_event("followed", id="f"), an_event(text="x", id="e")):
        reaction.react(event)
    reaction.react(an_event("unfollowed", id="u", minutes=60))
    assert rows(api)["rule:r"]["blocked_after"] == 1
