"""A friend's menu follows their sheet: at once, through crashes and races, to the end of a switch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.friends import store
from chalicelib.gateways import line
from chalicelib.reaction import service as reaction
from chalicelib.reaction.effects.service import Unfinished
from chalicelib.richmenus import due
from chalicelib.richmenus import store as standing
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from chalicelib.timers.service import Entry
from tests import menus_world
from tests.api_client import Api
from tests.menus_world import (
    A,
    Crashed,
    Line,
    a_friend,
    a_menu,
    a_shop,
    later,
    messaged,
    publish,
    put_menus,
    react,
    two_menus,
    user,
    work,
    world,
)
from tests.reasons_checked import words
from tests.roles import role_of

__all__ = ["world"]

RULE = {"name": "r", "when": {"event": "messaged", "match": {"text": "vip"}}, "then": [{"add_tag": "vip"}]}


@pytest.fixture
def api(world: Line) -> Api:
    """Two published menus, and a rule that makes a friend a VIP."""
    api = a_shop()
    two_menus(api)
    api.ok("PUT", f"{A}/rules/r", RULE)
    publish(api)
    later(world)
    return api


def sheet(n: int) -> dict[str, Any]:
    found = store.load("shop", menus_world.SHARDS, user(n))
    assert found is not None
    return found


def effects(n: int, id_: str = "e") -> list[dict[str, Any]]:
    activity = activities.find("shop", user(n), f"{id_}-{n}")
    assert activity is not None
    found: list[dict[str, Any]] = activity["effects"]
    return found


def test_one_friend_can_be_asked_about(api: Api, world: Line) -> None:
    """What they see, would see after a publication, and what decided; a blocked friend sees nothing."""
    menu = api.ok("GET", f"{A}/rich-menus/vip")
    api.ok("PUT", f"{A}/rich-menus/vip", menu | {"show": {"priority": 10, "until": iso(world.now)}})
    vip = api.ok("GET", f"{A}/friends/{user(1)}/rich-menu")
    assert (vip["published"], vip["planned"], vip["switched"]) == ("vip", "main", None)
    asked = [{"id": "vip", "is_open": False, "holds": True}, {"id": "main", "is_open": True, "holds": True}]
    assert vip["menus"] == asked
    a_friend(9, status="blocked")
    assert api.ok("GET", f"{A}/friends/{user(9)}/rich-menu")["planned"] is None
    api.refused(404, "GET", f"{A}/friends/{user(77)}/rich-menu")


def test_a_change_of_the_sheet_moves_the_friend(api: Api, world: Line) -> None:
    """Within the reaction itself; an event that changes nothing about it asks LINE nothing."""
    react(messaged(0, world))
    assert world.calls["richmenu"] == 0
    react(messaged(0, world, "vip", "v"))
    assert (world.sees(0), world.calls["richmenu"]) == ("vip", 1)
    assert [(e["action"], e["status"]) for e in effects(0, "v")] == [("follow_rich_menu", "done")]
    api.ok("PATCH", f"{A}/friends/{user(1)}", {"tags": {"remove": ["vip"]}})
    work()
    assert world.sees(1) == "main"
    assert user(1) not in world.links
    assert world.later == []


def test_new_friends_and_friends_who_come_back(api: Api, world: Line) -> None:
    """A new friend sees the default without a call; who comes back is linked again."""
    followed = messaged(9, world)
    react(replace(followed, type="followed", event_id="f9", props={}))
    assert (world.sees(9), world.calls["richmenu"]) == ("main", 0)
    react(replace(messaged(1, world), type="blocked", event_id="b1", props={}))
    world.links.clear()
    world.now += timedelta(minutes=1)
    react(replace(messaged(1, world), type="followed", event_id="f1", props={"is_unblocked": True}))
    assert world.sees(1) == "vip"


def test_it_is_done_whatever_crashes(api: Api, world: Line) -> None:
    """Killed before or after every crossing of the reaction, the friend ends on the menu of the sheet."""
    for after in (False, True):
        for crossing in range(1, 40):
            n = 1000 + 100 * after + crossing
            menus_world.a_friend(n)
            event = messaged(n, world, "vip")
            world.crossings, world.crash_at, world.after = 0, crossing, after
            try:
                reaction.react(event)
                died = False
            except Crashed:
                died = True
            world.crash_at = None
            reaction.react(event)
            assert world.sees(n) == "vip", (crossing, after)
            if not died:
                break
        else:
            raise AssertionError("more crossings than were tried")


def test_of_two_changes_the_last_counts(api: Api, world: Line) -> None:
    """A worker that is overtaken between its sheet and LINE links once more."""

    def meanwhile() -> None:
        store.update_paths("shop", menus_world.SHARDS, user(0), removes=[("tags", "vip")])
        world.links.pop(user(0), None)

    world.meanwhile["line:richmenu"] = meanwhile
    react(messaged(0, world, "vip"))
    assert (world.sees(0), world.calls["richmenu"]) == ("main", 2)


def test_while_a_walk_is_on_a_friend_is_looked_at_again(api: Api, world: Line) -> None:
    """The walk may have read the sheet before: it links last, and the second look puts it right."""
    standing.begin_walk("shop", "j", iso(world.now))
    react(messaged(0, world, "vip"))
    assert [body["job"] for body in world.later] == ["look_at_rich_menu"] * 2
    world.links.pop(user(0))  # what the walk does, by what it has read
    later(world)
    assert world.sees(0) == "vip"


def test_a_switch_is_above_the_rules_until_its_end(api: Api, world: Line) -> None:
    """A publication leaves it alone; its end brings the rules back, once the moment has come."""
    put_menus(api, sale=a_menu(api, "セール"))
    api.ok("PUT", f"{A}/rules/s", _switch({"menu": "sale", "for": "2h"}))
    publish(api)
    react(messaged(1, world, "sale"))
    assert (world.sees(1), sheet(1)["menu"]["until"]) == ("sale", iso(world.now + timedelta(hours=2)))
    assert effects(1)[0]["until"] == sheet(1)["menu"]["until"]
    publish(api)
    assert world.sees(1) == "sale"
    until = world.now + timedelta(hours=2)
    entry = Entry("shop", "rich_menu_end", user(1), 0, until)
    assert due.DUE["rich_menu_end"].has_moved_on([entry]) == [False]
    # Queues may bring it a second early.
    world.now = until - timedelta(seconds=0.9)
    _wake(1, until)
    assert (world.sees(1), "menu" in sheet(1)) == ("vip", False)
    assert due.DUE["rich_menu_end"].has_moved_on([entry]) == [True]


def _switch(value: Any) -> dict[str, Any]:
    return {
        "name": "s",
        "when": {"event": "messaged", "match": {"text": "sale"}},
        "then": [{"switch_rich_menu": value}],
    }


def _wake(n: int, due_at: Any) -> None:
    woken = {"account": "shop", "id": user(n), "version": 0, "due_at": iso(due_at), "body": {}}
    wake = due.DUE["rich_menu_end"].wake
    assert wake is not None
    with role_of("bulk"):
        wake([woken])


def test_the_end_of_a_switch_survives_a_crash_and_a_later_switch(api: Api, world: Line) -> None:
    """Cut off after LINE was asked, the entry stands and does it again; a later switch stays."""
    put_menus(api, sale=a_menu(api, "セール"))
    api.ok("PUT", f"{A}/rules/s", _switch({"menu": "sale", "for": "2h"}))
    publish(api)
    react(messaged(0, world, "sale"))
    until = world.now + timedelta(hours=2)
    world.now = until
    world.meanwhile["line:richmenu"] = _dies
    with pytest.raises(Crashed):
        _wake(0, until)
    entry = Entry("shop", "rich_menu_end", user(0), 0, until)
    assert due.DUE["rich_menu_end"].has_moved_on([entry]) == [False]
    react(messaged(0, world, "sale", "again"))
    _wake(0, until)
    assert (world.sees(0), sheet(0)["menu"]["until"]) == ("sale", iso(until + timedelta(hours=2)))


def _dies() -> None:
    raise Crashed


def test_back_to_the_rules(api: Api, world: Line) -> None:
    put_menus(api, sale=a_menu(api, "セール"))
    publish(api)
    api.ok("PUT", f"{A}/rules/s", _switch("sale"))
    react(messaged(0, world, "sale"))
    api.ok("PUT", f"{A}/rules/s", _switch({"by_rules": True}))
    world.now += timedelta(minutes=1)
    late = replace(messaged(0, world, "sale", "late"), at=iso(world.now - timedelta(hours=1)))
    react(late)
    assert (world.sees(0), effects(0, "late")[0]["status"]) == ("sale", "skipped")
    react(messaged(0, world, "sale", "back"))
    assert (world.sees(0), "menu" in sheet(0)) == ("main", False)


@pytest.mark.parametrize(
    "value",
    [
        {"menu": "main", "by_rules": True},
        {},
        {"by_rules": True, "for": "2h"},
        {"menu": "main", "for": "2h", "until": "2026-12-01T00:00:00Z"},
        {"menu": "main", "for": "0s"},
    ],
)
def test_a_switch_is_one_thing(api: Api, value: Any) -> None:
    assert api.paths(400, "PUT", f"{A}/rules/s", _switch(value))


def test_a_switch_to_what_is_not_published_fails_with_its_reason(api: Api, world: Line) -> None:
    put_menus(api, sale=a_menu(api, "セール"))
    api.ok("PUT", f"{A}/rules/s", _switch("sale"))
    react(messaged(0, world, "sale"))
    assert (effects(0)[0]["status"], words(effects(0)[0])) == (
        "failed",
        "the rich menu sale is not published",
    )


def test_lines_trouble_comes_again(api: Api, world: Line) -> None:
    """An answer that may be another one later keeps the event; the friend is linked in the end."""
    world.refuse["richmenu"] = [line.NoAnswer("timeout")]
    with pytest.raises(Unfinished):
        react(messaged(0, world, "vip"))
    react(messaged(0, world, "vip"))
    assert world.sees(0) == "vip"


def test_periods_move_friends_when_they_begin_and_end(api: Api, world: Line) -> None:
    """A menu for a fair: at its beginning those it is for are moved to it, at its end back again."""
    begins, ends = world.now + timedelta(hours=1), world.now + timedelta(hours=2)
    show = {"priority": 20, "from": iso(begins), "until": iso(ends), "if": {"not": {"tag": "vip"}}}
    put_menus(api, fair=a_menu(api, "フェア", show=show))
    publish(api)
    assert [world.sees(n) for n in range(3)] == ["main", "vip", "main"]
    for at, seen in ((begins, ["fair", "vip", "fair"]), (ends, ["main", "vip", "main"])):
        entry = Entry("shop", "rich_menus", "periods", 0, at)
        assert due.DUE["rich_menus"].has_moved_on([entry]) == [False]
        world.now = at
        wake = due.DUE["rich_menus"].wake
        assert wake is not None
        woken = {"account": "shop", "id": "periods", "version": 0, "due_at": iso(at), "body": {}}
        for _ in range(2):
            with role_of("bulk"):
                wake([woken])
        work()
        assert [world.sees(n) for n in range(3)] == seen
        assert due.DUE["rich_menus"].has_moved_on([entry]) == [True]
