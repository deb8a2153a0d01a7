"""``POST …/scenarios/{scenario}/rehearse``: shapes, roles, refusals, bounds, yen and quota."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.enrollments import store
from chalicelib.gateways import line
from chalicelib.rehearsals import service as rehearsal
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.reasons_checked import plain, words
from tests.scenario_world import SHOP, put_friends

A = f"/v1/accounts/{SHOP}"
S = f"{A}/scenarios/welcome"
START = "2026-12-30T01:00:00Z"  # 10:00 in Tokyo
BODY: dict[str, Any] = {
    "name": "はじめての方へ",
    "start": "first",
    "nodes": {
        "first": {"type": "message", "message": "m1", "next": "act"},
        "act": {"type": "action", "then": [{"add_tag": "vip"}], "next": "is-vip"},
        "is-vip": {
            "type": "branch",
            "cases": [{"if": {"tag": "vip"}, "next": "asks"}],
            "else": None,
        },
        "asks": {
            "type": "wait_for",
            "event": "messaged",
            "timeout": "1d",
            "next": "pause",
            "on_timeout": "late",
        },
        "late": {"type": "exit", "reason": "silent"},
        "pause": {"type": "wait", "at": {"day": 2, "time": "23:00"}, "next": "second"},
        "second": {"type": "message", "message": "m1"},
    },
}
SPOKEN = {"user_id": "u1", "at": "2026-12-30T02:00:00Z", "type": "messaged", "props": {"text": "はい"}}


@pytest.fixture
def api(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(line, "quota", lambda token: (3, 1))
    found = an_api()
    path = an_account(found, SHOP, shards=4)
    message = {"name": "m1", "messages": [{"type": "text", "text": "こんにちは"}]}
    found.ok("PUT", f"{path}/messages/m1", message)
    found.ok("PUT", f"{path}/tags/vip", {"name": "vip"})
    found.ok("PUT", S, BODY)
    put_friends("u1", "u2")
    put_friends("gone", status="blocked")
    return found


def asked(**more: Any) -> dict[str, Any]:
    return {"friends": {"user_ids": ["u1", "u2"]}, "start": START, "days": 7, **more}


def test_who_gets_what_and_when(api: Api) -> None:
    """A draft that was never published: timelines, days in local time, yen, quota per month, funnel."""
    quiet = {"quiet_hours": {"from": "21:00", "to": "09:00"}}
    api.ok("PUT", f"{A}/policies/default", quiet)
    answer = api.ok("POST", f"{S}/rehearse", asked(events=[SPOKEN]))
    timeline = [(e["what"], e.get("node"), e["at"]) for e in answer["timelines"]["u1"]]
    ten = "2026-12-30T01:00:00.000Z"
    heard = "2026-12-30T02:00:01.000Z"
    eleven_at_night = "2027-01-01T14:00:00.000Z"
    assert timeline == [
        ("entered", "first", ten),
        ("sent", "first", ten),
        ("acted", "act", ten),
        ("branched", "is-vip", ten),
        ("waiting", "asks", ten),
        ("happened", "asks", heard),
        ("answered", "asks", heard),
        ("waiting", "pause", heard),
        ("waited", "pause", eleven_at_night),
        ("deferred", "second", eleven_at_night),
        ("sent", "second", "2027-01-02T00:00:00.000Z"),
        ("finished", "second", "2027-01-02T00:00:00.000Z"),
    ]
    silent = answer["timelines"]["u2"]
    assert [(e["what"], words(e)) for e in silent[-2:]] == [
        ("timed_out", "messaged"),
        ("exited", "silent"),
    ]
    assert answer["per_day"] == {
        "2026-12-30": {"messages": 2, "skipped": {}, "deferred": {}},
        "2027-01-01": {"messages": 0, "skipped": {}, "deferred": {"quiet_hours": 1}},
        "2027-01-02": {"messages": 1, "skipped": {}, "deferred": {}},
    }
    assert (answer["messages"], answer["cost_yen"], answer["version"]) == (3, 9, None)
    assert answer["quota"] == {
        "limit": 3,
        "used": 1,
        "left": 2,
        "needed": {"2026-12": 2, "2027-01": 1},
        "holds": True,
    }
    funnel = answer["funnel"]
    assert (funnel["entered"], funnel["finished"], funnel["exited"]) == (2, 1, {"late": 1})
    assert funnel["nodes"]["asks"] == {"answered": 1, "entered": 2, "left": 2, "timed_out": 1}
    assert funnel["nodes"]["first"] == {"entered": 2, "left": 2, "sent": 2}
    assert funnel["nodes"]["late"] == {"entered": 1, "left": 0}


def test_nothing_is_done(api: Api) -> None:
    """No enrollment, no tag, nothing in a queue; the same request gets the same answer. A viewer may."""
    viewer = a_key(api, "viewer", SHOP)
    answer = viewer.ok("POST", f"{S}/rehearse", asked(events=[SPOKEN]))
    assert viewer.ok("POST", f"{S}/rehearse", asked(events=[SPOKEN])) == answer
    assert store.find(SHOP, "welcome", "u1") is None
    assert api.ok("GET", f"{A}/friends/u1")["tags"] == {}
    assert not any(drain(queue) for queue in ("due", "inbox", "sends", "bulk"))


def test_a_sample_is_of_those_who_follow(api: Api) -> None:
    """Always the same ones; no more than there are."""
    answer = api.ok("POST", f"{S}/rehearse", asked(friends={"sample": 200}))
    assert set(answer["timelines"]) == {"u1", "u2"}
    one = api.ok("POST", f"{S}/rehearse", asked(friends={"sample": 1}))
    assert len(one["timelines"]) == 1
    assert one == api.ok("POST", f"{S}/rehearse", asked(friends={"sample": 1}))


def test_the_version_in_force_or_the_draft(api: Api) -> None:
    """``published`` is what friends follow now, whatever the draft says; without one it is a conflict."""
    api.refused(409, "POST", f"{S}/rehearse", asked(version="published"))
    api.ok("POST", f"{S}/publish", {})
    api.ok("PUT", S, {"name": "s", "start": "end", "nodes": {"end": {"type": "exit"}}})
    published = api.ok("POST", f"{S}/rehearse", asked(version="published"))
    assert (published["version"], published["messages"]) == (1, 2)
    draft = api.ok("POST", f"{S}/rehearse", asked())
    assert (draft["messages"], draft["funnel"]["exited"]) == (0, {"end": 2})


def test_who_would_be_refused_in_earnest_is_named(api: Api) -> None:
    """Blocked friends do not enter; who has been in it is rehearsed anew, and that is said."""
    api.ok("POST", f"{S}/publish", {})
    api.ok("POST", f"{S}/enroll", {"user_ids": ["u1"]})
    answer = api.ok("POST", f"{S}/rehearse", asked(friends={"user_ids": ["u1", "gone", "u1"]}))
    assert answer["timelines"]["gone"] == [
        {"at": "2026-12-30T01:00:00.000Z", "what": "refused", **plain("blocked")}
    ]
    entered = answer["timelines"]["u1"][0]
    assert (entered["what"], words(entered)) == ("entered", "in earnest refused: already_active")
    assert answer["funnel"]["entered"] == 1


def test_refusals(api: Api) -> None:
    """Shape and range are 400, unknown friends and scenarios 404, what cannot work 422, with the paths."""
    path = f"{S}/rehearse"
    both = {"sample": 1, "user_ids": ["u1"]}
    for wrong in (
        {"friends": {}},
        {"friends": both},
        {"friends": {"sample": rehearsal.MAX_FRIENDS + 1}},
        {"friends": {"user_ids": []}},
        {"start": "2026-12-30T01:00:00"},
        {"start": "9999-12-31T00:00:00Z"},
        {"days": rehearsal.MAX_DAYS + 1},
        {"days": 0},
        {"version": "old"},
        {"events": [SPOKEN] * (rehearsal.MAX_EVENTS + 1)},
        {"surprise": 1},
    ):
        api.refused(400, "POST", path, asked(**wrong))
    early = {**SPOKEN, "at": "2026-12-29T02:00:00Z"}
    assert api.paths(400, "POST", path, asked(events=[SPOKEN, early])) == ["events[1].at"]
    assert api.paths(422, "POST", path, asked(events=[{**SPOKEN, "type": "sneezed"}])) == ["events[0].type"]
    stranger = {**SPOKEN, "user_id": "u9"}
    assert api.paths(422, "POST", path, asked(events=[stranger])) == ["events[0].user_id"]
    api.refused(404, "POST", path, asked(friends={"user_ids": ["u1", "u9"]}))
    api.refused(404, "POST", f"{A}/scenarios/other/rehearse", asked())


def test_a_draft_that_could_not_be_published(api: Api) -> None:
    """It is refused as publishing refuses it."""
    nodes = {"first": {"type": "message", "message": "m9", "next": "nowhere"}}
    catalog.save(SHOP, [Write("scenarios", "welcome", {**BODY, "nodes": nodes})], lambda _: None, "test")
    rehearsed = api.paths(422, "POST", f"{S}/rehearse", asked())
    assert rehearsed == ["nodes.first.message"]
    assert api.paths(422, "POST", f"{S}/publish", {}) == rehearsed


def test_what_goes_round_quickly_is_cut_off(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many steps the timeline says so; entries beyond what is shown are counted."""
    monkeypatch.setattr(rehearsal, "limits", lambda friends: (50, 20))
    again = {"type": "wait", "after": "1s", "next": "first"}
    nodes = {"first": {"type": "message", "message": "m1", "next": "pause"}, "pause": again}
    api.ok("PUT", S, {**BODY, "nodes": nodes})
    api.ok("PUT", f"{A}/policies/default", {"runaway": False})
    answer = api.ok("POST", f"{S}/rehearse", asked())
    timeline = answer["timelines"]["u1"]
    assert len(timeline) == 22
    assert [entry["what"] for entry in timeline[-2:]] == ["more", "cut"]
    assert "stopped after 50 steps" in words(timeline[-1])
    assert answer["messages"] > 20


