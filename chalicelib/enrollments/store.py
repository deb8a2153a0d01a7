"""The ``enrollments`` table: ``account#user_id`` / ``scenario``; of a scenario that runs for each value of
something, ``account#user_id runs`` / ``scenario#<hash of the value>``, apart because they are never few. No
user id has a space. Every write names the version it saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.enrollments.model import ERASED, NOWHERE, Cause, Enrollment, Position, led_by, passed_by
from chalicelib.gateways import dynamo
from chalicelib.gateways.dynamo import batch_get
from chalicelib.gateways.expressions import Condition, Expression, update_if
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

_TABLE = settings().table("enrollments")


class EnrollmentRecord(dynamo.Record):
    """One friend in one scenario."""

    class Meta:
        table_name = _TABLE
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute()
    run = NumberAttribute()
    v = NumberAttribute()
    node = UnicodeAttribute(null=True)
    node_at = UnicodeAttribute()
    entered_at = UnicodeAttribute()
    due_at = UnicodeAttribute(null=True)
    causes: dynamo.Items = dynamo.Items()
    claim = dynamo.Document(null=True)
    reason = UnicodeAttribute(null=True)
    ended_at = UnicodeAttribute(null=True)
    re_entries: dynamo.Items = dynamo.Items(null=True)
    since = UnicodeAttribute(null=True)
    used: dynamo.Items = dynamo.Items(null=True)
    waits = BooleanAttribute(null=True)
    value = UnicodeAttribute(null=True)
    anchor = dynamo.Document(null=True)
    passed: dynamo.Items = dynamo.Items(null=True)


Place = tuple[str, str, str, str | None]
"""Account, scenario, user and value: whose run it is."""


def load(places: Iterable[Place]) -> dict[Place, Enrollment]:
    """The enrollments at those places that have one, consistent."""
    named = {
        _name(_key(a, user, scenario, value)): (a, scenario, user, value)
        for a, scenario, user, value in places
    }
    items = batch_get("enrollments", [_key(a, user, s, value) for a, s, user, value in named.values()])
    found = {named[_name(item)]: _enrollment(item) for item in items}
    return {place: replace(enrollment, value=place[3]) for place, enrollment in found.items()}


def load_runs(account: str, scenario: str, values: Mapping[str, str | None]) -> dict[str, Enrollment]:
    """Of each of those friends the run of that value (None: of no value), by user id, consistent."""
    found = load((account, scenario, user, value) for user, value in values.items())
    return {place[2]: enrollment for place, enrollment in found.items()}


def load_many(
    account: str, scenario: str, user_ids: Sequence[str], value: str | None = None
) -> dict[str, Enrollment]:
    """The enrollments of those friends who have one, consistent."""
    return load_runs(account, scenario, dict.fromkeys(user_ids, value))


def find(account: str, scenario: str, user_id: str, value: str | None = None) -> Enrollment | None:
    """One enrollment, consistent, or None."""
    return load_many(account, scenario, [user_id], value).get(user_id)


def of_friend(account: str, user_id: str) -> list[Enrollment]:
    """Every enrollment of a friend, by scenario; those of values aside."""
    return _all(account, user_id, f"{account}#{user_id}")


def runs_of_friend(account: str, user_id: str) -> list[Enrollment]:
    """Every run of a friend for some value that there ever was, by scenario."""
    return _all(account, user_id, f"{account}#{user_id}{_RUNS}")


def _all(account: str, user_id: str, partition: str) -> list[Enrollment]:
    query = EnrollmentRecord.query(partition, consistent_read=True)
    return [
        Enrollment(
            account=account,
            user_id=user_id,
            scenario=record.sk.partition("#")[0],
            **{name: value for name, value in record.attribute_values.items() if name not in {"pk", "sk"}},
        )
        for record in query
    ]


def enroll(seen: Enrollment | None, fresh: Enrollment) -> bool:
    """Write a new run over what was seen (None: nothing); False when somebody was faster."""
    sets = _sets(
        state="active",
        run=fresh.run,
        v=fresh.v,
        node=fresh.node,
        node_at=fresh.node_at,
        entered_at=fresh.entered_at,
        due_at=fresh.due_at,
        causes=fresh.causes,
        re_entries=fresh.re_entries or None,
        since=fresh.since,
        used=fresh.used,
        waits=fresh.waits or None,
        value=fresh.value,
        anchor=fresh.anchor,
    )
    removes = [("claim",), ("reason",), ("ended_at",), ("passed",)]
    removes += [("since",)] if fresh.since is None else []
    removes += [] if fresh.waits else [("waits",)]
    removes += [] if fresh.anchor else [("anchor",)]
    guard = Condition(("pk",), "absent") if seen is None else Condition(("v",), "=", seen.v)
    return _update(fresh, sets, removes, [guard])


def claim(seen: Enrollment, claim: dict[str, Any]) -> bool:
    """Note what is about to be sent; False when the version moved or there is another claim.

    A claim that was seen (its manifest left this friend out) is replaced; otherwise there must be none.
    """
    free = Condition(("claim",), "absent")
    if seen.claim:
        free = Condition(("claim", "chunk"), "=", seen.claim["chunk"])
    return _update(seen, [(("claim",), claim)], [], [*_unmoved(seen), free])


def move(
    seen: Enrollment, position: Position, at: str, chunk: str | None, cause: Cause | None = None
) -> bool:
    """Version v becomes v+1 at another position, and the claim (of ``chunk``, or none) is gone. ``cause``:
    what leads there, if it is not time.
    """
    free = Condition(("claim",), "absent") if chunk is None else Condition(("claim", "chunk"), "=", chunk)
    return _move(seen, position, at, [*_unmoved(seen), free], cause)


def exit_now(seen: Enrollment, position: Position, at: str) -> bool:
    """The same for blocks and exits, which do not wait for a claim."""
    return _move(seen, position, at, _unmoved(seen))


def erase(seen: Enrollment, at: str) -> bool:
    """Nothing of a friend's way through a scenario is left but its numbers: a version never comes twice."""
    sets = _sets(state="exited", reason=ERASED, v=seen.v + 1, node_at=at, entered_at=at, ended_at=at)
    sets += [(("causes",), []), (("node",), NOWHERE)]
    removes = [("due_at",), ("claim",), ("re_entries",), ("since",), ("used",), ("waits",)]
    removes += [("value",), ("anchor",), ("passed",)]
    return _update(seen, sets, removes, [Condition(("v",), "=", seen.v)])


