"""LINE's limits: what LINE takes passes, what it refuses is named by path, what may go wrong is warned of."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.messages import bounds, checks, documents, render
from chalicelib.messages.places import Place
from chalicelib.messages.template import Expression, parse
from chalicelib.messages.text import graphemes, shorten, units
from chalicelib.messages.variables import Scope
from tests.messages_corpus import BUBBLE, MESSAGE, URL, VALID

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
    """One wrong place gives its path, first."""
    assert paths(changed(name, path, value))[:1] == [f"messages[0].{wrong}"]


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


def templated(text: str, **more: Any) -> list[dict[str, Any]]:
    """One text message with variables."""
    return [{"type": "text", "text": text, **more}]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{{ attribute.note", "}} is missing"),
        ("{{ }}", "a name such as friend.display_name is missing"),
        ("{{ shop.name }}", "there is no variable shop.name"),
        ("{{ friend.phone }}", "there is no friend.phone"),
        ("{{ attribute }}", "attribute needs one id"),
        ("{{ attribute.note | shout }}", "there is no filter shout"),
        ("{{ attribute.note | truncate }}", "truncate takes 1 to 2 arguments, not 0"),
        ('{{ attribute.note | truncate("x") }}', "truncate needs a whole number"),
        ('{{ attribute.note | date("%Q") }}', "does not know %Q"),
        ("{{ link() }}", "link takes the id of one link"),
        ("{{ attribute.note.__class__.__mro__ }}", "attribute needs one id"),
        ("{{ open('x') }}", "open(...) is not a function"),
        ("{{ 1 + 1 }}", "something stands before it that is not a filter"),
        ("x" * 5001 + "{{ attribute.note }}", "is 5001 characters long"),
    ],
)
def test_templates_that_can_never_work_are_refused(text: str, says: str) -> None:
    """The refusal names the place and what to do; it is not a matter of the shape."""
    found = checks.check_templates(templated(text))
    assert found[0].path == "messages[0].text"
    assert says in found[0].message
    assert checks.check_shape(templated(text)) == []


def test_literal_braces_of_text_v2_must_be_written_as_a_literal() -> None:
    """{{ always begins a variable, so that nothing is ever filled in by surprise; the refusal says how."""
    message = {"type": "textV2", "text": "{{波括弧}}"}
    (found,) = checks.check_templates([message])
    assert "there is no variable 波括弧" in found.message
    assert checks.check_templates([{"type": "textV2", "text": "{{ '{' }}波括弧}}"}]) == []


def test_a_type_cannot_be_a_variable() -> None:
    """Words that decide what a thing is are written out."""
    for name in ("attribute.note", '"text"'):
        found = checks.check_templates([{"type": "{{ " + name + " }}", "text": "x"}])
        assert [d.path for d in found] == ["messages[0].type"]


def test_emojis_of_a_text_with_variables_point_into_the_text_as_written() -> None:
    """An index inside a variable, or beside the $, is refused."""
    text = "{{ attribute.note }} $"
    right = templated(text, emojis=[{"index": text.index("$"), "productId": "p", "emojiId": "e"}])
    wrong = templated(text, emojis=[{"index": 3, "productId": "p", "emojiId": "e"}])
    assert checks.check_templates(right) == []
    assert [d.path for d in checks.check_templates(wrong)] == ["messages[0].emojis[0].index"]


def test_warnings_tell_what_may_overflow() -> None:
    """A variable that can make a text too long is reported; one that cannot is not."""

    def overflows(template: str) -> bool:
        label = {"type": "message", "label": template, "text": "x"}
        message = {
            "type": "text",
            "text": "x",
            "quickReply": {"items": [{"type": "action", "action": label}]},
        }
        found = checks.warnings([message], SNAPSHOT)
        return any("with the longest values" in d.message for d in found)

    assert overflows('{{ attribute.note | default("") }}')
    assert overflows('{{ friend.display_name | default("x") }}さん')
    assert not overflows('{{ friend.display_name | default("x") | truncate(18) }}さん')
    assert not overflows('{{ attribute.skin | default("x") }}')
    assert not overflows("plain")


def warned(message: dict[str, Any]) -> list[str]:
    """The warnings of one message, but for what some friends lack."""
    found = checks.warnings([message], SNAPSHOT)
    return [d.message for d in found if "has no default" not in d.message]


def labelled(template: str) -> dict[str, Any]:
    """A quick reply with this label."""
    action = {"type": "message", "label": template, "text": "x"}
    return {"type": "text", "text": "x", "quickReply": {"items": [{"type": "action", "action": action}]}}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "text", "text": "x", "sender": {"name": "{{ attribute.note | truncate(10) }}"}},
        {"type": "text", "text": "x" * 4_900 + "{{ attribute.note | truncate(12) }}"},
        {"type": "text", "text": "x" * 4_999 + '{{ attribute.note | truncate(1, "……") }}'},
        labelled('{{ attribute.likes | join("ーーーーーーーーーー") }}'),
        labelled('{{ event.params.date | date("%Y%Y%Y%Y%Y%Y") }}'),
        labelled("{{ attribute.note | truncate(7) | upper }}"),
        {"type": "text", "text": "x" * 4_990 + "{{ friend.display_name | lower }}"},
        {"type": "textV2", "text": "x" * 4_000 + "{{ attribute.note | truncate(30) }}"},
        labelled('{{ attribute.skin | yesno("はい", "' + "い" * 21 + '") }}'),
    ],
)
def test_whatever_can_overflow_is_warned_of(message: dict[str, Any]) -> None:
    """Families of one character and many units, separators, long years, letters that grow, doubled braces."""
    assert any("with the longest values" in found for found in warned(message))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "text", "text": "x" * 4_800 + "{{ attribute.note | truncate(10) }}"},
        {"type": "text", "text": "x", "sender": {"name": "{{ attribute.note | truncate(1) }}"}},
        labelled('{{ attribute.likes | default("なし") | join("ーー") }}'),
        labelled('{{ event.params.date | date("%Y%Y%Y%Y%Y") }}'),
        labelled("{{ attribute.note | truncate(6) | upper }}"),
        labelled('{{ attribute.note | yesno("はい", "いいえ") }}'),
        labelled("{{ friend.status }}"),
        labelled('{{ attribute.skin | upper }}{{ friend.created_at | date("%Y年%-m月%-d日") }}'),
    ],
)
def test_what_cannot_overflow_is_not_warned_of(message: dict[str, Any]) -> None:
    """No false alarms where the most there can be still fits."""
    assert warned(message) == []


def test_what_may_come_out_empty_is_warned_of() -> None:
    """A text of nothing but a variable whose default is empty; not when something else stands there."""
    empty = templated('{{ attribute.note | default("") }}')[0]
    assert warned(empty) == ["may come out empty, and is not sent to whom it does"]
    assert warned(labelled('{{ attribute.note | yesno("あり", "") }}')) == [
        "may come out empty, and is not sent to whom it does"
    ]
    assert warned(templated('{{ attribute.note | default("") }}さん')[0]) == []
    assert warned(templated('{{ attribute.note | default("様") }}')[0])[:1] == []


def test_values_in_addresses_raise_no_false_alarm() -> None:
    """They are percent-encoded, so that only the length can be wrong; what begins an address is one."""

    def at(uri: str) -> dict[str, Any]:
        return {"type": "flex", "altText": "a", "contents": {**BUBBLE, "action": {"type": "uri", "uri": uri}}}

    assert warned(at("https://shop.example/?name={{ friend.display_name }}")) == []
    assert warned(at("{{ attribute.note }}")) == []
    assert warned(at("https://shop.example/?q={{ attribute.note | truncate(100) }}")) != []
    assert checks.check_templates([at('https://shop.example/?q={{ "春" }}')]) == []
    assert [d.path for d in checks.check_templates([at('{{ "ftp:" }}//x')])] == [
        "messages[0].contents.action.uri"
    ]


def test_literal_braces_of_text_v2_raise_no_false_alarm() -> None:
    """They are doubled for LINE, as rendering does it."""
    message = {"type": "textV2", "text": '{{ "{" }}x}}'}
    assert checks.check_templates([message]) == []
    assert warned(message) == []


@pytest.mark.parametrize(
    "template",
    [
        '{{ "' + "ﬃ" * 10 + '" | upper }}',
        '{{ "' + "い" * 21 + '" }}',
        '{{ attribute.note | yesno("' + "い" * 21 + '", "' + "ろ" * 22 + '") }}',
        '{{ "" }}',
        '{{ "many" | number }}',
        '{{ "" | default("") }}',
    ],
)
def test_what_nobody_could_be_sent_is_refused(template: str) -> None:
    """What does not depend on the friend is judged exactly when it is saved."""
    found = [d.path for d in checks.check_templates([labelled(template)])]
    assert found[:1] == ["messages[0].quickReply.items[0].action.label"]


def test_constants_that_fit_are_taken() -> None:
    """And judged by their format too."""
    assert checks.check_templates([labelled('{{ "' + "ﬃ" * 6 + '" | upper }}')]) == []
    video = {**VALID["video"], "trackingId": '{{ "春" }}'}
    assert [d.path for d in checks.check_templates([video])] == ["messages[0].trackingId"]


def test_variables_stand_in_any_string_but_types() -> None:
    """Words, colours, sizes and dates are judged once they are filled in."""
    picker = {**VALID["text"]["quickReply"]["items"][4]["action"], "initial": "{{ attribute.note }}"}
    box = {
        "type": "box",
        "layout": "{{ attribute.note }}",
        "backgroundColor": "{{ attribute.note }}",
        "margin": "{{ attribute.note }}",
        "background": {**GRADIENT, "angle": "{{ attribute.note }}deg"},
        "contents": [
            {"type": "icon", "url": URL},
            {"type": "image", "url": URL, "aspectRatio": "{{ attribute.note }}"},
        ],
    }
    bubble = {"type": "bubble", "size": "{{ attribute.note }}", "body": box}
    messages = [
        {"type": "flex", "altText": "a", "contents": {"type": "carousel", "contents": [BUBBLE, bubble]}},
        {
            **VALID["carousel"],
            "template": {**VALID["carousel"]["template"], "imageBackgroundColor": "{{ attribute.note }}"},
            "quickReply": {
                "items": [{"type": "action", "action": {**picker, "mode": "{{ attribute.note }}"}}]
            },
        },
    ]
    assert checks.check_shape(messages) == []
    assert checks.check_templates(messages) == []


def test_a_picker_that_begins_outside_of_its_bounds_is_warned_of() -> None:
    """LINE's reference does not say what becomes of it, so it is no refusal."""
    for initial, told in (("2026-11-21T00:00", 1), ("2027-02-01t00:00", 1), ("2026-11-22t00:00", 0)):
        message = changed("text", "quickReply.items.4.action.initial", initial)
        assert paths(message) == []
        assert len(warned(message)) == told


def test_bounds_hold_for_every_letter() -> None:
    """No letter grows by more than the bounds say when it becomes another case."""
    letters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    assert max(units(letter.upper()) / units(letter) for letter in letters) == 3
    assert max(units(letter.lower()) / units(letter) for letter in letters) == 2


@given(
    text=st.text(st.sampled_from("aあ𠮷ﬃİß👨\u200d👩👧\u0301\u302a{}%\r\n"), max_size=60),
    filters=st.lists(
        st.sampled_from(
            [
                "upper",
                "lower",
                "truncate(3)",
                'truncate(2, "……")',
                "urlencode",
                'default("")',
                'yesno("𠮷", "")',
            ]
        ),
        max_size=3,
    ),
    address=st.booleans(),
    braces=st.booleans(),
)
def test_no_text_is_longer_than_its_bound(text: str, filters: list[str], address: bool, braces: bool) -> None:
    """Whatever an attribute holds, what rendering makes of it is within what the checks reckon with."""
    braces = braces and not address
    template = "{{ " + " | ".join(["attribute.note", *filters]) + " }}"
    (expression,) = parse(template)
    assert isinstance(expression, Expression)
    key = "uri" if address else "text"
    message = {"type": "textV2" if braces else "x", key: f"x{template}"}
    filler = render._Filler(Scope({"attributes": {"note": text}}, SNAPSHOT, NOW), TOKYO)
    try:
        (filled,) = [str(filler.message(message)[key])[1:]]
    except render.Unrenderable:
        return
    span = bounds.span(expression, SNAPSHOT, Place(address=address, braces=braces))
    assert units(filled) <= units(span.longest)
    assert graphemes(filled) <= graphemes(span.most_characters)
    assert len(filled.encode()) <= len(span.longest.encode())
    assert filled or not span.shortest or not text


def test_warnings_tell_what_is_hidden_or_may_be_missing() -> None:
    """A quick reply that is not the last, a value that some friends lack, a mention, a very long address."""
    long_uri = "https://shop.example/" + "a" * 1000
    messages = [
        VALID["text"],
        {
            "type": "textV2",
            "text": "{you} {{ attribute.skin }}",
            "substitution": {"you": {"type": "mention", "mentionee": {"type": "all"}}},
        },
        {**VALID["confirm"], "template": {**VALID["confirm"]["template"], "actions": [MESSAGE, MESSAGE]}},
        {"type": "flex", "altText": "a", "contents": {**BUBBLE, "action": {"type": "uri", "uri": long_uri}}},
    ]
    assert [d.path for d in checks.warnings(messages, SNAPSHOT)] == [
        "messages[1].text",
        "messages[0].quickReply",
        "messages[1].substitution.you",
        "messages[3].contents.action.uri",
    ]


def test_the_document_kind_refers_to_what_its_variables_name() -> None:
    """Attributes, scores, tags and links are references of the catalog, each with its path."""
    messages = [
        {"type": "text", "text": "{{ attribute.note }}{{ score.heat }}"},
        {
            "type": "image",
            "originalContentUrl": URL,
            "previewImageUrl": '{{ link("spring") }}?v={{ tag.vip }}',
        },
    ]
    found = [(r.path, r.kind, r.id) for r in documents.references({"messages": messages})]
    assert found == [
        ("messages[0].text", "attributes", "note"),
        ("messages[0].text", "scores", "heat"),
        ("messages[1].previewImageUrl", "links", "spring"),
        ("messages[1].previewImageUrl", "tags", "vip"),
    ]
