"""What a test was decided by, in the ``ledger`` table: every item is written once. Private to this room.

``account#<run>#W`` / ``count#<arm>#<shard>`` what the friends of a shard's sample did ·
``account#<run>#W`` / ``decision`` what a person has chosen, and the decision
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings


class WinnerRecord(dynamo.Record):
    """A count of a shard, or the choice and the decision."""

    class Meta:
        table_name = settings().table("ledger")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    successes = NumberAttribute(null=True)
    blocks = NumberAttribute(null=True)
    chosen_by_call = UnicodeAttribute(null=True)
    choice = dynamo.Document(null=True)
    decided_at = UnicodeAttribute(null=True)
    decision = dynamo.Document(null=True)


@dataclass(frozen=True)
class Count:
    """How many friends of an arm did what counts, and how many blocked the account since it was sent."""

    successes: int = 0
    blocks: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.successes + other.successes, self.blocks + other.blocks)


@dataclass(frozen=True)
class Ruling:
    """What is known of a run's test: a person's ``choice`` (``{"winner", "by", "at"}``) and the name of the
    call that wrote it, the decision, and what was counted by arm and shard.
    """

    choice: Mapping[str, Any] | None = None
    chosen_by_call: str | None = None
    decision: Mapping[str, Any] | None = None
    counts: Mapping[tuple[str, int], Count] = field(default_factory=dict)


_DECISION = "decision"
_R = WinnerRecord


def _partition(account: str, run: str) -> str:
    return f"{account}#{run}#W"


def find_decision(account: str, run: str) -> Mapping[str, Any] | None:
    """The decision, consistent; None: there is none."""
    try:
        return _R.get(_partition(account, run), _DECISION, consistent_read=True).decision
    except _R.DoesNotExist:
        return None


def read(account: str, run: str) -> Ruling:
    """Everything that is known of a run's test; consistent."""
    counts: dict[tuple[str, int], Count] = {}
    ruling = Ruling()
    for record in _R.query(_partition(account, run), consistent_read=True):
        if record.sk == _DECISION:
            ruling = Ruling(record.choice, record.chosen_by_call, record.decision)
            continue
        _, arm, shard = record.sk.split("#")
        counts[arm, int(shard)] = Count(int(record.successes or 0), int(record.blocks or 0))
    return Ruling(ruling.choice, ruling.chosen_by_call, ruling.decision, counts)


def put_count(account: str, run: str, arm: str, shard: int, count: Count) -> None:
    """Note what the friends of a shard did, unless that exists."""
    _R(_partition(account, run), f"count#{arm}#{shard:04d}", **vars(count)).save_new()


def put_choice(account: str, run: str, choice: Mapping[str, Any], call: str) -> bool:
    """Note what a person has chosen; False when somebody has chosen, or it is decided, already."""
    free = _R.chosen_by_call.does_not_exist() & _R.decided_at.does_not_exist()
    actions = [_R.choice.set(dict(choice)), _R.chosen_by_call.set(call)]
    return _update(account, run, actions, free | (_R.chosen_by_call == call))


def put_decision(account: str, run: str, decision: Mapping[str, Any], seen: Ruling) -> bool:
    """Write the decision, unless there is one or a person has chosen since the ruling was read."""
    chosen = _R.chosen_by_call
    as_seen = chosen == seen.chosen_by_call if seen.chosen_by_call else chosen.does_not_exist()
    actions = [_R.decision.set(dict(decision)), _R.decided_at.set(decision["at"])]
    return _update(account, run, actions, _R.decided_at.does_not_exist() & as_seen)


def _update(account: str, run: str, actions: list[Any], condition: Condition) -> bool:
    return _R(_partition(account, run), _DECISION).update_if(actions, condition)
