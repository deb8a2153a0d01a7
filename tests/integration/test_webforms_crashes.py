"""Whatever a sending dies of, the answers come once; and whatever comes twice changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.gateways import seam
from chalicelib.webforms import sittings
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain
from tests.friend_pages import at_work, opens, posts, sends
from tests.integration.test_members import follow, sheet, work_off
from tests.integration.test_webforms import address, answers, asked, author, to_the_end

WRITES = ("dynamodb:PutItem", "dynamodb:UpdateItem", "sqs:SendMessage")
LAST = [("a.type", "dry"), ("a.care", "水"), ("a.age", "30"), ("a.visit", ""), ("a.why", "x")]


class Dead(BaseException):
    """The process has died."""


@pytest.fixture
def api(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr(sittings, "_AFTER_S", 0)
    with at_work():
        api = an_api()
        an_account(api, shards=4)
        author(api)
        follow("U1")
        drain("bulk")
        yield api


def crossings(path: str) -> int:
    """How many durable crossings a sending has."""
    counted = 0

    def count(name: str, _detail: Any, call: Any) -> Any:
        nonlocal counted
        counted += name.startswith(WRITES)
        return call()

    with seam.guarded(count):
        posts(path, LAST)
    return counted


def dies(path: str, at: int, *, after: bool) -> None:
    """A sending that dies before or right after its n-th durable crossing."""
    left = at

    def die(name: str, _detail: Any, call: Any) -> Any:
        nonlocal left
        if not name.startswith(WRITES):
            return call()
        left -= 1
        if left == 0:
            if after:
                call()
            raise Dead
        return call()

    with seam.guarded(die), pytest.raises(Dead):
        posts(path, LAST)


def happened() -> tuple[dict[str, Any], int]:
    return answers(), sheet()["facts"].get("form_answered:skin", {"count": 0})["count"]


GIVEN = {"type": "dry", "care": ["水"], "age": 30, "why": "x"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("then", ["nothing", "again", "reload"])
def test_a_sending_that_dies_anywhere_is_nothing_or_one_answer(api: Api, after: bool, then: str) -> None:
    """The friend gives up, presses again, or loads the page again; the jobs do the rest."""
    crossed = crossings(address("U2"))
    assert 4 <= crossed <= 12
    work_off()
    for at in range(1, crossed + 1):
        user = f"V{at}"
        follow(user)
        dies(address(user), at, after=after)
        if then == "again":
            posts(address(user), LAST)
        elif then == "reload":
            to_the_end(address(user), type="dry", care="水", age="30", why="x")
        work_off()
        work_off()
        found = sheet(user)
        count = found["facts"].get("form_answered:skin", {"count": 0})["count"]
        kept = found.get("forms", {}).get("skin", {}).get("answers", {})
        kept_answers = {question: given["value"] for question, given in kept.items()}
        assert (kept_answers, count) in ([(GIVEN, 1)] if then != "nothing" else [({}, 0), (GIVEN, 1)]), at
        assert "dry" in found["tags"] or count == 0


def test_an_inbox_that_does_not_answer_keeps_the_answers(api: Api) -> None:
    """The friend reads that they are there, and they are: the job brings them."""

    def silent(name: str, detail: Any, call: Any) -> Any:
        if name == "sqs:SendMessageBatch" and "inbox" in str(detail):
            raise ConnectionError
        return call()

    with seam.guarded(silent):
        assert "ご回答ありがとうございました。" in posts(address(), LAST).text
        assert drain("inbox") == []
    work_off()
    work_off()
    assert happened() == (GIVEN, 1)


def test_what_was_not_reported_is_so_before_the_next_sitting(api: Api) -> None:
    """Pressing "once more" at once after a death loses nothing: both answers come, in their order."""
    seen = crossings(address("U2"))
    work_off()
    page = None
    for at in range(1, seen + 1):
        user = f"W{at}"
        follow(user)
        dies(address(user), at, after=True)
        page = opens(address(user))
        if page.forms and asked(page):
            continue  # it was not sent
        sends(page)
        posts(address(user), [(n, "40" if n == "a.age" else v) for n, v in LAST])
        work_off()
        work_off()
        assert sheet(user)["facts"]["form_answered:skin"]["count"] == 2, at
        assert sheet(user)["attributes"]["age"] == 40
    assert page is not None


def test_two_devices_at_the_end(api: Api) -> None:
    """Whichever comes first is the answer; the other reads that it was sent."""
    fields = [one for one in LAST if one[0] != "a.why"]
    page = posts(address(), fields)
    assert asked(page) == ["why"]
    done = False

    def meanwhile(name: str, detail: Any, call: Any) -> Any:
        nonlocal done
        if name == "dynamodb:PutItem" and "sent_at" in str(detail) and not done:
            done = True
            posts(address(), [("a.why", "other"), ("a.age", "31")])
        return call()

    with seam.guarded(meanwhile):
        assert "ご回答ありがとうございました。" in sends(page, **{"a.why": "mine"}).text
    work_off()
    work_off()
    assert happened()[1] == 1
    assert answers()["why"] in {"mine", "other"}
