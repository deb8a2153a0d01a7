"""Lines of the audit log: ``<account>`` (or ``#installation``) / ``AUDIT#<at>#<ulid>`` in ``control``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.gateways.control import ControlItem

_PREFIX, _BEYOND = "AUDIT#", "AUDIT$"
_PLAIN = ("at", "who", "who_name", "action", "target", "outcome", "status", "request_id")
_VALUES = ("before", "after")


class AuditItem(ControlItem):
    """One line; ``before`` and ``after`` are JSON."""

    at = UnicodeAttribute()
    who = UnicodeAttribute()
    who_name = UnicodeAttribute(null=True)
    action = UnicodeAttribute()
    target = UnicodeAttribute()
    outcome = UnicodeAttribute(null=True)
    status = NumberAttribute(null=True)
    request_id = UnicodeAttribute(null=True)
    before = UnicodeAttribute(null=True)
    after = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)


def put(partition: str, sort: str, fields: dict[str, Any]) -> None:
    """Write a line, whole."""
    AuditItem(partition, f"{_PREFIX}{sort}", **_packed(fields)).save()


def complete(partition: str, sort: str, fields: dict[str, Any]) -> None:
    """Say of a line that is there what came of it."""
    actions = [getattr(AuditItem, name).set(value) for name, value in _packed(fields).items()]
    AuditItem(partition, f"{_PREFIX}{sort}").update(actions, condition=AuditItem.at.exists())


def newest(
    partition: str, since: str | None, until: str | None, page: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """``(position, line)`` from the newest on, between two positions (or times), read by pages as needed."""
    lower = f"{_PREFIX}{since}" if since else _PREFIX
    upper = f"{_PREFIX}{until}" if until else _BEYOND
    if lower > upper:
        return
    items = AuditItem.query(
        partition,
        AuditItem.sk.between(lower, upper),
        scan_index_forward=False,
        page_size=page,
        consistent_read=True,
    )
    for item in items:
        yield item.sk.removeprefix(_PREFIX), _line(item)


def _packed(fields: dict[str, Any]) -> dict[str, Any]:
    texts = {n: json.dumps(fields[n], ensure_ascii=False) for n in _VALUES if fields.get(n) is not None}
    return {name: value for name, value in fields.items() if name not in _VALUES} | texts


def _line(item: AuditItem) -> dict[str, Any]:
    line = {name: getattr(item, name) for name in _PLAIN}
    if line["status"] is not None:
        line["status"] = int(line["status"])
    values = {name: json.loads(text) for name in _VALUES if (text := getattr(item, name)) is not None}
    return line | values
