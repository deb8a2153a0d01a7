"""LINE's account link: invited, signed in, linked by the nonce; nothing else links."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import audit
from chalicelib.gateways import clock, line, seam
from chalicelib.members import store
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from tests.api_client import Api, an_account, an_api
from tests.integration.test_members import follow, sheet, work_off

BASE = "/v1/accounts/shop"
SITE = "https://shop.example/login?from=line"
INVITE = {
    "name": "invite",
    "category": "transactional",
    "messages": [
        {
            "type": "template",
            "altText": "会員連携",
            "template": {
                "type": "buttons",
                "text": "会員証と連携できます",
                "actions": [{"type": "uri", "label": "連携する", "uri": "{{ account_link.url }}"}],
            },
        }
    ],
}


class Line:
    """LINE, as far as it is asked here."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.tokens = 0
        self.refuses: str | None = None

    def guard(self, name: str, detail: Any, call: Callable[[], Any]) -> Any:
        if name == "line:link_token":
            if self.refuses == "silent":
                raise line.NoAnswer("timeout")
            self.tokens += 1
            return None if self.refuses else f"link-token-{self.tokens}"
        if name in {"line:reply", "line:push"}:
            self.sent.append((name, detail["body"]))
            return line.Answer(200, request_id="r")
        return None if name.startswith("line:") else call()


@pytest.fixture
def world(cloud: None) -> Iterator[tuple[Api, Line]]:
    """A shop whose friend asks to be linked, and a member."""
    there = Line()
    with seam.guarded(there.guard):
        api = an_api()
        an_account(api, shards=4, member_site_url=SITE)
        api.ok("PUT", f"{BASE}/messages/invite", INVITE)
        for word, action in (
            ("連携", {"link_account": {"message": "invite"}}),
            ("解除", {"unlink_account": True}),
        ):
            rule = {"name": word, "when": {"event": "messaged", "match": {"text": word}}, "then": [action]}
            api.ok("PUT", f"{BASE}/rules/{'link' if word == '連携' else 'unlink'}", rule)
        api.ok("PUT", f"{BASE}/members/m1", {"rank": "gold"})
        follow("U1")
        yield api, there


def says(text: str, token: str | None = "t") -> str:
    event = FriendEvent(
        secrets.token_hex(8),
        "shop",
        "U1",
        "messaged",
        iso(clock.now()),
        props={"message_type": "text", "text": text, "message_id": "1"},
        reply_token=token,
    )
    reaction.react(event)
    return event.event_id


def comes_back(
    nonce: str, user: str = "U1", result: str = "ok", at: str = "", name: str = ""
) -> dict[str, Any]:
    """LINE tells the nonce; returns the activity."""
    name = name or secrets.token_hex(8)
    props = {"result": result, "nonce": nonce}
    event = FriendEvent(name, "shop", user, "account_link_result", at or iso(clock.now()), props=props)
    reaction.react(event)
    work_off()
    found = activities.find("shop", user, name)
    assert found is not None
    return found


def make_nonce(api: Api, member: str = "m1") -> str:
    made = api.ok("POST", f"{BASE}/members/{member}/nonce", {"link_token": "link-token-1"})
    assert made["redirect_url"].endswith(
        f"/dialog/bot/accountLink?linkToken=link-token-1&nonce={made['nonce']}"
    )
    nonce: str = made["nonce"]
    return nonce


def test_a_friend_is_invited_signs_in_and_is_linked(world: tuple[Api, Line]) -> None:
    """The invitation is a free reply with LINE's token in the address; the nonce links; the friend may end
    it.
    """
    api, there = world
    name = says("連携")
    (how, body) = there.sent[0]
    uri = body["messages"][0]["template"]["actions"][0]["uri"]
    assert (how, uri) == ("line:reply", f"{SITE}&linkToken=link-token-1")
    kept = activities.find("shop", "U1", name)
    assert kept is not None
    assert "link-token" not in str(kept), "a token that links stands on the timeline"
    comes_back(make_nonce(api))
    assert (sheet()["member_id"], sheet()["member"]["rank"]) == ("m1", "gold")
    assert sheet()["facts"]["account_linked"]["count"] == 1
    says("解除")
    work_off()
    assert sheet()["member_id"] is None


def test_an_invitation_without_a_reply_token_is_pushed(world: tuple[Api, Line]) -> None:
    """With the address as well; while LINE gives no token it waits, and is tried again."""
    _, there = world
    there.refuses = "silent"
    with pytest.raises(Exception, match="no link token now"):
        says("連携", token=None)
    there.refuses = None
    says("連携", token=None)
    from tests.integration.test_privacy_everywhere import send_all

    send_all()
    addresses = [body["messages"][0]["template"]["actions"][0]["uri"] for how, body in there.sent]
    assert addresses
    assert all(address.startswith(f"{SITE}&linkToken=link-token-") for address in addresses)


