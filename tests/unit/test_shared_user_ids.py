"""User ids: what cannot be seen is refused at every door, so that look-alikes make no second friend."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from chalicelib.friends.api import user_path
from chalicelib.intake.model import Event, Purchase, read
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.events import NOBODY
from chalicelib.shared.fields import UserId
from chalicelib.shared.user_ids import BadUserId, is_unseen, user_id
from chalicelib.transfers.rows import WrongLine, parse
from chalicelib.webhook.parse import parse as webhook
from tests.reaction_builders import NOW, TOKYO, a_catalog

REAL = "U4af4980629d3c4a1b9e0f5d6c7b8a900"
GOOD = [REAL, "U1", "田中-1", "友だち👩", "C" + "0" * 32, "が", "a|b", "x" * 128]
BAD = [
    REAL + "\u200b",
    "\ufeff" + REAL,
    REAL[:5] + "\u200d" + REAL[5:],
    "U\u00ad1",
    "U 1",
    "U\u30001",
    "U1\n",
    "U\u202e1",
    "U\u20661",
    "U\u115f1",
    "U\u31641",
    "U1\ufe0f",
    "U1\U000e0101",
    "U\u034f1",
    "U\ud8001",
    "U\x001",
    "U\x851",
    REAL.upper(),
    REAL.lower(),
    "x" * 129,
    "",
    NOBODY,
    "__proto__",
]


@pytest.mark.parametrize("given", GOOD)
def test_what_can_be_seen_is_taken(given: str) -> None:
    """LINE's ids and those of other systems, as they are."""
    assert user_id(given) == given


def test_composition_makes_no_second_friend() -> None:
    """The same letters in Unicode's NFD form are the same friend."""
    assert user_id("か\u3099") == "が"


@pytest.mark.parametrize("bad", BAD)
def test_every_endpoint_refuses_what_cannot_be_seen(bad: str) -> None:
    """Paths, bodies, events, purchases and CSV say no with the field; of a webhook it names nobody."""
    with pytest.raises(BadUserId):
        user_id(bad)
    with pytest.raises(InvalidInput) as path:
        user_path(bad)
    assert path.value.details[0].path == "user_id"
    with pytest.raises(ValidationError):
        TypeAdapter(UserId).validate_python(bad)
    event: dict[str, Any] = {"event_id": "e", "user_id": bad, "type": "custom:x"}
    order = {"order_id": "o", "user_id": bad, "at": "2026-11-22T00:00:00Z", "amount": 1, "items": []}
    for kind, body in ((Event, event), (Purchase, order)):
        with pytest.raises(InvalidInput) as caught:
            read(kind, body)
        assert caught.value.details[0].path in {"user_id", ""}
    if bad.strip():
        with pytest.raises(WrongLine):
            parse(["user_id"], ["x" + bad + "x" if bad != bad.strip() else bad], a_catalog(), TOKYO)
    raw = {"type": "message", "timestamp": 1, "source": {"type": "user", "userId": bad}, "message": {}}
    (heard,) = webhook(json.dumps({"events": [raw]}).encode(), "shop", NOW)
    assert heard.user_id in {NOBODY, user_id(bad.replace("\ud800", "?")) if bad == "U\ud8001" else NOBODY}


@given(st.text(min_size=1, max_size=40))
def test_what_is_taken_is_seen_and_stays(text: str) -> None:
    """Judging an id that was judged gives the same id, and nothing in it is invisible."""
    try:
        found = user_id(text)
    except BadUserId:
        return
    assert user_id(found) == found
    assert not any(map(is_unseen, found))
