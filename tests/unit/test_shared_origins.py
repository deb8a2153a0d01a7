"""Addresses that are kept: one way to write them, and nothing that two readers read differently."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.messages import untracked
from chalicelib.shared.origins import BadAddress, normal, origin_of

NORMAL = {
    "https://shop.jp/50%off?x=%&y=%zz#%": "https://shop.jp/50%25off?x=%25&y=%25zz#%25",
    "https://shop.example/spring": "https://shop.example/spring",
    "https://shop.example/春セール?色=赤&サイズ=L#上": (
        "https://shop.example/%E6%98%A5%E3%82%BB%E3%83%BC%E3%83%AB?%E8%89%B2=%E8%B5%A4"
        "&%E3%82%B5%E3%82%A4%E3%82%BA=L#%E4%B8%8A"
    ),
    "https://日本語.jp/": "https://xn--wgv71a119e.jp/",
    "https://ＳＨＯＰ。example/": "https://shop.example/",
    "HTTPS://Shop.Example:443/A": "https://shop.example/A",
    "http://shop.example:80": "http://shop.example",
    "https://shop.example:8443/": "https://shop.example:8443/",
    "https://shop.example?a=b": "https://shop.example?a=b",
    "https://shop.example/%E6%98%A5%2F?a=%20+&b": "https://shop.example/%E6%98%A5%2F?a=%20+&b",
    'https://shop.example/a"<>`{}^|': "https://shop.example/a%22%3C%3E%60%7B%7D%5E|",
    "https://shop.example/?q='\"<>": "https://shop.example/?q=%27%22%3C%3E",
    "https://shop.example/#a?b": "https://shop.example/#a?b",
    "https://shop.example/😀": "https://shop.example/%F0%9F%98%80",
    "https://shop.example/a@b?c@d": "https://shop.example/a@b?c@d",
    "https://192.0.2.1/": "https://192.0.2.1/",
    "https://[2001:db8::1]:8443/": "https://[2001:db8::1]:8443/",
}
REFUSED = [
    *(
        "",
        "shop.example",
        "//shop.example",
        "/menu",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://x.jp/",
    ),
    *(
        "line://ti/p/x",
        "tel:0312345678",
        "https:",
        "https:/shop.example",
        "https:///shop.example",
        "https://",
    ),
    *("https:\\\\shop.example", "https://shop.example\\@evil.example/", "https://shop.example/a\\b"),
    *("https://user@shop.example/", "https://user:pass@shop.example/", "https://shop.example@evil.example/"),
    *("https://@shop.example/", "https://shop.example:0/", "https://shop.example:65536/", "https://x.jp:a/"),
    *("https://x.jp:-1/", "https://x.jp:+80/", " https://x.jp/", "https://x.jp/ ", "https://x.jp/a b"),
    *(
        "https://x.jp/\u3000",
        "https://x.jp/a\nb",
        "https://x.jp/\x00",
        "https://x.jp/\u200b",
        "https://x.jp/\u202e",
    ),
    *(
        "https://x.jp/\ud800",
        "https://x..jp/",
        "https://-x.jp/",
        "https://.jp/",
        "https://x%2ejp/",
        "https://[::1/",
    ),
    *(
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://0177.0.0.1/",
        "https://256.1.1.1/",
    ),
    *("https://faß.de/", "https://ς.gr/"),
    *("https://１２７.1/", "https://localhost/", "https://intranet/", "https://x.jp/" + "あ" * 1000),
    f"https://{'a' * 64}.jp/",
]


@pytest.mark.parametrize(("given_as", "kept"), NORMAL.items())
def test_addresses_are_kept_as_they_go_over_the_wire(given_as: str, kept: str) -> None:
    """ASCII, once; what is written so already stays letter for letter."""
    assert normal(given_as, on_laptop=False) == kept
    assert normal(kept, on_laptop=False) == kept
    assert kept.isascii()


@pytest.mark.parametrize("address", REFUSED)
def test_tricks_are_refused_with_a_sentence(address: str) -> None:
    """Whatever one reader may take for another place than another does, or nobody can open."""
    with pytest.raises(BadAddress) as refused:
        normal(address, on_laptop=False)
    assert len(str(refused.value)) > 20


def test_a_laptop_has_hosts_without_a_dot() -> None:
    """localhost is a place there and nowhere else."""
    assert normal("http://localhost:8000/x", on_laptop=True) == "http://localhost:8000/x"


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_kept_means_what_was_given(path: str, query: str) -> None:
    """A kept address is ASCII, stays as it is, calls whom it called, and says what was written."""
    address = f"https://shop.example/{path}?{query}"
    try:
        kept = normal(address, on_laptop=False)
    except BadAddress:
        return
    assert kept.isascii()
    assert not set(kept) & set(' "<>\\')
    assert normal(kept, on_laptop=False) == kept
    assert origin_of(kept) == origin_of("https://shop.example/")
    assert unquote(urlsplit(kept).path) == unquote(urlsplit(address).path)


def a_snapshot(**urls: str) -> Snapshot:
    documents = {("links", id_): Document("links", id_, 1, {"url": url}, "") for id_, url in urls.items()}
    return Snapshot("shop", 1, "", {}, documents)


def a_button(uri: str) -> dict[str, object]:
    action = {"type": "uri", "label": "開く", "uri": uri}
    return {
        "type": "template",
        "altText": "x",
        "template": {"type": "buttons", "text": "x", "actions": [action]},
    }


def test_a_plain_url_is_reported_as_untracked() -> None:
    """With the link that leads there, or how to make one; by its path."""
    snapshot = a_snapshot(spring="https://shop.example/%E6%98%A5")
    text = {"type": "text", "text": "春→https://shop.example/春。他は https://other.example/a?b=1 です"}
    found = list(untracked.untracked([text, a_button("HTTPS://shop.example/%E6%98%A5")], snapshot))
    assert [path for path, _ in found] == [
        *["messages[0].text"] * 2,
        "messages[1].template.actions[0].uri",
    ]
    assert '{{ link("spring") }}' in str(found[0][1])
    assert "https://other.example/a?b=1 is not tracked: make a link document" in str(found[1][1])
    assert '{{ link("spring") }}' in str(found[2][1])


@pytest.mark.parametrize(
    "uri",
    [
        '{{ link("spring") }}',
        "https://x.jp/?u={{ friend.user_id }}",
        "tel:0312345678",
        "https://liff.line.me/1-a",
        "https://line.me/R/ti/p/x",
        "http://127.0.0.1:8000/r/shop.spring",
    ],
)
def test_what_needs_no_tracking_is_no_warning(uri: str) -> None:
    """Tracked links, addresses with variables, and what LINE opens itself."""
    assert list(untracked.untracked([a_button(uri)], a_snapshot(spring="https://shop.example/"))) == []


def test_pictures_are_not_opened() -> None:
    """An image's address is fetched by LINE, and is nobody's click."""
    image = {
        "type": "image",
        "originalContentUrl": "https://x.jp/a.png",
        "previewImageUrl": "https://x.jp/a.png",
    }
    assert list(untracked.untracked([image], a_snapshot())) == []
