"""Forms on the web: questions, facts and rules of the chat; answers kept as they come, sent once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.accounts import page_tokens
from chalicelib.gateways import clock, seam
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.webforms import sittings, store
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.friend_pages import Page, at_work, opens, path_of, posts, sends
from tests.integration.test_members import BASE, follow, sheet, work_off
from tests.liff_world import ANNA, LIFF, a_world
from tests.reaction_builders import a_rule

FORM: dict[str, Any] = {
    "name": "肌質診断",
    "web": True,
    "questions": [
        {
            "id": "type",
            "text": '{{ friend.display_name | default("お客様") }}、お肌のタイプは？',
            "type": "choice",
            "required": True,
            "attribute": "skin",
            "choices": [
                {"value": "dry", "label": "乾燥肌", "then": [{"add_tag": "dry"}]},
                {"value": "oily", "label": "脂性肌"},
            ],
        },
        {
            "id": "care",
            "text": "保湿に使うものは？",
            "type": "multi_choice",
            "choices": ["水", "クリーム", "オイル"],
            "if": {"tag": "dry"},
        },
        {"id": "age", "text": "ご年齢は？", "type": "number", "attribute": "age"},
        {"id": "visit", "text": "ご来店の希望日は？", "type": "date"},
        {"id": "why", "text": "お悩みは？"},
    ],
    "then": [{"add_tag": "done"}],
}


def author(api: Api) -> None:
    for tag in ("dry", "done", "thirties"):
        api.ok("PUT", f"{BASE}/tags/{tag}", {"name": tag})
    api.ok("PUT", f"{BASE}/attributes/skin", {"name": "肌質", "type": "text"})
    api.ok("PUT", f"{BASE}/attributes/age", {"name": "年齢", "type": "number"})
    api.ok("PUT", f"{BASE}/forms/skin", FORM)
    match = {"form": "skin", "answers.age": {"gte": 30}}
    api.ok("PUT", f"{BASE}/rules/old", a_rule("form_answered", [{"add_tag": "thirties"}], match=match))


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with at_work():
        api = an_api()
        an_account(api, shards=4)
        author(api)
        follow("U1")
        yield api


def address(user: str = "U1", form: str = "skin", account: str = "shop") -> str:
    return f"/f/{account}/{form}?t={page_tokens.of_page(account, page_tokens.form(form), user)}"


def answers() -> dict[str, Any]:
    found = (sheet().get("forms") or {}).get("skin") or {}
    return {question: given["value"] for question, given in (found.get("answers") or {}).items()}


def asked(page: Page) -> list[str]:
    return [value for name, value in page.forms[0].fields if name == "asked"]


def to_the_end(path: str, **given: Any) -> Page:
    """Answer question after question; what is not given is left empty."""
    page = opens(path)
    while page.status == 200 and page.forms and asked(page):
        [question] = asked(page)
        page = sends(page, **{f"a.{question}": given[question]} if question in given else {})
    return page


def test_a_form_is_answered_as_in_the_chat(api: Api) -> None:
    """Attributes, what choices do, branches, what the form does, rules by its answers: one event."""
    page = opens(address())
    assert "お客様、お肌のタイプは？" in page.text
    assert page.forms[0].choices == {"a.type": ["dry", "oily"]}
    page = sends(page, **{"a.type": "dry"})
    assert asked(page) == ["care"]
    page = sends(page, **{"a.care": ["オイル", "水"]})
    page = sends(page, **{"a.age": "３４"})
    page = sends(page, **{"a.visit": "2026-12-24"})
    assert "tags" not in sheet() or "dry" not in sheet()["tags"]
    assert page.forms[0].buttons == [("do", "next")]
    assert "送信する" in page.text
    done = sends(page, **{"a.why": "かさつき"})
    assert "ご回答ありがとうございました。" in done.text
    work_off()
    given = {"type": "dry", "care": ["水", "オイル"], "age": 34, "visit": "2026-12-24", "why": "かさつき"}
    assert answers() == given
    assert (sheet()["attributes"]["skin"], sheet()["attributes"]["age"]) == ("dry", 34)
    assert {"dry", "done", "thirties"} <= sheet()["tags"].keys()
    assert sheet()["tags"]["dry"]["by"] == "form:skin:type"
    assert sheet()["facts"]["form_answered:skin"]["count"] == 1
    found = api.ok("GET", f"{BASE}/friends/U1/activities")["items"]
    [line] = [one for one in found if one["type"] != "followed"]
    assert (line["type"], line["source"]) == ("form_answered", "form")
    assert line["props"] == {"form": "skin", "answers": given}
    assert [one["rule"] for one in line["rules"] if one["matched"]][:5] == [
        f"form:skin:{question}" for question in given
    ]
    condition = {"form": {"id": "skin", "question": "age", "gte": 30}}
    explained = api.ok("POST", f"{BASE}/segments/explain", {"condition": condition, "user_id": "U1"})
    assert explained["matches"] is True


def test_who_takes_another_way_is_asked_other_questions(api: Api) -> None:
    """Back, another answer: what the way not taken any more has asked is not sent."""
    page = sends(opens(address()), **{"a.type": "dry"})
    page = sends(page, **{"a.care": ["水"]})
    assert asked(page) == ["age"]
    first = opens(f"{address()}&q=type")
    assert [v for n, v in first.forms[0].fields if n == "a.type"] == ["dry"]
    page = sends(first, **{"a.type": "oily"})
    assert asked(page) == ["age"]
    to_the_end(page.path)
    work_off()
    assert answers() == {"type": "oily"}


def test_what_does_not_fit_is_shown_beside_the_field(api: Api) -> None:
    """And what was written stands there still."""
    page = sends(opens(address()))
    assert page.status == 400
    assert "この質問にお答えください。" in page.text
    page = sends(page, **{"a.type": "purple"})
    assert "もう一度お選びください" in page.text
    page = sends(page, **{"a.type": "oily"})
    assert asked(page) == ["age"]
    page = sends(page, **{"a.age": "たくさん<b>"})
    assert page.status == 400
    assert "数字で" in page.text
    assert [v for n, v in page.forms[0].fields if n == "a.age"] == ["たくさん<b>"]
    page = sends(page, **{"a.age": ""})
    assert asked(page) == ["visit"]
    assert sends(page, **{"a.visit": "2026-02-30"}).status == 400
    page = sends(sends(page), **{"a.why": "あ" * 1001})
    assert "1000 文字以内" in page.text
    assert drain("inbox") == []


def test_half_a_form_goes_on_on_another_device(api: Api) -> None:
    """With another token of the same friend; another friend's is their own."""
    sends(sends(opens(address()), **{"a.type": "dry"}), **{"a.care": ["水"]})
    later = clock.now() + timedelta(days=2)
    with seam.guarded(lambda name, _d, call: later if name == "clock:now" else call()):
        assert asked(opens(address())) == ["age"]
    assert asked(opens(address("U2"))) == ["type"]
    report = api.ok("GET", f"{BASE}/forms/skin/results?from=2026-01-01&to={later.date()}")
    rows = {
        row["question"]: [row[name] for name in ("shown", "answered", "skipped", "left")]
        for row in report["items"]
    }
    assert rows["type"] == [2, 1, 0, 1]
    assert rows["care"] == [1, 1, 0, 0]
    assert (rows["age"], rows["visit"]) == ([1, 0, 0, 1], [0, 0, 0, 0])
    assert report["items"][0]["web"] == {"shown": 2, "answered": 1, "skipped": 0, "left": 1}
    assert report["total"]["shown"] == 2
    api.refused(404, "GET", f"{BASE}/forms/other/results")
    over = clock.now() + sittings.LIFE + timedelta(seconds=1)
    with seam.guarded(lambda name, _d, call: over if name == "clock:now" else call()):
        assert asked(opens(address())) == ["type"]


