"""Reservations from outside: by event, by a booking system's daily file, of friends and of members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.friends import store as friends
from chalicelib.gateways import clock, seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.sheets import reservations
from chalicelib.timeline import service as activities
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain

BASE = "/v1/accounts/shop"
HEADER = "reservation_id,user_id,at,status,prop.menu"


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    def outside(name: str, _detail: Any, call: Callable[[], Any]) -> Any:
        return None if name.startswith("line:") else call()

    with seam.guarded(outside):
        api = an_api()
        an_account(api, shards=4)
        for user in ("U1", "U2"):
            reaction.react(FriendEvent(f"f-{user}", "shop", user, "followed", iso(clock.now())))
        api.ok("PUT", f"{BASE}/tags/tagged", {"name": "tagged"})
        rule = {"name": "r", "when": {"event": "reserved"}, "then": [{"add_tag": "tagged"}]}
        api.ok("PUT", f"{BASE}/rules/tagged", rule)
        yield api


def ahead(days: float) -> str:
    return iso(clock.now() + timedelta(days=days))


def work_off() -> None:
    for _ in range(6):
        waiting, jobs = drain("inbox"), drain("bulk")
        for message in waiting:
            reaction.react(FriendEvent.from_message(message))
        for body in jobs:
            JOBS[body["job"]].run(body, 1)
        if not waiting and not jobs:
            return


def sheet(user: str = "U1") -> dict[str, Any]:
    found = friends.load("shop", 4, user)
    assert found is not None
    return found


def known(user: str = "U1") -> dict[str, tuple[str, str]]:
    return {id_: (one["at"], one["status"]) for id_, one in reservations.of_sheet(sheet(user)).items()}


def say(api: Api, **event: Any) -> Any:
    event = {"event_id": "e1", "user_id": "U1", "type": "reserved", **event}
    return api.call("POST", f"{BASE}/events", event)


def load(api: Api, *lines: str, header: str = HEADER, query: str = "") -> dict[str, Any]:
    csv = "\n".join([header, *lines, ""])
    answer = api.call("POST", f"{BASE}/reservations/import{query}", csv, content_type="text/csv")
    assert answer.status_code == 202, answer.json_body
    work_off()
    found: dict[str, Any] = api.ok("GET", f"{BASE}/jobs/{answer.json_body['job_id']}")
    return found


def test_words_of_one_request_count_in_their_order(api: Api) -> None:
    """Booked, moved to an earlier day, and another one cancelled without saying when it would have been."""
    first, second, third = ahead(9), ahead(3), ahead(5)
    events = [
        {"event_id": "e1", "at": first, "props": {"menu": "cut"}},
        {"event_id": "e2", "at": second, "props": {"reservation_id": "e1", "status": "moved"}},
        {"event_id": "e3", "at": third, "props": {"reservation_id": "r3", "staff": "Sato"}},
        {"event_id": "e4", "props": {"reservation_id": "r3", "status": "cancelled"}},
    ]
    body = {"events": [{"user_id": "U1", "type": "reserved", **event} for event in events]}
    results = api.ok("POST", f"{BASE}/events", body)["results"]
    assert [one["status"] for one in results] == ["accepted"] * 4
    work_off()
    assert known() == {"e1": (second, "moved"), "r3": (third, "cancelled")}
    shown = api.ok("GET", f"{BASE}/friends/U1")["reservations"]
    assert shown["e1"] == {"at": second, "status": "moved", "props": {"menu": "cut"}}
    assert sheet()["last_active_at"] < ahead(0.1)


@pytest.mark.parametrize(
    ("props", "path"),
    [
        ({"status": "lost"}, "props.status"),
        ({"reservation_id": ""}, "props.reservation_id"),
        ({"reservation_id": 7}, "props.reservation_id"),
        ({"updated_at": "yesterday"}, "props.updated_at"),
    ],
)
def test_what_is_wrong_is_named(api: Api, props: dict[str, Any], path: str) -> None:
    answer = say(api, at=ahead(1), props=props)
    assert answer.status_code == 400
    assert [detail["path"] for detail in answer.json_body["error"]["details"]] == [path]


def test_a_word_of_an_earlier_time_than_is_known_changes_nothing(api: Api) -> None:
    """By the booking system's own clock; one that runs ahead outdates nobody."""
    say(api, at=ahead(4), props={"reservation_id": "r", "updated_at": ahead(-0.1)})
    say(api, event_id="e2", at=ahead(8), props={"reservation_id": "r", "updated_at": ahead(-0.2)})
    work_off()
    before = known()["r"][0]
    assert before < ahead(5)
    say(api, event_id="e3", at=ahead(2), props={"reservation_id": "r", "updated_at": ahead(300)})
    work_off()
    say(api, event_id="e4", at=ahead(3), props={"reservation_id": "r"})
    work_off()
    assert ahead(2.5) < known()["r"][0] < ahead(3.5)


