"""The friend's own page: what it shows, what it changes, and that nobody opens another one's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.accounts import friend_tokens, page_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.gateways import clock, seam
from chalicelib.pages import page as pages
from chalicelib.pages import visits
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.friend_pages import at_work, opens, path_of, posts, sends
from tests.integration.test_members import BASE, follow, sheet, work_off
from tests.liff_world import ANNA, BEN, LIFF, a_world
from tests.reaction_builders import a_rule

WORDS = {"text": "設定", "message_type": "text", "message_id": "1"}


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with at_work():
        api = an_api()
        an_account(api, shards=4)
        an_account(api, "other")
        api.ok("PUT", f"{BASE}/topics/news", {"name": "新商品"})
        api.ok("PUT", f"{BASE}/topics/events", {"name": "イベント", "default": "out"})
        api.ok("PUT", f"{BASE}/tags/left", {"name": "配信停止"})
        rule = a_rule("opted_out", [{"add_tag": "left"}])
        api.ok("PUT", f"{BASE}/rules/left", rule)
        follow("U1")
        yield api


def address(user: str = "U1", account: str = "shop", **more: Any) -> str:
    return f"/p/{account}?t={page_tokens.of_page(account, page_tokens.PREFERENCES, user, **more)}"


def topics() -> dict[str, bool]:
    return {name: entry["out"] for name, entry in (sheet().get("topics") or {}).items()}


def timeline(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.ok("GET", f"{BASE}/friends/U1/activities")["items"]
    return found


def test_a_message_brings_the_friend_to_their_page(api: Api) -> None:
    """``{{ preferences_url }}`` holds the friend's own token; previews and timelines hold none."""
    text = {"type": "text", "text": "設定: {{ preferences_url }}"}
    api.ok("PUT", f"{BASE}/messages/m", {"name": "m", "messages": [text], "category": "transactional"})
    texts: list[Any] = []

    def hear(name: str, detail: Any, call: Any) -> Any:
        if name == "line:reply":
            texts.append(detail["body"]["messages"][0]["text"])
        return call()

    api.ok("PUT", f"{BASE}/rules/r", a_rule("messaged", [{"reply": {"message": "m"}}]))
    with seam.guarded(hear):
        reaction.react(
            FriendEvent("e1", "shop", "U1", "messaged", iso(clock.now()), props=WORDS, reply_token="r")
        )
    shown = opens(path_of(texts[0].split()[1]))
    assert shown.status == 200
    assert "「新商品」を受け取る" in shown.text
    preview = api.ok("POST", f"{BASE}/messages/m/preview", {"user_id": "U1"})
    assert "t=" not in json.dumps(preview["messages"])
    assert "?t=" not in json.dumps(timeline(api))


def test_topics_are_switched_and_the_timeline_says_in_which_words(api: Api) -> None:
    """One box is cleared: that topic alone is out; who, when, by what, in which words; rules hear."""
    page = opens(address())
    assert page.forms[0].choices["in"] == ["marketing", "events", "news"]
    assert [v for n, v in page.forms[0].fields if n == "in"] == ["marketing", "news"]
    saved = sends(page, **{"in": ["marketing"]})
    assert "保存しました。" in saved.text
    assert topics() == {"news": True}
    assert sheet()["topics"]["news"]["by"] == "page:preferences"
    assert "left" in sheet()["tags"]
    line = next(one for one in timeline(api) if one["type"] == "preferences_set")
    assert line["source"] == "page"
    changed = next(one for one in line["changes"] if one["type"] == "opted_out")
    assert (changed["topic"], changed["wording"]) == ("news", "「新商品」を受け取る: いいえ")
    assert [v for n, v in saved.forms[0].fields if n == "in"] == ["marketing"]
    again = sends(saved, **{"in": ["marketing", "news"]})
    assert topics() == {"news": False}
    assert [v for n, v in again.forms[0].fields if n == "in"] == ["marketing", "news"]


def test_everything_off_is_one_button(api: Api) -> None:
    """Also of what is off by default; the button's words are the wording."""
    sends(opens(address()), button=1)
    assert topics() == {"marketing": True, "events": True, "news": True}
    line = next(one for one in timeline(api) if one["type"] == "preferences_set")
    assert {one["wording"] for one in line["changes"] if "wording" in one} == {"すべてのお知らせを止める"}


