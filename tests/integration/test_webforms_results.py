"""What a form on the web has come to is said in the chat too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api_client import Api, an_account, an_api
from tests.friend_pages import at_work, opens, sends
from tests.integration.test_members import BASE, follow, work_off
from tests.integration.test_webforms import address

CHOICES = [{"value": "a", "points": {"sun": 1}}, {"value": "b", "points": {"moon": 1}}]
FORM: dict[str, Any] = {
    "name": "診断",
    "web": True,
    "questions": [{"id": "q", "text": "?", "type": "choice", "choices": CHOICES}],
    "results": [
        {"id": "sun", "title": "太陽", "text": "朝型です", "then": [{"add_tag": "early"}]},
        {"id": "moon", "title": "月", "text": "夜型です"},
    ],
}


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with at_work():
        api = an_api()
        an_account(api, shards=4)
        api.ok("PUT", f"{BASE}/tags/early", {"name": "early"})
        follow("U1")
        yield api


def effects(api: Api, **form: Any) -> list[tuple[str, str, Any]]:
    """What the reaction has said after the first answer."""
    api.ok("PUT", f"{BASE}/forms/skin", FORM | form)
    sends(opens(address()), **{"a.q": "a"})
    work_off()
    [line] = [
        one for one in api.ok("GET", f"{BASE}/friends/U1/activities")["items"] if one["source"] == "form"
    ]
    return [(e["rule"], e["via"], e["messages"]) for e in line["effects"] if e.get("messages")]


def test_a_result_is_pushed(api: Api) -> None:
    """Its title and text; what it means is done as well."""
    words = [{"type": "text", "text": "太陽\n\n朝型です"}]
    assert effects(api) == [("form:skin:result.sun", "push", words)]
    assert "early" in api.ok("GET", f"{BASE}/friends/U1")["tags"]


def test_an_author_may_leave_it_to_the_page(api: Api) -> None:
    assert effects(api, say_results=False) == []
