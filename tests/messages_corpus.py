"""LINE message objects that LINE takes: at least one of every type, with most of their properties."""

from __future__ import annotations

from typing import Any

URL = "https://cdn.example/a.jpg"
MESSAGE = {"type": "message", "label": "はい", "text": "yes"}
POSTBACK = {"type": "postback", "label": "予約", "data": "action=book", "displayText": "予約する"}
KEYBOARD = {
    "type": "postback",
    "label": "入力",
    "data": "a",
    "inputOption": "openKeyboard",
    "fillInText": "お名前：",
}
URI = {"type": "uri", "label": "開く", "uri": "https://shop.example/?q=%E6%98%A5", "altUri": {"desktop": URL}}
PICKER = {
    "type": "datetimepicker",
    "label": "日時",
    "data": "when",
    "mode": "datetime",
    "initial": "2026-12-25T10:00",
    "max": "2027-01-31T23:59",
    "min": "2026-11-22T00:00",
}
CLIPBOARD = {"type": "clipboard", "label": "写す", "clipboardText": "CODE-1"}

QUICK_REPLY = {
    "items": [
        {"type": "action", "imageUrl": URL, "action": MESSAGE},
        {"type": "action", "action": {"type": "camera", "label": "撮る"}},
        {"type": "action", "action": {"type": "cameraRoll", "label": "選ぶ"}},
        {"type": "action", "action": {"type": "location", "label": "場所"}},
        {"type": "action", "action": PICKER},
        {"type": "action", "action": CLIPBOARD},
        {"type": "action", "action": {"type": "uri", "label": "電話", "uri": "tel:0312345678"}},
    ]
}

COLUMN = {
    "thumbnailImageUrl": URL,
    "title": "カット",
    "text": "ひとこと",
    "defaultAction": {"type": "uri", "uri": URL},
    "actions": [POSTBACK, URI],
}
BUBBLE: dict[str, Any] = {
    "type": "bubble",
    "size": "mega",
    "direction": "ltr",
    "header": {"type": "box", "layout": "vertical", "contents": [{"type": "text", "text": "見出し"}]},
    "hero": {"type": "image", "url": URL, "size": "full", "aspectRatio": "20:13", "aspectMode": "cover"},
    "body": {
        "type": "box",
        "layout": "vertical",
        "spacing": "md",
        "backgroundColor": "#ffffff",
        "contents": [
            {"type": "text", "text": "本文", "wrap": True, "color": "#1db446", "flex": 1, "maxLines": 2},
            {
                "type": "text",
                "contents": [{"type": "span", "text": "太字", "weight": "bold", "color": "#000000ff"}],
            },
            {
                "type": "box",
                "layout": "baseline",
                "contents": [{"type": "icon", "url": URL, "size": "sm"}, {"type": "text", "text": "4.0"}],
            },
            {"type": "separator", "margin": "lg", "color": "#cccccc"},
            {"type": "filler"},
        ],
        "action": {"type": "uri", "uri": "line://ti/p/@todoku"},
    },
    "footer": {
        "type": "box",
        "layout": "horizontal",
        "contents": [{"type": "button", "style": "primary", "height": "sm", "action": URI}],
    },
    "styles": {"footer": {"separator": True, "backgroundColor": "#eeeeee"}},
}

VALID: dict[str, dict[str, Any]] = {
    "text": {
        "type": "text",
        "text": "𠮷$ こんにちは",
        "emojis": [{"index": 2, "productId": "5ac1bfd5040ab15980c9b435", "emojiId": "001"}],
        "quickReply": QUICK_REPLY,
        "sender": {"name": "店長", "iconUrl": URL},
    },
    "textV2": {
        "type": "textV2",
        "text": "ようこそ{smile} {{波括弧}}",
        "substitution": {"smile": {"type": "emoji", "productId": "p", "emojiId": "001"}},
    },
    "sticker": {"type": "sticker", "packageId": "446", "stickerId": "1988"},
    "image": {"type": "image", "originalContentUrl": URL, "previewImageUrl": URL},
    "video": {
        "type": "video",
        "originalContentUrl": "https://cdn.example/a.mp4",
        "previewImageUrl": URL,
        "trackingId": "spring-2026",
    },
    "audio": {"type": "audio", "originalContentUrl": "https://cdn.example/a.m4a", "duration": 60000},
    "location": {
        "type": "location",
        "title": "本店",
        "address": "東京都千代田区1-1",
        "latitude": 35.68,
        "longitude": 139.76,
    },
    "coupon": {"type": "coupon", "couponId": "01JYNW8JMQVFBNWF1APF8Z3FS7", "deliveryTag": "spring_1"},
    "imagemap": {
        "type": "imagemap",
        "baseUrl": "https://cdn.example/map",
        "altText": "地図",
        "baseSize": {"width": 1040, "height": 585},
        "video": {
            "originalContentUrl": "https://cdn.example/a.mp4",
            "previewImageUrl": URL,
            "area": {"x": 0, "y": 0, "width": 1040, "height": 585},
            "externalLink": {"linkUri": "https://shop.example/", "label": "続き"},
        },
        "actions": [
            {
                "type": "uri",
                "linkUri": "https://shop.example/",
                "area": {"x": 0, "y": 0, "width": 520, "height": 585},
            },
            {
                "type": "message",
                "text": "予約",
                "area": {"x": 520, "y": 0, "width": 260, "height": 585},
            },
            {
                "type": "clipboard",
                "clipboardText": "CODE",
                "area": {"x": 780, "y": 0, "width": 260, "height": 585},
            },
        ],
    },
    "buttons": {
        "type": "template",
        "altText": "予約",
        "template": {
            "type": "buttons",
            "thumbnailImageUrl": URL,
            "imageAspectRatio": "rectangle",
            "imageSize": "cover",
            "imageBackgroundColor": "#FFFFFF",
            "title": "予約",
            "text": "選んでください",
            "defaultAction": {"type": "uri", "uri": URL},
            "actions": [MESSAGE, POSTBACK, URI, KEYBOARD],
        },
    },
    "confirm": {
        "type": "template",
        "altText": "確認",
        "template": {"type": "confirm", "text": "よろしいですか？", "actions": [MESSAGE, MESSAGE]},
    },
    "carousel": {
        "type": "template",
        "altText": "一覧",
        "template": {"type": "carousel", "columns": [COLUMN, {**COLUMN, "title": "カラー"}]},
    },
    "image_carousel": {
        "type": "template",
        "altText": "写真",
        "template": {
            "type": "image_carousel",
            "columns": [{"imageUrl": URL, "action": {"type": "message", "text": "見る"}}],
        },
    },
    "flex_bubble": {"type": "flex", "altText": "お知らせ", "contents": BUBBLE},
    "flex_carousel": {
        "type": "flex",
        "altText": "一覧",
        "contents": {"type": "carousel", "contents": [BUBBLE, {**BUBBLE}]},
    },
    "flex_video": {
        "type": "flex",
        "altText": "動画",
        "contents": {
            "type": "bubble",
            "hero": {
                "type": "video",
                "url": "https://cdn.example/a.mp4",
                "previewUrl": URL,
                "altContent": {"type": "image", "url": URL},
                "aspectRatio": "20:13",
            },
        },
    },
}
