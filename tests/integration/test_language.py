"""Sentences are in the language that a request asks for."""

from __future__ import annotations

import pytest

from tests.api_client import Api, an_account, an_api

TAG = "/v1/accounts/shop/tags/none"


@pytest.fixture
def api(cloud: None) -> Api:
    """The application with an account."""
    api = an_api()
    assert TAG.startswith(an_account(api))
    return api


def test_a_request_chooses_the_language(api: Api) -> None:
    """By ``lang``, else by ``Accept-Language``, else English; the reason is the same in each."""
    english = api.refused(404, "GET", TAG)
    japanese = api.refused(404, "GET", f"{TAG}?lang=ja")
    assert english["message"] == "there is no tags/none"
    assert japanese["message"] == "tags/none はありません"
    assert english["reason"] == japanese["reason"] == {"code": "no_path", "params": {"path": "tags/none"}}
    assert api.refused(404, "GET", TAG, **{"accept-language": "ja-JP,en;q=0.5"}) == japanese
    assert api.refused(404, "GET", f"{TAG}?lang=en", **{"accept-language": "ja"}) == english


def test_an_unknown_language_is_refused(api: Api) -> None:
    """With the two that there are."""
    assert api.refused(400, "GET", f"{TAG}?lang=fr")["message"] == "lang: must be one of en, ja"


def test_what_line_refuses_is_reported_in_the_language(api: Api) -> None:
    """With the number that is too many, as a value too."""
    path = "/v1/accounts/shop/messages/hello?lang=ja"
    body = {"name": "はじめまして", "messages": [{"type": "text", "text": "あ" * 5_001}]}
    detail = api.refused(400, "PUT", path, body)["details"][0]
    assert detail == {
        "path": "messages[0].text",
        "message": "5001 文字あります。LINE で使えるのは 5000 文字までです",
        "reason": {"code": "line_characters", "params": {"has": 5_001, "most": 5_000}},
    }
