"""An account with an editor and a publisher, and what is refused to the one."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.reaction import service
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain
from tests.integration.test_reaction_effects import A, Line, a_rule, world
from tests.reaction_builders import an_event

__all__ = ["world"]


TEXT = {"name": "m", "messages": [{"type": "text", "text": "こんにちは"}]}
NODES = {"wait": {"type": "wait_for", "event": "custom:booked", "timeout": "1d", "next": "m"},
         "m": {"type": "message", "message": "hello"}}  # fmt: skip
SCENARIO = {"name": "w", "start": "wait", "nodes": NODES}
SAYS = a_rule({"send": {"message": "hello"}}, event="tag_added")
ORDER = {"order_id": "o1", "user_id": "U1", "at": "2026-11-22T00:00:00Z", "amount": 100}


@pytest.fixture
def api(world: Line) -> Api:
    api = an_api()
    an_account(api, shards=1)
    api.ok("PUT", f"{A}/messages/hello", TEXT)
    for tag in ("vip", "quiet"):
        api.ok("PUT", f"{A}/tags/{tag}", {"name": tag})
    api.ok("PUT", f"{A}/scores/heat", {"name": "heat", "thresholds": [10]})
    api.ok("PUT", f"{A}/attributes/skin", {"name": "skin", "type": "text"})
    service.react(an_event("followed"))
    drain("inbox"), drain("bulk")
    return api


@pytest.fixture
def editor(api: Api) -> Api:
    return a_key(api, "editor", "shop")


@pytest.fixture
def publisher(api: Api) -> Api:
    return a_key(api, "publisher", "shop")


def refused(editor: Api, method: str, path: str, body: Any = None, names: str = "") -> dict[str, Any]:
    """403 with a sentence and a path; the catalog and the queues are as they were."""
    before = catalog.snapshot("shop").revision
    error = editor.refused(403, method, f"{A}{path}", body)
    assert error["code"] == "forbidden"
    assert "needs a publisher" in error["message"]
    assert names in error["message"]
    assert error["details"]
    assert catalog.snapshot("shop").revision == before
    assert drain("inbox") == drain("bulk") == []
    return error
