"""A form before friends see it: tried page by page, and counted when they have answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.accounts import page_tokens
from chalicelib.shared.settings import settings
from chalicelib.webforms import store
from tests.api_client import Api, an_account, an_api
from tests.friend_pages import at_work, opens, sends
from tests.integration.test_members import BASE, follow, work_off
from tests.liff_world import ANNA, BEN

FORM: dict[str, Any] = {
    "name": "朝型・夜型診断🌙",
    "web": True,
    "questions": [
        {
            "id": "morning",
            "text": "朝は？",
            "type": "choice",
            "required": True,
            "choices": [
                {"value": "早起き", "points": {"sun": 2}},
                {"value": "ゆっくり", "points": {"moon": 2, "sun": 1}},
            ],
        },
        {
            "id": "why",
            "text": "その理由は？",
            "type": "multi_choice",
            "choices": ["仕事", "趣味"],
            "if": {"form": {"id": "owl", "question": "morning", "eq": "早起き"}},
        },
        {"id": "rate", "text": "満足度は？", "type": "rating"},
        {"id": "free", "text": "ひとこと"},
    ],
    "results": [
        {"id": "sun", "title": "太陽タイプ", "text": "朝から元気。"},
        {"id": "moon", "title": "月タイプ", "text": "夜に力が出る。"},
    ],
}


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with at_work():
        api = an_api()
        an_account(api)
        yield api


def attempt(api: Api, answers: dict[str, list[str]], **more: Any) -> dict[str, Any]:
    return api.ok("POST", f"{BASE}/forms/try", {"id": "owl", "form": FORM, "answers": answers, **more})


def test_a_draft_is_tried_to_its_result(api: Api) -> None:
    """The pages and the way of the real form; what does not fit is said on its page. Nothing stays."""
    first = attempt(api, {})
    assert first["question"] == "morning"
    assert "朝は？" in first["html"]
    assert 'href="pages/page-' in first["html"]
    refused = attempt(api, {"morning": []})
    assert (refused["question"], 'role="alert"' in refused["html"]) == ("morning", True)
    assert attempt(api, {"morning": ["ゆっくり"]})["question"] == "rate"
    assert attempt(api, {"morning": ["早起き"]})["question"] == "why"
    assert attempt(api, {}, question="rate")["question"] == "rate"
    given = {"morning": ["早起き"], "why": ["趣味"], "rate": ["4"], "free": ["<b>"]}
    end = attempt(api, given, user_id=ANNA)
    assert (end["question"], end["result"], end["points"]) == (None, "sun", {"sun": 2, "moon": 0})
    assert "太陽タイプ" in end["html"]
    api.refused(404, "GET", f"{BASE}/forms/owl")
    assert store.find("shop", ANNA, "owl") is None


def test_what_cannot_be_saved_cannot_be_tried(api: Api) -> None:
    """With the paths that saving has."""
    body = FORM | {"questions": [{"id": "q", "text": "", "type": "text"}]}
    refused = api.refused(400, "POST", f"{BASE}/forms/try", {"form": body})
    assert [one["path"] for one in refused["details"]] == ["questions[0].text"]
    body = FORM | {"then": [{"add_tag": "nothing"}]}
    api.refused(422, "POST", f"{BASE}/forms/try", {"id": "owl", "form": body})
    picture = FORM["results"][0] | {"image": "http://example.com/a.jpg"}
    body = FORM | {"results": [picture, FORM["results"][1]]}
    api.refused(400, "PUT", f"{BASE}/forms/owl", body)
    body["results"][0]["image"] = f"{settings().media_origin}/media/shop/1/original.jpg"
    assert api.ok("PUT", f"{BASE}/forms/owl", body)["url"] is None
    api.refused(409, "GET", f"{BASE}/forms/owl/qr")


def test_answers_are_counted_as_they_are_now(api: Api) -> None:
    """Each answer and each result once for each friend; what friends write is counted, not shown."""
    api.ok("PUT", f"{BASE}/forms/owl", FORM)
    for user, given in ((ANNA, ["早起き", ["仕事", "趣味"], "5", "はい"]), (BEN, ["ゆっくり"])):
        follow(user)
        page = opens(f"/f/shop/owl?t={page_tokens.of_page('shop', page_tokens.form('owl'), user)}")
        for name, value in zip(("morning", "why", "rate", "free"), given, strict=False):
            page = sends(page, **{f"a.{name}": value})
    work_off()
    found = api.ok("GET", f"{BASE}/reports/forms/owl")
    assert found["total"] == {"begun": 1, "answered": 1}
    rows = {(one["kind"], one["id"], one.get("value")): one["friends"] for one in found["items"]}
    assert rows["question", "free", None] == 1
    counted = {key: n for key, n in rows.items() if key[0] != "question" and n}
    assert counted == {
        ("answer", "morning", "早起き"): 1,
        ("answer", "why", "仕事"): 1,
        ("answer", "why", "趣味"): 1,
        ("answer", "rate", "5"): 1,
        ("result", "sun", None): 1,
    }
    for row in found["items"]:
        if row["kind"] == "answer":
            matching = api.ok("POST", f"{BASE}/friends/search", {"condition": row["condition"]})["items"]
            assert len(matching) == row["friends"], row
    assert api.call("GET", f"{BASE}/reports/forms/owl?format=svg").status_code == 200
