"""What this room keeps in the ``control`` table: ``account`` / ``RICHMENUS``. Private to this room.

``w:<job>``: a walk that moves friends, and when it began; while one is stored, whoever links a friend looks
at them again (``moving.settle_again``). ``again``: two walks were on at once, and
since when. ``through``: up to when periods that begin and end are seen to.
``drift``: what the last night has found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import plain_item
from chalicelib.gateways.expressions import Condition, Expression, update_if
from chalicelib.shared.settings import settings

_WALK = "w:"


@dataclass(frozen=True)
class Standing:
    """The state of the work on an account's menus. ``walks``: by job, when it began."""

    walks: Mapping[str, str] = field(default_factory=dict)
    again: str = ""
    through: str = ""
    drift: Mapping[str, Any] | None = None


def find(account: str) -> Standing:
    """The state of the work, consistent."""
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("control"), Key=_key(account), ConsistentRead=True
    )
    item = plain_item(answer.get("Item", {}))
    walks = {name.removeprefix(_WALK): at for name, at in item.items() if name.startswith(_WALK)}
    return Standing(walks, item.get("again", ""), item.get("through", ""), item.get("drift"))


def begin_walk(account: str, job: str, at: str) -> None:
    """A walk is about to begin; the first to say so wins."""
    name = (_WALK + job,)
    _update(account, sets=[(name, at)], conditions=[Condition(name, "absent")])


def end_walk(account: str, job: str) -> None:
    """What a walk has asked of LINE is done."""
    _update(account, removes=[(_WALK + job,)])


def note_again(account: str, at: str) -> None:
    """Friends have to be walked once more when no walk is on."""
    _update(account, sets=[(("again",), at)])


def forget_again(account: str, at: str) -> None:
    """They are, for what was noted at a moment."""
    _update(account, removes=[("again",)], conditions=[Condition(("again",), "=", at)])


def note_through(account: str, at: str) -> None:
    """Periods are seen to up to a moment."""
    through = ("through",)
    earlier = [Condition(through, "absent"), Condition(through, "<", at)]
    _update(account, sets=[(through, at)], conditions=[earlier])


def note_drift(account: str, drift: Mapping[str, Any]) -> None:
    """Keep what a night has found."""
    _update(account, sets=[(("drift",), dict(drift))])


def _update(account: str, *, sets: Any = (), removes: Any = (), conditions: Any = ()) -> bool:
    expression = Expression()
    return update_if("control", _key(account), expression, expression.update(sets, removes), conditions)


def _key(account: str) -> dict[str, Any]:
    return {"pk": {"S": account}, "sk": {"S": "RICHMENUS"}}
