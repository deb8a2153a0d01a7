"""The gateway's calls for rich menus, by the SDK, over HTTP against the simulated LINE."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from chalicelib.gateways import line, line_admin
from chalicelib.gateways.line_admin import Refused
from chalicelib.local.line import pictures
from chalicelib.richmenus import calls
from chalicelib.shared.settings import Settings
from tests.contract.test_line_sim_sdk import ANNA, Shop, shop

__all__ = ["shop"]
MENU: dict[str, Any] = {
    "size": {"width": 2500, "height": 843},
    "selected": True,
    "name": "todoku main",
    "chatBarText": "メニュー",
    "areas": [
        {
            "bounds": {"x": 0, "y": 0, "width": 2500, "height": 843},
            "action": {"type": "richmenuswitch", "richMenuAliasId": "b", "data": "tab=b", "label": "B"},
        }
    ],
}


@pytest.fixture
def there(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The gateways speak to the simulator."""
    url = f"http://127.0.0.1:{shop.server.server_port}"
    for gateway in (line, line_admin):
        monkeypatch.setattr(gateway, "settings", lambda: Settings(line_api_url=url, line_data_url=url))
    return shop


def test_a_menu_from_its_making_to_its_end(there: Shop) -> None:
    """Checked, made, given its picture, an alias, everybody and one friend; then taken away again."""
    calls.validate("token", MENU)
    menu = calls.create("token", MENU)
    assert (calls.menus("token"), calls.has_image("token", menu)) == ({menu: "todoku main"}, False)
    calls.set_image("token", menu, pictures.photo("menu"), "image/png")
    assert calls.has_image("token", menu)
    calls.put_alias("token", "a", menu, is_new=True)
    calls.put_alias("token", "a", menu, is_new=False)
    assert calls.aliases("token") == {"a": menu}
    assert (calls.default("token"), calls.of_friend("token", ANNA)) == (None, None)
    calls.set_default("token", menu)
    calls.link("token", menu, [ANNA])
    assert (calls.default("token"), calls.of_friend("token", ANNA)) == (menu, menu)
    assert there.api.get_rich_menu(menu).areas[0].action.rich_menu_alias_id == "b"
    calls.link("token", None, [ANNA])
    calls.set_default("token", None)
    assert (calls.default("token"), calls.of_friend("token", ANNA)) == (None, None)
    assert line.link_rich_menu("token", ANNA, menu).status == 200
    assert line.link_rich_menu("token", ANNA, None).status == 200
    assert calls.of_friend("token", ANNA) is None
    for _ in range(2):
        calls.delete_alias("token", "a")
        calls.delete("token", menu)
    assert (calls.menus("token"), calls.aliases("token")) == ({}, {})


def test_a_refusal_names_its_place(there: Shop) -> None:
    """LINE's own words and paths; what another try may mend is told apart."""
    wrong = {**MENU, "chatBarText": "あ" * 15}
    with pytest.raises(Refused) as caught:
        calls.validate("token", wrong)
    assert (caught.value.status, caught.value.may_work_later) == (400, False)
    assert [detail["property"] for detail in caught.value.details] == ["chatBarText"]
    with pytest.raises(Refused) as gone:
        calls.link("token", "richmenu-nope", [ANNA])
    assert gone.value.status == 404


def test_a_menu_goes_out_as_it_is_written(there: Shop) -> None:
    """Fourteen characters as LINE counts them, and a property that the SDK does not know."""
    family = "👨‍👩‍👧‍👦" * 14
    menu = calls.create("token", {**MENU, "chatBarText": family, "isNew": {"a": [1]}})
    assert _kept(there, menu)["chatBarText"] == family
    assert _kept(there, menu)["isNew"] == {"a": [1]}


def _kept(there: Shop, menu: str) -> dict[str, Any]:
    row = there.sim.store.one("SELECT menu FROM rich_menus WHERE id = ?", menu)
    found: dict[str, Any] = orjson.loads(row["menu"])
    return found
