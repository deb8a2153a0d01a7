"""The MCP server, asked by the SDK's own client over stdio; behind it the application, in this process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

from chalicelib.local.http import Server
from chalicelib.mcp.todoku import CannotServe, Todoku
from tests import shop
from tests.shop import BASE, a_shop, ask, gateway

ROOT = Path(__file__).parents[2]
READS = {
    *(
        "whoami",
        "list_documents",
        "get_document",
        "document_schema",
        "count_friends",
        "report",
        "plan_bundle",
    ),
    *("preview_broadcast", "test_rules", "rehearse_scenario"),
}
FRIENDS = {"search_friends", "get_friend", "friend_timeline", "explain_friend", "preview_message"}
DRAFTS = {f"draft_{kind}" for kind in ("broadcast", "scenario", "rule", "schedule", "segment", "message")}
NEWS = {"name": "冬の新作", "audience": {"tag": "vip"}, "message": "hello"}
RULE = {"name": "ありがとう", "when": {"event": "messaged"}, "then": [{"add_tag": "dry"}]}


@pytest.fixture
def url(cloud: None) -> Iterator[str]:
    """The shop of the door tests, answering on a port."""
    with a_shop():
        server = Server(0, gateway().answer)
        server.start()
        yield f"http://127.0.0.1:{server.port}"
        server.stop()


def a_key(role: str, account: str | None = "shop") -> str:
    made = ask("POST", "/v1/keys", {"name": f"assistant {role}", "role": role, "account": account})
    return str(made.body["key"])


def server_of(url: str, key: str, *more: str) -> StdioServerParameters:
    env = {"PATH": os.environ["PATH"], "TODOKU_API_KEY": key}
    return StdioServerParameters(
        command=sys.executable, args=["-m", "chalicelib.mcp", "--url", url, *more], env=env, cwd=str(ROOT)
    )


def tools_of(url: str, key: str, *more: str) -> dict[str, Any]:
    async def listed() -> dict[str, Any]:
        async with Client(server_of(url, key, *more)) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    return asyncio.run(listed())


def call(url: str, key: str, *calls: tuple[str, dict[str, Any]]) -> list[Any]:
    """Each answer as JSON, or the sentence of a refusal."""

    async def called() -> list[Any]:
        found: list[Any] = []
        async with Client(server_of(url, key)) as client:
            for name, arguments in calls:
                result = await client.call_tool(name, arguments)
                text = "".join(part.text for part in result.content)
                found.append(text if result.is_error else json.loads(text))
        return found

    return asyncio.run(called())


def test_there_are_these_tools_and_none_that_sends(url: str) -> None:
    """An editor's key reads and drafts, a viewer's reads; without friends none shows a single one."""
    tools = tools_of(url, a_key("editor"))
    assert tools.keys() == READS | FRIENDS | DRAFTS
    assert {name for name, tool in tools.items() if tool.annotations.read_only_hint} == READS | FRIENDS
    assert all(tool.description for tool in tools.values())
    assert tools_of(url, a_key("viewer"), "--without-friends").keys() == READS


@pytest.mark.parametrize("role", ["publisher", "admin"])
def test_a_key_that_reaches_friends_is_not_taken(url: str, role: str) -> None:
    """The program ends with a sentence; so does one without a key."""
    command = [sys.executable, "-m", "chalicelib.mcp", "--url", url]
    env = {"PATH": os.environ["PATH"], "TODOKU_API_KEY": a_key(role)}
    ended = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    assert f"This key is {role}'s" in ended.stderr
    assert env["TODOKU_API_KEY"] not in ended.stdout + ended.stderr


def test_where_it_does_not_begin(url: str) -> None:
    """No key, a wrong one, another account than the key's, none for a global key, no TLS."""
    everywhere = a_key("editor", None)
    for key, account, at, why in (
        ("", None, url, "TODOKU_API_KEY is not set"),
        ("wrong", None, url, "does not take this key"),
        (a_key("editor"), "other", url, "The key is for shop"),
        (everywhere, None, url, "name one with --account"),
        (everywhere, "shop", "http://todoku.example", "is not https"),
    ):
        with pytest.raises(CannotServe, match=why):
            Todoku.connect(at, key, account)
    assert Todoku.connect(url, everywhere, "shop").account == "shop"


