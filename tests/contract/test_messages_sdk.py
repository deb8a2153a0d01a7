"""The SDK's models as an oracle: whatever our checks let pass, the SDK can read."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from linebot.v3.messaging import Message

from chalicelib.messages import checks
from tests.messages_corpus import VALID

WRONG: list[Any] = [None, 5, 5.5, True, "", "x", [], {}, "y" * 301, "z" * 10_001]


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, outermost first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield (*way, step)
        yield from places(one, (*way, step))


def with_place(message: dict[str, Any], way: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy of the message with one place replaced."""
    changed = copy.deepcopy(message)
    place: Any = changed
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    return changed


@pytest.mark.parametrize("name", VALID)
def test_the_sdk_reads_what_the_checks_accept(name: str) -> None:
    """The examples themselves, and each of them with every single place replaced by something odd."""
    message = VALID[name]
    assert Message.from_dict(message).to_dict()["type"] == message["type"]
    for way in places(message):
        for odd in WRONG:
            changed = with_place(message, way, odd)
            if checks.check([changed]) == []:
                try:
                    Message.from_dict(changed)
                except Exception as error:
                    pytest.fail(f"accepted {way} = {str(odd)[:20]!r}, and the SDK says: {error}")
