"""Which page an address is."""

from __future__ import annotations

import time

import pytest

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.site import patterns

SHOP = "https://shop.example"


def a_site(**pages: str) -> Snapshot:
    found = {
        ("pages", id_): Document("pages", id_, 1, {"name": id_, "pattern": pattern}, "")
        for id_, pattern in pages.items()
    }
    return Snapshot("shop", 1, "s", {}, found)


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        (
            "/products/*",
            ["/products/1", "/products/1/", "/products/1?x=1", "/products/a.b"],
            ["/products", "/p/1"],
        ),
        ("/products/*", [], ["/products/1/reviews", "/ja/products/1", "/products%2F1"]),
        ("/news/**", ["/news/1", "/news/a/b/c"], ["/new", "/news"]),
        ("/", ["/", "", "/?x=1"], ["/a"]),
        ("/?pid=*", ["/?pid=1", "/?a=2&pid=9&b=3"], ["/", "/?pid2=1", "/a?pid=1"]),
        ("/?mode=cart", ["/?mode=cart"], ["/?mode=cart2", "/?mode="]),
        ("/商品/*", ["/商品/1", "/%E5%95%86%E5%93%81/1"], ["/品/1"]),
        ("/a+(b)/*", ["/a+(b)/1"], ["/aab/1"]),
        (f"{SHOP}/x", ["/x"], ["/y"]),
        ("https://other.example/x", [], ["/x"]),
    ],
)
def test_what_fits(pattern: str, fits: list[str], others: list[str]) -> None:
    """Stars stand for one step, two for many; parameters besides do not matter."""
    site = a_site(page=pattern)
    assert [path for path in fits if patterns.page_of(site, SHOP + path) != "page"] == []
    assert [path for path in others if patterns.page_of(site, SHOP + path) is not None] == []


def test_the_pattern_that_says_most_is_the_page() -> None:
    """Whatever their order is."""
    site = a_site(all="/**", products="/products/*", one="/products/1")
    found = [patterns.page_of(site, SHOP + path) for path in ("/products/1", "/products/2", "/about")]
    assert found == ["one", "products", "all"]


@pytest.mark.parametrize(
    "text", ["products", "", "//", "/a b", "ftp://x/", "/#x", "/" + "a*" * 9, "/" + "a" * 300]
)
def test_what_is_no_pattern(text: str) -> None:
    """Each says why."""
    if text == "//":
        assert patterns.read(text)
        return
    with pytest.raises(patterns.BadPattern):
        patterns.read(text)


def test_a_hostile_pattern_is_tried_in_linear_time() -> None:
    """Many stars and a long address."""
    site = a_site(page="/" + "a**" * 8)
    began = time.process_time()
    for _ in range(50):
        assert patterns.page_of(site, SHOP + "/" + "a" * 1900 + "!b?x") is not None
        assert patterns.page_of(site, SHOP + "/b" + "a" * 1900) is None
    assert time.process_time() - began < 1


def test_what_is_kept_of_an_address() -> None:
    """Its path; what is behind may say who somebody is."""
    assert patterns.path_of(f"{SHOP}/商品?mail=a@b.example#x") == "/%E5%95%86%E5%93%81"
