"""LINE's limits: what LINE takes passes, what it refuses is named by path, what may go wrong is warned of."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.messages import checks
from chalicelib.messages.text import graphemes, shorten, units
from tests.messages_corpus import MESSAGE, URL, VALID

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
GRADIENT = {"type": "linearGradient", "angle": "90deg", "startColor": "#ffff00", "endColor": "#0080ffff"}
SNAPSHOT = Snapshot(
    "salon",
    1,
    "",
    {},
    {
        ("attributes", name): Document("attributes", name, 1, body, "")
        for name, body in {
            "note": {"name": "メモ", "type": "text"},
            "skin": {"name": "肌", "type": "choice", "choices": ["dry", "oily"]},
            "likes": {"name": "好き", "type": "multi_choice", "choices": ["hair", "nail", "esthe"]},
        }.items()
    },
)


def changed(name: str, path: str, value: Any) -> dict[str, Any]:
    """A valid message with one place replaced; ``path`` like ``template.actions.0.label``; ... removes."""
    message = copy.deepcopy(VALID[name])
    *way, last = path.split(".")
    place: Any = message
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if value is ...:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return message


def paths(message: dict[str, Any]) -> list[str]:
    """Where a single message is wrong."""
    return [detail.path for detail in checks.check([message])]


@pytest.mark.parametrize("name", VALID)
def test_what_line_takes_passes(name: str) -> None:
    """Every type, with most of its properties, has nothing to complain about."""
    assert checks.check([VALID[name]]) == []


@pytest.mark.parametrize(
    ("name", "path", "value", "wrong"),
    [
        ("text", "text", "", "text"),
        ("text", "text", ..., "text"),
        ("text", "text", 5, "text"),
        ("text", "text", "𠮷" * 2501, "text"),
        ("confirm", "template.text", "\ud800", "template.text"),
        ("text", "emojis.0.index", 0, "emojis[0].index"),
        ("text", "emojis.0.index", 99, "emojis[0].index"),
        ("text", "emojis.0.productId", ..., "emojis[0].productId"),
        ("text", "type", "hologram", "type"),
        ("text", "quickReply.items", [], "quickReply.items"),
        ("text", "quickReply.items", [VALID["text"]["quickReply"]["items"][0]] * 14, "quickReply.items"),
        ("text", "quickReply.items.0.action.label", ..., "quickReply.items[0].action.label"),
        ("text", "quickReply.items.0.action.label", "あ" * 21, "quickReply.items[0].action.label"),
        ("text", "quickReply.items.0.imageUrl", "http://x.example/a.png", "quickReply.items[0].imageUrl"),
        ("text", "quickReply.items.4.action.mode", "date", "quickReply.items[4].action.initial"),
        ("text", "quickReply.items.4.action.max", "2026-11-22T00:00", "quickReply.items[4].action.max"),
        ("text", "quickReply.items.4.action.data", "x" * 301, "quickReply.items[4].action.data"),
        ("text", "quickReply.items.6.action.uri", "ftp://x.example", "quickReply.items[6].action.uri"),
        ("text", "quickReply.items.6.action.uri", "https://x.example/春", "quickReply.items[6].action.uri"),
        ("text", "quickReply.items.6.action.uri", "https://x.example/a b", "quickReply.items[6].action.uri"),
        ("text", "quickReply.items.6.action.uri", "https://", "quickReply.items[6].action.uri"),
        ("text", "sender.name", "LINE公式", "sender.name"),
        ("text", "sender.name", "x" * 21, "sender.name"),
        ("textV2", "text", "{", "text"),
        ("textV2", "text", "{nobody}", "text"),
        ("textV2", "text", "{smile}" * 21, "text"),
        ("textV2", "substitution", {"ß": {"type": "emoji"}}, "substitution.ß"),
        ("sticker", "packageId", 446, "packageId"),
        ("image", "previewImageUrl", ..., "previewImageUrl"),
        ("image", "originalContentUrl", "https://x.example/" + "a" * 2000, "originalContentUrl"),
        ("video", "trackingId", "春", "trackingId"),
        ("audio", "duration", "1", "duration"),
        ("audio", "duration", True, "duration"),
        ("location", "latitude", 91, "latitude"),
        ("location", "title", "あ" * 101, "title"),
        ("coupon", "deliveryTag", "a-b", "deliveryTag"),
        ("imagemap", "baseSize.width", 1000, "baseSize.width"),
        ("imagemap", "actions.0.linkUri", "https://x.example/" + "a" * 1000, "actions[0].linkUri"),
        ("imagemap", "actions.1.area", ..., "actions[1].area"),
        ("imagemap", "altText", "x" * 1501, "altText"),
        ("buttons", "template.text", "x" * 61, "template.text"),
        ("buttons", "template.actions", [MESSAGE] * 5, "template.actions"),
        ("buttons", "template.actions.0.label", ..., "template.actions[0].label"),
        ("buttons", "template.actions.1.text", "x", "template.actions[1].text"),
        ("buttons", "template.actions.3.inputOption", "openVoice", "template.actions[3].fillInText"),
        ("buttons", "template.actions.0.type", "camera", "template.actions[0].type"),
        ("buttons", "template.actions.0.type", "richmenuswitch", "template.actions[0].type"),
        ("confirm", "template.actions", [MESSAGE], "template.actions"),
        ("carousel", "template.columns.1.title", ..., "template.columns[1].title"),
        ("carousel", "template.columns.1.actions", [MESSAGE], "template.columns[1].actions"),
        ("image_carousel", "template.columns.0.action.label", "x" * 13, "template.columns[0].action.label"),
        ("flex_bubble", "altText", ..., "altText"),
        ("flex_bubble", "contents.type", "tile", "contents.type"),
        ("flex_bubble", "contents.size", "huge", "contents.size"),
        ("flex_bubble", "contents.body.contents.0.text", "", "contents.body.contents[0].text"),
        ("flex_bubble", "contents.body.contents.0.color", "red", "contents.body.contents[0].color"),
        ("flex_bubble", "contents.body.contents.0.wrap", "true", "contents.body.contents[0].wrap"),
        ("flex_bubble", "contents.body.contents.0.type", "video", "contents.body.contents[0].type"),
        (
            "flex_bubble",
            "contents.body.contents.2.layout",
            "vertical",
            "contents.body.contents[2].contents[0].type",
        ),
        ("flex_bubble", "contents.hero.aspectRatio", "1:4", "contents.hero.aspectRatio"),
        (
            "flex_bubble",
            "contents.footer.contents.0.action.label",
            ...,
            "contents.footer.contents[0].action.label",
        ),
        ("flex_carousel", "contents.contents", [], "contents.contents"),
        ("flex_carousel", "contents.contents.1.size", "kilo", "contents.contents[1].size"),
        ("text", "quickReply", None, "quickReply"),
        ("text", "sender.iconUrl", None, "sender.iconUrl"),
        (
            "text",
            "quickReply.items.4.action.initial",
            "2026-02-30T10:00",
            "quickReply.items[4].action.initial",
        ),
        ("text", "quickReply.items.4.action.min", "1899-12-31T00:00", "quickReply.items[4].action.min"),
        ("text", "quickReply.items.4.action.max", "2101-01-01T00:00", "quickReply.items[4].action.max"),
        ("buttons", "template.imageBackgroundColor", "red", "template.imageBackgroundColor"),
        (
            "carousel",
            "template.columns.0.imageBackgroundColor",
            7,
            "template.columns[0].imageBackgroundColor",
        ),
        *(
            ("flex_bubble", f"contents.body.{key}", value, f"contents.body.{key}")
            for key, value in (
                ("margin", "big"),
                ("spacing", "5"),
                ("spacing", "xxs"),
                ("cornerRadius", "round"),
                ("borderWidth", "thick"),
                ("paddingAll", "-1px"),
                ("paddingAll", "１０%"),
                ("margin", "٣px"),
                ("paddingStart", "full"),
                ("offsetTop", "up"),
                ("width", "md"),
                ("maxHeight", "100"),
            )
        ),
        ("flex_bubble", "contents.body.contents.0.size", "zz", "contents.body.contents[0].size"),
        ("flex_bubble", "contents.body.contents.0.size", "50%", "contents.body.contents[0].size"),
        ("flex_bubble", "contents.body.contents.0.lineSpacing", "a", "contents.body.contents[0].lineSpacing"),
        (
            "flex_bubble",
            "contents.body.contents.1.contents.0.size",
            "full",
            "contents.body.contents[1].contents[0].size",
        ),
        (
            "flex_bubble",
            "contents.body.contents.2.contents.0.size",
            "big",
            "contents.body.contents[2].contents[0].size",
        ),
        ("flex_bubble", "contents.hero.size", "huge", "contents.hero.size"),
        ("flex_video", "contents.size", "micro", "contents.hero.type"),
        ("flex_video", "contents.hero.altContent", ..., "contents.hero.altContent"),
    ],
)
def test_what_line_refuses_is_named_by_its_path(name: str, path: str, value: Any, wrong: str) -> None:
    """One wrong place gives its path, first; each has a code, and is said in Japanese."""
    found = checks.check([changed(name, path, value)])
    assert found[0].path == f"messages[0].{wrong}"
    assert all(detail.reason.code != "plain_text" for detail in found)
    assert all(re.search("[ぁ-ん]", detail.reason.text("ja")) for detail in found)


@pytest.mark.parametrize(
    ("place", "key", "values"),
    [
        ("body", "margin", ("none", "xxl", "10px", "0.5px")),
        ("body", "spacing", ("md", "4px")),
        ("body", "cornerRadius", ("xs", "20px")),
        ("body", "borderWidth", ("semi-bold", "1px")),
        ("body", "paddingAll", ("lg", "5%", "13px")),
        ("body", "offsetTop", ("-2px", "10%", "sm")),
        ("body", "width", ("50%", "30px")),
        ("body.contents.0", "size", ("5xl", "14px")),
        ("body.contents.0", "lineSpacing", ("20px",)),
        ("body.contents.1.contents.0", "size", ("xxs", "9px")),
        ("body.contents.2.contents.0", "size", ("3xl", "20px", "10%")),
        ("hero", "size", ("full", "100%", "120px")),
        ("body", "background", ({**GRADIENT, "centerColor": "#00ff00", "centerPosition": "12.5%"},)),
    ],
)
def test_every_way_to_write_a_size_passes(place: str, key: str, values: tuple[Any, ...]) -> None:
    """Words, pixels and percentages, each where the reference has it."""
    for value in values:
        assert paths(changed("flex_bubble", f"contents.{place}.{key}", value)) == [], value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("angle", "90"),
        ("angle", "360deg"),
        ("angle", "-1deg"),
        ("angle", ...),
        ("startColor", "white"),
        ("endColor", ...),
        ("centerColor", "#fff"),
        ("centerPosition", "101%"),
    ],
)
def test_gradients(key: str, value: Any) -> None:
    """An angle below a full turn, colours, a position from 0 to 100 percent."""
    gradient = {**GRADIENT, key: value}
    if value is ...:
        del gradient[key]
    wrong = changed("flex_bubble", "contents.body.background", gradient)
    assert paths(wrong) == [f"messages[0].contents.body.background.{key}"]


@pytest.mark.parametrize("kind", ["box", "button", "image", "separator"])
def test_a_baseline_box_holds_icons_and_texts(kind: str) -> None:
    """What else is put on a baseline is refused."""
    inner = {
        "box": {"layout": "vertical", "contents": []},
        "button": {"action": MESSAGE},
        "image": {"url": URL},
    }
    component = {"type": kind, **inner.get(kind, {})}
    assert paths(changed("flex_bubble", "contents.body.contents.3", component)) == []
    wrong = changed("flex_bubble", "contents.body.contents.2.contents.0", component)
    assert paths(wrong) == ["messages[0].contents.body.contents[2].contents[0].type"]


def test_ten_animated_images_in_a_message() -> None:
    """LINE plays ten; a message with more of them is refused, wherever they stand."""

    def with_images(n: int, *, animated: bool = True) -> dict[str, Any]:
        images = [{"type": "image", "url": URL, "animated": animated}] * n
        body = {"type": "box", "layout": "vertical", "contents": images}
        bubble = {"type": "bubble", "body": body}
        return {"type": "flex", "altText": "a", "contents": {"type": "carousel", "contents": [bubble] * 2}}

    assert paths(with_images(5)) == []
    assert paths(with_images(6, animated=False)) == []
    assert paths(with_images(6)) == ["messages[0].contents"]


def test_one_emoji_at_one_place() -> None:
    """A $ is the place of one emoji."""
    emoji = VALID["text"]["emojis"][0]
    assert paths(changed("text", "emojis", [emoji, emoji])) == ["messages[0].emojis[1].index"]


def test_one_to_five_objects() -> None:
    """LINE sends one to five objects together."""
    assert checks.check([VALID["sticker"]] * 5) == []
    assert [d.path for d in checks.check([])] == ["messages"]
    assert [d.path for d in checks.check([VALID["sticker"]] * 6)] == ["messages"]


def test_flex_sizes() -> None:
    """A bubble up to 30 KB, a carousel up to 50 KB and 12 bubbles."""

    def bubble(size: int) -> dict[str, Any]:
        body = {"type": "box", "layout": "vertical", "contents": [{"type": "text", "text": "x" * size}]}
        return {"type": "bubble", "body": body}

    def flex(contents: dict[str, Any]) -> list[str]:
        return paths({"type": "flex", "altText": "a", "contents": contents})

    assert flex(bubble(30_000)) == []
    assert flex(bubble(31_000)) == ["messages[0].contents"]
    assert flex({"type": "carousel", "contents": [bubble(3_900)] * 12}) == []
    assert flex({"type": "carousel", "contents": [bubble(100)] * 13}) == ["messages[0].contents.contents"]
    assert flex({"type": "carousel", "contents": [bubble(26_000)] * 2}) == ["messages[0].contents"]


def test_nesting_is_bounded() -> None:
    """A document nested too deep to be stored is refused, however deep, and without recursion."""
    box: Any = {"type": "text", "text": "x"}
    for _ in range(5000):
        box = {"type": "box", "layout": "vertical", "contents": [box]}
    message = {"type": "flex", "altText": "a", "contents": {"type": "bubble", "body": box}}
    assert paths(message) == ["messages"]
    assert [d.path for d in checks.check_shape([message])] == ["messages"]
    assert checks.check_templates([message]) == []
    assert checks.warnings([message], SNAPSHOT) == []


def test_unknown_properties_pass_and_unknown_types_do_not() -> None:
    """LINE adds properties without notice; a type that is not known promises nothing."""
    assert paths({**VALID["text"], "shinyNewThing": {"a": [1]}}) == []
    assert paths({"type": "hologram"}) == ["messages[0].type"]


def test_characters_are_counted_as_line_counts_them() -> None:
    """UTF-16 units for texts, grapheme clusters for labels: a family is 1 character and 11 units."""
    family = "👨‍👩‍👧‍👦"
    assert (units(family), graphemes(family)) == (11, 1)
    assert (units("か\u3099"), graphemes("か\u3099")) == (2, 1)
    assert graphemes("a\r\nb") == 3
    label = changed("text", "quickReply.items.0.action.label", family * 20)
    assert paths(label) == []
    assert shorten(family * 3, 2) == family + "…"


# Documents with variables
