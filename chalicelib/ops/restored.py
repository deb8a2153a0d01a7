"""After a restore, and at any time: is every table there as the stage needs it, and does every account have
its credentials?
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.gateways import aws
from chalicelib.ops.doctor import doctor
from chalicelib.shared.errors import NotFound
from chalicelib.shared.settings import TABLES, settings

EXPIRING = frozenset({"activities", "control", "timers", "metrics"})
"""Tables whose items expire by ``expires_at``; a restored table needs that setting again."""


def restore_check() -> dict[str, Any]:
    """Tables, credentials, and the doctor's invariants."""
    problems = [problem for name in TABLES for problem in _table(name)]
    problems += list(_credentials()) if not problems else []
    found: dict[str, Any] = doctor() if not problems else {"ok": False, "problems": []}
    report = problems + list(found["problems"])
    return {
        "ok": not report,
        "problems": report,
        "checked": {"tables": len(TABLES), **found.get("checked", {})},
    }


def _table(name: str) -> Iterator[dict[str, Any]]:
    dynamodb, table = aws.client("dynamodb"), settings().table(name)
    try:
        found = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        yield {"kind": "table_missing", "table": table, "what": "there is no such table"}
        return
    if found["TableStatus"] != "ACTIVE":
        yield {"kind": "table_not_active", "table": table, "what": f"it is {found['TableStatus']}"}
    if not found.get("DeletionProtectionEnabled"):
        yield {"kind": "table_unprotected", "table": table, "what": "deletion protection is off"}
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    if backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] != "ENABLED":
        yield {"kind": "table_not_recoverable", "table": table, "what": "point-in-time recovery is off"}
    expiry = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if name in EXPIRING and expiry.get("AttributeName") != "expires_at":
        yield {"kind": "table_keeps_all", "table": table, "what": "items do not expire (expires_at)"}


def _credentials() -> Iterator[dict[str, Any]]:
    for account in accounts.list_accounts():
        try:
            accounts.line_credentials(account.id)
        except NotFound:
            what = "it has no credentials in the secret store: put the account again"
            yield {"kind": "account_without_credentials", "account": account.id, "what": what}
