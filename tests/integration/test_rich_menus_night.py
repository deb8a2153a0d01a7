"""What LINE shows against what is published: the doctor tells, the night repairs; and what is tapped."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.gateways.line_admin import Refused
from chalicelib.ops.doctor import doctor
from chalicelib.richmenus import store
from chalicelib.shared.times import iso
from tests import hours, menus_world
from tests.api_client import Api
from tests.menus_world import (
    A,
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
from tests.roles import role_of

__all__ = ["world"]

NIGHT = datetime(2026, 11, 22, 19, 37, tzinfo=UTC)
"""4:37 in Tokyo."""


@pytest.fixture
def api(world: Line) -> Api:
    api = a_shop()
    two_menus(api)
    publish(api)
    later(world)
    return api


def night(world: Line) -> None:
    world.now = NIGHT
    hours.ask(world.now)
    work()


def problems() -> list[tuple[str, Any]]:
    with role_of("ops"):
        found = doctor("shop")["problems"]
    return sorted((p["kind"], p.get("menu") or p.get("alias") or p.get("user_id")) for p in found)


def test_nothing_drifts_by_itself(api: Api, world: Line) -> None:
    """The doctor finds nothing, the night counts nothing, and only by the account's own clock."""
    assert problems() == []
    hours.ask(NIGHT - timedelta(hours=1))
    hours.ask(NIGHT - timedelta(minutes=1))
    calls = world.calls.copy()
    work()
    assert world.calls == calls
    night(world)
    drift = store.find("shop").drift
    assert drift is not None
    assert (drift["looked_at"], drift["friends"], drift["menus"], drift["default"]) == (5, 0, [], False)


def test_the_night_repairs_what_drifted(api: Api, world: Line) -> None:
    """Links, default and aliases that somebody changed at LINE, and a menu that somebody deleted there."""
    put_menus(api, tab=a_menu(api, "tab", alias="tab"))
    publish(api)
    later(world)
    main, vip = world.default, world.links[user(1)]
    assert main is not None
    world.links[user(0)] = vip
    world.links[user(2)] = world.aliases["tab"]  # tapped: no drift
    world.default, world.aliases["tab"] = None, vip
    del world.menus[main], world.images[main]
    assert problems() == [
        ("rich_menu_alias", "tab"),
        ("rich_menu_default", None),
        ("rich_menu_drift", user(0)),
        ("rich_menu_missing", "main"),
    ]
    night(world)
    assert [world.sees(n) for n in range(5)] == ["main", "vip", "main", "vip", "main"]
    drift = store.find("shop").drift
    assert drift is not None
    assert (drift["friends"], drift["menus"], drift["default"], drift["aliases"]) == (
        1,
        ["main"],
        True,
        ["tab"],
    )
    assert problems() == []
    assert api.ok("GET", f"{A}/rich-menus/main")["unpublished_changes"] is False


def test_time_alone_moves_friends_at_night(api: Api, world: Line) -> None:
    """Whom a window has let go of sees the default from the night on."""
    lately = {"event": {"type": "messaged", "within": "1d"}}
    put_menus(api, lively=a_menu(api, "lively", show={"if": lately, "priority": 30}))
    publish(api)
    react(messaged(0, world))
    assert world.sees(0) == "lively"
    world.now += timedelta(days=2)
    night_later = NIGHT + timedelta(days=3)
    world.now = night_later
    hours.ask(night_later)
    work()
    assert world.sees(0) == "main"


def test_a_night_of_lines_trouble_is_tried_again(api: Api, world: Line) -> None:
    world.refuse["richmenu_list"] = [Refused(503, "LINE answered 503")]
    assert [kind for kind, _ in problems()] == ["rich_menus_unknown"]
    world.refuse["richmenu_list"] = [Refused(503, "LINE answered 503")]
    world.links.clear()
    night(world)
    assert [body["job"] for body in world.later] == ["repair_rich_menus"]
    later(world)
    work()
    assert world.sees(1) == "vip"


