"""Page tokens count for their purpose, account and time, and nobody can make one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.accounts import friend_tokens, page_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from tests.api_client import an_account, an_api
from tests.reaction_world import World, world

__all__ = ["world"]

LIFE = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def accounts(world: World) -> None:
    for name in ("shop", "other"):
        an_account(an_api(), name)


def test_a_token_says_who_for_as_long_as_it_lives(world: World) -> None:
    """To the moment, and not after it."""
    text = page_tokens.make("shop", "site", "U1", LIFE, "about")
    token = page_tokens.read("shop", "site", text)
    assert token is not None
    assert (token.user_id, token.about) == ("U1", "about")
    world.now += LIFE - timedelta(milliseconds=1)
    assert page_tokens.read("shop", "site", text) == token
    world.now += timedelta(milliseconds=1)
    assert page_tokens.read("shop", "site", text) is None


def test_a_token_is_for_one_purpose_and_one_account() -> None:
    """Another page, another account and a tracked link's token are nothing."""
    text = page_tokens.make("shop", "site", "U1", LIFE)
    assert page_tokens.read("shop", "form", text) is None
    assert page_tokens.read("other", "site", text) is None
    click = friend_tokens.make("shop", FriendToken("U1", "2026-11-22", "x"))
    assert page_tokens.read("shop", "site", click) is None
    assert friend_tokens.read("shop", text) is None


def test_a_hundred_forgeries_are_nobody() -> None:
    """Every change of one character, and what is no token at all."""
    text = page_tokens.make("shop", "site", "U1", LIFE, "a")
    forged = [text[:n] + ("A" if text[n] != "A" else "B") + text[n + 1 :] for n in range(len(text) - 1)]
    forged += ["", ".", "a.b", text.replace(".", ""), f"{text}.{text}", text + "A", "あ.い", text[:-22]]
    assert len(forged) >= 60
    assert [one for one in forged if page_tokens.read("shop", "site", one) is not None] == []
