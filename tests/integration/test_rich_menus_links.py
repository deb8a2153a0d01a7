"""Areas of a menu that open a tracked link, a form or the friend's page: behind LIFF, so that taps count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.shared.settings import settings
from tests.api_client import Api
from tests.menus_world import A, Line, a_menu, a_shop, messaged, publish, put_menus, react, world

__all__ = ["world"]

LIFF = "2000000001-abcdefgh"


@pytest.fixture
def api(world: Line) -> Api:
    api = a_shop()
    api.ok("PUT", f"{A}/links/spring", {"name": "春", "url": "https://shop.example/spring"})
    api.ok("PUT", f"{A}/forms/skin", {"name": "診断", "web": True, "questions": [{"id": "q", "text": "?"}]})
    return api


def with_liff(api: Api) -> None:
    account = api.ok("GET", A)
    kept = {name: account[name] for name in ("name", "time_zone", "shards")}
    secrets = {"channel_secret": "s", "channel_access_token": "t"}
    login = {"liff_id": LIFF, "login_channel_id": "2000000001", "login_channel_secret": "7" * 32}
    api.ok("PUT", A, kept | secrets | login)


def opening(api: Api, *uris: str) -> dict[str, Any]:
    """A menu whose areas open these."""
    body: dict[str, Any] = a_menu(api, "links")
    bounds = {"x": 0, "y": 0, "width": 9, "height": 9}
    body["rich_menu"]["areas"] = [{"bounds": bounds, "action": {"type": "uri", "uri": uri}} for uri in uris]
    return body


def test_areas_open_links_forms_and_the_friends_page_through_liff(api: Api, world: Line) -> None:
    """LINE is given the address for everybody; the document keeps what its author wrote."""
    with_liff(api)
    uris = ('{{ link("spring") }}', '{{form("skin")}}', "{{ preferences_url }}", "https://shop.example/")
    put_menus(api, links=opening(api, *uris))
    publish(api)
    made = next(menu for menu in world.menus.values() if " links " in menu["name"])
    assert [area["action"]["uri"] for area in made["areas"]] == [
        f"{settings().line_liff_url}/{LIFF}/r/shop.spring",
        f"{settings().line_liff_url}/{LIFF}/f/skin",
        f"{settings().line_liff_url}/{LIFF}/p",
        "https://shop.example/",
    ]
    kept = api.ok("GET", f"{A}/rich-menus/links")["rich_menu"]["areas"]
    assert [area["action"]["uri"] for area in kept] == list(uris)
    api.refused(422, "DELETE", f"{A}/links/spring")


def test_taps_on_a_tracked_link_are_its_clicks(api: Api, world: Line) -> None:
    with_liff(api)
    put_menus(api, links=opening(api, '{{ link("spring") }}', "https://shop.example/"))
    for n in (0, 1, 2):
        tapped = replace(messaged(n, world, id_=f"tap{world.crossings}"), type="link_clicked", key="spring")
        react(replace(tapped, props={"link": "spring"}))
    found = api.ok("GET", f"{A}/rich-menus/links/taps?to=2026-11-22")["areas"]
    assert [(one["link"], one["taps"], one["friends"]) for one in found] == [
        ("spring", 3, 3),
        (None, None, None),
    ]


def test_without_a_liff_app_it_is_reported_and_not_published(api: Api, world: Line) -> None:
    answer = api.ok("PUT", f"{A}/rich-menus/links", opening(api, '{{ link("spring") }}'))
    path = "rich_menu.areas[0].action.uri"
    assert (path, "menu_without_liff") in [
        (d["path"], d["reason"]["code"]) for d in answer["warning_details"]
    ]
    refused = api.refused(422, "POST", f"{A}/rich-menus/publish", {})
    assert "menu_without_liff" in [one["reason"]["code"] for one in refused["details"]]


@pytest.mark.parametrize(
    "uri",
    [
        '{{ link("spring") }}?x=1',
        "https://shop.example/{{ friend.user_id }}",
        "{{ friend.user_id }}",
        '{{ link("spring") | upper }}',
        '{{ coupon("one") }}',
        "{{ link(",
    ],
)
def test_other_variables_are_refused(api: Api, uri: str) -> None:
    """A menu is the same for everybody."""
    error = api.refused(400, "PUT", f"{A}/rich-menus/links", opening(api, uri))
    assert [(d["path"], d["reason"]["code"]) for d in error["details"]] == [
        ("rich_menu.areas[0].action.uri", "menu_address")
    ]


def test_a_link_must_be_there(api: Api) -> None:
    api.refused(422, "PUT", f"{A}/rich-menus/links", opening(api, '{{ link("nope") }}'))