def test_a_time_beyond_the_calendar_is_its_end(api: Api) -> None:
    """What lies beyond is waited for until the calendar's end."""
    nodes = {"first": {"type": "wait", "after": "999999w"}}
    api.ok("PUT", S, {**BODY, "nodes": nodes})
    answer = api.ok("POST", f"{S}/rehearse", asked())
    assert words(answer["timelines"]["u1"][-1]) == "until 9999-12-31T00:00:00.000Z"


def test_rules_and_time_are_played_too(api: Api) -> None:
    """What rules do about the scenario and about time passing is seen by its branches, and is counted."""
    api.ok("PUT", f"{A}/scores/heat", {"name": "heat", "half_life": "1d", "thresholds": [2]})
    cold = {"event": "score_crossed", "match": {"score": "heat", "direction": "down"}}
    then = [{"add_tag": "vip"}, {"send": {"message": "m1"}}]
    api.ok("PUT", f"{A}/rules/cold", {"name": "cold", "when": cold, "then": then})
    nodes = {
        "act": {"type": "action", "then": [{"add_score": {"score": "heat", "points": 4}}], "next": "pause"},
        "pause": {"type": "wait", "after": "2d", "next": "is-vip"},
        "is-vip": {"type": "branch", "cases": [{"if": {"tag": "vip"}, "next": None}], "else": "other"},
        "other": {"type": "exit"},
    }
    api.ok("PUT", S, {**BODY, "start": "act", "nodes": nodes})
    answer = api.ok("POST", f"{S}/rehearse", asked(friends={"user_ids": ["u1"]}))
    sent = [entry for entry in answer["timelines"]["u1"] if entry["what"] == "sent"]
    assert [(e["by"], e["message"], e["at"]) for e in sent] == [("cold", "m1", "2026-12-31T01:00:00.001Z")]
    assert (answer["funnel"]["finished"], answer["messages"]) == (1, 1)


def test_line_that_does_not_report_the_quota(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rehearsal answers all the same, without a promise."""

    def silent(token: str) -> Any:
        raise line.NoAnswer

    monkeypatch.setattr(line, "quota", silent)
    quota = api.ok("POST", f"{S}/rehearse", asked())["quota"]
    assert (quota["limit"], quota["holds"]) == (None, None)
