"""Routes: whoever comes by one is known from the first scan on, and gets what it gives once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from moto.sqs.models import sqs_backends
from PIL import Image

from chalicelib.accounts.service import get_account
from chalicelib.friends import store
from chalicelib.gateways import clock, line, seam
from chalicelib.jobs import kinds as jobs
from chalicelib.reaction import service as reaction
from chalicelib.routes import addresses, qr
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from tests.api_client import Api, an_account
from tests.conftest import drain
from tests.liff_world import ANNA, BASE, BEN, CLEO, LIFF, PUBLIC, World, a_world, query_of

POSTER = {
    "name": "ポスター",
    "then": [{"add_tag": "new"}, {"reply": {"message": "hello"}}],
    "then_existing": [{"add_tag": "again"}],
    "utm": {"source": "poster", "medium": "print"},
}


def set_up(there: World) -> None:
    addresses.forget()
    for tag in ("new", "again", "plain"):
        there.api.ok("PUT", f"{BASE}/tags/{tag}", {"name": tag})
    text = {"type": "text", "text": "ようこそ"}
    hello = {"name": "hello", "category": "transactional", "messages": [text]}
    there.api.ok("PUT", f"{BASE}/messages/hello", hello)
    there.api.ok("PUT", f"{BASE}/routes/poster", POSTER)
    there.api.ok("PUT", f"{BASE}/routes/flyer", {"name": "チラシ", "then": [{"add_tag": "plain"}]})


@pytest.fixture
def world(cloud: None, tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as there:
        set_up(there)
        yield there


def heard() -> list[FriendEvent]:
    """What waits in the inbox, reacted to."""
    events = [FriendEvent.from_message(body) for body in drain("inbox")]
    for event in events:
        reaction.react(event)
    return events


def follows(user: str, minutes: float = 0, *, back: bool = False) -> None:
    """LINE's webhook, as the reaction gets it."""
    at = iso(clock.now() + timedelta(minutes=minutes))
    props = {"is_unblocked": back}
    reaction.react(FriendEvent(f"f-{at}", "shop", user, "followed", at, None, props, f"r-{user}-{at}"))


def blocks(user: str, minutes: float = 0) -> None:
    at = iso(clock.now() + timedelta(minutes=minutes))
    reaction.react(FriendEvent(f"b-{at}", "shop", user, "unfollowed", at))


def opens(world: World, user: str, route: str = "poster", query: str = "", **more: Any) -> str:
    """A browser opens the route's address, and the friend's phone what it leads to; where they come out."""
    answer = world.opens(f"/q/shop/{route}{query}")
    assert answer.status_code == 302, answer.body
    return world.goes(answer.headers["Location"], user, **more)


def sheet(user: str) -> dict[str, Any]:
    found = store.load("shop", 2, user)
    assert found is not None
    return found


def tags(user: str) -> set[str]:
    return set(sheet(user)["tags"])


def later(minutes: float) -> Any:
    """The clock, so much later."""
    moved = clock.now() + timedelta(minutes=minutes)
    return seam.guarded(lambda name, _detail, call: moved if name == "clock:now" else call())


