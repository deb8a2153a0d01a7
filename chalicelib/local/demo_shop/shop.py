"""The demo shop's pages. Its cart is in a cookie of its own; Todoku hears of it by the tag alone."""

from __future__ import annotations

import contextlib
import html
import json
import secrets
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from chalicelib.local.client import Client
from chalicelib.local.demo_shop.documents import bundle
from chalicelib.local.line.httpd import Request, Response

ACCOUNT = "demo-shop"
A = f"/v1/accounts/{ACCOUNT}"
PRODUCTS = {"serum": ("美容液", 3000), "cream": ("クリーム", 2400), "soap": ("石けん", 800)}
_CART = "cart"
_SCRIPT = Path(__file__).with_name("shop.js")
_STYLE = Path(__file__).with_name("shop.css")
_PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}｜デモショップ</title>
<link rel="stylesheet" href="/shop.css"><script async src="{tag}"></script>
<script defer src="/shop.js"></script></head>
<body data-events="{events}"><header><a href="/">デモショップ</a><nav><a href="/cart">カート</a>
<a href="/privacy">外部送信について</a></nav></header><main><h1>{title}</h1>{body}</main></body></html>"""


class Shop:
    """The shop: its pages, and Todoku behind them."""

    def __init__(self, api_url: str, key: str) -> None:
        self.api_url, self._key, self.url = api_url, key, ""

    def set_up(self, url: str) -> None:
        """Make the account and its documents; again, it changes nothing."""
        self.url = url
        account = {
            "name": "デモショップ",
            "channel_secret": "demo-shop-channel-secret",
            "channel_access_token": "demo-shop-channel-access-token",
            "site_origins": [url],
        }
        self._todoku("PUT", A, account)
        self._todoku("POST", f"{A}/catalog/apply?publish=true", bundle(url))

    def answer(self, request: Request) -> Response:
        """One request of a browser."""
        path = request.path.rstrip("/") or "/"
        if path in {"/shop.js", "/shop.css"}:
            file, kind = (_SCRIPT, "javascript") if path.endswith("js") else (_STYLE, "css")
            return Response(
                200, file.read_bytes(), {"Cache-Control": "no-store"}, f"text/{kind}; charset=utf-8"
            )
        if path == "/favicon.ico":
            return Response(204, b"", {}, "image/x-icon")
        if path.startswith("/products/"):
            return self._product(path.removeprefix("/products/"))
        page = {
            ("GET", "/"): self._home,
            ("GET", "/privacy"): self._privacy,
            ("GET", "/cart"): self._cart,
            ("POST", "/cart"): self._add,
            ("POST", "/order"): self._order,
        }.get((request.method, path))
        return page(request) if page else self._page("ページがありません", "", status=404)

    def _home(self, _request: Request) -> Response:
        items = "".join(
            f'<li><a href="/products/{id_}">{name}</a> {price:,} 円</li>'
            for id_, (name, price) in PRODUCTS.items()
        )
        return self._page("商品", f"<ul>{items}</ul>")

    def _product(self, id_: str) -> Response:
        if id_ not in PRODUCTS:
            return self._page("商品がありません", "", status=404)
        name, price = PRODUCTS[id_]
        body = f"""<p>{price:,} 円</p><form method="post" action="/cart">
<input type="hidden" name="product" value="{id_}"><button>カートに入れる</button></form>"""
        return self._page(name, body)

    def _cart(self, request: Request) -> Response:
        cart = _cart_of(request)
        if not cart:
            return self._page("カート", "<p>カートは空です。</p>", events=[["cart", _money(cart)]])
        items = "".join(f"<li>{PRODUCTS[id_][0]} × {n}</li>" for id_, n in cart.items())
        body = f"""<ul>{items}</ul><p>合計 {_money(cart)["value"]:,} 円</p>
<form method="post" action="/order"><button>注文する</button></form>"""
        return self._page("カート", body, events=[["cart", _money(cart)]])

    def _add(self, request: Request) -> Response:
        cart, product = (
            _cart_of(request),
            dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("product"),
        )
        if product in PRODUCTS:
            cart[product] = min(99, cart.get(product, 0) + 1)
        headers = {"Location": "/cart", "Set-Cookie": _cookie(cart), "Cache-Control": "no-store"}
        return Response(303, b"", headers, "text/plain")

    def _order(self, request: Request) -> Response:
        cart = _cart_of(request)
        if not cart:
            return self._cart(request)
        order = f"demo-{secrets.token_hex(4)}"
        events = [["purchase", {"order_id": order, **_money(cart)}]]
        answer = self._page("ご注文ありがとうございました", f"<p>注文番号 {order}</p>", events=events)
        answer.headers["Set-Cookie"] = _cookie({})
        return answer

    def _privacy(self, _request: Request) -> Response:
        """The text that Todoku makes, as a site publishes it."""
        notice = self._todoku("GET", f"{A}/site")["notice"]["ja"]
        return self._page("外部送信について", f"<pre>{html.escape(notice)}</pre>")

    def _todoku(self, method: str, path: str, body: Any = None) -> Any:
        with contextlib.closing(Client(self.api_url, self._key)) as client:
            return client.call(method, path, body)

    def _page(self, title: str, body: str, *, events: list[Any] | None = None, status: int = 200) -> Response:
        tag = f"{self.api_url}/t/{ACCOUNT}.js"
        text = _PAGE.format(
            title=html.escape(title),
            body=body,
            tag=html.escape(tag),
            events=html.escape(json.dumps(events or [])),
        )
        theirs = "{0.scheme}://{0.netloc}".format(urlsplit(self.api_url))
        headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": (
                f"default-src 'self'; script-src 'self' {theirs}; connect-src {theirs}"
            ),
            "X-Content-Type-Options": "nosniff",
        }
        return Response(status, text.encode(), headers, "text/html; charset=utf-8")


def _cart_of(request: Request) -> dict[str, int]:
    """What is in the visitor's cart: ``serum.2_soap.1``."""
    found = SimpleCookie(request.headers.get("cookie", "")).get(_CART)
    pairs = (part.partition(".")[::2] for part in (found.value if found else "").split("_"))
    return {id_: min(int(n), 99) for id_, n in pairs if id_ in PRODUCTS and n.isdecimal() and int(n)}


def _cookie(cart: dict[str, int]) -> str:
    value = "_".join(f"{id_}.{n}" for id_, n in cart.items())
    return f"{_CART}={value}; Path=/; HttpOnly; SameSite=Lax"


def _money(cart: dict[str, int]) -> dict[str, Any]:
    """What the tag is given of a cart."""
    items = [{"product": id_, "quantity": n, "amount": PRODUCTS[id_][1] * n} for id_, n in cart.items()]
    return {"value": sum(item["amount"] for item in items), "items": items}
