"""Tracked links: whose click it is, what it does, and what nobody can pretend."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.catalog import service as catalog
from chalicelib.friends import store
from chalicelib.gateways import clock, inbox, seam
from chalicelib.links import clicks
from chalicelib.links import service as links
from chalicelib.local.api import Gateway
from chalicelib.local.http import Request
from chalicelib.messages import render
from chalicelib.reaction import service
from chalicelib.shared.events import FriendEvent
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.integration.test_reaction_effects import A, Line, a_rule, world
from tests.local_gateway import in_process
from tests.reaction_builders import NOW, an_event

__all__ = ["world"]


@pytest.fixture
def api(world: Line) -> Api:
    api = an_api()
    an_account(api)
    api.ok("PUT", f"{A}/tags/keen", {"name": "関心あり"})
    api.ok("PUT", f"{A}/links/spring", {"url": "https://shop.example/spring", "tags": ["keen"]})
    text = 'こちら {{ link("spring") }}'
    api.ok("PUT", f"{A}/messages/offer", {"name": "offer", "messages": [{"type": "text", "text": text}]})
    return api


def follow(url: str, agent: str = "Mozilla/5.0 Line/14") -> Any:
    parts = urlsplit(url)
    answer = Api(None).call("GET", f"{parts.path}?{parts.query}", user_agent=agent)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/spring")
    return [FriendEvent.from_message(body) for body in drain("inbox")]


def the_sheet() -> dict[str, Any]:
    found = store.load("shop", accounts.get_account("shop").shards, "U1")
    assert found is not None
    return found


def test_a_click_is_the_friends_who_got_the_message(api: Api, world: Line) -> None:
    """The reply's link carries the friend; following it is an event: counted, tagged, seen by rules."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"reply": {"message": "offer"}}))
    api.ok("PUT", f"{A}/scores/heat", {"name": "heat"})
    clicked = a_rule({"add_score": {"score": "heat", "points": 3}}, event="link_clicked")
    api.ok("PUT", f"{A}/rules/clicked", clicked)
    service.react(an_event(text="x"))
    [body] = [detail["body"] for name, detail in world.calls if name == "line:reply"]
    url = body["messages"][0]["text"].split()[1]
    [event] = follow(url)
    assert (event.type, event.user_id, event.key, event.source) == ("link_clicked", "U1", "spring", "link")
    service.react(event)
    sheet = the_sheet()
    assert sheet["facts"]["link_clicked:spring"]["count"] == 1
    assert sheet["tags"]["keen"]["by"] == "link:spring"
    assert sheet["scores"]["heat"]["value"] == 3
    assert sheet["last_active_at"] == event.at


def test_clicks_of_a_delivery_are_counted_by_friend_and_variant(api: Api, world: Line) -> None:
    """One friend counts once in a run, however often; the sheet knows the delivery."""
    service.react(an_event("followed"))
    token = friend_tokens.make("shop", FriendToken("U1", "sale", "run-1", "b"))
    for _ in range(2):
        for event in follow(f"http://x/r/shop.spring?t={token}"):
            service.react(event)
    assert clicks.by_variant("shop", "sale", "run-1") == {"b": 1}
    sheet = the_sheet()
    assert sheet["clicked"]["sale"]["run"] == "run-1"
    body = {"name": "sale", "audience": {"everyone": True}, "message": "offer"}
    api.ok("PUT", f"{A}/broadcasts/sale", body)
    condition = {"delivery": {"id": "sale", "clicked": True, "within": "1d"}}
    explained = api.ok("POST", f"{A}/segments/explain", {"condition": condition, "user_id": "U1"})
    assert explained["matches"] is True


def test_a_friend_counts_once_in_each_run_of_a_delivery(api: Api, world: Line) -> None:
    """Whatever they have clicked in between: an older run's message is still there to be tapped."""
    service.react(an_event("followed"))
    for n, run in enumerate(["run-1", "run-2", "run-1", "run-3", "run-2", "run-1"]):
        props = {"link": "spring", "delivery": "sale", "run": run, "variant": "b"}
        service.react(an_event("link_clicked", id=f"c{n}", minutes=n + 1, **props))
    assert [clicks.by_variant("shop", "sale", f"run-{n}") for n in (1, 2, 3)] == [{"b": 1}] * 3
    entry = the_sheet()["clicked"]["sale"]
    assert (entry["run"], list(entry["before"])) == ("run-1", ["run-3", "run-2"])