def test_the_first_scan_counts(world: World) -> None:
    """The address leads to LIFF, LIFF to the account; the follow finds the touch that waits; the reply is
    free of charge.
    """
    where = opens(world, CLEO, query="?utm_campaign=spring&gclid=abc&secret=1")
    assert where == f"{settings().line_me_url}/R/ti/p/%40{addresses.basic_id(get_account('shop'))[1:]}"
    [event] = heard()
    assert event.props["utm"] == {"source": "poster", "medium": "print", "campaign": "spring"}
    assert event.props["ads"] == {"gclid": "abc"}
    report = world.api.ok("GET", f"{BASE}/reports/touches?from=2026-01-01&group_by=day&route=poster")
    assert [(row["touches"], row["visitors"]) for row in report["items"]] == [(1, 1)]
    assert world.api.ok("GET", f"{BASE}/reports/touches?from=2026-01-01")["items"][0]["route"] == "poster"
    assert tags(CLEO) == set()
    follows(CLEO)
    assert tags(CLEO) == {"new"}
    assert "touch" not in sheet(CLEO)["source"]
    shown = world.api.ok("GET", f"{BASE}/friends/{CLEO}")
    assert shown["source"] == {"first": "poster", "latest": "poster"}
    messages = world.sim_request("GET", "messages")["items"]
    assert [one["kind"] for one in messages] == ["reply"]
    lines = world.api.ok("GET", f"{BASE}/friends/{CLEO}/activities")["items"]
    joined = [line for one in lines for line in one["changes"] if line["type"] == "route_joined"]
    assert [(line["route"], line["friend"]) for line in joined] == [("poster", "new")]


def test_the_follow_may_be_heard_of_first(world: World) -> None:
    """Who is asked by LINE, before the page opens, whether they add the account."""
    answer = world.opens("/q/shop/poster")
    follows(CLEO)
    assert tags(CLEO) == set()
    world.goes(answer.headers["Location"], CLEO)
    heard()
    assert tags(CLEO) == {"new"}
    opens(world, CLEO)
    heard()
    assert tags(CLEO) == {"new", "again"}, "by now a friend"


def test_a_present_friend_is_a_present_friend(world: World) -> None:
    """Also one who has followed just before they opened the address; without ``then_existing`` ``then``."""
    follows(ANNA, -3)
    opens(world, ANNA)
    opens(world, ANNA, "flyer")
    heard()
    assert tags(ANNA) == {"again", "plain"}
    assert sheet(ANNA)["source"]["first"] == "poster"
    assert sheet(ANNA)["source"]["latest"] == "flyer"


def test_whoever_had_blocked_comes_back_by_a_route(world: World) -> None:
    """As somebody who follows anew; the fact says that they returned."""
    follows(ANNA, -60)
    blocks(ANNA, -30)
    opens(world, ANNA)
    heard()
    assert tags(ANNA) == set()
    follows(ANNA, back=True)
    assert tags(ANNA) == {"new"}
    rule = {"name": "r", "when": {"event": "route_joined", "match": {"friend": "returned"}}}
    world.api.ok("PUT", f"{BASE}/rules/r", {**rule, "then": [{"add_tag": "plain"}]})
    blocks(ANNA, 0.001)
    opens(world, ANNA)
    heard()
    follows(ANNA, 0.002)
    assert "plain" in tags(ANNA)


def test_after_ten_minutes_nobody_waits(world: World) -> None:
    """A later follow is nobody's; the touch is counted all the same."""
    opens(world, CLEO)
    heard()
    with later(11):
        follows(CLEO)
    assert tags(CLEO) == set()
    assert sheet(CLEO)["source"]["first"] == "poster"
    assert sheet(CLEO)["facts"]["route_entered:poster"]["count"] == 1


@pytest.mark.parametrize(("user", "expected"), [(BEN, {"again"}), (CLEO, set())])
def test_a_friend_of_before_is_found_at_line(world: World, user: str, expected: set[str]) -> None:
    """LINE tells no follow of who was a friend before; ten minutes later it is asked. Again, nothing more."""
    opens(world, user)
    heard()
    [job] = [body for body in later_jobs() if body["job"] == "give_up_touch"]
    for _ in range(2):
        jobs.carry_out(job, 1)
        heard()
    assert tags(user) == expected
    assert "touch" not in sheet(user)["source"]
    assert sheet(user)["status"] == ("following" if expected else "unknown")


def later_jobs() -> list[dict[str, Any]]:
    """Jobs of the queue, also those whose time has not come (moto delivers them when it is asked late)."""
    backend = next(iter(sqs_backends["123456789012"].values()))
    queue = next(queue for name, queue in backend.queues.items() if name.endswith("bulk"))
    return [json.loads(message.body) for message in queue._messages]