def test_sent_twice_it_is_one_answer(api: Api) -> None:
    """A double tap, the back button, two devices at the last question."""
    page = opens(address())
    for given in ({"a.type": "oily"}, {"a.age": "34"}, {}):
        page = sends(page, **given)
    assert asked(page) == ["why"]
    for words in ("一", "二", "三"):
        assert "ご回答ありがとうございました。" in sends(page, **{"a.why": words}).text
    sends(opens(address()))
    work_off()
    assert answers()["why"] == "一"
    assert sheet()["facts"]["form_answered:skin"]["count"] == 1


def test_once_more_only_where_it_may_be(api: Api) -> None:
    """``many``: anew, and what is not answered again is not kept; ``once``: not, by whatever way."""
    done = to_the_end(address(), type="oily", age="20", why="x")
    work_off()
    assert asked(sends(done)) == ["type"]
    to_the_end(address(), type="oily", age="21")
    work_off()
    assert answers() == {"type": "oily", "age": 21}
    assert sheet()["facts"]["form_answered:skin"]["count"] == 2
    api.ok("PUT", f"{BASE}/forms/skin", FORM | {"answers": "once"})
    over = clock.now() + sittings.LIFE + timedelta(seconds=1)
    for now in (clock.now(), over):
        with seam.guarded(lambda name, _d, call, now=now: now if name == "clock:now" else call()):
            page = opens(address())
            assert page.forms == []
            posts(address(), [("a.type", "dry"), ("do", "again")])
    assert drain("inbox") == []


