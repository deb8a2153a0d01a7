"""Whether a form's question reached the friend: an answer is waited for only then.

The reaction notes on the sheet which question is asked (``form_session``). These few writes by path correct
that note when it turns out otherwise; each holds only while the same question of the same time is there,
so that repeating one, or coming late, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.friends import service as friends
from chalicelib.gateways.expressions import Condition, Path

Asked = Mapping[str, Any]
"""``{"form", "question", "at"}``: which question, and of which time."""


def of(effect: Mapping[str, Any]) -> dict[str, Any] | None:
    """The question that an effect puts; None: it puts none."""
    if "question" not in effect:
        return None
    return {"form": effect["form"], "question": effect["question"], "at": effect["asked_at"]}


def forget(account: Account, user: str, asked: Asked) -> None:
    """It did not reach the friend: nothing is waited for."""
    _correct(account, user, asked, [], [("form_session",)])


def hold(account: Account, user: str, asked: Asked) -> None:
    """It goes by push: until LINE has taken that, what the friend writes is no answer."""
    unsent = Condition(("form_session", "sent_at"), "absent")
    _correct(account, user, asked, [(("form_session", "held"), True)], [], unsent)


def begin(account: Account, user: str, asked: Asked, at: str) -> None:
    """LINE took the push at that time: from then on it is waited for."""
    _correct(account, user, asked, [(("form_session", "sent_at"), at)], [("form_session", "held")])


def _correct(
    account: Account,
    user: str,
    asked: Asked,
    sets: list[tuple[Path, Any]],
    removes: list[Path],
    *more: Condition,
) -> None:
    same = [Condition(("form_session", name), "=", asked[name]) for name in ("form", "question", "at")]
    friends.update_paths(account.id, account.shards, user, sets, removes, [*same, *more])
