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
from chalicelib.messages import for_all, render
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import parse_iso

PUSH = "push"


@dataclass(frozen=True)
class Way:
    """How the links of an arm go: by ``liff`` or by ``push``, and why by push."""

    name: str
    why: Reason | None = None


def arranged(run: RunSnapshot, account: Account, *, live: bool) -> list[tuple[Arm, Way | None]]:
    """Each arm, with LIFF addresses where its links go by LIFF, and how they go; None: it has none. ``live``:
    they name the delivery.
    """
    return [_arranged(arm, run, account, live=live) for arm in run.arms]


def _arranged(arm: Arm, run: RunSnapshot, account: Account, *, live: bool) -> tuple[Arm, Way | None]:
    if not for_all.has_addresses(arm.body):
        return arm, None
    asked = Reason("links_asked_for") if run.body.get("links") == PUSH else None
    if (why := asked or for_all.why_not(arm.body, account)) is not None:
        return arm, Way(PUSH, why)
    delivery = FriendToken("", run.broadcast, run.run, arm.variant or "")
    token = friend_tokens.make(account.id, delivery) if live else ""
    try:
        messages = for_all.through_liff(arm.body, run.catalog, parse_iso(run.now), account, token)
    except render.Unrenderable as error:
        return arm, Way(PUSH, error.reason)
    return replace(arm, body={**arm.body, "messages": messages}, static=True), Way("liff")


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
