"""Rich menus: published once whatever crashes, each friend shown theirs, nobody another account's."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.gateways import queues
from chalicelib.gateways.line_admin import Refused
from chalicelib.richmenus import moving, store
from chalicelib.shared import time_left
from chalicelib.shared.time_left import TimeLeft
from tests import menus_world
from tests.api_client import Api, a_key, an_account
from tests.few_looks import FewLooks
from tests.menus_world import (
    EVERYBODY,
    VIPS,
    A,
    Line,
    a_menu,
    a_shop,
    later,
    publish,
    put_menus,
    two_menus,
    work,
    world,
)

__all__ = ["world"]


@pytest.fixture
def api(world: Line) -> Api:
    return a_shop()


def test_menus_are_made_and_friends_are_moved(api: Api, world: Line) -> None:
    """Each menu once, with its picture; the default for everybody, a link for whom the rules name."""
    two_menus(api)
    plan = api.ok("GET", f"{A}/rich-menus/plan")
    assert plan["menus"] == [{"id": id_, "state": "new", "is_made": True} for id_ in ("main", "vip")]
    assert plan["moves"] == [
        {"from": None, "to": "main", "friends": 3, "linked": 0},
        {"from": None, "to": "vip", "friends": 2, "linked": 2},
    ]
    assert plan["default"] == {"from": None, "to": "main"}
    assert (plan["calls"]["create"], plan["calls"]["default"], plan["exact"]) == (2, 1, True)
    job = publish(api)
    assert (job["state"], job["result"]["moved"]) == ("done", 2)
    assert plan["calls"]["link"] == job["result"]["calls"] == world.calls["richmenu_bulk_link"]
    assert [world.sees(n) for n in range(5)] == ["main", "vip", "main", "vip", "main"]
    assert (world.calls["richmenu_create"], world.calls["richmenu_upload"]) == (2, 2)
    assert api.ok("GET", f"{A}/rich-menus/vip")["unpublished_changes"] is False
    again = api.ok("GET", f"{A}/rich-menus/plan")
    assert (again["moves"], again["calls"]["create"], again["calls"]["link"]) == ([], 0, 0)


def test_a_changed_menu_is_another_one(api: Api, world: Line) -> None:
    """Whoever has the old one gets the new one; the old one is deleted when nobody can be on it any more."""
    two_menus(api)
    publish(api)
    later(world)
    old = world.links[menus_world.user(1)]
    put_menus(api, vip=a_menu(api, "VIP 様", **VIPS))
    plan = api.ok("GET", f"{A}/rich-menus/plan")
    assert plan["moves"] == [{"from": "vip", "to": "vip", "friends": 2, "linked": 2}]
    assert publish(api)["result"]["moved"] == 2
    assert world.links[menus_world.user(1)] != old
    world.now += 2 * menus_world.DAY
    later(world)
    assert old not in world.menus
    assert len(world.menus) == 2
    assert [world.sees(n) for n in range(3)] == ["main", "vip", "main"]


def test_two_walks_at_once_are_followed_by_another(api: Api, world: Line) -> None:
    """LINE may do last what was asked first: in the end everybody is linked again."""
    two_menus(api)
    publish(api)
    vip = a_menu(api, "VIP 様", **VIPS)
    put_menus(api, vip=vip)
    publish(api)
    world.links[menus_world.user(0)] = world.links[menus_world.user(1)]
    later(world)
    work()
    later(world)
    assert [world.sees(n) for n in range(5)] == ["main", "vip", "main", "vip", "main"]
    assert store.find("shop") == store.Standing(through=store.find("shop").through)


def test_a_friend_whom_line_does_not_know_stops_nobody(api: Api, world: Line) -> None:
    """LINE refuses a whole call for one of its friends: the others are linked all the same."""
    for n in range(11, 40, 2):
        menus_world.a_friend(n, tags={"vip": {"since": menus_world.AT, "by": "x", "at": menus_world.AT}})
    two_menus(api)
    world.unknown = {menus_world.user(17), menus_world.user(3)}
    job = publish(api)
    assert (job["state"], job["result"]["moved"], job["result"]["refused"]) == ("done", 15, 2)
    assert len(world.links) == 15


def test_a_walk_goes_on_where_it_was(api: Api, world: Line) -> None:
    """Without time for a second menu or page: nobody is left out, nothing begins anew."""
    for n in range(11, 40, 2):
        menus_world.a_friend(n, tags={"vip": {"since": menus_world.AT, "by": "x", "at": menus_world.AT}})
    two_menus(api)
    no_time = TimeLeft(FewLooks(0).get_remaining_time_in_millis)
    with patch.object(moving, "_PAGE", 2), patch.object(time_left, "current", lambda: no_time):
        job = publish(api)
    assert job["state"] == "done"
    assert world.links.keys() == {menus_world.user(n) for n in (1, 3, *range(11, 40, 2))}


def test_a_menu_that_went_meanwhile_is_made_again(api: Api, world: Line) -> None:
    """Deleted at LINE between the commit and its walk, by whomever: the same message makes it anew."""
    two_menus(api)
    job = publish(api)["job_id"]
    gone = world.links[menus_world.user(1)]
    del world.menus[gone], world.images[gone]
    world.links.clear()
    menus_world.run({"job": "publish_rich_menus", "account": "shop", "id": job})
    again = publish(api)
    assert again["state"] == "done"
    assert [world.sees(n) for n in range(5)] == ["main", "vip", "main", "vip", "main"]
    assert gone not in world.links.values()


def test_a_picture_of_a_menu_is_kept(api: Api) -> None:
    """A file that a menu names by its id cannot be deleted."""
    body = a_menu(api)
    put_menus(api, m=body)
    assert api.paths(422, "DELETE", f"{A}/media/{body['image']}") == ["rich-menus/m"]
    api.ok("DELETE", f"{A}/rich-menus/m")
    api.ok("DELETE", f"{A}/media/{body['image']}")


def test_a_removed_menu_is_taken_away(api: Api, world: Line) -> None:
    two_menus(api)
    publish(api)
    for menu in ("main", "vip"):
        api.ok("DELETE", f"{A}/rich-menus/{menu}")
    assert {one["state"] for one in api.ok("GET", f"{A}/rich-menus/plan")["menus"]} == {"removed"}
    assert publish(api)["state"] == "done"
    assert (world.links, world.default) == ({}, None)


def test_published_again_it_repairs(api: Api, world: Line) -> None:
    """With nothing changed everybody is linked anew, whatever LINE has."""
    two_menus(api)
    publish(api)
    world.links = {menus_world.user(0): world.links[menus_world.user(1)]}
    world.default = None
    publish(api)
    assert [world.sees(n) for n in range(5)] == ["main", "vip", "main", "vip", "main"]
    assert world.calls["richmenu_create"] == 2


def test_tabs_lead_to_the_menus_of_now(api: Api, world: Line) -> None:
    """An alias follows its menu; a tab that leads nowhere is refused, and so is an alias of two."""
    area = {
        "bounds": {"x": 0, "y": 0, "width": 600, "height": 600},
        "action": {"type": "richmenuswitch", "richMenuAliasId": "shop-b", "data": "tab=b"},
    }
    first = a_menu(api, alias="shop-a", **EVERYBODY)
    first["rich_menu"]["areas"].append(area)
    warned = api.ok("PUT", f"{A}/rich-menus/a", first)
    path = "rich_menu.areas[1].action.richMenuAliasId"
    assert [one["path"] for one in warned["warning_details"]] == [path]
    assert api.paths(422, "POST", f"{A}/rich-menus/publish", {}) == [f"rich-menus.a.{path}"]
    put_menus(api, b=a_menu(api, "B", alias="shop-b"))
    assert api.paths(422, "PUT", f"{A}/rich-menus/c", a_menu(api, alias="shop-b")) == ["alias"]
    publish(api)
    assert {alias: world.menus[menu]["name"].split()[1] for alias, menu in world.aliases.items()} == {
        "shop-a": "a",
        "shop-b": "b",
    }
    put_menus(api, b=a_menu(api, "B2", alias="shop-b"))
    publish(api)
    assert world.menus[world.aliases["shop-b"]]["chatBarText"] == "B2"


def an_area(*, x: int = 0, width: int = 9, type: str = "message") -> dict[str, Any]:  # noqa: A002 (LINE's word)
    bounds = {"x": x, "y": 0, "width": width, "height": 9}
    return {"bounds": bounds, "action": {"type": type, "text": "x", "label": "x"}}


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"rich_menu": {"size": {"width": 700, "height": 250}, "areas": []}}, "rich_menu.size.width"),
        ({"rich_menu": {"size": {"width": 1200, "height": 900}, "areas": []}}, "rich_menu.size.height"),
        ({"rich_menu": {"chatBarText": "あ" * 15}}, "rich_menu.chatBarText"),
        ({"rich_menu": {"areas": [an_area(x=1000, width=201)]}}, "rich_menu.areas[0].bounds.width"),
        ({"rich_menu": {"areas": [an_area(type="camera")]}}, "rich_menu.areas[0].action.type"),
        ({"alias": "Großer"}, "alias"),
        ({"show": {"from": "2026-01-02T00:00:00Z", "until": "2026-01-02T00:00:00Z"}}, "show"),
        ({"show": {"if": {"taggg": "x"}}}, "show.if.taggg"),
        ({"image": "../x"}, "image"),
    ],
)
def test_what_line_refuses_is_refused_when_saved(api: Api, change: dict[str, Any], path: str) -> None:
    body = a_menu(api)
    menu = body["rich_menu"] | change.pop("rich_menu", {})
    assert api.paths(400, "PUT", f"{A}/rich-menus/m", {**body, **change, "rich_menu": menu}) == [path]


def test_a_picture_must_be_as_large_as_its_menu(api: Api, world: Line) -> None:
    body = a_menu(api)
    body["rich_menu"]["size"]["width"] = 1199
    body["rich_menu"]["areas"] = []
    put_menus(api, m=body)
    assert api.paths(422, "POST", f"{A}/rich-menus/publish", {}) == ["rich-menus.m.image"]
    put_menus(api, m=a_menu(api) | {"image": "0" * 26})
    assert api.paths(422, "POST", f"{A}/rich-menus/publish", {}) == ["rich-menus.m.image"]
    body = a_menu(api)
    del body["image"]
    put_menus(api, m=body)
    assert api.paths(422, "POST", f"{A}/rich-menus/publish", {}) == ["rich-menus.m.image"]
    assert world.calls["richmenu_create"] == 0


def test_line_has_its_say_before_anything_is_made(api: Api, world: Line) -> None:
    """What LINE's own check refuses is told with its place; while LINE is away nothing is published."""
    two_menus(api)
    details = [{"property": "areas[0].action.text", "message": "May not be empty"}]
    world.refuse["richmenu_validate"] = [Refused(400, "LINE answered 400", "invalid", details)]
    path = ["rich-menus.main.rich_menu.areas[0].action.text"]
    assert api.paths(422, "POST", f"{A}/rich-menus/publish", {}) == path
    world.refuse["richmenu_validate"] = [Refused(None, "LINE did not answer")]
    api.refused(503, "POST", f"{A}/rich-menus/publish", {})
    assert api.ok("GET", f"{A}/rich-menus/vip")["published_id"] is None


