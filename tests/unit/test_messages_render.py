"""Rendering: what each variable and filter says, what is kept, and that it only ever fails with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.links import service
from chalicelib.messages import checks, filters, render
from chalicelib.messages.render import Unrenderable

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)

DOCUMENTS = {
    ("scores", "interest"): {"name": "興味", "half_life": "1d"},
    ("attributes", "skin"): {"name": "肌", "type": "choice", "choices": ["dry", "oily"]},
    ("attributes", "likes"): {"name": "好き", "type": "multi_choice", "choices": ["hair", "nail"]},
    ("attributes", "born"): {"name": "誕生日", "type": "date"},
    ("attributes", "points"): {"name": "点", "type": "number"},
    ("attributes", "note"): {"name": "メモ", "type": "text"},
    ("tags", "vip"): {"name": "VIP"},
    ("links", "spring-sale"): {"url": "https://shop.example/spring"},
}
SNAPSHOT = Snapshot("salon", 1, "", {}, {key: Document(*key, 1, body, "") for key, body in DOCUMENTS.items()})


def a_friend(**given: Any) -> dict[str, Any]:
    """A fact sheet with the parts that messages can read."""
    return {
        "user_id": "U1",
        "display_name": "花子",
        "status": "following",
        "followed_at": "2026-11-21T15:30:00.000Z",
        "attributes": {"skin": "dry", "likes": ["hair", "nail"], "born": "1990-04-03", "points": 12500},
        "scores": {"interest": {"value": 8.0, "at": "2026-11-21T06:00:00.000Z"}},
        "tags": {"vip": {"since": "2026-10-01T00:00:00.000Z"}},
        **given,
    }


def say(text: str, friend: dict[str, Any] | None = None, event: dict[str, Any] | None = None) -> str:
    """The text of a one-text message for a friend."""
    body = {"messages": [{"type": "text", "text": text}]}
    rendered = render.render(body, a_friend() if friend is None else friend, SNAPSHOT, NOW, event)
    return str(rendered[0]["text"])


@pytest.mark.parametrize(
    ("template", "result"),
    [
        ("{{ friend.display_name }}さん", "花子さん"),
        ("{{friend.display_name|default('お客様')}}", "花子"),
        ("{{ attribute.skin | upper }}", "DRY"),
        ("{{ attribute.likes }}", "hair、nail"),
        ('{{ attribute.likes | join(" と ") }}', "hair と nail"),
        ("{{ attribute.points | number }}点", "12,500点"),
        ("{{ attribute.points | number(2) }}", "12,500.00"),
        ("{{ attribute.born | date }}", "1990年4月3日"),
        ('{{ attribute.born | date("%m/%d(%a)") }}', "04/03(火)"),
        ('{{ friend.followed_at | date("%-m/%-d %H:%M") }}', "11/22 00:30"),
        ("{{ score.interest }}", "4"),
        ('{{ tag.vip | yesno("会員", "一般") }}', "会員"),
        ('{{ tag.vip | date("%Y/%m") }}', "2026/10"),
        ("{{ friend.display_name | truncate(1) }}", "…"),
        ('{{ "{{" }}', "{{"),
        ('{{ link("spring-sale") }}', "http://127.0.0.1:8000/r/salon.spring-sale"),
        ('{{ attribute.note | default("なし") | upper }}', "なし"),
        ('{{ attribute.note | default("a\\"b") }}', 'a"b'),
        ("{{ attribute.points | default(1.5) }}", "12500"),
    ],
)
def test_what_each_variable_and_filter_says(template: str, result: str) -> None:
    """A template says exactly this for a known friend."""
    assert say(template) == result


def test_event_variables_read_the_props_of_the_event_at_hand() -> None:
    """``event.`` walks into the props, dictionaries and lists alike."""
    event = {"text": "予約", "params": {"date": "2026-12-24"}, "items": [{"product": "shampoo"}]}
    assert say("{{ event.text }} {{ event.items.0.product }}", event=event) == "予約 shampoo"
    assert say("{{ event.params.date | date('%-m月%-d日') }}", event=event) == "12月24日"


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{{ attribute.note }}", "attribute.note"),
        ("{{ event.text }}", "event.text"),
        ("{{ score.unknown }}", "score.unknown"),
        ("{{ attribute.skin | number }}", "dry"),
        ("{{ attribute.skin | date }}", "dry"),
        ('{{ link("gone") }}', "gone"),
        ("{{ friend.scores }}", "friend.scores"),
        ("{{ broken", "broken"),
        ("{{ a | nosuch }}", "nosuch"),
        ("{{ attribute.note | default('x') | truncate }}", "truncate"),
    ],
)
def test_what_cannot_be_rendered_names_its_reason(template: str, names: str) -> None:
    """A missing value without a default, or a value of the wrong kind, is Unrenderable and says which."""
    with pytest.raises(Unrenderable) as refused:
        say(template)
    assert names in str(refused.value)


def test_a_default_answers_empty_text_and_missing_values_alike() -> None:
    """An empty name is as good as none."""
    for name in (None, ""):
        assert say('{{ friend.display_name | default("お客様") }}', a_friend(display_name=name)) == "お客様"


def test_a_result_that_line_would_refuse_is_unrenderable() -> None:
    """A name that makes the text too long costs this friend the message, not the whole chunk a 400."""
    with pytest.raises(Unrenderable, match=r"messages\[0\].text: is 5001 characters long"):
        say("{{ attribute.note }}", a_friend(attributes={"note": "x" * 5001}))
    with pytest.raises(Unrenderable, match="must not be empty"):
        say("{{ attribute.note }}", a_friend(attributes={"note": ""}))


def test_static_messages_are_recognised_and_kept_as_written() -> None:
    """Without a variable the stored objects themselves are sent, key by key."""
    static = {"messages": [{"type": "text", "text": "こんにちは {x}", "new_property": [1, {"a": None}]}]}
    assert render.is_static(static)
    assert render.render(static, a_friend(), SNAPSHOT, NOW) is static["messages"]
    assert not render.is_static({"messages": [{"type": "text", "text": "{{ friend.user_id }}"}]})


def test_rendering_changes_strings_only_and_never_the_document() -> None:
    """Keys, numbers and the document itself stay as they are."""
    message = {
        "type": "text",
        "text": "{{ friend.display_name }}",
        "{{ key }}": "x",
        "quickReply": {
            "items": [{"type": "action", "action": {"type": "message", "label": "a", "text": "b"}}]
        },
    }
    before = repr(message)
    rendered = render.render({"messages": [message]}, a_friend(), SNAPSHOT, NOW)
    assert rendered == [{**message, "text": "花子"}]
    assert repr(message) == before


def test_values_inside_addresses_are_percent_encoded_once() -> None:
    """A value inside an address cannot change where it leads; one at its beginning is an address."""

    def uri(template: str) -> str:
        action = {"type": "uri", "label": "開く", "uri": template}
        body = {
            "messages": [
                {"type": "text", "text": "x", "quickReply": {"items": [{"type": "action", "action": action}]}}
            ]
        }
        friend = a_friend(attributes={"page": "https://a.example/p?q=1"}, display_name="花&子/?")
        rendered = render.render(body, friend, SNAPSHOT, NOW)
        return str(rendered[0]["quickReply"]["items"][0]["action"]["uri"])

    encoded = "%E8%8A%B1%26%E5%AD%90%2F%3F"
    assert uri("https://x.example/?n={{ friend.display_name }}") == f"https://x.example/?n={encoded}"
    assert (
        uri("https://x.example/?n={{ friend.display_name | urlencode }}") == f"https://x.example/?n={encoded}"
    )
    assert uri("{{ attribute.page }}") == "https://a.example/p?q=1"
    assert uri('{{ link("spring-sale") }}') == "http://127.0.0.1:8000/r/salon.spring-sale"


def test_emojis_follow_their_dollar_when_text_before_it_changes_length() -> None:
    """LINE's index counts UTF-16 units of the final text."""
    text = "{{ friend.display_name }}$ {{ attribute.skin }} $"
    places = [text.index("$"), text.rindex("$")]
    message = {
        "type": "text",
        "text": text,
        "emojis": [{"index": at, "productId": "p", "emojiId": "e"} for at in places],
    }
    (rendered,) = render.render({"messages": [message]}, a_friend(display_name="𠮷野"), SNAPSHOT, NOW)
    assert rendered["text"] == "𠮷野$ dry $"
    assert [emoji["index"] for emoji in rendered["emojis"]] == [3, 9]


