"""Links in what scenarios send: many friends whose turn comes together get one message through LIFF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.friend_tokens import FriendToken, read
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.deliveries.lately import brake
from chalicelib.gateways import line_login, secrets
from chalicelib.liff import apps
from chalicelib.shared.settings import settings
from tests import scenario_world as w

LIFF = "1234567890-AbcdEfgh"
USERS = [f"u{n}" for n in range(5)]
WORDS = '春 {{ link("spring") }} です'


class World(w.World):
    """One that keeps whole requests."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[tuple[str, list[str], str]] = []

    def _line(self, name: str, detail: Any) -> Any:
        body = detail["body"]
        to = body["to"] if isinstance(body["to"], list) else [body["to"]]
        self.requests.append((name.removeprefix("line:"), sorted(to), body["messages"][0]["text"]))
        return super()._line(name, detail)


@pytest.fixture
def world(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(w, "World", World)
    page = f"{settings().public_url.rstrip('/')}/liff/shop"
    known = {"apps": [{"liffId": LIFF, "view": {"type": "full", "url": page}}]}
    monkeypatch.setattr(line_login, "liff_apps", lambda *_: known)
    apps.forget()
    with w.a_world() as found:
        assert isinstance(found, World)
        with_liff(monkeypatch)
        put_message("m1", WORDS)
        w.put_friends(*USERS)
        w.publish(start="m", nodes={"m": {"type": "message", "message": "m1", "next": None}})
        yield found
    apps.forget()


def with_liff(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account has a LIFF app, which is our page."""
    secrets.put_line_credentials(
        w.SHOP, {"channel_secret": "s", "channel_access_token": "t", "login_channel_secret": "l"}
    )
    plain = accounts.find_account

    def found(account: str, **asked: Any) -> Any:
        shop = plain(account, **asked)
        return shop and replace(shop, liff_id=LIFF, login_channel_id="1234567890")

    monkeypatch.setattr(accounts, "find_account", found)


def put_message(name: str, text: str, **fields: Any) -> None:
    body = {"name": name, "category": "marketing", "messages": [{"type": "text", "text": text}], **fields}
    link = Write("links", "spring", {"url": "https://shop.example/spring"})
    catalog.save(w.SHOP, [link, Write("messages", name, body)], lambda _: None, "test")


def whose(text: str) -> FriendToken | None:
    found = re.search(r"https?://\S+", text)
    assert found is not None
    return read(w.SHOP, parse_qs(urlsplit(found[0]).query)["t"][0])


def test_many_get_one_message_through_liff(world: World) -> None:
    """The address names the scenario, and nobody: LIFF says who opens it."""
    w.enroll(*USERS)
    world.run(10)
    [(kind, to, text)] = world.requests
    assert (kind, to) == ("multicast", USERS)
    assert f"/{LIFF}/r/shop.spring?t=" in text
    assert whose(text) == FriendToken("", "welcome", "", "m")
    assert {w.where(user).state for user in USERS} == {"finished"}


def test_one_alone_has_a_link_of_their_own(world: World) -> None:
    """It opens without LINE's consent first."""
    w.enroll(USERS[0])
    world.run(10)
    [(kind, to, text)] = world.requests
    assert (kind, to, LIFF in text) == ("push", [USERS[0]], False)
    assert whose(text) == FriendToken(USERS[0], "welcome", "", "m")


@pytest.mark.parametrize(
    ("text", "fields"), [(WORDS, {"links": "push"}), ("{{ friend.display_name | default('x') }}" + WORDS, {})]
)
def test_what_differs_by_friend_is_pushed(world: World, text: str, fields: dict[str, Any]) -> None:
    """Where the message says so, or holds more of each friend than links."""
    put_message("m1", text.replace("'", '"'), **fields)
    w.enroll(*USERS)
    world.run(10)
    assert [kind for kind, _, _ in world.requests] == ["push"] * len(USERS)
    assert {whose(text) for _, _, text in world.requests} == {
        FriendToken(user, "welcome", "", "m") for user in USERS
    }


@pytest.mark.parametrize("crash_at", range(1, 30, 4))
def test_killed_anywhere_each_gets_it_once(world: World, crash_at: int) -> None:
    """What was claimed together goes out as it was put first."""
    w.enroll(*USERS)
    world.crossings, world.crash_at = 0, crash_at
    world.run(1200)
    assert [len(world.received(user)) for user in USERS] == [1] * len(USERS)


def test_either_way_it_says_the_same(world: World) -> None:
    """The brake knows the same words, whichever way their links go."""
    w.enroll(*USERS)
    world.run(10)
    [(_, _, text)] = world.requests
    own = f"春 {settings().public_url.rstrip('/')}/r/shop.spring?t={'x' * 20}.{'y' * 22} です"
    contents = {brake.content_of([{"type": "text", "text": words}]) for words in (text, own)}
    assert len(contents) == 1
