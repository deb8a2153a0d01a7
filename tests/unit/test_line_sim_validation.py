"""LINE's limits on message objects, as the simulator enforces them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.local.line.validation.messages import check_messages
from chalicelib.local.line.validation.report import grapheme_length, utf16_length
from chalicelib.local.line.validation.richmenus import check_rich_menu

IMAGE = "https://example.com/a.jpg"
TAP = {"type": "message", "label": "はい", "text": "はい"}
BUTTONS = {"type": "buttons", "text": "どれにしますか", "actions": [TAP]}
COLUMN = {"text": "カット", "actions": [TAP]}
BUBBLE = {"type": "bubble", "body": {"type": "box", "layout": "vertical", "contents": []}}


def flex_text(**more: Any) -> dict[str, Any]:
    return {"type": "text", "text": "a"} | more


def bubble(*contents: Any, **more: Any) -> dict[str, Any]:
    return {
        "type": "bubble",
        "body": {"type": "box", "layout": "vertical", "contents": list(contents)},
    } | more


def flex(contents: Any) -> dict[str, Any]:
    return {"type": "flex", "altText": "alt", "contents": contents}


def template(**more: Any) -> dict[str, Any]:
    return {"type": "template", "altText": "alt", "template": BUTTONS | more}


def quick(action: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": "a", "quickReply": {"items": [{"type": "action", "action": action}]}}


GOOD: dict[str, dict[str, Any]] = {
    "text of 5000 units": {"type": "text", "text": "😀" * 2500},
    "text with an emoji": {
        "type": "text",
        "text": "a$",
        "emojis": [{"index": 1, "productId": "p", "emojiId": "e"}],
    },
    "text v2": {
        "type": "textV2",
        "text": "{{}} {x}",
        "substitution": {"x": {"type": "emoji", "productId": "p", "emojiId": "e"}},
    },
    "sticker": {"type": "sticker", "packageId": "446", "stickerId": "1988"},
    "image": {"type": "image", "originalContentUrl": IMAGE, "previewImageUrl": IMAGE},
    "video": {
        "type": "video",
        "originalContentUrl": IMAGE,
        "previewImageUrl": IMAGE,
        "trackingId": "t-1",
    },
    "audio": {"type": "audio", "originalContentUrl": IMAGE, "duration": 60000},
    "location": {"type": "location", "title": "店", "address": "東京", "latitude": 35.6, "longitude": 139},
    "imagemap": {
        "type": "imagemap",
        "baseUrl": IMAGE,
        "altText": "a",
        "baseSize": {"width": 1040, "height": 700},
        "actions": [{"type": "message", "text": "a", "area": {"x": 0, "y": 0, "width": 520, "height": 700}}],
    },
    "buttons": template(title="題", thumbnailImageUrl=IMAGE, defaultAction={"type": "uri", "uri": IMAGE}),
    "confirm": template(type="confirm", actions=[TAP, TAP]),
    "carousel": template(type="carousel", columns=[COLUMN] * 10),
    "image carousel": template(
        type="image_carousel",
        columns=[{"imageUrl": IMAGE, "action": {"type": "uri", "uri": "tel:0312345678"}}],
    ),
    "quick reply": quick({"type": "location", "label": "場所"}),
    "flex": flex(bubble(flex_text(), {"type": "separator"}, size="kilo")),
    "flex carousel": flex({"type": "carousel", "contents": [bubble(flex_text())] * 12}),
    "sender": {"type": "text", "text": "a", "sender": {"name": "店長", "iconUrl": IMAGE}},
}

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no type": ({"text": "a"}, "messages[0].type"),
    "unknown type": ({"type": "telegram"}, "messages[0].type"),
    "empty text": ({"type": "text", "text": ""}, "messages[0].text"),
    "text too long": ({"type": "text", "text": "😀" * 2500 + "a"}, "messages[0].text"),
    "text not a string": ({"type": "text", "text": 5}, "messages[0].text"),
    "emoji elsewhere": (
        {"type": "text", "text": "a$", "emojis": [{"index": 0, "productId": "p", "emojiId": "e"}]},
        "messages[0].emojis[0].index",
    ),
    "text v2 without substitution": ({"type": "textV2", "text": "{x}"}, "messages[0].text"),
    "http image": (
        {"type": "image", "originalContentUrl": "http://a.jp/a.jpg", "previewImageUrl": IMAGE},
        "messages[0].originalContentUrl",
    ),
    "audio without duration": ({"type": "audio", "originalContentUrl": IMAGE}, "messages[0].duration"),
    "latitude": (
        {"type": "location", "title": "a", "address": "b", "latitude": 91, "longitude": 0},
        "messages[0].latitude",
    ),
    "imagemap width": (
        {
            "type": "imagemap",
            "baseUrl": IMAGE,
            "altText": "a",
            "baseSize": {"width": 800, "height": 1},
            "actions": [],
        },
        "messages[0].baseSize.width",
    ),
    "no alt text": ({"type": "template", "template": BUTTONS}, "messages[0].altText"),
    "buttons text with title": (template(title="題", text="あ" * 61), "messages[0].template.text"),
    "five buttons": (template(actions=[TAP] * 5), "messages[0].template.actions"),
    "label too long": (
        template(actions=[TAP | {"label": "あ" * 21}]),
        "messages[0].template.actions[0].label",
    ),
    "confirm with one": (template(type="confirm"), "messages[0].template.actions"),
    "uneven columns": (
        template(type="carousel", columns=[COLUMN, COLUMN | {"actions": [TAP, TAP]}]),
        "messages[0].template.columns",
    ),
    "eleven columns": (template(type="carousel", columns=[COLUMN] * 11), "messages[0].template.columns"),
    "postback data": (
        quick({"type": "postback", "label": "a", "data": "x" * 301}),
        "messages[0].quickReply.items[0].action.data",
    ),
    "quick reply label": (
        quick({"type": "postback", "data": "x"}),
        "messages[0].quickReply.items[0].action.label",
    ),
    "rich menu switch in a quick reply": (
        quick({"type": "richmenuswitch", "label": "a", "data": "x", "richMenuAliasId": "b"}),
        "messages[0].quickReply.items[0].action.type",
    ),
    "camera in a template": (
        template(actions=[{"type": "camera", "label": "a"}]),
        "messages[0].template.actions[0].type",
    ),
    "script uri": (
        template(actions=[{"type": "uri", "label": "a", "uri": "javascript:alert(1)"}]),
        "messages[0].template.actions[0].uri",
    ),
    "date": (
        template(
            actions=[
                {"type": "datetimepicker", "label": "a", "data": "x", "mode": "date", "initial": "2026-13-01"}
            ]
        ),
        "messages[0].template.actions[0].initial",
    ),
    "sender called LINE": (
        {"type": "text", "text": "a", "sender": {"name": "LINE"}},
        "messages[0].sender.name",
    ),
    "14 quick replies": (
        {"type": "text", "text": "a", "quickReply": {"items": [{"type": "action", "action": TAP}] * 14}},
        "messages[0].quickReply.items",
    ),
    "flex without block": (flex({"type": "bubble"}), "/"),
    "flex unknown property": (flex(bubble(flex_text(colour="#000000"))), "/body/contents/0/colour"),
    "flex colour": (flex(bubble(flex_text(color="red"))), "/body/contents/0/color"),
    "flex size": (flex(bubble(flex_text(size="huge"))), "/body/contents/0/size"),
    "flex icon outside a baseline": (flex(bubble({"type": "icon", "url": IMAGE})), "/body/contents/0"),
    "flex http image": (
        flex(bubble({"type": "image", "url": "http://a.jp/a.png"})),
        "/body/contents/0/url",
    ),
    "flex button without action": (flex(bubble({"type": "button"})), "/body/contents/0/action"),
    "flex empty text": (flex(bubble({"type": "text", "text": ""})), "/body/contents/0/text"),
    "flex thirteen bubbles": (flex({"type": "carousel", "contents": [BUBBLE] * 13}), "/contents"),
    "flex mixed sizes": (
        flex({"type": "carousel", "contents": [BUBBLE, BUBBLE | {"size": "nano"}]}),
        "/contents",
    ),
    "flex too large": (flex(bubble(*[flex_text(text="あ" * 300)] * 40)), "/"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_line_takes_is_taken(name: str) -> None:
    """Messages at their limits are accepted."""
    refusal = check_messages([GOOD[name]])
    assert refusal is None, refusal


@pytest.mark.parametrize("name", BAD)
def test_what_line_refuses_is_refused_with_its_property(name: str) -> None:
    """A message beyond a limit is refused, and the details name the property."""
    message, wrong = BAD[name]
    refusal = check_messages([message])
    assert refusal is not None
    assert wrong in {detail["property"] for detail in refusal.details}, refusal


def test_the_words_are_lines() -> None:
    """Body errors are counted; a Flex message is named, with JSON pointers inside it."""
    refusal = check_messages([{"type": "text", "text": ""}, {"type": "x"}])
    assert refusal is not None
    assert refusal.message == "The request body has 2 error(s)"
    assert refusal.details[0] == {"message": "May not be empty", "property": "messages[0].text"}
    pointed = check_messages([{"type": "text", "text": "a"}, flex({"type": "bubble"})])
    assert pointed is not None
    assert pointed.message == "A message (messages[1]) in the request body is invalid"


@pytest.mark.parametrize("messages", [None, [], {}, "a", [{"type": "text", "text": "a"}] * 6, [None], [5]])
def test_one_to_five_message_objects(messages: Any) -> None:
    """Anything but a list of 1 to 5 objects is refused."""
    assert check_messages(messages) is not None


def test_lengths_are_counted_as_line_counts() -> None:
    """UTF-16 code units for texts; what a reader calls characters for labels."""
    assert utf16_length("a😀") == 3
    assert grapheme_length("👨‍👩‍👧") == 1
    assert grapheme_length("🇯🇵🇯🇵") == 2
    assert grapheme_length("が") == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=300)
@given(name=st.sampled_from(sorted(GOOD)), value=json_values, data=st.data())
def test_no_json_breaks_the_validation(name: str, value: Any, data: st.DataObject) -> None:
    """Whatever stands anywhere in a message, the answer is a refusal or none, never an exception."""
    message = copy.deepcopy(GOOD[name])
    node: Any = message
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if isinstance(node[key], dict | list) and node[key] and data.draw(st.booleans()):
            node = node[key]
            continue
        node[key] = value
        break
    check_messages([message])


def test_rich_menus_are_checked() -> None:
    """Sizes, names and actions of a rich menu have LINE's limits."""
    menu: dict[str, Any] = {
        "size": {"width": 2500, "height": 843},
        "selected": False,
        "name": "main",
        "chatBarText": "メニュー",
        "areas": [
            {
                "bounds": {"x": 0, "y": 0, "width": 1250, "height": 843},
                "action": {"type": "richmenuswitch", "richMenuAliasId": "b", "data": "to=b"},
            }
        ],
    }
    assert check_rich_menu(menu) is None
    for wrong in (
        {"size": {"width": 700, "height": 400}},
        {"size": {"width": 1000, "height": 900}},
        {"selected": None},
        {"chatBarText": "あ" * 15},
        {"areas": [None]},
    ):
        assert check_rich_menu(menu | wrong) is not None, wrong