def test_nothing_to_publish_is_reported(api: Api) -> None:
    api.ok("PUT", f"{A}/rich-menus/draft", {"name": "下書き"})
    assert api.refused(422, "POST", f"{A}/rich-menus/publish", {})["reason"]["code"] == "menus_none"


def test_lines_trouble_is_waited_out(api: Api, world: Line) -> None:
    """A refusal for now puts the work off; one for good ends the job with LINE's words."""
    two_menus(api)
    world.refuse["richmenu_create"] = [Refused(429, "LINE answered 429")]
    job = publish(api)
    assert (job["state"], [body["job"] for body in world.later]) == ("running", ["publish_rich_menus"])
    world.refuse["richmenu_bulk_link"] = [Refused(500, "LINE answered 500")]
    later(world)
    work()
    assert [body["job"] for body in world.later if body["job"] == "move_rich_menus"] != []
    later(world)
    work()
    assert [world.sees(n) for n in range(5)] == ["main", "vip", "main", "vip", "main"]
    assert api.ok("GET", f"{A}/jobs/{job['job_id']}")["state"] == "done"
    put_menus(api, vip=a_menu(api, "other", **VIPS))
    world.refuse["richmenu_create"] = [Refused(400, "LINE answered 400", "no")]
    failed = publish(api)
    assert (failed["state"], failed["errors"][0]["message"]) == ("failed", "LINE answered 400: no")


