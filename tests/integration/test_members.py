"""Members on their friends' sheets: every change, every event, once, whatever crashes on the way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from chalicelib.friends import store as friends
from chalicelib.gateways import clock, inbox, seam
from chalicelib.jobs.kinds import JOBS
from chalicelib.members import service, store
from chalicelib.reaction import service as reaction
from chalicelib.shared.errors import TodokuError
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from tests.api_client import Api, a_key, an_account, an_api
from tests.conftest import drain

BASE = "/v1/accounts/shop"
AT = "2026-11-22T00:00:00Z"


@pytest.fixture
def api(cloud: None) -> Iterator[Api]:
    """A shop with an attribute and a friend."""

    def outside(name: str, detail: Any, call: Callable[[], Any]) -> Any:
        return None if name.startswith("line:") else call()

    with seam.guarded(outside):
        api = an_api()
        an_account(api, shards=4)
        api.ok("PUT", f"{BASE}/attributes/skin", {"name": "skin", "type": "text"})
        api.ok("PUT", f"{BASE}/tags/gold", {"name": "gold"})
        follow("U1")
        yield api


def follow(user: str) -> None:
    reaction.react(FriendEvent(f"follow-{user}", "shop", user, "followed", iso(clock.now())))


def work_off() -> None:
    """Let the reaction and the jobs do what waits now."""
    for _ in range(6):
        waiting = [*drain("inbox")]
        for message in waiting:
            reaction.react(FriendEvent.from_message(message))
        jobs = drain("bulk")
        for body in jobs:
            JOBS[body["job"]].run(body, 1)
        if not waiting and not jobs:
            return


def sheet(user: str = "U1") -> dict[str, Any]:
    found = friends.load("shop", 4, user)
    assert found is not None
    return found


def shown(api: Api, user: str = "U1") -> tuple[Any, Any, Any]:
    body = api.ok("GET", f"{BASE}/friends/{user}")
    return body["member_id"], body["rank"], body["attributes"].get("skin")


def test_rank_and_attributes_are_on_the_sheet_and_follow_every_change(api: Api) -> None:
    """Linking, a change, unlinking; what the friend's own act has set since stays."""
    member = {"rank": "gold", "attributes": {"skin": "dry"}}
    answer = api.call("PUT", f"{BASE}/members/m1", member)
    assert answer.status_code == 201
    assert answer.json_body == {"member_id": "m1", **member, "user_ids": [], "linked_at": None}
    linked = api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    assert linked["user_ids"] == ["U1"]
    assert linked["linked_at"]
    work_off()
    assert shown(api) == ("m1", "gold", "dry")
    assert sheet()["facts"]["account_linked"]["count"] == 1
    assert api.call("PUT", f"{BASE}/members/m1", {"rank": "platinum"}).status_code == 200
    work_off()
    assert shown(api) == ("m1", "platinum", None)
    api.ok("PUT", f"{BASE}/members/m1", {"rank": "platinum", "attributes": {"skin": "oily"}})
    work_off()
    api.ok("PATCH", f"{BASE}/friends/U1", {"attributes": {"skin": "my own"}})
    work_off()
    gone = api.ok("DELETE", f"{BASE}/members/m1/link", {"user_id": "U1"})
    assert gone["user_ids"] == []
    work_off()
    assert shown(api) == (None, None, "my own")
    assert sheet()["facts"]["account_unlinked"]["count"] == 1


def test_a_friend_has_one_member_and_a_member_ten_friends(api: Api) -> None:
    """Another member is 409 unless they are to be replaced; the eleventh friend is 409."""
    for member in ("m1", "m2"):
        api.ok("PUT", f"{BASE}/members/{member}", {"rank": member})
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    error = api.refused(409, "POST", f"{BASE}/members/m2/link", {"user_id": "U1"})
    assert "m1" in error["message"]
    api.refused(404, "DELETE", f"{BASE}/members/m2/link", {"user_id": "U1"})
    moved = api.ok("POST", f"{BASE}/members/m2/link?replace=true", {"user_id": "U1"})
    assert moved["user_ids"] == ["U1"]
    assert api.ok("GET", f"{BASE}/members/m1")["user_ids"] == []
    work_off()
    assert shown(api)[:2] == ("m2", "m2")
    assert sheet()["facts"]["account_linked"]["count"] == 2
    for n in range(2, 13):
        follow(f"U{n}")
    for n in range(2, 11):
        api.ok("POST", f"{BASE}/members/m2/link", {"user_id": f"U{n}"})
    api.refused(409, "POST", f"{BASE}/members/m2/link", {"user_id": "U12"})
    api.ok("DELETE", f"{BASE}/members/m2/link", {"user_id": "U5"})
    assert len(api.ok("POST", f"{BASE}/members/m2/link", {"user_id": "U12"})["user_ids"]) == 10
    assert api.refused(404, "POST", f"{BASE}/members/m2/link", {"user_id": "Unever"})["code"] == "not_found"
    assert api.refused(404, "POST", f"{BASE}/members/nobody/link", {"user_id": "U11"})["code"] == "not_found"


