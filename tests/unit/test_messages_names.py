"""Variables stand in values: in a property's name they are refused when the message is saved."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.messages import checks

TEXT = {"type": "text", "text": "あ"}


@pytest.mark.parametrize(
    ("message", "path"),
    [
        (TEXT | {"{{ friend.display_name }}": "x"}, "messages[0]"),
        (
            {"type": "flex", "altText": "a", "contents": {"type": "bubble", "body": {"{{ x": 1}}},
            "messages[0].contents.body",
        ),
        (TEXT | {"quickReply": {"items": [{"{{ a }}": 1}]}}, "messages[0].quickReply.items[0]"),
    ],
)
def test_a_variable_in_a_name_is_refused(message: dict[str, Any], path: str) -> None:
    """It would go to LINE as it is written."""
    found = [d for d in checks.check_templates([message]) if "never in names" in d.message]
    assert [detail.path for detail in found] == [path]


def test_other_names_pass() -> None:
    """Single braces and plain words are names like any other."""
    assert not checks.check_templates([TEXT | {"{name}": "x"}])