def test_a_daily_file_says_each_thing_once(api: Api) -> None:
    """The same file again changes nothing and leaves no trace; the next day's moves and cancels."""
    job = load(api, "r1,U1,2026/12/10 14:00,予約,カット", "r2,U2,2026-12-11T01:00:00Z,booked,")
    assert (job["done"], job["total"], job["errors"]) == (2, 2, [])
    assert known() == {"r1": ("2026-12-10T05:00:00.000Z", "booked")}
    revision, tags = sheet()["rev"], sheet()["tags"]
    assert tags == {}
    load(api, "r1,U1,2026/12/10 14:00,予約,カット", "r2,U2,2026-12-11T01:00:00Z,booked,")
    assert sheet()["rev"] == revision
    load(api, "r1,U1,2026/12/9 10:00,変更,", "r2,U2,,キャンセル,", query="?fire=true")
    assert known() == {"r1": ("2026-12-09T01:00:00.000Z", "moved")}
    assert known("U2") == {"r2": ("2026-12-11T01:00:00.000Z", "cancelled")}
    assert reservations.of_sheet(sheet())["r1"]["props"] == {"menu": "カット"}
    assert sheet()["tags"].keys() == {"tagged"}
    japanese = "予約番号,会員,日時,状況,メモ"
    names = "予約番号:reservation_id,会員:user_id,日時:at,状況:status,メモ:"
    query = f"?map={quote(names)}"
    load(api, "r1,U1,2026/12/10 14:00,予約,memo", header=japanese, query=query)
    assert known()["r1"] == ("2026-12-10T05:00:00.000Z", "booked")


def test_what_cannot_be_read_is_named_by_its_line_in_both_languages(api: Api) -> None:
    """The lines beside it are taken; a header that cannot work is refused at once."""
    job = load(api, "r1,U1,soon,booked,", "r2,U1,2026-12-11T01:00:00Z,lost,", ",U1,2026-12-11T01:00:00Z,,",
               "r4,,2026-12-11T01:00:00Z,,", "r5,U1,,booked,", "r6,U1,2026-12-12T01:00:00Z,,")  # fmt: skip
    assert known() == {"r6": ("2026-12-12T01:00:00.000Z", "booked")}
    assert sorted(error["line"] for error in job["errors"]) == [2, 3, 4, 5, 6]
    assert all(error["message"] and error["message_ja"] for error in job["errors"])
    for header in ("reservation_id,at", "user_id,at", f"{HEADER},menu", f"{HEADER},prop.status"):
        answer = api.call("POST", f"{BASE}/reservations/import", f"{header}\n1\n", content_type="text/csv")
        assert answer.status_code == 400, header


def test_a_file_needs_rights_for_what_it_may_do(api: Api) -> None:
    """An editor loads it; what fires needs a publisher."""
    editor = a_key(api, "editor")
    csv = f"{HEADER}\nr1,U1,{ahead(1)},,\n"
    assert editor.call("POST", f"{BASE}/reservations/import", csv, content_type="text/csv").status_code == 202
    fired = editor.call("POST", f"{BASE}/reservations/import?fire=true", csv, content_type="text/csv")
    assert fired.status_code == 403


def test_reservations_of_a_member_come_to_whoever_links(api: Api) -> None:
    """Kept until then; the same lines again keep nothing more."""
    header = "reservation_id,member_id,at"
    api.ok("PUT", f"{BASE}/members/m1", {})
    for day in ("10", "12", "12", "10"):
        load(api, f"r1,m1,2026-12-{day}T01:00:00Z", header=header)
    load(api, "r1,m1,2026-12-10T01:00:00Z\nr2,m1,2026-12-20T01:00:00Z", header=header)
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    work_off()
    second = ("2026-12-20T01:00:00.000Z", "booked")
    assert known() == {"r1": ("2026-12-10T01:00:00.000Z", "booked"), "r2": second}
    assert sheet()["facts"]["reserved"]["count"] == 4
    load(api, "r1,m1,2026-12-14T01:00:00Z", header=header)
    assert known() == {"r1": ("2026-12-14T01:00:00.000Z", "booked"), "r2": second}


def test_a_chunk_that_is_killed_anywhere_is_taken_whole(api: Api) -> None:
    """Done again, every line stands, and what follows from each is done."""

    class KilledError(BaseException):
        pass

    point, survived = 0, False
    while not survived:
        point += 1
        lines = [f"r{point},U1,{ahead(3)},,", f"s{point},U2,{ahead(4)},,"]
        csv = "\n".join([HEADER, *lines, ""])
        api.call("POST", f"{BASE}/reservations/import?fire=true", csv, content_type="text/csv")
        (job,) = [one for one in drain("bulk") if one["job"] == "import_reservations"]
        JOBS["import_reservations"].run(job, 1)
        (body,) = [one for one in drain("bulk") if "rows" in one]
        count = 0

        def killed(_name: str, _detail: Any, call: Callable[[], Any], at: int = point) -> Any:
            nonlocal count
            count += 1
            if count == at:
                raise KilledError
            return call()

        try:
            with seam.guarded(killed):
                JOBS["import_reservations"].run(dict(body), 1)
            survived = True
        except KilledError:
            JOBS["import_reservations"].run(dict(body), 2)
        assert f"r{point}" in known("U1")
        assert f"s{point}" in known("U2")
        for line, user in ((2, "U1"), (3, "U2")):
            assert activities.find("shop", user, f"reservation-{job['id']}-{line}") is not None, point
        assert api.ok("GET", f"{BASE}/jobs/{job['id']}")["state"] == "done"
    assert point > 10