def test_what_is_sent_twice_is_one_event(api: Api) -> None:
    """A double tap, and the page's own fields sent again, are one event; going back and forth is not lost."""
    page = opens(address())
    token = path_of(page.path).partition("t=")[2]
    fields = [("t", token), *[f for f in page.forms[0].fields if f[0] in {"n", "shown"}], ("do", "save")]
    with seam.guarded(lambda name, _d, call: None if name == "clock:sleep" else call()):
        assert "数分以内に" in posts("/p/shop", fields).text
        posts("/p/shop", fields)
    assert len({json.dumps(one, sort_keys=True) for one in (one["event_id"] for one in drain("inbox"))}) == 1
    posts("/p/shop", fields)
    for _ in range(3):
        sends(page)
        assert topics()["news"] is False
        posts("/p/shop", fields)
        assert topics()["news"] is True


def test_a_topic_that_came_after_the_page_is_left_alone(api: Api) -> None:
    """What the page did not show nobody has said anything about."""
    page = opens(address())
    api.ok("PUT", f"{BASE}/topics/new", {"name": "新しい"})
    api.ok("DELETE", f"{BASE}/topics/news")
    sends(page, **{"in": []})
    assert topics() == {"marketing": True}


def test_nothing_chosen_is_no_event(api: Api) -> None:
    """Saving what stands there already."""
    assert "保存しました。" in sends(opens(address())).text
    assert [one["type"] for one in timeline(api)] == ["followed"]


@pytest.mark.parametrize(
    "path", ["/p/shop", "/p/shop?t=", "/p/shop?t=U1", "/p/shop?user_id=U1", "/p/shop?t=a.b"]
)
def test_no_page_without_a_token(api: Api, path: str) -> None:
    """Never by a bare user id: the page says to open it from the chat."""
    page = opens(path)
    assert page.status == 401
    assert "トークから" in page.text


def test_tokens_of_others_open_nothing_and_change_nothing(api: Api) -> None:
    """Forged, foreign, of another page, of a link, expired: neither by GET nor by POST."""
    good = page_tokens.of_page("shop", page_tokens.PREFERENCES, "U1")
    other = page_tokens.of_page("shop", page_tokens.PREFERENCES, "U2")
    wrong = [
        f"{other.partition('.')[0]}.{good.partition('.')[2]}",
        good[:-1],
        good + "A",
        page_tokens.of_page("other", page_tokens.PREFERENCES, "U1"),
        page_tokens.of_page("shop", page_tokens.form("skin"), "U1"),
        friend_tokens.make("shop", FriendToken("U1")),
        friend_tokens.make("shop", FriendToken("preferences", "U1", "1", "9999999999")),
        "x" * 5000,
    ]
    later = clock.now() + page_tokens.SENT + timedelta(seconds=2)
    for text in wrong:
        assert opens(f"/p/shop?t={text}").status == 401
        assert posts("/p/shop", [("t", text), ("do", "all_off")]).status == 401
    with seam.guarded(lambda name, _d, call: later if name == "clock:now" else call()):
        assert "有効期限" in opens(f"/p/shop?t={good}").text
        assert posts("/p/shop", [("t", good), ("do", "all_off")]).status == 401
    assert opens(f"/p/other?t={good}").status == 401
    assert drain("inbox") == []
    assert opens(f"/p/shop?t={good}").status == 200
    assert friend_tokens.read("shop", good) is None


def test_the_page_holds_nothing_foreign(api: Api) -> None:
    """No script, one style sheet of our own, nothing kept, nowhere framed, no address handed on."""
    api.ok("PUT", f"{BASE}/topics/news", {"name": "<script>alert(1)</script>"})
    page = opens(address())
    assert "<script" not in page.body
    assert "&lt;script&gt;" in page.body
    rules = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in rules
    assert "frame-ancestors 'none'" in rules
    assert "unsafe" not in rules
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    name, (text, _) = next(one for one in pages.static_files().items() if one[0].endswith(".css"))
    assert f'href="../pages/{name}"' in page.body
    style = Api(None).call("GET", f"/pages/{name}")
    assert (style.body.decode(), style.headers["Content-Type"]) == (text, "text/css; charset=utf-8")
    assert "immutable" in style.headers["Cache-Control"]
    assert Api(None).call("GET", "/pages/page-0.css").status_code == 404


def test_languages(api: Api) -> None:
    """Japanese, unless the phone or the address says English; it stays so over a post."""
    path = address()
    assert 'lang="ja"' in opens(path).body
    assert "What do you want to receive?" in opens(path, accept_language="en-US,en;q=0.9").text
    english = opens(f"{path}&lang=en")
    assert "Saved." in sends(english).text


