"""Every time that a form was answered to its end is a row: on the web and in the chat, again and again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.accounts import page_tokens
from chalicelib.accounts.service import get_account
from chalicelib.gateways import seam
from chalicelib.gateways.line import Answer
from chalicelib.reaction import service as reaction
from chalicelib.reports import journal, rebuild, store
from chalicelib.reports.lines import SENT_BY_EFFECTS
from chalicelib.shared.events import FriendEvent
from chalicelib.timeline import service as activities
from tests.api_client import Api, a_key, an_account, an_api
from tests.friend_pages import at_work, opens, sends
from tests.integration.test_members import BASE, follow, work_off
from tests.reaction_builders import a_rule
from tests.reaction_world import Crash

ANSWERS = f"{BASE}/forms/skin/answers"
FORM: dict[str, Any] = {
    "name": "診断",
    "web": True,
    "questions": [
        {
            "id": "q",
            "text": "?",
            "type": "multi_choice",
            "choices": [{"value": "a", "points": {"sun": 2}}, {"value": "b|c", "points": {"moon": 1}}],
        },
        {"id": "why", "text": "?"},
    ],
    "results": [{"id": "sun", "title": "太陽", "text": "朝"}, {"id": "moon", "title": "月", "text": "夜"}],
}


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    with at_work():
        api = an_api()
        an_account(api, shards=4)
        api.ok("PUT", f"{BASE}/forms/skin", FORM)
        begin = a_rule(then=[{"start_form": "skin"}], match={"text": "診断"})
        api.ok("PUT", f"{BASE}/rules/begin", begin)
        follow("U1")
        follow("U2")
        yield api


def on_the_web(user: str, *, why: str, again: bool = False) -> None:
    address = f"/f/shop/skin?t={page_tokens.of_page('shop', page_tokens.form('skin'), user)}"
    page = opens(address)
    page = sends(page) if again else page
    sends(sends(page, **{"a.q": ["a", "b|c"]}), **{"a.why": why})
    work_off()


def in_the_chat(user: str, *texts: str) -> None:
    for n, text in enumerate(texts):
        reaction.react(messaged(user, n, text))


def messaged(user: str, n: int, text: str) -> FriendEvent:
    props = {"text": text, "message_type": "text", "message_id": f"{user}{text}"}
    at = f"2099-01-01T00:00:0{n}.000Z"
    return FriendEvent(f"{user}:{n}", "shop", user, "messaged", at, props=props, reply_token=f"r{n}")


def rows_of(api: Api, query: str = "") -> list[tuple[Any, ...]]:
    found = api.ok("GET", f"{ANSWERS}{query}")["items"]
    return [(one["user_id"], one["on"], (one["answers"] or {}).get("why"), one["result"]) for one in found]


def test_each_time_is_a_row_wherever_it_was(api: Api) -> None:
    """The latest first, page by page, by days, as CSV that no spreadsheet runs; and none of who is erased."""
    on_the_web("U1", why="=1+1")
    on_the_web("U1", why="二度目🌸", again=True)
    in_the_chat("U2", "診断", "a", "チャット")
    wanted = [
        ("U2", "chat", "チャット", "sun"),
        ("U1", "web", "二度目🌸", "sun"),
        ("U1", "web", "=1+1", "sun"),
    ]
    assert rows_of(api) == wanted
    assert rows_of(api, "?from=2099-01-01&to=2099-01-01") == wanted[:1]
    pages, cursor = [], ""
    while cursor is not None:
        page = api.ok("GET", f"{ANSWERS}?limit=1&cursor={cursor}")
        pages += [one["user_id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert pages == ["U2", "U1", "U1"]
    file = list(csv.reader(io.StringIO(str(api.call("GET", f"{ANSWERS}?format=csv").body, "utf-8"))))
    names = "user_id,display_name,at,on,result,points.sun,points.moon,answer.q,answer.why"
    assert file[0] == names.split(",")
    assert [row[5:] for row in file[1:]] == [
        ["2", "0", "a", "チャット"],
        ["2", "1", "a|b\\|c", "二度目🌸"],
        ["2", "1", "a|b\\|c", "'=1+1"],
    ]
    journal.forget(get_account("shop"), "U1", "2999")
    assert rows_of(api) == wanted[:1]


def of_the_timeline() -> list[Any]:
    """Every line of what friends did, but those that pages have noted."""
    every = [one for part in range(journal.PARTS) for one in journal.lines("shop", part)]
    done = [one for one in every if one.kind != SENT_BY_EFFECTS]
    return [one for one in done if one.props.get("on") != "web" or "event" in one.props]


def test_what_the_timeline_knows_can_be_listed_again(api: Api) -> None:
    """A rebuild writes the list of before there was one, once; of whose event is gone there is none."""
    on_the_web("U1", why="x")
    in_the_chat("U2", "診断", "a", "y")
    wanted, before = rows_of(api), of_the_timeline()
    assert len(before) == 8, "two follows, two ends, two questions put and two answered in the chat"
    for part in range(journal.PARTS):
        store.delete("shop", list(journal.lines("shop", part)))
    assert (len(wanted), rows_of(api)) == (2, [])
    for _ in range(2):
        for user in ("U1", "U2"):
            rebuild.of_friend("shop", user)
        assert (rows_of(api), of_the_timeline()) == (wanted, before)
    activities.delete([("shop", "U2", "U2:2")])
    assert rows_of(api) == [one for one in wanted if one[0] == "U1"]


def test_a_crash_between_a_line_and_its_place_in_the_list_is_mended(api: Api) -> None:
    """Killed before any write of the reaction to the answer, and heard again: one row."""
    user = "U1"
    in_the_chat(user, "診断", "a")
    event = messaged(user, 2, "チャット")
    died = 0
    for at in range(100):
        seen = 0

        def guard(name: str, _detail: Any, call: Any, at: int = at) -> Any:
            nonlocal seen
            seen += name in {"dynamodb:PutItem", "dynamodb:UpdateItem"}
            if seen > at:
                raise Crash
            return call() if not name.startswith("line:") else Answer(200)

        try:
            with seam.guarded(guard):
                reaction.react(event)
        except Crash:
            died += 1
            continue
        break
    reaction.react(event)
    assert died >= 4, "the sheet, the lines, the place in the list, the activity"
    assert rows_of(api) == [(user, "chat", "チャット", "sun")]


def test_what_is_no_question_is_refused(api: Api) -> None:
    """Another form, a format, a cursor that this list did not make; the file for viewers."""
    viewer = a_key(api, "viewer", "shop")
    assert viewer.ok("GET", ANSWERS) == {"items": [], "next_cursor": None}
    viewer.refused(403, "GET", f"{ANSWERS}?format=csv")
    api.refused(404, "GET", f"{BASE}/forms/other/answers")
    api.refused(400, "GET", f"{ANSWERS}?format=svg")
    api.refused(400, "GET", f"{ANSWERS}?cursor=e30")
    api.refused(400, "GET", f"{ANSWERS}?from=yesterday")
