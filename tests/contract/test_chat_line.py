"""The chat's calls over HTTP against the simulated LINE: contents, the loading indicator, rich menus."""

from __future__ import annotations

import pytest

from chalicelib.gateways import line
from chalicelib.shared.settings import Settings
from tests.contract.test_line_sim_sdk import ANNA, Shop, shop

__all__ = ["shop"]


@pytest.fixture
def there(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The gateway speaks to the simulator."""
    url = f"http://127.0.0.1:{shop.server.server_port}"
    monkeypatch.setattr(line, "settings", lambda: Settings(line_api_url=url, line_data_url=url))
    return shop


def test_a_content_is_read_to_its_end(there: Shop) -> None:
    """Bytes and type; a larger one than wanted is 413; an unknown one 404; an unsent one 410."""
    answer = there.sim_request(
        "POST", f"friends/{ANNA}/message", {"account": "shop", "message": {"type": "image"}}
    )
    message = answer.body["events"][0]["message"]["id"]
    found = line.content("token", message, 1 << 20)
    assert (found.status, found.content_type) == (200, "image/png")
    assert found.body is not None
    with found.body as body:
        assert body.read(4) == b"\x89PNG"
    assert line.content("token", message, 10).status == 413
    assert line.content("token", "nope", 10).status == 404
    there.sim_request("POST", f"friends/{ANNA}/unsend", {"account": "shop", "message_id": message})
    assert line.content("token", message, 1 << 20).status == 410


def test_the_loading_indicator_is_taken(there: Shop) -> None:
    """202 for a friend; LINE's refusal for a length it does not know."""
    assert line.show_loading("token", ANNA, 20).status == 202
    assert line.show_loading("token", ANNA, 7).status == 400


def test_linking_a_rich_menu(there: Shop) -> None:
    """A menu that LINE does not have is refused with words."""
    answer = line.link_rich_menu("token", ANNA, "richmenu-nope")
    assert answer.status == 404
    assert answer.message


def test_nobody_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection says nothing about the content."""
    nowhere = Settings(line_api_url="http://127.0.0.1:9", line_data_url="http://127.0.0.1:9")
    monkeypatch.setattr(line, "settings", lambda: nowhere)
    with pytest.raises(line.NoAnswer):
        line.content("token", "1", 10)
