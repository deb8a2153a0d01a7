"""Fields that documents have in common."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel

from chalicelib.api.accounts import AccountIn
from chalicelib.api.keys import KeyIn
from chalicelib.api.kinds import KINDS
from chalicelib.broadcasts.documents import Broadcast
from chalicelib.http.bodies import parse_model
from chalicelib.shared.errors import InvalidInput

NAMED: list[type[BaseModel]] = [
    *(kind.model for kind in KINDS.values() if "name" in kind.model.model_fields),
    Broadcast,
    AccountIn,
    KeyIn,
]
LONG = {"Rule", "MessageDocument", "Scenario", "Broadcast", "Schedule"}


def trouble(model: type[BaseModel], name: str) -> list[str]:
    """What is wrong with a name; the rest of the body is left out."""
    try:
        parse_model(model, json.dumps({"name": name}))
    except InvalidInput as error:
        return [detail.message for detail in error.details if detail.path == "name"]
    return []


@pytest.mark.parametrize("model", NAMED, ids=lambda model: model.__name__)
def test_a_name_is_one_line_that_can_be_read(model: type[BaseModel]) -> None:
    """Everywhere the same: no control characters, not only what nobody sees, and no longer than it may be."""
    for name in (" ", "\u3000\u3000", "\u200b", "\u00a0 \u2003"):
        assert trouble(model, name) == ["must hold something that can be read, not only spaces"], name
    for name in ("a\nb", "a\tb", "\x00", "a\x7f", "a\x85b", "a\u2028b"):
        assert trouble(model, name) == ["must hold no line breaks, tabs or other control characters"], name
    longest = 200 if model.__name__ in LONG else 100
    for name in ("髪💇🏽\u200d♀️ 予約", "a b", "\U0001fae9", "あ" * longest):
        assert trouble(model, name) == [], name
    assert trouble(model, "あ" * (longest + 1))
    assert trouble(model, "")


def test_every_kind_but_policies_has_a_name() -> None:
    """So that none is forgotten above."""
    assert {name for name, kind in KINDS.items() if kind.model not in NAMED} == {"policies", "stages"}