def test_it_reads_counts_and_explains(url: str) -> None:
    """What the API says is what the assistant sees; a refusal is a sentence with its path."""
    vip = {"tag": "vip"}
    about, counted, why, friend, schema, report, orders, month, wrong, up = call(
        url,
        a_key("viewer"),
        ("whoami", {}),
        ("count_friends", {"condition": vip}),
        ("explain_friend", {"user_id": "U2", "condition": vip}),
        ("search_friends", {"q": "花子"}),
        ("document_schema", {"kind": "rules"}),
        ("report", {"name": "friends", "options": {"group_by": "month"}}),
        ("report", {"name": "conversions"}),
        ("report", {"name": "monthly", "options": {"month": "2026-11", "format": "html"}}),
        ("count_friends", {"condition": {"tag": "vpi"}}),
        ("get_document", {"kind": "rules", "id": ".."}),
    )
    assert (about["account"], about["role"]) == ("shop", "viewer")
    assert (counted["count"], why["matches"]) == (1, False)
    assert [one["user_id"] for one in friend["items"]] == ["U1"]
    assert "when" in json.dumps(schema["schema"]) + json.dumps(schema["components"])
    assert "following" in report["total"]
    assert orders["items"] == []
    assert month["month"] == "2026-11"
    assert 'there is no tags/vpi (did you mean "vip"?)' in wrong
    assert "is no id" in up


def test_a_broadcast_is_drafted_and_stays_so(url: str) -> None:
    """It is a draft, previewed; nothing was sent; what is not a draft, or was not read, is not replaced."""
    key = a_key("editor")
    drafted, previewed, unread = call(
        url,
        key,
        ("draft_broadcast", {"id": "winter", "document": NEWS}),
        ("preview_broadcast", {"id": "winter"}),
        ("draft_broadcast", {"id": "winter", "document": NEWS | {"name": "ほか"}}),
    )
    assert (drafted["id"], drafted["name"]) == ("winter", "冬の新作")
    assert ask("GET", f"{BASE}/broadcasts/winter").body["status"] == "draft"
    assert "yen" in json.dumps(previewed)
    assert f"revision {drafted['revision']}: read it first" in unread
    again = {"id": "winter", "document": NEWS | {"name": "秋"}, "revision": drafted["revision"]}
    replaced, stale = call(url, key, ("draft_broadcast", again), ("draft_broadcast", again))
    assert replaced["name"] == "秋"
    assert "409" in stale
    assert ask("POST", f"{BASE}/broadcasts/winter/send", {}).status == 202
    again["revision"] = ask("GET", f"{BASE}/broadcasts/winter").body["revision"]
    (late,) = call(url, key, ("draft_broadcast", again))
    assert "draft another one under a new id" in late
    assert shop.work_off() == []


def test_rules_and_schedules_are_drafted_switched_off(url: str) -> None:
    """Whatever the assistant writes; and what is in force is not touched."""
    daily = {
        "name": "毎日",
        "every": {"time": "10:00"},
        "audience": {"tag": "vip"},
        "then": [{"add_tag": "dry"}],
    }
    rule, schedule, live, used = call(
        url,
        a_key("editor"),
        ("draft_rule", {"id": "thanks", "document": RULE | {"enabled": True}}),
        ("draft_schedule", {"id": "each-day", "document": daily}),
        (
            "draft_rule",
            {"id": "r1", "document": RULE, "revision": ask("GET", f"{BASE}/rules/r1").body["revision"]},
        ),
        ("draft_scenario", {"id": "second", "document": shop.BUNDLE["scenarios"]["welcome"]}),
    )
    assert (rule["enabled"], schedule["enabled"]) == (False, False)
    assert "rules/r1 is in force" in live
    assert used["published_version"] is None


def test_what_is_in_force_is_the_servers_to_refuse(url: str) -> None:
    """The message of a published scenario: the editor's key is refused, with what uses it."""
    hello = ask("GET", f"{BASE}/messages/hello").body
    changed = {"name": "Hello", "category": "transactional", "messages": [{"type": "text", "text": "買って"}]}
    (refused,) = call(
        url,
        a_key("editor"),
        ("draft_message", {"id": "hello", "document": changed, "revision": hello["revision"]}),
    )
    assert refused.partition("403")[1]
    assert ask("GET", f"{BASE}/messages/hello").body["messages"] == hello["messages"]
