"""Sessions and sign-in codes: ``#sessions`` / ``SESSION#<hash>`` and ``CODE#<hash>`` in ``control``."""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.gateways.control import ControlItem
from chalicelib.shared.times import iso

_SESSIONS = "#sessions"
_USED = "-"


class SessionItem(ControlItem):
    """``key``: the hash of its API key. ``ends_at``: when it is refused."""

    key = UnicodeAttribute()
    ends_at = UnicodeAttribute()
    expires_at = NumberAttribute()


def find_session(token_hash: str, now: datetime) -> str | None:
    """The hash of the key behind a session that is not over, or None. Consistent: an ended one is refused."""
    try:
        item = SessionItem.get(_SESSIONS, f"SESSION#{token_hash}", consistent_read=True)
    except SessionItem.DoesNotExist:
        return None
    return str(item.key) if item.ends_at > iso(now) else None


def put_session(token_hash: str, key_hash: str, ends_at: datetime) -> None:
    """Keep a session."""
    _item(f"SESSION#{token_hash}", key_hash, ends_at).save()


def delete_session(token_hash: str) -> None:
    """Forget a session."""
    SessionItem(_SESSIONS, f"SESSION#{token_hash}").delete()


def put_code(code_hash: str, key_hash: str, ends_at: datetime) -> None:
    """Keep a sign-in code, unless it was kept before: a code that was used does not come back."""
    _item(f"CODE#{code_hash}", key_hash, ends_at).save_if(SessionItem.key.does_not_exist())


def take_code(code_hash: str, now: datetime) -> str | None:
    """The hash of the key behind a code that is not over; who takes it first uses it up."""
    try:
        item = SessionItem.get(_SESSIONS, f"CODE#{code_hash}", consistent_read=True)
    except SessionItem.DoesNotExist:
        return None
    found = str(item.key)
    is_first = item.update_if([SessionItem.key.set(_USED)], SessionItem.key == found)
    return found if is_first and found != _USED and item.ends_at > iso(now) else None


def _item(sort: str, key_hash: str, ends_at: datetime) -> SessionItem:
    return SessionItem(
        _SESSIONS, sort, key=key_hash, ends_at=iso(ends_at), expires_at=int(ends_at.timestamp())
    )
