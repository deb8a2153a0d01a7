"""Links behind LIFF: one message for all by multicast, and yet each friend's own click."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.friends import store
from chalicelib.gateways import line_login, seam
from chalicelib.liff import apps
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.timers import service as timers
from tests.api_client import Api, an_api
from tests.conftest import drain
from tests.deliveries_builders import World as Shop
from tests.deliveries_builders import a_friend, an_account
from tests.liff_world import ANNA, BASE, LIFF, PUBLIC, World, a_world, query_of

OFFER = [{"type": "text", "text": 'こちら {{ link("spring") }}'}]
SPRING = {"url": "https://shop.example/spring"}


@pytest.fixture
def world(cloud: None, tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as there:
        there.api.ok("PUT", f"{BASE}/links/spring", SPRING)
        yield there


def clicks() -> list[FriendEvent]:
    return [FriendEvent.from_message(body) for body in drain("inbox")]


def address(token: str = "") -> str:
    return f"https://liff.line.me/liff/{LIFF}/r/shop.spring" + (f"?t={token}" if token else "")


def of_nobody() -> str:
    return friend_tokens.make("shop", FriendToken("", "sale", "run-1", "b"))


def test_whoever_line_has_signed_in_has_clicked(world: World) -> None:
    """With the delivery that the address names; the friend goes on to the registered address at once."""
    assert world.goes(address(of_nobody())) == SPRING["url"]
    [event] = clicks()
    assert (event.type, event.user_id, event.key, event.source) == ("link_clicked", ANNA, "spring", "link")
    assert event.props == {"link": "spring", "delivery": "sale", "run": "run-1", "variant": "b"}
    for _ in range(2):
        reaction.react(event)
    sheet = store.load("shop", 2, ANNA)
    assert sheet is not None
    assert sheet["facts"]["link_clicked:spring"]["count"] == 1
    assert sheet["clicked"]["sale"]["run"] == "run-1"


def test_the_same_sign_in_is_one_click(world: World) -> None:
    """However often, and whenever, it is sent again."""
    sent = world.in_line(address(of_nobody()))
    for _ in range(20):
        assert world.posts(sent).status_code == 200
    assert len({event.event_id for event in clicks()}) <= 1


def test_a_token_of_somebody_else_changes_nothing(world: World) -> None:
    """A friend's token in a LIFF address is the delivery's alone; one that we did not sign is none; and what
    is nobody's is no click without LIFF.
    """
    theirs = friend_tokens.make("shop", FriendToken("U" + "9" * 32, "sale", "run-1"))
    world.goes(address(theirs))
    world.goes(address("forged.token"))
    assert [(event.user_id, event.props.get("delivery")) for event in clicks()] == [
        (ANNA, "sale"),
        (ANNA, None),
    ]
    answer = world.opens(f"/r/shop.spring?t={of_nobody()}", user_agent="Mozilla/5.0 Line/14")
    assert (answer.status_code, answer.headers["Location"]) == (302, SPRING["url"])
    assert clicks() == []


def test_links_that_are_not_lead_nowhere(world: World) -> None:
    """Another account's link, one that is gone, no code at all."""
    an_other = an_api()
    an_other.ok(
        "PUT", "/v1/accounts/other", {"name": "o", "channel_secret": "s", "channel_access_token": "t"}
    )
    an_other.ok("PUT", "/v1/accounts/other/links/spring", SPRING)
    for code in ("other.spring", "shop.gone", "spring", "shop.spring.x", "%00"):
        sent = world.in_line(address()) | {"path": f"/r/{code}"}
        assert world.posts(sent).status_code == 404, code
    assert clicks() == []


def test_a_queue_that_does_not_answer_holds_nobody_up(world: World) -> None:
    """The click is lost, the friend goes on."""

    def dies(name: str, _detail: Any, call: Any) -> Any:
        if name.startswith("sqs:Send"):
            raise OSError("no queue")
        return call()

    sent = world.in_line(address(of_nobody()))
    with seam.guarded(dies):
        assert world.posts(sent).json_body["go"] == SPRING["url"]


