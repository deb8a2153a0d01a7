"""Friends from LINE: listed page by page, made once, named at LINE's pace, through crashes."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.friends import store
from chalicelib.gateways import line, objects, seam
from chalicelib.jobs import kinds
from chalicelib.reaction import due_times
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.transfers import followers
from tests.api_client import Api
from tests.conftest import drain
from tests.integration.test_transfers_import import shop

__all__ = ["shop"]

Shop = tuple[Api, str]
USERS = [f"U{n:032x}" for n in range(7)]


class Line:
    """A LINE that lists three to a page, and may refuse, be silent, or change its pages between asks."""

    def __init__(self) -> None:
        self.listed = list(USERS)
        self.answers: list[Exception] = []
        self.asked: list[str | None] = []
        self.profiles: list[str] = []

    def followers(self, _token: str, start: str | None) -> tuple[list[str], str | None]:
        self.asked.append(start)
        if self.answers:
            raise self.answers.pop(0)
        rest = [user for user in self.listed if start is None or user > start]
        return rest[:3], rest[2] if len(rest) > 3 else None

    def profile(self, _token: str, user: str, _seconds: float | None = None) -> dict[str, Any]:
        self.profiles.append(user)
        return {"displayName": f"客 {user[-1]}", "language": "ja"}


@pytest.fixture
def at_line(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Line:
    found = Line()
    monkeypatch.setattr(line, "followers", found.followers)
    monkeypatch.setattr(line, "profile", found.profile)
    monkeypatch.setattr(followers, "_CHUNK", 2)
    monkeypatch.setattr(followers, "PROFILES_PER_SECOND", 1e9)
    return found


def work(left: TimeLeft = NO_LIMIT, received: int = 1) -> int:
    """Everything that waits; how many messages that was."""
    done = 0
    while bodies := drain("bulk"):
        for body in bodies:
            followers.work(body, received, due_times.OfAccount, left)
            done += 1
    return done


def friends() -> dict[str, dict[str, Any]]:
    found = {user: store.load("shop", 4, user) for user in USERS}
    return {user: sheet for user, sheet in found.items() if sheet is not None}


def assert_all_known(api: Api, base: str, job: str) -> None:
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["state"], body["done"], body["total"], body["errors"]) == ("done", 7, 7, [])
    assert {user: sheet["display_name"] for user, sheet in friends().items()} == {
        user: f"客 {user[-1]}" for user in USERS
    }
    assert {sheet["status"] for sheet in friends().values()} == {"following"}
    assert list(objects.keys("imports/")) == []
    for user in USERS:
        (one,) = api.ok("GET", f"{base}/friends/{user}/activities")["items"]
        assert one["type"] == "imported"


def test_everybody_listed_is_a_friend_with_a_name(shop: Shop, at_line: Line) -> None:
    """Progress on the way; a second time nothing changes, and nobody with a name is asked for again."""
    api, base = shop
    job = api.ok("POST", f"{base}/friends/sync")["job_id"]
    (first,) = drain("bulk")
    followers.work(first, 1, due_times.OfAccount, NO_LIMIT)
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["state"], body["done"], body["total"]) == ("running", 0, 3)
    work()
    assert_all_known(api, base, job)
    before, asked = friends(), len(at_line.profiles)
    again = api.ok("POST", f"{base}/friends/sync")["job_id"]
    work()
    assert api.ok("GET", f"{base}/jobs/{again}")["state"] == "done"
    assert len(at_line.profiles) == asked
    kept = ("status", "display_name", "followed_at", "tags")
    assert all(friends()[user][name] == before[user][name] for user in USERS for name in kept)


def test_hardly_any_time_is_enough(shop: Shop, at_line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message does a piece and leaves the rest to another; LINE's silence is waited for."""
    api, base = shop
    monkeypatch.setattr(followers, "_THREADS", 1)
    monkeypatch.setattr(kinds.queues, "MAX_DELAY_S", 0)
    job = api.ok("POST", f"{base}/friends/sync")["job_id"]
    at_line.answers = [line.NoAnswer("503"), line.NoAnswer("429")]
    assert work(TimeLeft(lambda: 0.0)) > 10
    assert_all_known(api, base, job)


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("after_the_call", [False, True])
def test_a_crash_anywhere_leaves_nobody_out(shop: Shop, at_line: Line, after_the_call: bool) -> None:
    """Stopped at a call and delivered again, while LINE's pages move: each friend once, the count right."""
    api, base = shop
    crashed, step = True, 0
    while crashed:
        crashed, crossings = False, 0
        users = [f"U{step:016x}{n:016x}" for n in range(7)]
        at_line.listed = list(users)
        job = api.ok("POST", f"{base}/friends/sync")["job_id"]

        def guard(name: str, _detail: Any, call: Any, step: int = step) -> Any:
            nonlocal crossings, crashed
            crossings += not name.startswith("clock:")
            if name.startswith("clock:") or crossings != step + 1:
                return call()
            crashed = True
            if after_the_call:
                call()
            raise Crash

        while bodies := drain("bulk"):
            for body in bodies:
                try:
                    with seam.guarded(guard):
                        followers.work(body, 1, due_times.OfAccount, NO_LIMIT)
                except Crash:
                    at_line.listed.remove(users[1])  # somebody has gone: the next answer has other pages
                    followers.work(body, 2, due_times.OfAccount, NO_LIMIT)
        found = api.ok("GET", f"{base}/jobs/{job}")
        made = {user for user in users if store.load("shop", 4, user)}
        assert (found["state"], found["done"]) == ("done", found["total"])
        assert made >= {*users} - {users[1]}
        for user in made:
            assert len(api.ok("GET", f"{base}/friends/{user}/activities")["items"]) == 1
        step += 1 + step // 2
    assert step > 15


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "followers_not_verified"), (401, "followers_no_token"), (400, "followers_refused")],
)
def test_a_refusal_is_explained(shop: Shop, at_line: Line, status: int, code: str) -> None:
    """The job fails with what to do, in both languages; whoever was known stays known."""
    api, base = shop
    at_line.answers = [line.Refused(status)]
    job = api.ok("POST", f"{base}/friends/sync")["job_id"]
    work()
    body = api.ok("GET", f"{base}/jobs/{job}")
    assert (body["state"], body["errors"][0]["code"]) == ("failed", code)
    assert str(status) in body["errors"][0]["message"]
    assert str(status) in body["errors"][0]["message_ja"]
    assert at_line.asked == [None]


def test_who_was_erased_stays_erased_and_a_later_block_counts(shop: Shop, at_line: Line) -> None:
    """A sync says what was so when it was asked for, and makes nobody anew whom staff have erased."""
    api, base = shop
    work()
    job = api.ok("POST", f"{base}/friends/sync")["job_id"]
    work()
    assert_all_known(api, base, job)
    assert api.call("DELETE", f"{base}/friends/{USERS[0]}?erase=true").status_code < 300
    drain("bulk")
    later = "2099-01-01T00:00:00.000Z"
    sets = [(("status",), "blocked"), (("status_at",), later)]
    assert store.update_paths("shop", 4, USERS[1], sets)
    api.ok("POST", f"{base}/friends/sync")
    work()
    assert friends()[USERS[0]]["status"] == "erased"
    assert friends()[USERS[1]]["status"] == "blocked"