def test_a_replayed_sign_in_is_one_touch_and_no_other_route(world: World) -> None:
    """0 of 100: the same token again, for another route, after the follow, in another account."""
    url = world.opens("/q/shop/poster").headers["Location"]
    sent = world.in_line(url, CLEO)
    assert world.posts(sent).status_code == 200
    heard()
    follows(CLEO)
    before = sheet(CLEO)
    an_account(world.api, "other", login_channel_id="999", login_channel_secret="5" * 32)
    world.api.ok("PUT", "/v1/accounts/other/routes/poster", {"name": "p"})
    for n in range(34):
        assert world.posts(sent).status_code == 200
        assert world.posts({**sent, "path": f"/q/flyer{'' if n % 2 else '/'}"}).status_code == 400
        assert world.posts(sent, "other").status_code == 400
    heard()
    after = sheet(CLEO)
    assert after == before
    assert after["facts"]["route_entered:poster"]["count"] == 1


@pytest.mark.parametrize("before", [True, False])
def test_a_touch_that_could_not_be_kept_is_sent_again(world: World, before: bool) -> None:
    """The queue does not answer, before or after it took the event: 503, and the page's next try is the same
    touch.
    """
    sent = world.in_line(world.opens("/q/shop/poster").headers["Location"], CLEO)

    def dies(name: str, _detail: Any, call: Any) -> Any:
        if not name.startswith("sqs:Send"):
            return call()
        if not before:
            call()
        raise EndpointConnectionError(endpoint_url="sqs")

    with seam.guarded(dies):
        assert world.posts(sent).status_code == 503
    assert world.posts(sent).status_code == 200
    assert len({event.event_id for event in heard()}) == 1
    follows(CLEO)
    assert sheet(CLEO)["facts"]["route_entered:poster"]["count"] == 1
    assert tags(CLEO) == {"new"}


def test_unknown_routes_lead_nowhere(world: World) -> None:
    """A page, in the friend's language; nothing is kept."""
    for path in ("/q/shop/nothing", "/q/nobody/poster", "/q/shop/No%20Id"):
        page = world.opens(path)
        assert page.status_code == 404
        assert page.headers["Content-Type"].startswith("text/html")
    sent = world.in_line(f"https://liff.line.me/liff/{LIFF}/q/nothing", CLEO)
    assert world.posts(sent).status_code == 404
    assert drain("inbox") == []


def test_without_liff_line_login_leads_there(cloud: None, tmp_path: Path) -> None:
    """With the same touch, whose moment is when the address was opened."""
    with a_world(tmp_path, liff_id=None) as world:
        set_up(world)
        begun = world.opens("/q/shop/poster?yclid=y1")
        url, cookie = begun.headers["Location"], begun.headers["Set-Cookie"].partition(";")[0]
        assert "/oauth2/v2.1/authorize?" in url
        follows(CLEO)
        answer = world.signs_in(url, cookie, CLEO)
        assert "/R/ti/p/" in answer.headers["Location"]
        [event] = heard()
        assert event.props["ads"] == {"yclid": "y1"}
        assert tags(CLEO) == {"new"}


def test_with_neither_the_address_leads_to_the_profile(cloud: None, tmp_path: Path) -> None:
    """And saving a route says that nobody is known then."""
    with a_world(tmp_path, liff_id=None, login_channel_id=None, login_channel_secret=None) as world:
        set_up(world)
        saved = world.api.ok("PUT", f"{BASE}/routes/poster", POSTER)
        assert [one["reason"]["code"] for one in saved["warning_details"]] == ["route_unattributed"]
        assert "/R/ti/p/%40" in world.opens("/q/shop/poster").headers["Location"]