def test_line_says_where_the_liff_app_is(world: World) -> None:
    """Ours, somebody's, or nothing: only the first sends LIFF addresses."""
    shop = accounts.get_account("shop")
    apps.forget()
    assert apps.is_ours(shop)
    world.sim_request(
        "PUT",
        "login/shop",
        {
            "channel_id": "1",
            "channel_secret": "x" * 32,
            "liff_id": LIFF,
            "liff_endpoint": "https://site.example",
        },
    )
    assert apps.is_ours(shop), "known for a while"
    apps.forget()
    assert not apps.is_ours(shop), "LINE does not know the channel any more"


# Broadcasts

SHOP = Account("shop", "Shop", "Asia/Tokyo", 2)
SALE = {"name": "sale", "audience": {"everyone": True}, "message": "offer"}
AT = f"{BASE}/broadcasts"


@pytest.fixture
def shop(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    found = Shop()
    monkeypatch.setattr(timers, "arm", found.arm)
    monkeypatch.setattr(timers, "watch", found.watch)
    known = {"apps": [{"liffId": LIFF, "view": {"type": "full", "url": f"{PUBLIC}/liff/shop"}}]}
    monkeypatch.setattr(line_login, "liff_apps", lambda *_: known)
    apps.forget()
    with seam.guarded(found.guard):
        an_account(SHOP)
        for n in range(7):
            a_friend(f"U{n}", SHOP)
        form = {"name": "skin", "web": True, "questions": [{"id": "q", "text": "?"}]}
        writes = [Write("links", "spring", SPRING), Write("forms", "skin", form)]
        for name, text in (
            ("offer", OFFER),
            ("page", [{**OFFER[0], "text": '{{ form("skin") }} {{ preferences_url }}'}]),
            ("dear", [{**OFFER[0], "text": "{{ friend.display_name }}" + OFFER[0]["text"]}]),
        ):
            writes.append(Write("messages", name, {"name": name, "category": "marketing", "messages": text}))
        catalog.save("shop", writes, lambda _: None, "test")
        yield found
    apps.forget()


def with_liff(api: Api) -> None:
    login = {"login_channel_id": "1234567890", "login_channel_secret": "5" * 32, "liff_id": LIFF}
    api.ok("PUT", BASE, {"name": "Shop", **login})


def sent(shop: Shop, api: Api, **more: Any) -> list[tuple[str, Any]]:
    api.ok("PUT", f"{AT}/sale", {**SALE, **more})
    api.ok("POST", f"{AT}/sale/send", {})
    shop.run(until=timedelta(minutes=1))
    assert api.ok("GET", f"{AT}/sale")["progress"]["accepted"] == 7
    return [(kind, body) for kind, body, _ in shop.line.calls]


def test_links_alone_travel_by_multicast(shop: Shop) -> None:
    """One message for all; its address names the run, and nobody."""
    api = an_api()
    with_liff(api)
    [(kind, body)] = sent(shop, api)
    text = body["messages"][0]["text"]
    assert (kind, len(body["to"])) == ("multicast", 7)
    assert f"/{LIFF}/r/shop.spring?t=" in text
    token = friend_tokens.read("shop", query_of(text.split()[1])["t"])
    run = api.ok("GET", f"{AT}/sale")["run"]
    assert token == FriendToken("", "sale", run, "")


def test_pages_for_friends_travel_by_multicast_too(shop: Shop) -> None:
    """A form and the friend's own page behind LIFF, which says who comes: no token of anybody's."""
    api = an_api()
    with_liff(api)
    [(kind, body)] = sent(shop, api, message="page")
    assert (kind, len(body["to"])) == ("multicast", 7)
    form, own = body["messages"][0]["text"].split()
    assert form.endswith(f"/{LIFF}/f/skin")
    assert own.endswith(f"/{LIFF}/p")


@pytest.mark.parametrize("more", [{"links": "push"}, {"message": "dear"}])
def test_other_messages_are_pushed(shop: Shop, more: dict[str, Any]) -> None:
    """Where the document says so, or where there is more of each friend than links."""
    api = an_api()
    with_liff(api)
    calls = sent(shop, api, **more)
    assert [kind for kind, _ in calls] == ["push"] * 7
    assert all("/r/shop.spring?t=" in body["messages"][0]["text"] for _, body in calls)
    assert LIFF not in str(calls)


def test_the_preview_says_how_the_links_go(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how long either way takes; its samples hold no live token."""
    api = an_api()

    def way(**more: Any) -> tuple[str, str | None]:
        api.ok("PUT", f"{AT}/sale", {**SALE, **more})
        found = api.ok("POST", f"{AT}/sale/preview")
        [one] = found["links"]
        assert one["seconds"] == {"liff": 0.0, "push": 0.0}
        assert "?t=" not in str(found["samples"])
        return one["way"], (one["reason"] or {}).get("code")

    assert way() == ("push", "links_no_liff")
    with_liff(api)
    assert way() == ("liff", None)
    assert way(links="push") == ("push", "links_asked_for")
    assert way(message="dear") == ("push", "links_beside_values")
    monkeypatch.setattr(line_login, "liff_apps", lambda *_: {"apps": []})
    apps.forget()
    assert way() == ("push", "links_other_liff")
    api.ok("PUT", f"{AT}/sale", {**SALE, "message": "news"})
    assert api.ok("POST", f"{AT}/sale/preview")["links"] == []


@pytest.mark.parametrize("kind", ["multicast", "push"])
def test_plain_addresses_are_tracked_on_request(shop: Shop, kind: str) -> None:
    """Each is a link of its own in the delivery's run, by LIFF or by each friend's token; the preview shows
    it, and says no more that it is untracked.
    """
    api = an_api()
    if kind == "multicast":
        with_liff(api)
    button = {"type": "uri", "label": "見る", "uri": "https://shop.example/b"}
    template = {"type": "buttons", "text": "x", "actions": [button]}
    body = {
        "name": "sale",
        "audience": {"everyone": True},
        "track": {"utm": {"source": "line"}},
        "messages": [
            {"type": "text", "text": "https://shop.example/a と https://shop.example/b"},
            {"type": "template", "altText": "x", "template": template},
        ],
    }
    api.ok("PUT", f"{AT}/sale", body)
    links = {
        one["id"]: one["url"] for one in api.ok("GET", f"{BASE}/links")["items"] if one["id"] != "spring"
    }
    assert sorted(links.values()) == ["https://shop.example/a", "https://shop.example/b"]
    preview = api.ok("POST", f"{AT}/sale/preview")
    assert all("/r/shop.url-" in str(sample["messages"]) for sample in preview["samples"])
    api.ok("POST", f"{AT}/sale/send", {})
    shop.run(until=timedelta(minutes=1))
    assert [call[0] for call in shop.line.calls] == ([kind] if kind == "multicast" else [kind] * 7)
    first, second = shop.line.calls[0][1]["messages"]
    opened = [*first["text"].split(" と "), second["template"]["actions"][0]["uri"]]
    by_code = {url: id_ for id_, url in links.items()}
    expected = [by_code[f"https://shop.example/{name}"] for name in "abb"]
    assert [url.partition("/r/shop.")[2].partition("?")[0] for url in opened] == expected
    run = api.ok("GET", f"{AT}/sale")["run"]
    tokens = [friend_tokens.read("shop", query_of(url)["t"]) for url in opened]
    assert {(token.delivery, token.run) for token in tokens if token} == {("sale", run)}
    document = api.ok("GET", f"{BASE}/links/{expected[0]}")
    assert document["utm"] == {"source": "line"}


def test_a_message_keeps_the_links_of_its_addresses(shop: Shop) -> None:
    """Made in the same save, also by a bundle; while it stands they cannot be deleted; a preview of what is
    not saved writes nothing.
    """
    api = an_api()
    body = {"name": "x", "track": True, "messages": [{"type": "text", "text": "https://shop.example/x"}]}
    asked = {"user_id": "U1", "track": True, "messages": body["messages"]}
    before = len(api.ok("GET", f"{BASE}/links")["items"])
    shown = api.ok("POST", f"{BASE}/messages/preview", asked)
    assert "/r/shop.url-" in shown["messages"][0]["text"]
    assert shown["warnings"] == []
    assert len(api.ok("GET", f"{BASE}/links")["items"]) == before
    api.ok("POST", f"{BASE}/catalog/apply", {"messages": {"x": body}})
    [link] = [one["id"] for one in api.ok("GET", f"{BASE}/links")["items"] if one["id"] != "spring"]
    api.refused(422, "DELETE", f"{BASE}/links/{link}")
    assert "warnings" not in api.ok("PUT", f"{BASE}/messages/x", body)
    api.ok("PUT", f"{BASE}/messages/x", {**body, "track": False})
    api.ok("DELETE", f"{BASE}/links/{link}")
    assert api.paths(400, "PUT", f"{AT}/b", {**SALE, "track": True}) == [""]
