"""Who is out of a topic gets nothing of it, by whatever delivery; judged at the last moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.broadcasts import service as broadcasts
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from chalicelib.gateways import inbox
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.sheets import folds
from chalicelib.timeline import service as activities
from tests import scenario_world as scenes
from tests.api_client import Api, an_account, an_api
from tests.deliveries_builders import FEW, SHOP, World, a_chunk, a_world
from tests.reaction_builders import a_rule, an_event

USERS = ["U1", "U2", "U3"]
EVERYBODY = {"name": "news", "audience": {"everyone": True}, "message": "news"}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world(*USERS, account=FEW) as found:
        yield found


def opt_out(user: str, topic: str = "marketing", *, at: str, account: Any = FEW) -> None:
    """As the reaction writes it: noted for the sends, then on the sheet."""
    sheet = friends.load(account.id, account.shards, user)
    assert sheet is not None
    after = {**sheet, "topics": {}}
    folds.consent(after, topic, out=True, at=at, by="test")
    deliveries.note_opt_out(account.id, at)
    assert friends.create_or_update(account.id, account.shards, user, sheet, after, sheet["rev"])


def test_a_broadcast_leaves_them_out(world: World) -> None:
    """By its plan; the preview says so beforehand, `why` and the counts afterwards; a test is rejected."""
    opt_out("U2", at=iso(world.now))
    broadcasts.put("shop", "b", EVERYBODY, None, "test")
    assert broadcasts.preview("shop", "b")["skipped"] == {"opted_out": 1}
    broadcasts.send("shop", "b", "test")
    world.run()
    assert set(world.line.got) == {"U1", "U3"}
    assert broadcasts.get("shop", "b")["progress"]["skipped"] == {"opted_out": 1}
    assert broadcasts.why("shop", "b", "U2")["outcome"] == {"status": "skipped", "reason": "opted_out"}
    tested = broadcasts.send_test("shop", "b", ["U1", "U2"], "test")["test_run"]
    assert (tested["sent"], [one["user_id"] for one in tested["rejected"]]) == (1, ["U2"])


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_who_opts_out_after_the_plan_gets_nothing(world: World, payloads: bool) -> None:
    """Seconds before the send, while the run was paused: the chunk goes on without them."""
    world.lose = lambda queue, body: queue == "sends"
    deliveries.put_chunk(a_chunk(USERS, payloads=payloads, cause={"broadcast": "news"}), watch=False)
    world.lose = lambda queue, body: False
    world.now += timedelta(seconds=5)
    opt_out("U2", at=iso(world.now))
    deliveries.feed_all("shop", "run1")
    world.run(until=timedelta(minutes=10))
    assert set(world.line.got) == {"U1", "U3"}
    progress = deliveries.progress("shop", "run1")
    assert (progress["accepted"], progress["skipped"], progress["total"]) == (2, {"opted_out": 1}, 3)


def test_nobody_is_looked_at_when_nobody_opted_out(world: World) -> None:
    """The last look costs a read for a chunk, not one for each friend."""
    deliveries.put_chunk(a_chunk(USERS, cause={"broadcast": "news"}), watch=False)
    before = world.counted["dynamodb:BatchGetItem"]
    world.run(until=timedelta(minutes=10))
    assert set(world.line.got) == set(USERS)
    # The status with the run's control, and what the friends were told lately.
    assert world.counted["dynamodb:BatchGetItem"] - before == 2


def test_a_transactional_message_without_a_topic_goes_to_them(world: World) -> None:
    """An order's confirmation is not marketing."""
    opt_out("U2", at=iso(world.now))
    booked = {"name": "b", "audience": {"everyone": True}, "message": "booked"}
    broadcasts.put("shop", "b", booked, None, "test")
    broadcasts.send("shop", "b", "test")
    world.run()
    assert set(world.line.got) == set(USERS)


# what rules and scenarios send


@pytest.fixture
def scene(cloud: None) -> Iterator[scenes.World]:
    with scenes.a_usual_world() as found:
        scenes.put_friends("u1")
        yield found


def _save(kind: str, name: str, body: dict[str, Any]) -> None:
    catalog.save(scenes.SHOP, [Write(kind, name, body)], lambda _: None, "test")


