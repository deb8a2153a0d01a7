"""What other rooms may ask of rules."""

from __future__ import annotations

from typing import Any

from chalicelib.catalog import sealing
from chalicelib.catalog.service import snapshot
from chalicelib.gateways import secrets
from chalicelib.rules.documents import warn
from chalicelib.shared.errors import Detail, warned
from chalicelib.shared.reasons import Reason


def state_of(account_id: str, rule: str) -> dict[str, Any]:
    """Whether a rule is in force and what its author should know. Raises NotFound."""
    catalog = snapshot(account_id)
    body = catalog.get("rules", rule).body
    missing = [
        Detail("", Reason("rule_secret_gone"))
        for name in sealing.references(body.get("then"))
        if secrets.find_secret(account_id, name) is None
    ]
    return {"enabled": body.get("enabled", True), "warnings": [], **warned([*warn(rule, catalog), *missing])}
