"""Rules over HTTP: saved with warnings, refused with paths, tried without doing, and their health."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.friends import store
from chalicelib.reaction import service
from chalicelib.shared import reasons
from chalicelib.timeline import service as activities
from tests.api_client import Api, an_api
from tests.reaction_builders import DOCUMENTS, an_event
from tests.reasons_checked import words

A = "/v1/accounts/shop"


@pytest.fixture
def shop(cloud: None) -> Api:
    accounts.put_account(
        # The events of these tests are all of one noon, whenever they run.
        Account("shop", "店", "Asia/Tokyo", 4, react_within=timedelta(days=100_000)),
        {"channel_secret": "s", "channel_access_token": "t"},
        shards=4,
        by="test",
    )
    api = an_api()
    for kind, documents in DOCUMENTS.items():
        for name, body in documents.items():
            api.ok("PUT", f"{A}/{kind}/{name}", body)
    return api


def rule(event: str = "messaged", **more: object) -> dict[str, object]:
    return {"name": "r", "when": {"event": event}, "then": [{"add_tag": "vip"}], **more}


def test_a_rule_is_in_force_after_its_put(shop: Api) -> None:
    """The next event is judged by it; a change too."""
    shop.ok("PUT", f"{A}/rules/r", rule())
    service.react(an_event(text="x"))
    shop.ok("PUT", f"{A}/rules/r", rule(then=[{"add_tag": "dry"}]))
    service.react(an_event(text="y", id="e2", minutes=1))
    sheet = store.load("shop", 4, "U1")
    assert sheet is not None
    assert set(sheet["tags"]) == {"vip", "dry"}


def test_wrong_rules_are_refused_with_paths(shop: Api) -> None:
    """400 for shape, 422 for references; both name the place."""
    assert shop.paths(400, "PUT", f"{A}/rules/r", rule(then=[{"add_tag": 1}])) == ["then[0].add_tag"]
    assert shop.paths(422, "PUT", f"{A}/rules/r", rule(then=[{"add_tag": "nope"}])) == ["then[0].add_tag"]
    assert shop.paths(422, "PUT", f"{A}/rules/r", rule(**{"if": {"tag": "nope"}})) == ["if.tag"]


def test_what_a_rule_names_cannot_be_deleted(shop: Api) -> None:
    """The refusal names the rule and the place."""
    shop.ok("PUT", f"{A}/rules/r", rule(**{"if": {"tag": "a"}}))
    assert shop.paths(422, "DELETE", f"{A}/tags/vip") == ["rules.r.then[0].add_tag"]
    assert shop.paths(422, "DELETE", f"{A}/tags/a") == ["rules.r.if.tag"]


def test_a_circle_is_warned_about_when_saved(shop: Api) -> None:
    """It is accepted, because reactions end, and the answer says what it may do."""
    assert "warnings" not in shop.ok("PUT", f"{A}/rules/one", rule("tag_added", then=[{"remove_tag": "a"}]))
    saved = shop.ok("PUT", f"{A}/rules/two", rule("tag_removed", then=[{"add_tag": "a"}]))
    assert saved["warnings"] == ["may wake itself again: one -> two -> one"]
    assert shop.ok("GET", f"{A}/rules/two/health")["warnings"] == saved["warnings"]
    shop.ok("PUT", f"{A}/rules/two", saved)


def test_a_circle_through_a_scenario_is_warned_about(shop: Api) -> None:
    """When the rule is saved, when the scenario is, and when it is published."""
    spin = {"type": "action", "then": [{"record_event": {"name": "spin"}}]}
    body = {"name": "sc", "entry": {"re_entry": "restart"}, "start": "n", "nodes": {"n": spin}}
    assert "warnings" not in shop.ok("PUT", f"{A}/scenarios/sc", body)
    assert "warnings" not in shop.ok("POST", f"{A}/scenarios/sc/publish", {})
    saved = shop.ok("PUT", f"{A}/rules/again", rule("custom:spin", then=[{"enter_scenario": "sc"}]))
    way = "again -> scenario sc -> again"
    warnings = [f"may go round without any wait, until entering is refused as too_often: {way}"]
    assert saved["warnings"] == warnings
    assert shop.ok("PUT", f"{A}/scenarios/sc", body)["warnings"] == warnings
    assert shop.ok("POST", f"{A}/scenarios/sc/publish", {})["warnings"] == warnings
    waiting = {"n": {"type": "wait", "after": "1m", "next": "m"}, "m": spin}
    assert "warnings" not in shop.ok("PUT", f"{A}/scenarios/sc", body | {"nodes": waiting})
    assert shop.ok("GET", f"{A}/rules/again/health")["warnings"] == warnings
    assert "warnings" not in shop.ok("POST", f"{A}/scenarios/sc/publish", {})
    assert shop.ok("GET", f"{A}/rules/again/health")["warnings"] == []


def test_rules_are_tried_without_doing_anything(shop: Api) -> None:
    """A past event or one made up, the saved rules or drafts: told, not done."""
    shop.ok("PUT", f"{A}/rules/r", rule(limit="once"))
    shop.ok("PUT", f"{A}/rules/s", rule(when={"event": "messaged", "match": {"text": "予約"}}))
    service.react(an_event(text="やあ"))
    service.react(an_event(text="また", id="e2", minutes=1))
    before = store.load("shop", 4, "U1")
    answer = shop.ok("POST", f"{A}/rules/test", {"user_id": "U1", "event": {"event_id": "e1"}})
    assert {entry["rule"]: entry["matched"] for entry in answer["rules"]} == {"r": True, "s": False}
    assert "やあ" in words(answer["rules"][1])
    assert answer["judged"] == {"friend": "now", "event": "counted already"}
    answer = shop.ok("POST", f"{A}/rules/test", {"user_id": "U1", "event": {"event_id": "e2"}})
    assert "once" in words(answer["rules"][0])
    draft = rule(then=[{"reply": {"message": "hello"}}, {"add_tag": "new"}])
    asked = {
        "user_id": "U1",
        "event": {"type": "messaged", "props": {"text": "x"}},
        "rules": {"draft": draft},
        "only": True,
    }
    answer = shop.ok("POST", f"{A}/rules/test", asked)
    assert [entry["rule"] for entry in answer["rules"]] == ["draft"]
    assert [(e["action"], e["status"]) for e in answer["effects"]] == [("reply", "would_run")]
    assert [change["type"] for change in answer["changes"]] == ["tag_added"]
    assert answer["judged"] == {"friend": "now", "event": "counted for this test"}
    assert store.load("shop", 4, "U1") == before
    assert activities.find("shop", "U1", "dry-run") is None


def test_a_dry_run_refuses_what_it_cannot_try(shop: Api) -> None:
    """Unknown friends and events are 404, wrong drafts 400 and 422 with their path."""
    event = {"type": "messaged"}
    shop.refused(404, "POST", f"{A}/rules/test", {"user_id": "nobody", "event": event})
    service.react(an_event(text="x"))
    shop.refused(404, "POST", f"{A}/rules/test", {"user_id": "U1", "event": {"event_id": "nope"}})
    shop.refused(400, "POST", f"{A}/rules/test", {"user_id": "U1", "event": {}})
    asked = {"user_id": "U1", "event": {"type": "zzz"}}
    assert shop.paths(422, "POST", f"{A}/rules/test", asked) == ["event.type"]
    refused = shop.refused(422, "POST", f"{A}/rules/test", asked)
    assert "messaged" in refused["message"]
    assert "custom:<name>" in refused["message"]
    asked = {"user_id": "U1", "event": event, "rules": {"d": rule(then=[{"add_tag": 1}])}}
    assert shop.paths(400, "POST", f"{A}/rules/test", asked) == ["rules.d.then[0].add_tag"]
    asked["rules"] = {"d": rule(then=[{"add_tag": "nope"}])}
    assert shop.paths(422, "POST", f"{A}/rules/test", asked) == ["rules.d.then[0].add_tag"]


def test_an_event_that_happened_is_not_counted_again(shop: Api) -> None:
    """A first purchase is still the first, its change of stage wakes rules and is not made a second time."""
    first = {"purchase": {"count": {"eq": 1}}}
    shop.ok("PUT", f"{A}/rules/thanks", rule("purchased", **{"if": first}))
    staged = {"event": "stage_changed", "match": {"after": "first"}}
    shop.ok("PUT", f"{A}/rules/staged", rule(when=staged, then=[{"add_tag": "dry"}]))
    service.react(an_event("purchased", id="p1", order_id="o1", amount=1000, items=[]))
    happened = activities.find("shop", "U1", "p1")
    assert happened is not None
    (stage,) = [change for change in happened["changes"] if change["type"] == "stage_changed"]
    asked = {"user_id": "U1", "event": {"event_id": "p1"}}
    answer = shop.ok("POST", f"{A}/rules/test", asked)
    assert answer["rules"] == [reasons.as_answered(line) for line in happened["rules"]]
    assert [entry["matched"] for entry in answer["rules"]] == [True, True]
    assert {change["type"] for change in answer["changes"]} == {"unchanged"}
    draft = rule(
        "stage_changed", then=[{"set_attribute": {"attribute": "memo", "value": "{{ event.after }}"}}]
    )
    answer = shop.ok("POST", f"{A}/rules/test", asked | {"rules": {"draft": draft}, "only": True})
    assert [change["value"] for change in answer["changes"]] == [stage["after"]]
    assert answer["judged"] == {"friend": "now", "event": "counted already"}


def test_a_failed_event_is_counted_for_the_test(shop: Api) -> None:
    """What went to the dead letters before the friend was written is not in the friend."""
    shop.ok("PUT", f"{A}/rules/r", rule(**{"if": {"event": {"type": "messaged", "count": {"eq": 2}}}}))
    service.react(an_event(text="x"))
    service.give_up(an_event(text="y", id="e2"), "poison")
    answer = shop.ok("POST", f"{A}/rules/test", {"user_id": "U1", "event": {"event_id": "e2"}})
    assert [entry["matched"] for entry in answer["rules"]] == [True]
    assert answer["judged"]["event"] == "counted for this test"


def test_health_shows_what_could_not_run(shop: Api) -> None:
    """Counted per hour with the last reason; a rule that is not there is 404."""
    shop.ok(
        "PUT", f"{A}/rules/r", rule(then=[{"set_attribute": {"attribute": "n", "value": "{{ event.text }}"}}])
    )
    service.react(an_event(text="many"))
    found = shop.ok("GET", f"{A}/rules/r/health")
    assert found["enabled"] is True
    assert (found["trouble"][0]["status"], found["trouble"][0]["n"]) == ("failed", 1)
    assert words(found["trouble"][0]) == "set_attribute: the value does not fit attributes.n"
    for path in ("rules/nope", "scenarios/nope", "forms/nope"):
        shop.refused(404, "GET", f"{A}/{path}/health")