def test_a_rule_sends_nothing_of_it(scene: scenes.World) -> None:
    """The effect says why."""
    _save("rules", "thanks", a_rule("custom:booked", [{"opt_out": "marketing"}, {"send": {"message": "m1"}}]))
    event = FriendEvent("e1", scenes.SHOP, "u1", "custom:booked", iso(scene.now), source="api")
    reaction.react(event)
    activity = activities.find(scenes.SHOP, "u1", "e1")
    assert activity is not None
    assert [(e["status"], e["why"]) for e in activity["effects"]] == [("skipped", "opted_out")]
    assert scene.sends == []


def test_a_scenario_passes_the_step(scene: scenes.World) -> None:
    """It goes on behind the message, which is said to be skipped."""
    reaction.react(
        FriendEvent(
            "e0", scenes.SHOP, "u1", "console_edit", iso(scene.now), props={"topics": {"marketing": "out"}}
        )
    )
    scenes.publish(start="s", nodes={"s": scenes.message("m1", None)})
    scenes.enroll("u1")
    scene.run(timedelta(minutes=5))
    assert scene.sends == []
    assert scenes.where("u1").state == "finished"


# by hand and by file


def _edited(api: Api, monkeypatch: pytest.MonkeyPatch, patch: dict[str, Any]) -> Any:
    sent: list[FriendEvent] = []
    monkeypatch.setattr(inbox, "put", lambda events: sent.extend(events) or [])
    assert api.call("PATCH", "/v1/accounts/shop/friends/U1", patch).status_code == 202
    reaction.react(sent[0])
    return api.ok("GET", "/v1/accounts/shop/friends/U1")


def test_set_by_hand(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """PATCH says in or out, and how the friend put it; marketing needs no document, others do."""
    api = an_api()
    base = an_account(api)
    api.ok("PUT", f"{base}/topics/news", {"name": "新着"})
    reaction.react(an_event("followed", is_unblocked=False))
    edit = {"topics": {"news": "out", "marketing": "out"}, "wording": "お電話で"}
    found = _edited(api, monkeypatch, edit)
    assert {name: topic["out"] for name, topic in found["topics"].items()} == {
        "news": True,
        "marketing": True,
    }
    (line, *_), _more = activities.recent("shop", "U1", 5, None)
    changes = [c for c in line["changes"] if c["type"] == "opted_out"]
    assert {(c["topic"], c["wording"]) for c in changes} == {("news", "お電話で"), ("marketing", "お電話で")}
    api.refused(422, "PATCH", f"{base}/friends/U1", {"topics": {"nothing": "out"}})
    api.refused(400, "PATCH", f"{base}/friends/U1", {"topics": {"news": "off"}})
    api.ok("PUT", f"{base}/segments/out", {"name": "out", "condition": {"opted_out": "marketing"}})
    assert api.ok("POST", f"{base}/segments/count", {"condition": {"opted_out": "news"}})["count"] == 1


def test_a_topic_in_use_stays(cloud: None) -> None:
    """A message, a rule or a condition that names it keeps it; an unknown one is refused."""
    api = an_api()
    base = an_account(api)
    message = {"name": "m", "messages": [{"type": "text", "text": "x"}], "topic": "news"}
    api.refused(422, "PUT", f"{base}/messages/m", message)
    api.ok("PUT", f"{base}/topics/news", {"name": "新着", "default": "out"})
    api.ok("PUT", f"{base}/messages/m", message)
    api.refused(422, "DELETE", f"{base}/topics/news")


def test_an_import_sets_it(cloud: None) -> None:
    """A column for each topic, in or out; anything else is refused with the line."""
    from chalicelib.transfers import rows

    a = {"user_id": "U9"}
    api = an_api()
    base = an_account(api)
    api.ok("PUT", f"{base}/topics/news", {"name": "新着"})
    snapshot = catalog.snapshot("shop")
    header = ["user_id", "topic.news", "topic.marketing"]
    rows.check_header(header, snapshot)
    row = rows.parse(header, ["U9", "ＯＵＴ", ""], snapshot, SHOP.zone)
    assert row == a | {"topics": {"news": True}}
    with pytest.raises(rows.WrongLine):
        rows.parse(header, ["U9", "maybe", ""], snapshot, SHOP.zone)
