"""Narrowcasts' runs in the ``broadcasts`` table: ``account#<run>#narrowcast`` / ``state``. Private to
this room.

One item, written whole under the condition that it is as it was read (``rev``).
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError

from chalicelib.broadcasts.narrowcasts.state import Narrowcast
from chalicelib.gateways import dynamo
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.settings import settings

_STATE = "state"
_KEYS = frozenset({"account", "run", "rev"})


class NarrowcastItem(dynamo.Record):
    """The state of a narrowcast's run."""

    class Meta:
        table_name = settings().table("broadcasts")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = dynamo.Document()
    rev = NumberAttribute()
    written_by = UnicodeAttribute()


def _pk(account: str, run: str) -> str:
    return f"{account}#{run}#narrowcast"


def find(account: str, run: str) -> Narrowcast | None:
    """A run, consistent; None before it was planned."""
    try:
        item = NarrowcastItem.get(_pk(account, run), _STATE, consistent_read=True)
    except NarrowcastItem.DoesNotExist:
        return None
    body = dict(item.body)
    messages = tuple(body.pop("messages"))
    return Narrowcast(account=account, run=run, rev=int(item.rev), messages=messages, **body)


def create(narrowcast: Narrowcast) -> Narrowcast:
    """Write a run unless it exists; returns the one that exists."""
    _put(narrowcast, NarrowcastItem.pk.does_not_exist())
    return find(narrowcast.account, narrowcast.run) or narrowcast


def write(narrowcast: Narrowcast) -> Narrowcast | None:
    """Write a run over the one that was read; None when it has changed since."""
    following = replace(narrowcast, rev=narrowcast.rev + 1)
    return following if _put(following, NarrowcastItem.rev == narrowcast.rev) else None


def _put(narrowcast: Narrowcast, condition: Any) -> bool:
    """Sent again because its answer was lost, a write finds its own name."""
    body = {n: v for n, v in asdict(narrowcast).items() if v is not None and n not in _KEYS}
    body |= {"topic": narrowcast.topic, "messages": [dict(one) for one in narrowcast.messages]}
    pk, by = _pk(narrowcast.account, narrowcast.run), new_ulid()
    item = NarrowcastItem(pk, _STATE, body=body, rev=narrowcast.rev, written_by=by)
    try:
        item.save(condition=condition | (NarrowcastItem.written_by == by))
    except PutError as error:
        if dynamo.condition_failed(error):
            return False
        raise
    return True
