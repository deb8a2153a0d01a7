"""Messages with variables: what can never work is refused, what may overflow or stay empty is warned of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.messages import checks, documents, expression_kinds, render
from chalicelib.messages.places import Place
from chalicelib.messages.text import graphemes, units
from chalicelib.messages.variables import Scope
from chalicelib.shared.reasons import in_language
from chalicelib.shared.text.template import Expression, parse
from tests.messages_corpus import BUBBLE, MESSAGE, URL, VALID
from tests.unit.test_messages_checks import GRADIENT, NOW, SNAPSHOT, TOKYO, changed, paths


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
        ("{{ link() }}", "link takes one id"),
        ("{{ attribute.note.__class__.__mro__ }}", "attribute needs one id"),
        ("{{ open('x') }}", "open(...) is not a function"),
        ("{{ 1 + 1 }}", "something before it is not a filter"),
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


def test_warnings_name_what_may_overflow() -> None:
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
    """The warnings of one message, but for what some friends lack and what is not tracked."""
    found = [d.message for d in checks.warnings([message], SNAPSHOT)]
    return [text for text in found if "has no default" not in text and "is not tracked" not in text]


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
    with in_language("ja"):
        assert warned(empty) == ["空になることがあり、その友だちには送られません"]


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


def test_variables_work_in_any_string_but_types() -> None:
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
    for initial, expected in (("2026-11-21T00:00", 1), ("2027-02-01t00:00", 1), ("2026-11-22t00:00", 0)):
        message = changed("text", "quickReply.items.4.action.initial", initial)
        assert paths(message) == []
        assert len(warned(message)) == expected


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
    span = expression_kinds.span(expression, SNAPSHOT, Place(address=address, braces=braces))
    assert units(filled) <= units(span.longest)
    assert graphemes(filled) <= graphemes(span.most_characters)
    assert len(filled.encode()) <= len(span.longest.encode())
    assert filled or not span.shortest or not text


def test_warnings_name_what_is_hidden_or_may_be_missing() -> None:
    """A quick reply that is not the last, a value that some friends lack, a mention, a very long address, and
    addresses whose opening nobody will know of.
    """
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
        *("messages[3].contents.footer.contents[0].action.uri", "messages[3].contents.action.uri"),
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