def test_a_chat_that_asks_the_same_form_asks_no_further(api: Api) -> None:
    """Answered on the web, the question that waits in the chat is over."""
    api.ok("PUT", f"{BASE}/rules/begin", a_rule(then=[{"start_form": "skin"}], match={"text": "診断"}))
    props = {"text": "診断", "message_type": "text", "message_id": "1"}
    reaction.react(
        FriendEvent("e1", "shop", "U1", "messaged", iso(clock.now()), props=props, reply_token="r")
    )
    assert sheet()["form_session"]["form"] == "skin"
    to_the_end(address(), type="oily")
    work_off()
    assert not sheet().get("form_session")


def test_all_answers_may_come_at_once(api: Api) -> None:
    """As a program, or a page of the shop's own, sends them."""
    fields = [("a.type", "dry"), ("a.care", "水"), ("a.age", "30"), ("a.visit", ""), ("a.why", "")]
    assert "ご回答ありがとうございました。" in posts(address(), fields).text
    work_off()
    assert answers() == {"type": "dry", "care": ["水"], "age": 30}
    rows = api.ok("GET", f"{BASE}/forms/skin/results?from=2026-01-01&to=2026-12-31")["items"]
    assert {(row["shown"], row["answered"] + row["skipped"], row["left"]) for row in rows} == {(1, 1, 0)}


def test_nobody_answers_for_another(api: Api) -> None:
    """Forged, foreign, another form's, expired tokens and bare ids: nothing is kept, nothing is sent."""
    an_account(api, "other")
    api.ok(
        "PUT",
        "/v1/accounts/other/forms/skin",
        {"name": "x", "web": True, "questions": [{"id": "a", "text": "?"}]},
    )
    api.ok("PUT", f"{BASE}/forms/more", {"name": "x", "web": True, "questions": [{"id": "a", "text": "?"}]})
    good = page_tokens.of_page("shop", page_tokens.form("skin"), "U1")
    what, _, signature = good.rpartition(".")
    forged = f"{what}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    for text in ("", "U1", forged, page_tokens.of_page("shop", page_tokens.PREFERENCES, "U1")):
        assert opens(f"/f/shop/skin?t={text}&user_id=U1").status == 401
        assert posts("/f/shop/skin", [("t", text), ("user_id", "U1"), ("a.type", "dry")]).status == 401
    assert opens(f"/f/other/skin?t={good}").status == 401
    assert opens(f"/f/shop/more?t={good}").status == 401
    later = clock.now() + page_tokens.SENT
    with seam.guarded(lambda name, _d, call: later if name == "clock:now" else call()):
        assert posts(f"/f/shop/skin?t={good}", [("a.type", "dry")]).status == 401
    assert drain("inbox") == []
    assert asked(opens(address())) == ["type"]


def test_what_is_being_prepared_is_nobodys_to_open(api: Api) -> None:
    """A form is open when it says so or something in force asks it; the former is a publisher's to say."""
    draft = FORM | {"web": False}
    api.ok("PUT", f"{BASE}/forms/draft", draft)
    assert opens(address(form="draft")).status == 404
    assert opens(address(form="nothing")).status == 404
    editor = a_key(api, "editor", "shop")
    editor.ok("PUT", f"{BASE}/forms/draft", draft | {"name": "other"})
    assert "forms.draft" in editor.paths(403, "PUT", f"{BASE}/forms/draft", FORM)[0]
    api.ok("PUT", f"{BASE}/rules/begin", a_rule(then=[{"start_form": "draft"}], match={"text": "診断"}))
    assert opens(address(form="draft")).status == 200


