"""Exports: what is asked for is what comes, and nothing that is asked for is ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.gateways import objects
from tests.shop import BASE, a_shop, ask, work_off


@pytest.fixture
def shop(cloud: None) -> Iterator[None]:
    with a_shop():
        yield


def exported(body: Any) -> str:
    """The file of an export."""
    said = ask("POST", f"{BASE}/exports", body)
    assert said.status == 202, said.raw
    assert work_off() == []
    job = ask("GET", f"{BASE}/jobs/{said.body['job_id']}").body
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


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"segment": "nonexistent", "foo": 1}, 400, "segment"),
        ({"format": "xlsx"}, 400, "format"),
        ({"columns": []}, 400, "columns"),
        ({"columns": ["user_id", "tags", "user_id"]}, 400, "columns[2]"),
        ({"columns": ["user_id", "score.intrest"]}, 422, "columns[1]"),
        ({"condition": {"tag": "unknown"}}, 422, "condition.tag"),
        ({"condition": {"tga": "vip"}}, 400, "condition.tga"),
        ({"bom": "yes"}, 400, "bom"),
    ],
)
def test_what_cannot_be_exported_is_refused(shop: None, body: Any, status: int, path: str) -> None:
    """Unknown fields, formats, columns and documents are refused with their path."""
    said = ask("POST", f"{BASE}/exports", body)
    assert (said.status, said.body["error"]["details"][0]["path"]) == (status, path)