def test_what_is_reported_of_a_member_waits_and_comes_at_its_own_time(api: Api) -> None:
    """Once for each friend, also for one who links later; old orders wake nothing, a recent one does; an
    order of a member is nobody else's.
    """
    rule = {"name": "r", "when": {"event": "purchased"}, "then": [{"add_tag": "gold"}]}
    api.ok("PUT", f"{BASE}/rules/r", rule)
    order = {"order_id": "o1", "member_id": "m1", "at": AT, "amount": 100}
    for status in ("accepted", "duplicate"):
        assert api.ok("POST", f"{BASE}/purchases", order)["results"][0]["status"] == status
    api.ok("POST", f"{BASE}/events", {"event_id": "e1", "member_id": "m1", "type": "custom:seen", "at": AT})
    mine = order | {"user_id": "U1"}
    del mine["member_id"]
    (refused,) = api.ok("POST", f"{BASE}/purchases", mine)["results"]
    assert (refused["status"], "m1" in refused["error"]["message"]) == ("rejected", True)
    work_off()
    assert sheet()["purchases"]["count"] == 0
    api.refused(404, "GET", f"{BASE}/members/m1")
    api.ok("PUT", f"{BASE}/members/m1", {})
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    work_off()
    assert sheet()["purchases"] | {"count": 1, "total": 100} == sheet()["purchases"]
    assert sheet()["purchases"]["last_at"] == "2026-11-22T00:00:00.000Z"
    assert sheet()["facts"]["custom:seen"]["count"] == 1
    assert sheet()["tags"] == {}
    kept = activities.find("shop", "U1", "order:o1")
    assert kept is not None
    assert kept["at"] == "2026-11-22T00:00:00.000Z"
    back = {"order_id": "o2", "refund_of": "o1", "member_id": "m1", "at": iso(clock.now()), "amount": 40}
    recent = {"order_id": "o3", "member_id": "m1", "at": iso(clock.now()), "amount": 5}
    api.ok("POST", f"{BASE}/purchases", {"purchases": [back, recent]})
    work_off()
    assert sheet()["purchases"]["total"] == 65
    assert "gold" in sheet()["tags"]
    follow("U2")
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U2"})
    work_off()
    assert sheet("U2")["purchases"]["total"] == 65
    assert sheet()["purchases"]["total"] == 65


def test_a_member_is_deleted_and_may_come_again(api: Api) -> None:
    """Friends are unlinked, what waited is gone, the list has them no more."""
    api.ok("PUT", f"{BASE}/members/m1", {"rank": "gold"})
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    api.ok("POST", f"{BASE}/events", {"event_id": "e1", "member_id": "m1", "type": "custom:seen", "at": AT})
    assert api.ok("DELETE", f"{BASE}/members/m1") == {"member_id": "m1", "deleted": True}
    work_off()
    assert shown(api)[:2] == (None, None)
    api.refused(404, "GET", f"{BASE}/members/m1")
    api.refused(404, "DELETE", f"{BASE}/members/m1")
    assert api.call("PUT", f"{BASE}/members/m1", {}).status_code == 201
    follow("U2")
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U2"})
    work_off()
    assert "custom:seen" not in sheet("U2")["facts"]


def test_members_are_listed_page_by_page(api: Api) -> None:
    """Each once, with their friends."""
    for n in range(25):
        api.ok("PUT", f"{BASE}/members/m{n}", {"rank": str(n)})
    found: list[str] = []
    path = f"{BASE}/members?limit=7"
    while path:
        page = api.ok("GET", path)
        found += [member["member_id"] for member in page["items"]]
        path = f"{BASE}/members?limit=7&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert sorted(found) == sorted(f"m{n}" for n in range(25))


