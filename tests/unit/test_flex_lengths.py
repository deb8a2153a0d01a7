"""Flex sizes, spaces and shifts: the checks at save and the simulated LINE say the same, and LINE's words."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.local.line.validation.flex import check_flex
from chalicelib.messages.checks import check

IMAGE = "https://example.jp/a.png"
TEXT = {"type": "text", "text": "あ"}
COMPONENTS: dict[str, dict[str, Any]] = {
    "text": TEXT,
    "span": {"type": "span", "text": "あ"},
    "box": {"type": "box", "layout": "vertical", "contents": [TEXT]},
    "button": {"type": "button", "action": {"type": "uri", "label": "開く", "uri": "https://example.jp"}},
    "image": {"type": "image", "url": IMAGE},
    "icon": {"type": "icon", "url": IMAGE},
    "separator": {"type": "separator"},
}
VALUES = [
    "0px",
    "-2px",
    "2.5px",
    "50%",
    "-5%",
    "md",
    "xxs",
    "5xl",
    "full",
    "none",
    "light",
    "2",
    "px",
    "2em",
    "",
]
PIXELS, LENGTH, SHIFT = {"0px", "2.5px"}, {"0px", "2.5px", "50%"}, {"0px", "2.5px", "50%", "-2px", "-5%"}
SPACES, FONTS = {"md", "none"}, {"md", "xxs", "5xl"}
TAKEN: dict[tuple[str, ...], dict[str, set[str]]] = {
    ("text", "box", "button", "image", "icon"): {
        "margin": PIXELS | SPACES,
        **dict.fromkeys(("offsetTop", "offsetBottom", "offsetStart", "offsetEnd"), SHIFT | SPACES),
    },
    ("separator",): {"margin": PIXELS | SPACES},
    ("box",): {
        "spacing": PIXELS | SPACES,
        "cornerRadius": PIXELS | SPACES,
        "borderWidth": PIXELS | {"none", "light"},
        **dict.fromkeys(("width", "maxWidth", "height", "maxHeight"), LENGTH),
        **dict.fromkeys(
            ("paddingAll", "paddingTop", "paddingBottom", "paddingStart", "paddingEnd"), LENGTH | SPACES
        ),
    },
    ("text",): {"size": PIXELS | FONTS, "lineSpacing": PIXELS},
    ("span",): {"size": PIXELS | FONTS},
    ("icon",): {"size": LENGTH | FONTS},
    ("image",): {"size": LENGTH | FONTS | {"full"}},
}
CASES = [(kind, key, taken) for kinds, keys in TAKEN.items() for kind in kinds for key, taken in keys.items()]


def bubble(component: dict[str, Any]) -> dict[str, Any]:
    layout = "baseline" if component["type"] == "icon" else "vertical"
    inner = {"type": "text", "contents": [component]} if component["type"] == "span" else component
    return {"type": "bubble", "body": {"type": "box", "layout": layout, "contents": [inner]}}


def taken_by_both(component: dict[str, Any]) -> tuple[bool, bool]:
    contents = bubble(component)
    ours = check([{"type": "flex", "altText": "a", "contents": contents}])
    return not ours, not check_flex(contents)


@pytest.mark.parametrize(("kind", "key", "taken"), CASES)
def test_a_length_is_taken_at_save_exactly_when_line_takes_it(kind: str, key: str, taken: set[str]) -> None:
    """Pixels, percentages, words and shifts below zero, property by property."""
    answers = {value: taken_by_both(COMPONENTS[kind] | {key: value}) for value in VALUES}
    assert answers == {value: (value in taken, value in taken) for value in VALUES}


@pytest.mark.parametrize(
    ("value", "taken"),
    [(1, True), (1.0, True), (0, True), (1.5, False), (-1, False), (True, False), ("1", False)],
)
@pytest.mark.parametrize(("kind", "key"), [("text", "flex"), ("text", "maxLines"), ("box", "flex")])
def test_a_whole_number_may_be_written_with_a_point(kind: str, key: str, value: Any, taken: bool) -> None:
    """1.0 is the whole number 1, as JSON has it; 1.5 is none."""
    assert taken_by_both(COMPONENTS[kind] | {key: value}) == (taken, taken)


def test_a_bubble_without_a_size_is_mega() -> None:
    """Bubbles of one carousel have one size; what is not said is mega."""
    plain = bubble(TEXT)
    carousel = {"type": "carousel", "contents": [plain, plain | {"size": "mega"}]}
    assert not check_flex(carousel)
    assert not check([{"type": "flex", "altText": "a", "contents": carousel}])
