"""Whether a broadcast's links go through LIFF: one message for all, by multicast, where else each friend gets
their own, by push. What a friend does with either is known alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.accounts.model import Account
from chalicelib.broadcasts.model import Arm, RunSnapshot
from chalicelib.deliveries import limits
from chalicelib.deliveries.model import MULTICAST_MAX
from chalicelib.liff import apps
from chalicelib.links.liff_addresses import ForEverybody
from chalicelib.messages import render
from chalicelib.messages.variables import PREFERENCES
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.text.template import Expression, expressions
from chalicelib.shared.times import parse_iso

PUSH = "push"
_ADDRESSES = frozenset({"link", "form", "page"})
"""What LIFF leads to, whoever comes."""


@dataclass(frozen=True)
class Way:
    """How the links of an arm go: by ``liff`` or by ``push``, and why by push."""

    name: str
    why: Reason | None = None


def arranged(run: RunSnapshot, account: Account, *, live: bool) -> list[tuple[Arm, Way | None]]:
    """Each arm, with LIFF addresses where its links go by LIFF, and how they go; None: it has none. ``live``:
    they tell the delivery.
    """
    return [_arranged(arm, run, account, live=live) for arm in run.arms]


def _arranged(arm: Arm, run: RunSnapshot, account: Account, *, live: bool) -> tuple[Arm, Way | None]:
    kinds = {_kind(expression) for _, _, expression in expressions(arm.body["messages"])}
    if not kinds & _ADDRESSES:
        return arm, None
    if (why := _why_by_push(kinds, run.body, account)) is not None:
        return arm, Way(PUSH, why)
    delivery = FriendToken("", run.broadcast, run.run, arm.variant or "")
    token = friend_tokens.make(account.id, delivery) if live else ""
    everybody, now = ForEverybody(str(account.liff_id), token), parse_iso(run.now)
    try:
        messages = render.render(arm.body, {}, run.catalog, now, zone=account.zone, token=everybody)
    except render.Unrenderable as error:
        return arm, Way(PUSH, error.reason)
    return replace(arm, body={**arm.body, "messages": messages}, static=True), Way("liff")


def _kind(expression: Expression) -> str:
    """What an expression stands for: the friend's own page is an address, not one of the friend's values."""
    return "page" if expression.path == PREFERENCES else expression.kind


def _why_by_push(kinds: set[str], body: Mapping[str, Any], account: Account) -> Reason | None:
    if body.get("links") == PUSH:
        return Reason("links_asked_for")
    if kinds - _ADDRESSES - {"literal"}:
        return Reason("links_beside_values")
    if account.liff_id is None:
        return Reason("links_no_liff")
    return None if apps.is_ours(account) else Reason("links_other_liff", page=apps.page_address(account.id))


def shown(arms: Sequence[tuple[Arm, Way | None]], sent: Mapping[str, int]) -> list[dict[str, Any]]:
    """Of each arm with links how they go, and how long so many friends take either way at LINE's limits."""
    return [
        {
            "variant": arm.variant,
            "way": way.name,
            **(way.why.shown() if way.why else {"why": None, "reason": None}),
            "seconds": {name: _seconds(name, sent.get(arm.id, 0)) for name in ("liff", PUSH)},
        }
        for arm, way in arms
        if way is not None
    ]


def _seconds(way: str, friends: int) -> float:
    """How long so many friends take."""
    kind, calls = (PUSH, friends) if way == PUSH else ("multicast", math.ceil(friends / MULTICAST_MAX))
    return round(calls / (limits.PER_SECOND[kind] * settings().line_rate_share), 1)