def test_braces_in_values_are_doubled_in_text_v2() -> None:
    """A friend called {x} cannot name a substitution, and LINE shows the braces."""
    message = {
        "type": "textV2",
        "text": "{{ friend.display_name }} {smile} {{ '{' }}",
        "substitution": {"smile": {"type": "emoji", "productId": "p", "emojiId": "e"}},
    }
    (rendered,) = render.render({"messages": [message]}, a_friend(display_name="{smile}"), SNAPSHOT, NOW)
    assert rendered["text"] == "{{smile}} {smile} {{"


def test_half_characters_in_values_are_replaced() -> None:
    """A torn surrogate pair from outside cannot make the request unsendable."""
    assert say("{{ event.text }}", event={"text": "a\ud83d"}) == "a�"


def test_dates_are_those_of_the_account() -> None:
    """The zone is the caller's; Japan when nothing is said."""
    body = {"messages": [{"type": "text", "text": "{{ friend.followed_at | date('%-d') }}"}]}
    there = render.render(body, a_friend(), SNAPSHOT, NOW, zone=ZoneInfo("America/New_York"))
    assert there[0]["text"] == "21"


def test_link_codes_lead_back_to_their_link_and_only_there() -> None:
    """The code of a link is stable, readable both ways, and a stranger's code is nothing."""
    assert service.read_code(service.code("salon", "spring-sale")) == ("salon", "spring-sale")
    assert service.target(SNAPSHOT, "spring-sale") == "https://shop.example/spring"
    assert service.target(SNAPSHOT, "gone") is None
    for stranger in ("", "salon", "salon.", ".x", "Salon.x", "salon.x/../y", "https://evil.example/"):
        assert service.read_code(stranger) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "friend.display_name",
        "friend.followed_at",
        "attribute.note",
        "attribute.points",
        "score.interest",
        "tag.vip",
        "event.text",
        "event.params.date",
        'link("spring-sale")',
        '"literal"',
        "nonsense",
        "friend",
        "event..x",
    ]
)
USED = st.sampled_from(
    [
        *filters.FILTERS,
        'default("x")',
        "truncate(3)",
        "number(2)",
        'date("%H%q")',
        'yesno("a","b")',
        "join(",
        "",
    ]
)
TEMPLATES = st.lists(
    st.text(max_size=6)
    | st.builds("{{{{ {} | {} }}}}".format, NAMES, USED)
    | st.sampled_from(["{{", "}}", "{"]),
    max_size=5,
).map("".join)
SHEETS = st.fixed_dictionaries(
    {},
    optional={
        "display_name": JSON,
        "followed_at": JSON,
        "attributes": st.dictionaries(st.sampled_from(["note", "points"]), JSON) | JSON,
        "scores": st.fixed_dictionaries({"interest": JSON}) | JSON,
        "tags": JSON,
    },
)


@given(text=TEMPLATES, sheet=SHEETS, event=JSON, kind=st.sampled_from(["text", "textV2"]))
def test_rendering_raises_nothing_but_unrenderable(text: str, sheet: Any, event: Any, kind: str) -> None:
    """Whatever is on the sheet, in the event and in the template: objects that LINE takes, or a reason."""
    body = {"messages": [{"type": kind, "text": text}]}
    try:
        rendered = render.render(body, sheet, SNAPSHOT, NOW, event)
    except Unrenderable as refused:
        result = refused.reason
    else:
        result = "rendered"
        assert render.is_static(body) or checks.check(rendered) == []
    assert result
