"""Which menu one friend sees, and would see after a publication; how each menu was decided."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.richmenus import plan, shown
from chalicelib.richmenus.shown import Rule
from chalicelib.shared.times import iso


def seen(account: Account, sheet: Sheet) -> dict[str, Any]:
    """``{"user_id", "published", "planned", "switched", "until", "menus": [{"id", "is_open", "holds"}]}``."""
    snapshot, now = catalog.snapshot(account.id), clock.now()
    is_gone = sheet["status"] in shown.GONE
    published, planned = shown.in_force(snapshot, account.zone), plan.to_be(account, snapshot)
    switched = shown.switched_to(sheet, iso(now))
    return {
        "user_id": sheet["user_id"],
        "published": None if is_gone else published.menu(sheet, now),
        "planned": None if is_gone else planned.menu(sheet, now),
        "switched": switched,
        "until": sheet[shown.FIELD].get("until") if switched else None,
        "menus": [_asked(rule, sheet, now) for rule in planned.rules],
    }


def _asked(rule: Rule, sheet: Sheet, now: datetime) -> dict[str, Any]:
    holds = rule.condition is None or bool(rule.condition(sheet, now))
    return {"id": rule.menu, "is_open": rule.is_open(iso(now)), "holds": holds}