def test_the_link_with_a_member_ends_after_a_question(api: Api) -> None:
    """This link alone: an old page's button does not end the next one."""
    api.ok("PUT", f"{BASE}/members/m-1234", {"rank": "gold", "attributes": {}})
    api.ok("POST", f"{BASE}/members/m-1234/link", {"user_id": "U1"})
    work_off()
    page = opens(address())
    assert "m-1234" not in page.body
    asked = opens(page.path.rpartition("/")[0] + "/" + page.links[0])
    assert "会員登録そのものは残ります" in asked.text
    ended = sends(asked)
    assert "会員連携を解除しました" in ended.text
    work_off()
    assert api.ok("GET", f"{BASE}/members/m-1234")["user_ids"] == []
    assert sheet()["member_id"] is None
    assert "会員 " not in ended.text
    api.ok("POST", f"{BASE}/members/m-1234/link", {"user_id": "U1"})
    sends(asked)
    assert api.ok("GET", f"{BASE}/members/m-1234")["user_ids"] == ["U1"]


def test_what_is_kept_is_shown_and_handed_out_to_who_comes_just_now(api: Api) -> None:
    """In plain words on the page; as a file only from a fresh page; asking for it is on the timeline."""
    api.ok("PUT", f"{BASE}/attributes/skin", {"name": "肌質", "type": "text"})
    api.ok("PATCH", f"{BASE}/friends/U1", {"attributes": {"skin": "乾燥肌"}, "tags": {"add": ["left"]}})
    work_off()
    path = address()
    page = opens(path)
    assert "肌質\n乾燥肌" in page.text
    assert "タグ\n配信停止" in page.text
    whole = sends(page, form=1)
    assert whole.headers["Content-Disposition"] == 'attachment; filename="shop-my-data.json"'
    body = json.loads(whole.body)
    assert body["friend"]["attributes"] == {"skin": "乾燥肌"}
    assert body["friend"]["tags"]["left"].keys() == {"since"}
    assert [one["type"] for one in body["events"]] == ["console_edit", "followed"]
    assert "test-admin" not in whole.body
    work_off()
    assert timeline(api)[0]["type"] == "data_requested"
    later = clock.now() + visits.FRESH + timedelta(seconds=2)
    with seam.guarded(lambda name, _d, call: later if name == "clock:now" else call()):
        old = sends(opens(path), form=1)
    assert "Content-Disposition" not in old.headers
    assert "1 時間以内" in old.text


def test_an_erased_friends_old_address_opens_nothing(api: Api) -> None:
    """Nor when they come back: what was sent before the erasure is from another life."""
    path = address()
    api.ok("DELETE", f"{BASE}/friends/U1?erase=true")
    assert opens(path).status == 404
    assert posts("/p/shop", [("t", path.partition("t=")[2]), ("do", "all_off")]).status == 404
    work_off()
    later = clock.now() + timedelta(seconds=5)
    with seam.guarded(lambda name, _d, call: later if name == "clock:now" else call()):
        reaction.react(FriendEvent("back", "shop", "U1", "followed", iso(later)))
        assert opens(address()).status in {200, 404}
    assert opens(path).status == 404


def test_too_many_posts_are_refused(api: Api) -> None:
    """Of one friend within a minute; others are served."""
    fields = [("t", address().partition("t=")[2]), ("do", "unlink"), ("place", "0")]
    now = clock.now()
    with seam.guarded(lambda name, _d, call: now if name == "clock:now" else call()):
        for _ in range(visits.MOST_A_MINUTE):
            assert posts("/p/shop", fields).status == 200
        assert posts("/p/shop", fields).status == 429
        assert posts("/p/shop", [("t", address("U2").partition("t=")[2]), *fields[1:]]).status == 200


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"do=save&n=x&t={t}&shown=news", b"t={t}&do=steal", b"&" * 600]
)
def test_what_no_page_sends_is_refused(api: Api, body: bytes) -> None:
    """With a page that says what to do; nothing is changed."""
    token = address().partition("t=")[2].encode()
    answer = Api(None).call(
        "POST", "/p/shop", body.replace(b"{t}", token), content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code in {400, 401}
    assert answer.body.startswith(b"<!doctype html>")
    assert drain("inbox") == []


def test_unknown_accounts(api: Api) -> None:
    """404, as a page."""
    page = opens("/p/nobody?t=x")
    assert page.status == 404
    assert page.body.startswith("<!doctype html>")


def test_liff_opens_the_page_for_half_an_hour(cloud: None, tmp_path: Path) -> None:
    """Whom LINE has signed in comes to their own page; a user id in the address is nobody."""
    with a_world(tmp_path) as world:
        where = world.goes(f"https://liff.line.me/liff/{LIFF}/p?user_id={BEN}", ANNA)
        text = path_of(where).partition("?t=")[2]
        token = page_tokens.read("shop", page_tokens.PREFERENCES, text)
        assert token is not None
        assert token.user_id == ANNA
        later = clock.now() + page_tokens.OPENED
        with seam.guarded(lambda name, _d, call: later if name == "clock:now" else call()):
            assert opens(path_of(where)).status == 401
