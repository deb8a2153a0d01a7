"""API keys: ``#keys`` / ``KEY#<sha256 of the key>`` in ``control``."""

from __future__ import annotations

from datetime import datetime, timedelta

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.accounts.model import ApiKey
from chalicelib.gateways.control import ControlItem
from chalicelib.shared.times import iso

_KEYS = "#keys"
_KEPT = timedelta(days=7)
"""After its end, so that who was refused with it can be found."""


class KeyItem(ControlItem):
    """One text of a key. ``ends_at``: when it is refused; ``expires_at``: when DynamoDB forgets it."""

    id = UnicodeAttribute()
    name = UnicodeAttribute()
    role = UnicodeAttribute()
    account = UnicodeAttribute(null=True)
    created_at = UnicodeAttribute()
    created_by = UnicodeAttribute()
    last_used_at = UnicodeAttribute(null=True)
    ends_at = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)


def find_key(key_hash: str) -> ApiKey | None:
    """The key with this hash, or None. Consistent: a deleted key is refused at once."""
    try:
        return _key(KeyItem.get(_KEYS, f"KEY#{key_hash}", consistent_read=True))
    except KeyItem.DoesNotExist:
        return None


def list_keys() -> list[ApiKey]:
    """Every text of every key of the installation."""
    return [_key(item) for item in KeyItem.query(_KEYS, KeyItem.sk.startswith("KEY#"), consistent_read=True)]


def put_key(key: ApiKey) -> None:
    """Keep a key."""
    fields = {n: getattr(key, n) for n in ("id", "name", "role", "account", "created_at", "created_by")}
    KeyItem(_KEYS, f"KEY#{key.hash}", **fields).save()


def end_key(key_hash: str, at: datetime) -> None:
    """Let a text be refused from a time on. One that is deleted meanwhile stays deleted."""
    forgotten = int((at + _KEPT).timestamp())
    _change(key_hash, ends_at=iso(at), expires_at=forgotten)


def note_use(key_hash: str, at: datetime) -> None:
    """Keep when a text was used. One that is deleted meanwhile stays deleted."""
    _change(key_hash, last_used_at=iso(at))


def _change(key_hash: str, **fields: str | int) -> None:
    actions = [getattr(KeyItem, name).set(value) for name, value in fields.items()]
    KeyItem(_KEYS, f"KEY#{key_hash}").update_if(actions, KeyItem.id.exists())


def delete_key(key_hash: str) -> None:
    """Forget a key."""
    KeyItem(_KEYS, f"KEY#{key_hash}").delete()


def _key(item: KeyItem) -> ApiKey:
    return ApiKey(
        id=item.id,
        name=item.name,
        role=item.role,  # type: ignore[arg-type]  # only roles are ever stored
        account=item.account,
        hash=item.sk.removeprefix("KEY#"),
        created_at=item.created_at,
        created_by=item.created_by,
        last_used_at=item.last_used_at,
        expires_at=item.ends_at,
    )
