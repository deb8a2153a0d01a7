"""Audiences of ours in the ``control`` table: ``account`` / ``AUDIENCE#<id>``. Private to this room.

One item, written whole under the condition that it is as it was read (``rev``): an audience changes seldom.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DeleteError

from chalicelib.audiences.model import Audience, Building, Place, Retired
from chalicelib.gateways import dynamo
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.settings import settings

_PREFIX = "AUDIENCE#"


class AudienceItem(dynamo.Record):
    """An audience."""

    class Meta:
        table_name = settings().table("control")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = dynamo.Document()
    rev = NumberAttribute()
    written_by = UnicodeAttribute()


def find(account: str, audience: str) -> Audience | None:
    """An audience, consistent."""
    try:
        return _read(AudienceItem.get(account, f"{_PREFIX}{audience}", consistent_read=True))
    except AudienceItem.DoesNotExist:
        return None


def all_of(account: str) -> Iterator[Audience]:
    """Every audience of an account, in order of id."""
    for item in AudienceItem.query(account, AudienceItem.sk.startswith(_PREFIX), consistent_read=True):
        yield _read(item)


def create(audience: Audience) -> bool:
    """Write a new audience; False when there is one of its id."""
    return _put(_item(audience), AudienceItem.pk.does_not_exist())


def write(audience: Audience) -> Audience | None:
    """Write an audience over the one that was read; None when it has changed since, or is gone."""
    following = replace(audience, rev=audience.rev + 1)
    written = _put(_item(following), AudienceItem.rev == audience.rev)
    return following if written else None


def delete(audience: Audience) -> bool:
    """Take away an audience as it was read; False when it has changed since."""
    try:
        _item(audience).delete(condition=AudienceItem.rev == audience.rev)
    except DeleteError as error:
        if not dynamo.condition_failed(error):
            raise
        return find(audience.account, audience.id) is None
    return True


def _put(item: AudienceItem, condition: Any) -> bool:
    """Sent again because its answer was lost, a write finds its own name."""
    return item.save_if(condition | (AudienceItem.written_by == item.written_by))


def _item(audience: Audience) -> AudienceItem:
    body = {
        name: value
        for name, value in asdict(audience).items()
        if value is not None and name not in {"account", "id", "rev"}
    }
    body["retired"] = [asdict(old) for old in audience.retired]
    sk = f"{_PREFIX}{audience.id}"
    return AudienceItem(audience.account, sk, body=body, rev=audience.rev, written_by=new_ulid())


def _read(item: AudienceItem) -> Audience:
    body = dict(item.body)
    building = body.pop("building", None)
    retired = tuple(Retired(**old) for old in body.pop("retired", None) or ())
    return Audience(
        account=item.pk,
        id=item.sk.removeprefix(_PREFIX),
        rev=int(item.rev),
        building=Building(**{**building, "place": Place(**building["place"])}) if building else None,
        retired=retired,
        **body,
    )