def test_a_walk_that_died_is_forgotten(api: Api, world: Line) -> None:
    """Its messages are gone; nothing waits for it for ever."""
    store.begin_walk("shop", "dead", iso(NIGHT - timedelta(days=3)))
    night(world)
    later(world)
    assert store.find("shop").walks == {}


def test_an_account_without_menus_asks_line_nothing(world: Line) -> None:
    a_shop()
    night(world)
    assert [name for name in world.calls if name.startswith("richmenu")] == []
    assert problems() == []


def test_what_is_tapped_is_counted_by_area(api: Api, world: Line) -> None:
    """Postbacks and tabs, by friends and days; of an address nothing is told."""
    body = a_menu(api, "taps")
    bounds = {"x": 0, "y": 0, "width": 9, "height": 9}
    body["rich_menu"]["areas"] = [
        {"bounds": bounds, "action": {"type": "postback", "data": "menu=reserve", "label": "予約"}},
        {"bounds": bounds, "action": {"type": "uri", "uri": "https://shop.example/"}},
        {"bounds": bounds, "action": {"type": "postback", "data": "menu=never"}},
    ]
    put_menus(api, taps=body)
    for n, times in ((0, 2), (1, 1)):
        for time in range(times):
            event = messaged(n, world, id_=f"tap{time}")
            react(replace(event, type="postback", props={"data": "menu=reserve", "params": None}))
    found = api.ok("GET", f"{A}/rich-menus/taps/taps?to=2026-11-22")
    assert [(a["type"], a["taps"], a["friends"]) for a in found["areas"]] == [
        ("postback", 3, 2),
        ("uri", None, None),
        ("postback", 0, 0),
    ]
    assert found["exact"] is True
    before = api.ok("GET", f"{A}/rich-menus/taps/taps?from=2026-11-01&to=2026-11-20")
    assert before["areas"][0]["taps"] == 0
    for query in ("from=x", "from=2026-11-02&to=2026-11-01", "from=2026-01-01&to=2026-11-01"):
        api.refused(400, "GET", f"{A}/rich-menus/taps/taps?{query}")
    api.refused(404, "GET", f"{A}/rich-menus/nope/taps")


def test_a_menu_is_drawn(api: Api) -> None:
    """With its picture, areas and words, whatever they hold; nothing in it runs or loads."""
    body = a_menu(api, '<"&>')
    body["rich_menu"]["chatBarText"] = "\u0001"
    body["rich_menu"]["areas"][0]["action"]["label"] = "<script>x</script>"
    put_menus(api, m=body)
    answer = api.call("GET", f"{A}/rich-menus/m/preview.svg")
    assert answer.status_code == 200
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; img-src data:"
    assert answer.headers["Content-Type"] == "image/svg+xml"
    root = ET.fromstring(answer.body.decode())
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert (names.count("image"), names.count("script"), names[0]) == (1, 0, "svg")
    assert root[0].text == '<"&>'
    assert "script" in str(root[1].text)
    api.ok("PUT", f"{A}/rich-menus/kept", {"name": "kept", "rich_menu_id": "richmenu-kept"})
    api.refused(404, "GET", f"{A}/rich-menus/kept/preview.svg")
    api.refused(404, "GET", f"{A}/rich-menus/nope/preview.svg")


def test_a_friend_of_no_kind_that_line_knows_is_left_out(api: Api, world: Line) -> None:
    """One id of another kind would have LINE refuse the whole page."""
    sheet = menus_world.new_sheet("shop", "test-user", menus_world.AT) | {"status": "following"}
    assert menus_world.store.create_or_update("shop", menus_world.SHARDS, "test-user", None, sheet, None)
    a_friend(77, status="blocked", tags={"vip": {"since": menus_world.AT, "by": "x", "at": menus_world.AT}})
    publish(api)
    assert {"test-user", user(77)} & world.links.keys() == set()