def clicks_at(*seconds: float, **more: Any) -> int:
    """How many clicks are counted when the link is opened at these seconds of a minute."""
    for n, second in enumerate(seconds):
        props = {"link": "spring", **more}
        service.react(an_event("link_clicked", id=f"c{n}-{second}", minutes=1 + second / 60, **props))
    return int(the_sheet()["facts"]["link_clicked:spring"]["count"])


@pytest.mark.parametrize("first", [0.0, 9.75, 9.999, 19.5, 59.75])
def test_one_address_is_not_many_clicks(api: Api, world: Line, first: float) -> None:
    """Within ten seconds of a counted click it is the same click, wherever on the clock that falls."""
    service.react(an_event("followed"))
    assert clicks_at(first, first + 0.5, first + 9.9, first + 0.2) == 1
    assert clicks_at(first + 10, first + 19.9) == 2
    assert clicks_at(first + 29) == 3


def test_a_click_that_comes_twice_is_one(api: Api, world: Line) -> None:
    """The queue may bring a counted click again at once, or long after."""
    service.react(an_event("followed"))
    for minutes in (1, 1, 5, 1, 5):
        service.react(an_event("link_clicked", id=f"c{minutes}", minutes=minutes, link="spring"))
    assert the_sheet()["facts"]["link_clicked:spring"]["count"] == 2


def test_a_click_on_another_delivery_is_not_the_last_one_on_this(api: Api, world: Line) -> None:
    """Who opened a message a minute ago opens it anew; the same link of another was opened in between."""
    service.react(an_event("followed"))
    for second, delivery in ((0, "a"), (55, "b"), (60, "a"), (65, "b"), (69, "a"), (71, "a")):
        props = {"link": "spring", "delivery": delivery, "run": "1"}
        service.react(an_event("link_clicked", id=f"c{second}", minutes=1 + second / 60, **props))
    assert the_sheet()["facts"]["link_clicked:spring"]["count"] == 5


def test_links_of_two_deliveries_are_two_clicks(api: Api, world: Line) -> None:
    """Tapped in the same moment in two messages, a link counts for both; another link is another one."""
    service.react(an_event("followed"))
    for n, props in enumerate(
        [
            {"link": "spring", "delivery": "a", "run": "1"},
            {"link": "spring", "delivery": "b", "run": "1"},
            {"link": "spring", "delivery": "a", "run": "1"},
            {"link": "other"},
        ]
    ):
        service.react(an_event("link_clicked", id=f"c{n}", minutes=1 + n / 60, **props))
    assert the_sheet()["facts"]["link_clicked"]["count"] == 3
    assert set(the_sheet()["clicked"]) == {"a", "b"}


@pytest.mark.parametrize(
    "behind",
    [
        "?t={t}",
        "?x=1&t={t}",
        "?t={t}&utm_source=line",
        "?t={t}?fbclid=1",
        "?fbclid=1?t={t}",
        "&t={t}",
        "&openExternalBrowser=1&t={t}",
        "?&t={t}",
        "?t=&t={t}",
        "?t=nonsense.x&t={t}",
        "?t={t}&t={t}",
        "%3Ft={t}",
        "%3Ft%3D{t}",
        "?x=1&amp;t={t}",
        "?t={t}#top",
        "?x=%26t%3D{t}",
        "?t={t}%20",
        "?t={t}%253Fa",
    ],
)
def test_a_token_is_found_wherever_it_is(api: Api, behind: str) -> None:
    """What programs put around or instead of ``?`` neither loses the click nor the friend."""
    token = friend_tokens.make("shop", FriendToken("U1"))
    [event] = open_address("/r/shop.spring" + behind.replace("{t}", token))
    assert (event.user_id, event.key) == ("U1", "spring")


@pytest.mark.parametrize("behind", ["?", "&", "&x=1", "?x=1", "?t", "?t=", "&t=", "%3F", "?&&=&", "?st=a.b"])
def test_an_address_without_a_token_leads_on(api: Api, behind: str) -> None:
    """It is no click of anybody and no 404."""
    assert open_address("/r/shop.spring" + behind) == []


def open_address(target: str) -> list[FriendEvent]:
    """Open an address as a phone does; it must lead to the registered URL."""
    from app import app

    request = Request("GET", target, {"User-Agent": "Mozilla/5.0 Line/14"}, b"", lambda: True)
    reply = Gateway(app, in_process(app)).answer(request)
    assert (reply.status, dict(reply.headers)["Location"]) == (302, "https://shop.example/spring")
    return [FriendEvent.from_message(body) for body in drain("inbox")]


