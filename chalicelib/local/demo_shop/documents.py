"""What the demo shop's account has: pages, a link, what friends are sent, and the reminder of a cart."""

from __future__ import annotations

from typing import Any


def _message(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "category": "transactional", "messages": [{"type": "text", "text": text}]}


def bundle(url: str) -> dict[str, Any]:
    """The bundle of a shop at this address."""
    return {
        "tags": {"keen": {"name": "よく見ている"}},
        "pages": {
            "products": {"name": "商品ページ", "pattern": "/products/*"},
            "cart": {"name": "カート", "pattern": "/cart"},
        },
        "links": {"serum": {"url": f"{url}/products/serum", "name": "美容液"}},
        "messages": {
            "shop": _message("お店の案内", '新しい美容液です {{ link("serum") }}'),
            "cart": _message("カートのお知らせ", "お買い忘れはありませんか？"),
            "thanks": _message("お礼", "ご注文ありがとうございます。"),
        },
        "scenarios": {
            "cart": {
                "name": "カートに入れたまま",
                "entry": {"re_entry": "restart"},
                "start": "wait",
                "nodes": {
                    "wait": {
                        "type": "wait_for",
                        "event": "converted",
                        "timeout": "1m",
                        "next": None,
                        "on_timeout": "remind",
                    },
                    "remind": {"type": "message", "message": "cart", "next": None},
                },
            }
        },
        "rules": {
            "shop": {
                "name": "お店",
                "when": {"event": "messaged", "match": {"text": {"contains": "お店"}}},
                "then": [{"reply": {"message": "shop"}}],
            },
            "keen": {
                "name": "3 回見た",
                "when": {"event": "page_viewed", "match": {"page": "products"}},
                "if": {
                    "event": {"type": "page_viewed", "key": "products", "count": {"gte": 3}, "within": "7d"}
                },
                "then": [{"add_tag": "keen"}],
                "limit": "once",
            },
            "cart": {
                "name": "カートに入れた",
                "when": {"event": "cart_changed", "match": {"value": {"gt": 0}}},
                "then": [{"enter_scenario": "cart"}],
            },
            "ordered": {
                "name": "注文のお礼",
                "when": {"event": "converted"},
                "then": [{"send": {"message": "thanks"}}],
            },
        },
    }
