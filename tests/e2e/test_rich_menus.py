"""Rich menus on the laptop, end to end: published at the simulated LINE, followed, tapped, kept in order."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from chalicelib.local.client import Client, until
from tests.e2e.platform import Platform
from tests.media_builders import a_picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(280)]

A = "/v1/accounts/shop"
WIDE, HIGH = 1200, 600


def user(number: int) -> str:
    return "U" + hashlib.md5(str(number).encode()).hexdigest()


def a_menu(platform: Platform, text: str, *actions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    wide = WIDE // len(actions)
    areas = [
        {"bounds": {"x": n * wide, "y": 0, "width": wide, "height": HIGH}, "action": action}
        for n, action in enumerate(actions)
    ]
    headers = {"Content-Type": "image/jpeg"}
    _, image = platform.api.raw("POST", f"{A}/media", a_picture(WIDE, HIGH), headers)
    menu = {"size": {"width": WIDE, "height": HIGH}, "selected": True, "chatBarText": text, "areas": areas}
    return {"name": text, "rich_menu": menu, "image": json.loads(image)["id"], **fields}


def publish(platform: Platform) -> dict[str, Any]:
    job = platform.api.post(f"{A}/rich-menus/publish", {})["job_id"]

    def done() -> Any:
        found = platform.api.get(f"{A}/jobs/{job}")
        return found if found["state"] != "running" else None

    found: dict[str, Any] = until("the menus are published", done)
    return found


def test_from_documents_to_the_phone_and_back(tmp_path: Path) -> None:
    """Each phone shows its friend's menu, a new tag moves it within seconds, tabs and taps are counted."""
    platform = Platform(tmp_path)
    platform.start()
    sim = Client(f"http://127.0.0.1:{platform.sim_port}")
    try:
        _story(platform, sim)
    finally:
        sim.close()
        platform.kill()


def _story(platform: Platform, sim: Client) -> None:
    api = platform.api
    api.put(A, {"name": "店", "channel_secret": "secret", "channel_access_token": "token"})
    api.put(f"{A}/tags/vip", {"name": "VIP"})
    for n in range(3):
        sim.post("/_sim/friends", {"account": "shop", "user_id": user(n), "display_name": f"友{n}"})
        sim.post(f"/_sim/friends/{user(n)}/follow", {"account": "shop"})
    until("they are friends", lambda: len(api.items(f"{A}/friends")) == 3)

    def shown(n: int) -> str | None:
        menu = sim.get(f"/_sim/friends/{user(n)}/timeline?account=shop")["rich_menu"]
        return menu and str(menu["chatBarText"])

    reserve = {"type": "postback", "data": "menu=reserve", "label": "予約"}
    tab = {"type": "richmenuswitch", "richMenuAliasId": "more", "data": "tab=more"}
    api.put(f"{A}/rich-menus/main", a_menu(platform, "main", reserve, tab, show={}))
    api.put(f"{A}/rich-menus/more", a_menu(platform, "more", reserve, alias="more"))
    vips = {"if": {"tag": "vip"}, "priority": 5}
    api.put(f"{A}/rich-menus/vip", a_menu(platform, "vip", reserve, show=vips))
    assert publish(platform)["state"] == "done"
    assert [shown(n) for n in range(3)] == ["main"] * 3
    began = time.monotonic()
    api.call("PATCH", f"{A}/friends/{user(1)}", {"tags": {"add": ["vip"]}})
    until("the menu follows the tag", lambda: shown(1) == "vip")
    assert time.monotonic() - began < 5
    sim.post(f"/_sim/friends/{user(0)}/switch", {"account": "shop", "alias": "more", "data": "tab=more"})
    assert shown(0) == "more"
    sim.post(f"/_sim/friends/{user(0)}/postback", {"account": "shop", "data": "menu=reserve"})

    def tapped() -> list[tuple[int, int]]:
        areas = api.get(f"{A}/rich-menus/main/taps")["areas"]
        return [(area["taps"], area["friends"]) for area in areas]

    until("taps are counted", lambda: tapped() == [(1, 1), (1, 1)])