@pytest.mark.parametrize("refuses", ["no friend", "no site"])
def test_an_invitation_that_cannot_be_says_why(world: tuple[Api, Line], refuses: str) -> None:
    """LINE gives no token, or the account has no member site: failed, with the reason on the timeline."""
    api, there = world
    if refuses == "no site":
        api.ok("PUT", BASE, {"name": "shop"})
        from chalicelib.accounts import service

        service._cache.clear()
    else:
        there.refuses = refuses
    kept = activities.find("shop", "U1", says("連携"))
    assert kept is not None
    (effect,) = [e for e in kept["effects"] if e["action"] == "link_account"]
    assert effect["status"] == "failed"
    assert effect["why"] in {"line_refused_link_token", "no_member_site"}
    assert there.sent == []


def test_no_forged_replayed_or_old_nonce_links(world: tuple[Api, Line]) -> None:
    """0 of 100: made up, another account's, used before by the same friend or another, older than ten
    minutes, told as failed.
    """
    api, _ = world
    an_account(api, "other", shards=4)
    api.ok("PUT", "/v1/accounts/other/members/m1", {})
    elsewhere = api.ok("POST", "/v1/accounts/other/members/m1/nonce", {"link_token": "x"})["nonce"]
    used = make_nonce(api)
    comes_back(used, "U9")
    late = make_nonce(api)
    after = iso(clock.now() + timedelta(minutes=10, seconds=1))
    tries: list[dict[str, Any]] = []
    for n in range(20):
        tries.append(comes_back(secrets.token_urlsafe(32)))
        tries.append(comes_back(elsewhere))
        tries.append(comes_back(used, "U1" if n % 2 else "U8"))
        tries.append(comes_back(late, at=after))
        tries.append(comes_back(late[:-1]))
    for activity in tries:
        (effect,) = [e for e in activity["effects"] if e["action"] == "link_by_nonce"]
        assert effect["status"] == "failed"
        assert effect["why"] in {"nonce_unknown", "nonce_taken", "nonce_over"}
    assert comes_back(late, result="failed")["effects"] == []
    for user, link in store.find_links("shop", ["U1", "U8"]).items():
        assert link.member is None, user
    assert api.ok("GET", f"{BASE}/members/m1")["user_ids"] == ["U9"]


def test_the_same_webhook_again_changes_nothing(world: tuple[Api, Line]) -> None:
    """LINE delivers again; the friend is linked once, and by that event alone."""
    api, _ = world
    nonce = make_nonce(api)
    at = iso(clock.now())
    for _ in range(3):
        comes_back(nonce, name="again", at=at)
    assert sheet()["facts"]["account_linked"]["count"] == 1


def test_a_friend_moves_to_the_member_who_signs_in(world: tuple[Api, Line]) -> None:
    """A new phone, or another member's: who signs in and comes back is linked with that member."""
    api, _ = world
    api.ok("PUT", f"{BASE}/members/m2", {"rank": "silver"})
    comes_back(make_nonce(api))
    comes_back(make_nonce(api), "U2")
    assert api.ok("GET", f"{BASE}/members/m1")["user_ids"] == ["U1", "U2"]
    comes_back(make_nonce(api, "m2"))
    assert sheet()["member_id"] == "m2"
    api.refused(404, "POST", f"{BASE}/members/nobody/nonce", {"link_token": "x"})


def test_the_account_s_fields_are_checked(world: tuple[Api, Line]) -> None:
    """Origins alone, addresses that somebody can reach; the secret is never answered."""
    api, _ = world
    fields = {"member_site_origins": ["https://shop.example"], "login_channel_id": "123"}
    body = api.ok(
        "PUT", BASE, {"name": "shop", "login_channel_secret": "hush", "member_site_url": SITE, **fields}
    )
    assert (body["member_site_url"], body["member_site_origins"]) == (SITE, ["https://shop.example"])
    assert "hush" not in str(body)
    assert "hush" not in str(audit.read(["shop"], audit.Asked(), 50, None)[0])
    wrong = {
        "member_site_url": "https://shop.example/#a",
        "member_site_origins": ["https://shop.example/x", "x"],
    }
    paths = api.paths(400, "PUT", BASE, {"name": "shop", **wrong})
    assert set(paths) == {"member_site_url", "member_site_origins[0]", "member_site_origins[1]"}
