"""Addresses that actions call: whom they call is fixed when they are saved, whatever friends write."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.actions.kinds import ACTIONS
from chalicelib.api.kinds import CHECKED
from chalicelib.catalog.validation import normal_body
from chalicelib.messages import addresses, vocabulary
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.origins import BadAddress, origin_of
from chalicelib.shared.settings import Settings
from chalicelib.shared.text.template import Expression
from tests.reaction_builders import a_catalog


def message(*values: str) -> Any:
    """Each variable in turn has one of these values."""
    rest = iter(values)

    def value(_: Expression) -> str:
        return next(rest)

    return value


INJECTED = [
    "http://x.invalid{{event.text}}",
    "http://x.invalid{{ event.text }}",
    "https://{{event.text}}.x.jp/",
    "https://{{ event.text }}.x.jp/",
    "https://u{{event.text}}@x.jp/",
    "http://127.0.0.1{{event.text}}",
    "http://127.0.0.1:{{event.text}}/",
    "http://127.0.0.1:80{{event.text}}/",
    "https://{{event.text}}",
    "https://x.jp{{event.text}}/",
    "https://x.jp?q={{event.text}}",
    "https://x.jp#{{event.text}}",
    "https:/{{event.text}}/",
    "https:///{{event.text}}/",
    "{{event.text}}://x.jp/",
    "{{event.text}}https://x.jp/",
    "https://x.jp{{event.text}}@y.jp/{{event.text}}",
    "https://x.jp\\{{event.text}}/",
]


@pytest.mark.parametrize("name", ["call_webhook", "notify"])
@pytest.mark.parametrize("url", INJECTED)
def test_no_variable_in_the_host(name: str, url: str) -> None:
    """Refused when it is saved, with the path and a sentence; and never filled in."""
    then = [{name: {ACTIONS[name].address: url, "text": "x"}}]
    (wrong,) = vocabulary.check(then, a_catalog())
    assert wrong.path == f"then[0].{name}.{ACTIONS[name].address}"
    assert len(wrong.message) > 20
    for value in ("@127.0.0.1:8125/host-injected", ":8125/x", "evil", "1"):
        with pytest.raises(BadAddress):
            addresses.fill(url, message(value, value))


@pytest.mark.parametrize(
    "url",
    [
        "https://a..b/",
        f"https://{'x' * 64}.jp/",
        "https://x.jp:99999/",
        "https://x.jp:0/",
        "https://x.jp:port/",
        "https://user:secret@x.jp/",
        "https://x jp/",
        "https://[::1",
        " https://x.jp/",
        "https://x.jp/a\nb",
        "ftp://x.jp/",
        "https:/x.jp/",
        "https://a..b/{{ event.text }}",
        "https://x.jp:99999/{{ event.text }}",
    ],
)
def test_what_can_never_be_called_is_refused(url: str) -> None:
    """With what is wrong about it."""
    assert str(addresses.problem(url)).startswith("must be an https address")


@pytest.mark.parametrize(
    "url",
    [
        "https://x.jp",
        "https://x.jp/",
        "https://日本.jp/予約?q=あ",
        "https://x_y.jp:8443/a b",
        "https://xn--wgv71a.jp/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]:443/",
        "https://x.jp/{{ event.text }}?q={{ friend.display_name }}#{{event.text}}",
    ],
)
def test_ordinary_addresses(url: str) -> None:
    """Other people's systems as they are."""
    assert addresses.problem(url) is None


def test_plain_http_is_for_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """On AWS it is refused when saved."""
    assert addresses.problem("http://x.jp/{{ event.text }}") is None
    monkeypatch.setattr(addresses, "settings", lambda: Settings(stage="prod"))
    assert str(addresses.problem("http://x.jp/{{ event.text }}")) == "must be an https address"


def test_values_are_encoded() -> None:
    """They stay one step of the path and one value of the query."""
    url = "https://x.jp/s/200/{{ event.text }}?q={{ friend.display_name }}"
    value = "x/../../x?z=1#あ"
    filled = addresses.fill(url, message(value, value))
    encoded = "x%2F..%2F..%2Fx%3Fz%3D1%23%E3%81%82"
    assert filled == f"https://x.jp/s/200/{encoded}?q={encoded}"


