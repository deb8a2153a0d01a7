"""Restore all tables of a stage to one moment, beside the tables that there are.

    .venv/bin/python scripts/restore.py --stage prod --at 2026-11-29T03:00:00Z --prefix todoku-prod-restored-

Nothing that exists is changed. A restored table has neither point-in-time recovery nor expiry nor protection
against deletion, so each is given what its source has. Cut off, the same call goes on. How to put the stage
on the restored tables: docs/operations/restore.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from chalicelib.shared.settings import TABLES, Settings  # noqa: E402 (needs the path above)
from chalicelib.shared.times import parse_iso  # noqa: E402


def restore(dynamodb: Any, names: Mapping[str, str], at: datetime | None) -> None:
    """Restore each table (key) under another name (value), to ``at`` or to the latest moment there is."""
    point: dict[str, Any] = {"RestoreDateTime": at} if at else {"UseLatestRestorableTime": True}
    for source, target in names.items():
        try:
            dynamodb.restore_table_to_point_in_time(
                SourceTableName=source,
                TargetTableName=target,
                BillingModeOverride="PAY_PER_REQUEST",
                **point,
            )
            print(f"Restoring {source} as {target}", flush=True)
        except (dynamodb.exceptions.TableAlreadyExistsException, dynamodb.exceptions.ResourceInUseException):
            print(f"{target} is there already", flush=True)
    for source, target in names.items():
        dynamodb.get_waiter("table_exists").wait(
            TableName=target, WaiterConfig={"Delay": 10, "MaxAttempts": 2000}
        )
        protect(dynamodb, source, target)
        print(f"{target} is there", flush=True)


def protect(dynamodb: Any, source: str, target: str) -> None:
    """Give a restored table what a restore leaves out."""
    dynamodb.update_continuous_backups(
        TableName=target, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    dynamodb.update_table(TableName=target, DeletionProtectionEnabled=True)
    expiry = dynamodb.describe_time_to_live(TableName=source)["TimeToLiveDescription"]
    has = dynamodb.describe_time_to_live(TableName=target)["TimeToLiveDescription"]
    if "AttributeName" in expiry and "AttributeName" not in has:
        dynamodb.update_time_to_live(
            TableName=target,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": expiry["AttributeName"]},
        )


def main(arguments: list[str] | None = None) -> int:
    """Restore every table of a stage."""
    parser = argparse.ArgumentParser(prog="scripts/restore.py")
    parser.add_argument("--stage", required=True)
    parser.add_argument(
        "--from-prefix",
        default=Settings.tables_prefix,
        help="of the tables in use, if they are restored ones themselves",
    )
    parser.add_argument("--prefix", required=True, help="what the names of the restored tables begin with")
    parser.add_argument("--at", type=parse_iso, help="ISO 8601 with its zone; without it the latest moment")
    options = parser.parse_args(arguments)
    source = Settings(stage=options.stage, tables_prefix=options.from_prefix)
    target = Settings(stage=options.stage, tables_prefix=options.prefix)
    if source.table("") == target.table(""):
        parser.error("--prefix must differ from that of the tables in use")
    restore(boto3.client("dynamodb"), {source.table(n): target.table(n) for n in TABLES}, options.at)
    print(f'Put the stage on them: make deploy STAGE={options.stage} WITH="TablesPrefix={options.prefix}"')
    return 0


if __name__ == "__main__":
    sys.exit(main())