def test_the_documents_actions_are_checked(world: World) -> None:
    """References and texts of both lists, with their paths."""
    wrong = {"name": "x", "then": [{"add_tag": "nope"}], "then_existing": [{"reply": {"message": "nope"}}]}
    assert world.api.paths(422, "PUT", f"{BASE}/routes/x", wrong) == [
        "then[0].add_tag",
        "then_existing[0].reply.message",
    ]
    assert world.api.call("DELETE", f"{BASE}/tags/again").status_code == 422
    kept = world.api.ok("GET", f"{BASE}/routes/poster")
    assert kept["then_existing"] == [{"add_tag": "again"}]
    assert "then_existing" not in world.api.ok("GET", f"{BASE}/routes/flyer")


def test_the_qr_code_is_the_address(world: World) -> None:
    """As SVG and as PNG, in any size; for who may read the account."""
    url = f"{PUBLIC}/q/shop/poster"
    assert world.api.ok("GET", f"{BASE}/routes/poster")["url"] == url
    svg = world.api.call("GET", f"{BASE}/routes/poster/qr")
    assert (svg.status_code, svg.headers["Content-Type"]) == (200, "image/svg+xml")
    assert svg.body.decode() == qr.draw(url, "svg", 10) != qr.draw(url + "x", "svg", 10)
    png = world.api.call("GET", f"{BASE}/routes/poster/qr?format=png&scale=3", accept="image/png")
    assert png.body == qr.draw(url, "png", 3)
    picture = Image.open(io.BytesIO(png.body))
    assert picture.size[0] == picture.size[1] == 3 * (33 + 8)
    drawn = world.api.call("GET", f"{BASE}/routes/poster/qr?text=%E7%99%BB%E9%8C%B2%26%3F")
    basic_id = addresses.basic_id(get_account("shop"))[1:]
    chat = f"{settings().line_me_url}/R/oaMessage/%40{basic_id}/?%E7%99%BB%E9%8C%B2%26%3F"
    assert drawn.body.decode() == qr.draw(chat, "svg", 10)
    world.api.refused(400, "GET", f"{BASE}/routes/poster/qr?text={'a' * 61}")
    world.api.refused(400, "GET", f"{BASE}/routes/poster/qr?format=gif")
    world.api.refused(400, "GET", f"{BASE}/routes/poster/qr?scale=41")
    world.api.refused(404, "GET", f"{BASE}/routes/nothing/qr")
    assert Api(None).call("GET", f"{BASE}/routes/poster/qr").status_code == 401


def test_query_parameters_are_kept_in_bounds(world: World) -> None:
    """Nothing but what is known, no more than 300 characters, nothing that cannot be stored."""
    url = world.opens(f"/q/shop/poster?utm_source={'x' * 900}&fbclid=a%00b&other=1&gclid=").headers[
        "Location"
    ]
    kept = query_of(url)
    assert set(kept) == {"utm_source", "fbclid", "scanned"}
    assert len(kept["utm_source"]) == 300
    sent = world.in_line(url, CLEO)
    sent["query"] = f"ttclid={'y' * 900}&utm_source=z&scanned=99999999999999999999&junk=1"
    assert world.posts(sent).status_code == 200
    [event] = heard()
    assert event.props["utm"]["source"] == "z"
    assert event.props["ads"] == {"ttclid": "y" * 300}


def test_while_line_is_silent_the_same_sign_in_can_be_sent_again(world: World) -> None:
    """LINE does not say where the account's profile is: 503, and the next try is the touch."""
    sent = world.in_line(world.opens("/q/shop/poster").headers["Location"], CLEO)
    addresses.forget()

    def silent(name: str, _detail: Any, call: Any) -> Any:
        if name == "line:info":
            raise line.NoAnswer("timeout")
        return call()

    with seam.guarded(silent):
        assert world.posts(sent).status_code == 503
    assert drain("inbox") == []
    assert world.posts(sent).status_code == 200
    assert len(heard()) == 1