def test_an_encoded_value_is_not_encoded_twice() -> None:
    """Where ``urlencode`` comes last; anywhere else it cannot be relied on."""
    assert addresses.fill("https://x.jp/{{ event.text | urlencode }}", message("%2F")) == "https://x.jp/%2F"
    last = 'https://x.jp/{{ event.text | urlencode | default("/") }}'
    assert addresses.fill(last, message("/")) == "https://x.jp/%2F"


@pytest.mark.parametrize(
    ("url", "values"),
    [
        ("https://x.jp/a/{{ event.text }}/b", ["..", "."]),
        ("https://x.jp/a/.{{ event.text }}/b", [".", ""]),
        ("https://x.jp/a/{{ event.text }}{{ event.text }}", [".", ".."]),
        ("https://x.jp/a/%2e{{ event.text }}", [".", ""]),
        ("https://x.jp/a/{{ event.text }};v=1/b", [".."]),
        ("https://x.jp/a/%2{{ event.text }}", ["e"]),
    ],
)
def test_no_value_climbs(url: str, values: list[str]) -> None:
    """A step that would mean the one above, or itself, is not called."""
    for value in values:
        with pytest.raises(BadAddress, match=r"\. or \.\."):
            addresses.fill(url, message(value, ""))


def test_steps_that_the_author_wrote_stay() -> None:
    """Only values are kept from climbing."""
    assert addresses.fill("https://x.jp/a/../b/{{ event.text }}", message("c")) == "https://x.jp/a/../b/c"
    assert addresses.fill("https://x.jp/?a={{ event.text }}", message("..")) == "https://x.jp/?a=.."


def test_an_address_without_end_is_not_called() -> None:
    """Servers would refuse it."""
    with pytest.raises(BadAddress, match="longer"):
        addresses.fill("https://x.jp/{{ event.text }}", message("あ" * 5000))


@given(st.text(), st.text())
@example("@127.0.0.1:8125/x", "\\..\\")
@example("\r\nHost: x", "\t")
def test_whatever_is_written_the_same_is_called(first: str, second: str) -> None:
    """Host, port, the other steps of the path and the other values of the query stay."""
    url = "https://x.jp:8443/a/-{{ event.text }}/b?q={{ event.text }}&r=1"
    try:
        filled = addresses.fill(url, message(first, second))
    except BadAddress:
        return
    parts = urlsplit(filled)
    assert str(origin_of(filled)) == "https://x.jp:8443"
    before, value, after = parts.path.rsplit("/", 2)
    assert (before, after) == ("/a", "b")
    assert unquote(value) == f"-{first}"
    assert parts.query.split("&")[1:] == ["r=1"]


@pytest.mark.parametrize(
    ("uri", "leads_as_it_looks"),
    [
        ("https://shop.example/@sale", True),
        ("https://shop.example?to=a@b", True),
        ("line://ti/p/@shop", True),
        ("https://shop.example@evil.example/", False),
        ("HTTPS://a:b@evil.example", False),
        ("https://shop.example\\@evil.example", False),
        ("https:\\\\evil.example", False),
    ],
)
def test_addresses_of_buttons_lead_where_they_seem_to(uri: str, leads_as_it_looks: bool) -> None:
    """No user before the host and no backslash, as for links; an @ elsewhere is a character."""
    button = {"type": "uri", "label": "x", "uri": uri}
    template = {"type": "buttons", "text": "x", "actions": [button]}
    message = {"name": "m", "messages": [{"type": "template", "altText": "x", "template": template}]}
    if leads_as_it_looks:
        assert normal_body(CHECKED["messages"], message)["messages"] == message["messages"]
        return
    with pytest.raises(InvalidInput) as caught:
        normal_body(CHECKED["messages"], message)
    assert [detail.path for detail in caught.value.details] == ["messages[0].template.actions[0].uri"]
