"""LINE's limits: what LINE takes passes, what it refuses is named by path, what may go wrong is warned of."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.messages import checks, documents
from chalicelib.messages.text import graphemes, shorten, units
from tests.messages_corpus import BUBBLE, MESSAGE, URL, VALID

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
        ("flex_video", "contents.size", "micro", "contents.hero.type"),
        ("flex_video", "contents.hero.altContent", ..., "contents.hero.altContent"),
    ],
)
def test_what_line_refuses_is_named_by_its_path(name: str, path: str, value: Any, wrong: str) -> None:
    """One wrong place gives its path, first."""
    assert paths(changed(name, path, value))[:1] == [f"messages[0].{wrong}"]


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
    found = checks.check_templates([{"type": "{{ attribute.note }}", "text": "x"}])
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