def park(seen: Enrollment, due_at: datetime) -> bool:
    """The same version is due at another time; False when it is at yet another one by now."""
    free = Condition(("claim",), "absent")
    same = Condition(("due_at",), "=", seen.due_at) if seen.due_at else Condition(("due_at",), "absent")
    return _update(seen, [(("due_at",), iso(due_at))], [], [*_unmoved(seen), free, same])


def _move(
    seen: Enrollment,
    position: Position,
    at: str,
    conditions: Sequence[Condition],
    cause: Cause | None = None,
) -> bool:
    since, used = led_by(seen, cause, at)
    node_at = position.entered(at)
    sets = _sets(state=position.state, v=seen.v + 1, node=position.node, node_at=node_at)
    sets += _sets(since=since, used=used, waits=position.waits or None)
    sets += _sets(passed=passed_by(seen, position, at) or None)
    removes = [("claim",), *([("since",)] if since is None else [])]
    removes += [] if position.waits else [("waits",)]
    if position.due_at:
        sets.append((("due_at",), iso(position.due_at)))
    else:
        removes.append(("due_at",))
    if position.state != "active":
        sets += _sets(ended_at=at, reason=position.reason)
        if position.node is None:
            sets.append((("node",), seen.node))
    return _update(seen, sets, removes, conditions)


def _unmoved(seen: Enrollment) -> list[Condition]:
    return [
        Condition(("v",), "=", seen.v),
        Condition(("run",), "=", seen.run),
        Condition(("state",), "=", "active"),
    ]


def _sets(**values: Any) -> list[tuple[tuple[str, ...], Any]]:
    return [((name,), value) for name, value in values.items() if value is not None]


def _update(
    of: Enrollment,
    sets: Sequence[tuple[tuple[str, ...], Any]],
    removes: Sequence[tuple[str, ...]],
    conditions: Sequence[Condition],
) -> bool:
    expression = Expression()
    update, place = expression.update(sets, removes), _key(of.account, of.user_id, of.scenario, of.value)
    return update_if("enrollments", place, expression, update, conditions)


_RUNS = " runs"


def _key(account: str, user_id: str, scenario: str, value: str | None = None) -> dict[str, Any]:
    if value is None:
        return {"pk": {"S": f"{account}#{user_id}"}, "sk": {"S": scenario}}
    return {"pk": {"S": f"{account}#{user_id}{_RUNS}"}, "sk": {"S": f"{scenario}#{digest(value)}"}}


def _name(item: Mapping[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _enrollment(item: dict[str, Any]) -> Enrollment:
    plain = dynamo.plain_item(item)
    account, _, user_id = plain.pop("pk").removesuffix(_RUNS).partition("#")
    scenario = plain.pop("sk").partition("#")[0]
    return Enrollment(account=account, user_id=user_id, scenario=scenario, **plain)