def test_what_a_member_may_be_is_checked(api: Api) -> None:
    """Unknown attributes, values that do not fit, ids that cannot be seen."""
    assert api.paths(422, "PUT", f"{BASE}/members/m1", {"attributes": {"no": 1}}) == ["attributes.no"]
    assert api.paths(400, "PUT", f"{BASE}/members/m1", {"attributes": {"skin": 1}}) == ["attributes.skin"]
    assert api.paths(400, "PUT", f"{BASE}/members/m1", {"rank": ""}) == ["rank"]
    api.refused(400, "PUT", f"{BASE}/members/m%0A1", {})
    api.ok("PUT", f"{BASE}/members/%E4%BC%9A%E5%93%A1%201", {"rank": "金"})
    assert api.ok("GET", f"{BASE}/members/%E4%BC%9A%E5%93%A1%201")["rank"] == "金"


def test_an_editor_may_not_wake_what_reaches_friends_by_linking(api: Api) -> None:
    """A rule that answers to links needs a publisher, a change of a member's attribute likewise."""
    message = {"name": "m", "messages": [{"type": "text", "text": "ようこそ {{ friend.rank }}"}]}
    api.ok("PUT", f"{BASE}/messages/hello", message)
    for name, event in (("linked", "account_linked"), ("skin", "attribute_set")):
        rule = {"name": name, "when": {"event": event}, "then": [{"send": {"message": "hello"}}]}
        api.ok("PUT", f"{BASE}/rules/{name}", rule)
    editor = a_key(api, "editor", "shop")
    editor.ok("PUT", f"{BASE}/members/m1", {"attributes": {"skin": "dry"}})
    editor.refused(403, "POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    editor.refused(403, "PUT", f"{BASE}/members/m1", {"attributes": {"skin": "oily"}})
    editor.ok("PUT", f"{BASE}/members/m1", {"rank": "gold", "attributes": {"skin": "dry"}})


def test_an_erased_friend_is_nobodys_friend(api: Api) -> None:
    """The member forgets them, and their id stands nowhere in the table."""
    api.ok("PUT", f"{BASE}/members/m1", {"rank": "gold"})
    api.ok("POST", f"{BASE}/members/m1/link", {"user_id": "U1"})
    work_off()
    api.ok("DELETE", f"{BASE}/friends/U1?erase=true")
    work_off()
    assert api.ok("GET", f"{BASE}/members/m1")["user_ids"] == []
    (member,) = store.find_members("shop", ["m1"]).values()
    assert member.places == {}


class Died(BaseException):
    """The process is gone."""


def dying(at: int) -> Callable[[str, Mapping[str, Any], Callable[[], Any]], Any]:
    """A guard that lets the process die after so many calls to AWS."""
    left = [at]

    def guard(name: str, _detail: Mapping[str, Any], call: Callable[[], Any]) -> Any:
        if name.startswith("line:"):
            return None
        if name.startswith(("dynamodb:", "sqs:")):
            left[0] -= 1
            if left[0] < 0:
                raise Died
        return call()

    return guard


WORK: tuple[Callable[[], Any], ...] = (
    lambda: service.link("shop", "m1", "U1", "api", replace_other=True),
    lambda: service.link("shop", "m2", "U1", "api", replace_other=True),
    lambda: service.link("shop", "m1", "U2", "api", replace_other=True),
    lambda: service.unlink_friend("shop", "U1", "api"),
    lambda: service.put("shop", "m1", random.choice(["gold", "silver"]), {"skin": random.choice("ab")}),
    lambda: service.put("shop", "m2", random.choice(["gold", "silver"]), {}),
    lambda: service.delete("shop", "m2"),
    lambda: report(random.choice(["m1", "m2"])),
)


def report(member: str) -> None:
    """An event of a member, as ``POST /events`` takes it in; who is not answered reports again."""
    event = FriendEvent(f"e{random.randrange(10**6)}", "shop", f"member: {member}", "custom:seen", AT)
    try:
        inbox.put_all(service.keep_events("shop", [event]))
    except Died:
        with seam.guarded(dying(1000)):
            inbox.put_all(service.keep_events("shop", [event]))


@pytest.mark.parametrize("seed", range(12))
def test_whoever_dies_anywhere_leaves_sheets_that_end_as_the_tables_are(api: Api, seed: int) -> None:
    """Links, changes, deletions and reports, each of which may die after any call; then the jobs."""
    dice = random.Random(seed)
    random.seed(seed)
    follow("U2")
    for member in ("m1", "m2"):
        service.put("shop", member, "gold", {"skin": "a"})
    for _ in range(14):
        try:
            with seam.guarded(dying(dice.choice([dice.randrange(14), 1000]))):
                dice.choice(WORK)()
        except (Died, TodokuError):
            pass
        if dice.random() < 0.3:
            work_off()
    for user in ("U1", "U2"):
        service.settle_left("shop", [user], ["m1", "m2"])
    service.settle_left("shop", [], ["m1", "m2"])
    work_off()
    members = store.find_members("shop", ["m1", "m2"])
    for user, link in store.find_links("shop", ["U1", "U2"]).items():
        seen = sheet(user)
        assert seen["member_id"] == link.member
        linked = members[link.member] if link.member else None
        assert (seen.get("member") or {}).get("rank") == (linked.rank if linked else None)
        assert seen["attributes"].get("skin") == (linked.attributes.get("skin") if linked else None)
        if linked:
            assert linked.places[user] == link.place
            due = len(service.kept_events.of_member("shop", linked.id))
            assert (seen["facts"].get("custom:seen") or {"count": 0})["count"] >= due
        for member in members.values():
            assert member.places.get(user, link.place) == link.place or link.member != member.id
            assert user not in member.places or link.member == member.id


def imported(api: Api, csv: str, query: str = "") -> dict[str, Any]:
    """What came of an import of members."""
    answer = api.call("POST", f"{BASE}/members/import{query}", csv, content_type="text/csv")
    assert answer.status_code == 202, answer.body
    work_off()
    job: dict[str, Any] = api.ok("GET", f"{BASE}/jobs/{answer.json_body['job_id']}")
    return job


def test_members_come_in_by_a_file(api: Api) -> None:
    """Ranks, attributes and links; an empty cell leaves what is; wrong lines stand alone; the same file again
    changes nothing; rules see it with fire alone.
    """
    api.ok(
        "PUT",
        f"{BASE}/rules/r",
        {"name": "r", "when": {"event": "account_linked"}, "then": [{"add_tag": "gold"}]},
    )
    csv = "member_id,rank,attribute.skin,user_id\nm1,gold,dry,U1\nm2,silver,,\n,x,,\nm3,,,U1\nm4,x,dry\n"
    for _ in range(2):
        job = imported(api, csv)
        assert (job["state"], job["done"], job["total"]) == ("done", 5, 5)
        assert [(error["line"], bool(error["message_ja"])) for error in job["errors"]] == [
            (4, True),
            (5, True),
        ]
    assert shown(api) == ("m1", "gold", "dry")
    assert "gold" not in sheet()["tags"]
    assert sheet()["facts"]["account_linked"]["count"] == 1
    imported(api, "member_id,rank\nm1,silver\nm1,platinum\n")
    assert shown(api) == ("m1", "platinum", "dry")
    follow("U2")
    imported(api, "member_id,user_id\nm2,U2\n", "?fire=true")
    assert "gold" in sheet("U2")["tags"]
    for header, status in (("rank", 400), ("member_id,color", 400), ("member_id,attribute.no", 422)):
        answer = api.call("POST", f"{BASE}/members/import", f"{header}\n1,2\n", content_type="text/csv")
        assert answer.status_code == status, header


def test_an_import_of_friends_links_them(api: Api) -> None:
    """The column ``member_id``: who is not known becomes a member; what waited for them comes; another
    member's friend is an error of the line.
    """
    api.ok("POST", f"{BASE}/events", {"event_id": "e1", "member_id": "m1", "type": "custom:seen", "at": AT})
    api.ok("PUT", f"{BASE}/members/m2", {"rank": "silver", "attributes": {"skin": "dry"}})
    rows = "\n".join(f"{user},{member}" for user, member in (("U1", "m1"), ("U7", "m2"), ("U8", "")))
    for text in (f"user_id,member_id\n{rows}\n", "user_id,member_id\nU1,m2\n"):
        job = api.call("POST", f"{BASE}/friends/import", text, content_type="text/csv").json_body["job_id"]
        for body in drain("bulk"):
            if body["job"] == "import":
                JOBS["import"].run(body, 1)
        for body in drain("bulk"):
            JOBS[body["job"]].run(body, 1)
        work_off()
    body = api.ok("GET", f"{BASE}/jobs/{job}")
    assert [(e["line"], "m1" in e["message"]) for e in body["errors"]] == [(2, True)]
    assert shown(api)[0] == "m1"
    assert sheet()["facts"]["custom:seen"]["count"] == 1
    assert shown(api, "U7") == ("m2", "silver", "dry")
    assert api.ok("GET", f"{BASE}/members/m1")["user_ids"] == ["U1"]
    assert (
        api.ok("POST", f"{BASE}/segments/count", {"condition": {"member": {"rank": {"eq": "silver"}}}})[
            "count"
        ]
        == 1
    )
    assert api.ok("POST", f"{BASE}/segments/count", {"condition": {"friend": {"linked": True}}})["count"] == 2