def test_a_message_and_liff_lead_to_the_form(cloud: None, tmp_path: Path) -> None:
    """``{{ form("skin") }}`` and the place ``f``; an ID token alone opens it too, and says who it is."""
    with a_world(tmp_path) as world:
        author(world.api)
        text = {"type": "text", "text": '{{ form("skin") }}'}
        world.api.ok("PUT", f"{BASE}/messages/m", {"name": "m", "messages": [text]})
        wrong = {"name": "m", "messages": [{"type": "text", "text": '{{ form("gone") }}'}]}
        assert world.api.refused(422, "PUT", f"{BASE}/messages/m", wrong)
        where = path_of(world.goes(f"https://liff.line.me/liff/{LIFF}/f/skin"))
        token = page_tokens.read("shop", page_tokens.form("skin"), where.partition("?t=")[2])
        assert token is not None
        assert token.user_id == ANNA
        assert asked(opens(where)) == ["type"]
        sent = world.in_line(f"https://liff.line.me/liff/{LIFF}/f/skin")
        page = posts("/f/shop/skin", [("id_token", sent["id_token"])])
        assert asked(page) == ["type"]
        assert posts("/f/shop/skin", [("id_token", sent["id_token"] + "x")]).status == 400
        assert world.posts({**sent, "path": "/f/nothing"}).status_code == 404


def test_an_erasure_forgets_answers_on_their_way(api: Api) -> None:
    """What was not sent is kept nowhere any more."""
    page = sends(opens(address()), **{"a.type": "dry"})
    sends(sends(page), **{"a.age": "34"})
    api.ok("DELETE", f"{BASE}/friends/U1?erase=true")
    work_off()
    assert store.find("shop", "U1", "skin") is None
    assert opens(address()).status == 404


def test_a_question_that_is_gone_is_passed(api: Api) -> None:
    """A form may be edited while friends are in it: a page of before leads on to what there is now."""
    page = opens(address())
    api.ok("PUT", f"{BASE}/forms/skin", FORM | {"questions": FORM["questions"][2:]})
    after = sends(page, **{"a.type": "dry"})
    assert asked(after) == ["age"]
    to_the_end(after.path, age="1")
    work_off()
    assert answers() == {"age": 1}


def test_the_page_is_safe_and_says_what_it_needs(api: Api) -> None:
    """Words of authors and friends are escaped; every field has a name that is read aloud."""
    body = json.loads(json.dumps(FORM))
    body["questions"][0]["text"] = "<script>x</script>"
    body["questions"][0]["choices"][0]["label"] = '"><img src=x>'
    api.ok("PUT", f"{BASE}/forms/skin", body)
    page = opens(address())
    assert "<script" not in page.body
    assert "<img" not in page.body
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_the_last_page_shows_the_result(api: Api) -> None:
    """By points, with its picture; what it means is done, in the chat too; it stays as it was sent."""
    points = [
        {"value": "a", "points": {"sun": 1}, "image": "https://shop.example/a.png"},
        {"value": "b", "points": {"moon": 1}},
    ]
    push = {"reply": {"message": "m", "push_fallback": True}}
    form = {
        "name": "診断",
        "web": True,
        "questions": [
            {"id": "q", "text": "?", "type": "choice", "choices": points},
            {"id": "r", "text": "?", "type": "rating"},
            {"id": "c", "text": "規約に同意しますか？", "type": "consent", "required": True},
        ],
        "results": [
            {"id": "sun", "title": "太陽", "text": "{{ friend.display_name | default('あなた') }}は朝型"},
            {
                "id": "moon",
                "title": "月",
                "text": "夜型",
                "image": "https://shop.example/m.png",
                "then": [push],
            },
        ],
    }
    text = {"name": "m", "messages": [{"type": "text", "text": "月でした"}], "category": "transactional"}
    api.ok("PUT", f"{BASE}/messages/m", text)
    api.ok("PUT", f"{BASE}/forms/skin", form)
    page = opens(address())
    assert 'src="https://shop.example/a.png"' in page.body
    page = sends(sends(page, **{"a.q": "b"}), **{"a.r": "4"})
    refused = sends(page)
    assert "チェックを入れてください" in refused.text
    done = sends(page, **{"a.c": "true"})
    assert "月\n夜型" in done.text
    assert 'src="https://shop.example/m.png"' in done.body
    work_off()
    line = api.ok("GET", f"{BASE}/friends/U1/activities")["items"][0]
    assert (line["props"]["result"], line["props"]["answers"]) == ("moon", {"q": "b", "r": 4, "c": True})
    assert [(e["rule"], e["status"]) for e in line["effects"]] == [("form:skin:result.moon", "done")]
    api.ok("PUT", f"{BASE}/forms/skin", form | {"results": form["results"][::-1]})
    assert "月\n夜型" in opens(address()).text
