"""Exports: what is asked for is what comes, and nothing that is asked for is ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.gateways import objects
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from tests.shop import BASE, a_shop, ask, work_off


@pytest.fixture
def shop(cloud: None) -> Iterator[None]:
    with a_shop():
        yield


def exported(body: Any) -> str:
    """The file of an export."""
    answer = ask("POST", f"{BASE}/exports", body)
    assert answer.status == 202, answer.raw
    assert work_off() == []
    job = ask("GET", f"{BASE}/jobs/{answer.body['job_id']}").body
    assert job["state"] == "done"
    return (objects.find(job["result"]["key"]) or b"").decode()


def test_columns_and_condition_are_what_was_asked_for(shop: None) -> None:
    """The columns in their order, of the friends who satisfy the condition; Excel's mark in front."""
    asked = {
        "condition": {"tag": "vip"},
        "columns": ["display_name", "user_id"],
        "format": "csv",
        "bom": True,
    }
    assert exported(asked) == "\ufeffdisplay_name,user_id\r\n花子,U1\r\n"


def test_friends_are_exported_by_their_ids(shop: None) -> None:
    """Those who are known, each once, and none who was erased; not together with a condition."""
    asked = {"user_ids": ["U1", "Unobody", "U1"], "columns": ["user_id"]}
    assert exported(asked) == "user_id\r\nU1\r\n"
    answer = ask("POST", f"{BASE}/exports", {**asked, "condition": {"tag": "vip"}})
    assert answer.status == 400
    assert ask("DELETE", f"{BASE}/friends/U1?erase=true").status in {200, 202}
    assert exported(asked) == "user_id\r\n"


def test_a_deep_condition_survives_the_store(shop: None) -> None:
    """As deep as the language takes: deeper than a DynamoDB map can be."""
    condition: Any = {"tag": "vip"}
    for _ in range(29):
        condition = {"all": [condition]}
    assert exported({"condition": condition, "columns": ["user_id"]}) == "user_id\r\nU1\r\n"


def test_without_anything_everybody_and_all_columns(shop: None) -> None:
    """An empty request exports every friend with all that an import takes."""
    header, *lines = exported({}).splitlines()
    assert header.startswith("user_id,display_name,followed_at")
    assert "score.interest" in header
    assert sorted(line.split(",")[0] for line in lines) == ["U1", "U2", "U3"]


def test_answers_to_a_form_are_columns(shop: None) -> None:
    """When it was answered, and each answer; several choices in one cell; none is an empty one."""
    several = {"id": "q2", "text": "?", "type": "multi_choice", "choices": ["a", "b"]}
    questions = [{"id": "q1", "text": "?"}, several]
    assert ask("PUT", f"{BASE}/forms/skin", {"name": "f", "questions": questions}).status == 200
    props = {"form": "skin", "answers": {"q1": "=1+1", "q2": ["a", "b"]}}
    at = "2026-11-20T00:00:00.000Z"
    reaction.react(FriendEvent("f1", "shop", "U1", "form_answered", at, "skin", props, source="form"))
    columns = ["user_id", "form.skin.answered_at", "form.skin.answer.q1", "form.skin.answer.q2"]
    header, *lines = exported({"columns": columns}).splitlines()
    assert header == ",".join(columns)
    assert sorted(lines) == [f"U1,{at},'=1+1,a|b", "U2,,,", "U3,,,"]


REFUSED: list[tuple[Any, int, str]] = [
    ({"segment": "nonexistent", "foo": 1}, 400, "segment"),
    ({"format": "xlsx"}, 400, "format"),
    ({"columns": []}, 400, "columns"),
    ({"columns": ["user_id", "tags", "user_id"]}, 400, "columns[2]"),
    ({"columns": ["user_id", "score.intrest"]}, 422, "columns[1]"),
    ({"condition": {"tag": "unknown"}}, 422, "condition.tag"),
    ({"condition": {"tga": "vip"}}, 400, "condition.tga"),
    ({"user_ids": []}, 400, "user_ids"),
    ({"bom": "yes"}, 400, "bom"),
]


def test_what_cannot_be_exported_is_refused(shop: None) -> None:
    """Unknown fields, formats, columns and documents are refused with their path."""
    for body, status, path in REFUSED:
        answer = ask("POST", f"{BASE}/exports", body)
        assert (answer.status, answer.body["error"]["details"][0]["path"]) == (status, path)