def test_a_publication_is_a_publishers_and_of_one_account(api: Api, world: Line) -> None:
    """An editor may plan; another account's menus and friends are left alone."""
    two_menus(api)
    a_key(api, "viewer", "shop").ok("GET", f"{A}/rich-menus/plan")
    a_key(api, "editor", "shop").refused(403, "POST", f"{A}/rich-menus/publish", {})
    an_account(api, "other")
    a_key(api, "publisher", "other").refused(403, "POST", f"{A}/rich-menus/publish", {})
    assert api.refused(422, "POST", "/v1/accounts/other/rich-menus/publish", {})
    publish(api)
    assert api.ok("GET", "/v1/accounts/other/rich-menus/plan")["menus"] == []


def test_a_publication_survives_every_crash(api: Api, world: Line) -> None:
    """Killed before or after any crossing, the message does it again: each menu once, friends moved."""
    two_menus(api)
    vip = a_menu(api, **VIPS)
    publish(api)
    for crossing in range(1, 200, 3):
        vip["rich_menu"]["chatBarText"] = f"VIP {crossing}"
        put_menus(api, vip=vip)
        job = api.ok("POST", f"{A}/rich-menus/publish", {})["job_id"]
        world.crossings, world.crash_at, world.after = 0, crossing // 2 + 1, bool(crossing % 2)
        died = dies(world)
        world.crash_at = None
        work()
        assert world.calls["richmenu_create"] == 2 + (crossing + 2) // 3
        assert [world.sees(n) for n in range(5)] == ["main", "vip", "main", "vip", "main"]
        assert world.menus[world.links[menus_world.user(1)]]["chatBarText"] == f"VIP {crossing}"
        assert api.ok("GET", f"{A}/jobs/{job}")["state"] == "done"
        if not died:
            return
    raise AssertionError("more crossings than were tried")


def dies(world: Line) -> bool:
    """Work until the process dies; what was in its hands comes again, as queues do."""
    waiting: list[dict[str, Any]] = []
    for _ in range(10):
        waiting += [*menus_world.drain("bulk")]
        while waiting:
            body = waiting[0]
            try:
                menus_world.run(body)
            except menus_world.Crashed:
                world.crash_at = None
                for one in waiting:
                    queues.send("bulk", one)
                return True
            waiting.pop(0)
    return False
