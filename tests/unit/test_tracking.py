"""Addresses that are tracked on request: which, in whose place a link stands, and what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.messages import checks, tracking
from chalicelib.messages.render import render
from chalicelib.shared.settings import settings
from tests.reaction_builders import a_catalog

SHOP = "https://shop.example/a?b=1"


def text(words: str, **fields: Any) -> dict[str, Any]:
    return {"track": True, "messages": [{"type": "text", "text": words, **fields}]}


def only_link(body: dict[str, Any]) -> str:
    (id_,) = tracking.links(body)
    return f'{{{{ link("{id_}") }}}}'


@pytest.mark.parametrize(
    ("before", "address", "after"),
    [
        ("見て ", SHOP, "。"),
        ("", SHOP, ""),
        ("😀（", SHOP, "）"),
        ("see ", SHOP, "."),
        ("『", "HTTPS://Shop.Example/%E3%81%82", "』!"),
    ],
)
def test_an_address_in_a_text_is_a_link(before: str, address: str, after: str) -> None:
    """What stands around it stays, to the last dot."""
    body = text(before + address + after)
    assert tracking.tracked(body)["messages"][0]["text"] == before + only_link(body) + after


@pytest.mark.parametrize(
    "address",
    [
        "tel:0312345678",
        "https://liff.line.me/1-a",
        "https://line.me/R/x",
        f"{settings().public_url}/r/shop.spring",
        f"{settings().public_url}/media/shop/1/original.jpg",
        "https://shop.example/{{ friend.user_id }}",
        "https://shop.example/?u={{ friend.user_id }}",
        "https://",
        "https://shop.example/" + "x" * 1000,
    ],
)
def test_what_is_left_alone(address: str) -> None:
    """What LINE opens itself, what is ours, what is each friend's own, what no link could keep."""
    body = text(address)
    body["messages"].append({"type": "template", "template": {"actions": [{"type": "uri", "uri": address}]}})
    assert tracking.links(body) == {}
    assert tracking.tracked(body)["messages"] == body["messages"]
    assert tracking.links({**text(SHOP), "track": False}) == {}


def test_each_address_is_one_link_wherever_it_is() -> None:
    """In texts, behind buttons, in Flex and quick replies; the same with other utm is another."""
    action = {"type": "uri", "label": "x", "uri": SHOP}
    flex = {
        "type": "flex",
        "contents": {"body": {"contents": [{"type": "text", "text": SHOP, "action": action}]}},
    }
    body: dict[str, Any] = {
        "track": {"utm": {"source": "line", "campaign": "春"}},
        "messages": [{"type": "text", "text": SHOP, "quickReply": {"items": [{"action": action}]}}, flex],
    }
    ((id_, link),) = tracking.links(body).items()
    assert link == {
        "url": SHOP,
        "name": "shop.example/a?b=1",
        "tags": [],
        "utm": {"source": "line", "campaign": "春"},
    }
    assert id_ not in tracking.links(text(SHOP))
    made = tracking.tracked(body)["messages"]
    assert made[1]["contents"]["body"]["contents"][0]["text"] == SHOP  # no tap opens it
    assert [path for path, _ in tracking.named(body)] == [
        "messages[0].text",
        "messages[0].quickReply.items[0].action.uri",
        "messages[1].contents.body.contents[0].action.uri",
    ]
    assert str(made).count(f'link("{id_}")') == 3
    assert tracking.tracked(tracking.tracked(body)) == tracking.tracked(body)


def test_emojis_stay_at_their_places() -> None:
    """The address before them became another text, of another length."""
    emoji = {"index": 27 + 2, "productId": "p", "emojiId": "e"}
    body = text(f"😀{SHOP} $ {SHOP}", emojis=[{**emoji}])
    assert body["messages"][0]["text"].encode("utf-16-le")[58:60] == b"$\0"
    snapshot = a_catalog(links=tracking.links(body))
    (made,) = render(body, {"user_id": "U1"}, snapshot, None)  # type: ignore[arg-type]
    place = made["emojis"][0]["index"]
    assert made["text"].encode("utf-16-le")[2 * place : 2 * place + 2] == b"$\0"
    assert made["text"].count("/r/") == 2
    assert checks.check([made]) == []