def test_a_message_goes_out_when_the_key_cannot_be_read(
    api: Api, world: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the secret store the link is plain: the friend gets what they asked for, and the tag."""
    api.ok("PUT", f"{A}/rules/r", a_rule({"add_tag": "keen"}, {"reply": {"message": "offer"}}))
    monkeypatch.setattr(friend_tokens, "make", lambda *_: (_ for _ in ()).throw(RuntimeError("throttled")))
    service.react(an_event(text="x"))
    [body] = [detail["body"] for name, detail in world.calls if name == "line:reply"]
    assert body["messages"][0]["text"].endswith("/r/shop.spring")
    assert "keen" in the_sheet()["tags"]


@pytest.mark.parametrize("agent", ["facebookexternalhit/1.1;line-poker/1.0", "Googlebot/2.1", "Some Spider"])
def test_programs_that_look_at_links_are_no_friends(api: Api, agent: str) -> None:
    """LINE itself looks at addresses to show a preview: that is nobody's click."""
    token = friend_tokens.make("shop", FriendToken("U1"))
    assert follow(f"http://x/r/shop.spring?t={token}", agent) == []


def test_nobody_can_pretend(api: Api) -> None:
    """A token that was changed, of another account, or none at all: the link leads on, nothing is noted."""
    an_account(api, "other")
    mine = friend_tokens.make("shop", FriendToken("U1"))
    payload, _, signature = mine.partition(".")
    other = friend_tokens.make("shop", FriendToken("U2")).partition(".")[0]
    foreign = friend_tokens.make("other", FriendToken("U1"))
    for bad in (f"{other}.{signature}", f"{payload}.", payload, foreign, "~", "あ", "a" * 3000, "%00", ""):
        assert follow(f"http://x/r/shop.spring?t={bad}") == [], bad
    assert len(follow(f"http://x/r/shop.spring?t={mine}")) == 1


def down(*_: Any) -> Any:
    raise RuntimeError("down")


@pytest.mark.parametrize("begin", [down, lambda _: down, lambda _: lambda: False])
def test_the_friend_goes_on_when_the_click_cannot_be_kept(
    api: Api, monkeypatch: pytest.MonkeyPatch, begin: Any
) -> None:
    """A queue that is down, or goes down before it answers, or refuses, costs the click, not the friend, and
    the site still knows who comes.
    """
    token = friend_tokens.make("shop", FriendToken("U1"))
    monkeypatch.setattr(inbox, "begin_put", begin)
    assert follow(f"http://x/r/shop.spring?t={token}") == []
    api.ok("PUT", A, {"name": "店", "site_origins": ["https://shop.example"]})
    accounts.find_account("shop", fresh=True)
    answer = Api(None).call("GET", f"/r/shop.spring?t={token}", user_agent="Line/14")
    assert str(answer.headers["Location"]).startswith("https://shop.example/spring?todoku=")


def test_links_outlive_a_new_channel_secret(api: Api) -> None:
    """The token key is the account's own: what was sent before the rotation still tells who clicks."""
    token = friend_tokens.make("shop", FriendToken("U1"))
    account = {"name": "店", "channel_secret": "another", "channel_access_token": "t2"}
    api.ok("PUT", A, account)
    accounts.line_credentials("shop", refresh=True)
    assert friend_tokens.read("shop", token) == FriendToken("U1")


def test_a_link_in_a_long_address_fits(api: Api) -> None:
    """With the longest names a tracked address stays far below LINE's 1,000 characters."""
    whose = FriendToken("U" + "f" * 32, "d" * 64, "0" * 26, "v" * 64)
    body = {"messages": [{"type": "text", "text": '{{ link("spring") }}'}]}
    snapshot = catalog.snapshot("shop")
    [message] = render.render(
        body, {"user_id": "U1"}, snapshot, NOW, token=lambda: friend_tokens.make("shop", whose)
    )
    assert len(message["text"]) < 400
    given = parse_qs(urlsplit(message["text"]).query)["t"][0]
    assert friend_tokens.read("shop", given) == whose


def test_a_link_says_where_it_is_opened(api: Api) -> None:
    """By anybody, and inside LINE when the account has an app there; a save of the answer changes nothing."""
    found = api.ok("GET", f"{A}/links/spring")
    assert (found["address"].rpartition("/r/")[2], found["liff_address"]) == ("shop.spring", None)
    an_account(api, liff_id="1234567890-abcdefgh", login_channel_id="1234567890")
    found = api.ok("GET", f"{A}/links")["items"][0]
    assert found["liff_address"].endswith("/1234567890-abcdefgh/r/shop.spring")
    assert api.ok("PUT", f"{A}/links/spring", found)["address"] == found["address"]


def test_looking_at_a_link_is_no_click(api: Api) -> None:
    """HEAD answers like GET and counts for nothing; unknown links are unknown to it too."""
    token = friend_tokens.make("shop", FriendToken("U1", "sale", "run-1", "b"))
    answer = Api(None).call("HEAD", f"/r/shop.spring?t={token}", user_agent="Mozilla/5.0 Line/14")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://shop.example/spring")
    assert answer.body == b""
    assert drain("inbox") == []
    assert Api(None).call("HEAD", "/r/shop.nothing").status_code == 404


def test_an_address_in_japanese_can_be_opened(api: Api) -> None:
    """It is kept as it goes over the wire, and the redirect leads there."""
    body = api.ok("PUT", f"{A}/links/haru", {"url": "https://日本語.jp/春?色=赤"})
    kept = "https://xn--wgv71a119e.jp/%E6%98%A5?%E8%89%B2=%E8%B5%A4"
    assert body["url"] == kept
    answer = Api(None).call("GET", "/r/shop.haru")
    assert (answer.status_code, answer.headers["Location"]) == (302, kept)


@pytest.mark.parametrize(
    "url", ["https://a@evil.example/", "https://x.jp\\@evil.example/", "javascript:alert(1)"]
)
def test_an_address_that_tricks_is_refused(api: Api, url: str) -> None:
    """400, by its path, with a sentence that shows how one looks."""
    answer = api.call("PUT", f"{A}/links/bad", {"url": url})
    [detail] = answer.json_body["error"]["details"]
    assert (answer.status_code, detail["path"]) == (400, "url")
    assert len(detail["message"]) > 20


def test_links_of_before_lead_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document that was kept unnormalised is read as it would be saved today; a trick is no link."""
    snapshot = catalog.snapshot("shop")
    document = snapshot.find("links", "spring")
    assert document is not None
    for url, leads in (("https://x.jp/春", "https://x.jp/%E6%98%A5"), ("https://a@evil.example/", None)):
        monkeypatch.setitem(document.body, "url", url)
        assert links.target(snapshot, "spring") == leads


def test_who_opens_a_link_waits_for_no_table(api: Api, world: Line) -> None:
    """A process that has just looked reads nothing; one whose store does not answer goes on as it knew; a
    change is in force within five seconds, and at once in the process that made it.
    """
    crossed: list[str] = []

    def counted(name: str, _detail: Any, call: Any) -> Any:
        crossed.append(name)
        return call()

    with seam.guarded(counted):
        follow("/r/shop.spring")
        crossed.clear()
        follow("/r/shop.spring")
        later = clock.now() + links.FRESH
    assert [name for name in crossed if name.startswith("dynamodb:")] == []

    def no_table(name: str, _detail: Any, call: Any) -> Any:
        if name.startswith("dynamodb:"):
            raise EndpointConnectionError(endpoint_url="dynamodb")
        return later if name == "clock:now" else call()

    with seam.guarded(no_table):
        answer = Api(None).call("GET", "/r/shop.spring")
        assert answer.headers["Location"] == "https://shop.example/spring"
    api.ok("PUT", f"{A}/links/spring", {"url": "https://shop.example/summer"})
    assert Api(None).call("GET", "/r/shop.spring").headers["Location"].endswith("/summer")


def test_a_table_that_hangs_keeps_nobody(api: Api, world: Line) -> None:
    """While a table is silent, whoever opens a link is led on as it was known, and the click is kept; nobody
    asks it a second time meanwhile. When it speaks, what it says is in force.
    """
    token = friend_tokens.make("shop", FriendToken("U1", "b1", "r1"))
    follow(f"/r/shop.spring?t={token}")
    asked: list[str] = []
    speaks, later = threading.Event(), clock.now() + timedelta(minutes=1)

    def silent(name: str, _detail: Any, call: Any) -> Any:
        if name.startswith("dynamodb:"):
            asked.append(name)
            assert speaks.wait(30)
        return later if name == "clock:now" else call()

    with seam.guarded(silent):
        for _ in range(3):
            [event] = follow(f"/r/shop.spring?t={token}")
            assert (event.type, event.user_id) == ("link_clicked", "U1")
        assert len(asked) == 2  # the catalog, and the account
        speaks.set()
        for thread in threading.enumerate():
            if thread.name == "look":
                thread.join(30)
        asked.clear()
        follow(f"/r/shop.spring?t={token}")
    assert asked == []
