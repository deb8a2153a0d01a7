"""Control items of the installation: how far each data migration is."""

from __future__ import annotations

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.gateways.control import INSTALLATION, ControlItem

_MIGRATION = "MIGRATION#"


class MigrationItem(ControlItem):
    """``#installation`` / ``MIGRATION#<number>``: a migration that has begun."""

    name = UnicodeAttribute()
    seen = NumberAttribute()
    changed = NumberAttribute()
    position = UnicodeAttribute(null=True)
    done_at = UnicodeAttribute(null=True)


def migrations() -> dict[int, MigrationItem]:
    """Every migration that has begun, by number. Consistent."""
    found = MigrationItem.query(INSTALLATION, MigrationItem.sk.startswith(_MIGRATION), consistent_read=True)
    return {int(item.sk.removeprefix(_MIGRATION)): item for item in found}


def migration(number: int, name: str) -> MigrationItem:
    """A migration that has not begun; it is kept by its ``save``."""
    return MigrationItem(INSTALLATION, f"{_MIGRATION}{number:04d}", name=name, seen=0, changed=0)
