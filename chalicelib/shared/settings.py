"""Settings: ``TODOKU_*`` environment variables, typed, read once. The only reader of ``os.environ``."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TABLES = (
    "friends",
    "activities",
    "catalog",
    "control",
    "broadcasts",
    "ledger",
    "enrollments",
    "timers",
    "members",
    "metrics",
)
QUEUES = ("inbox", "bulk", "shards", "sends", "due", "broadcast-tasks", "minute-tasks")
FIFO_QUEUES = ("inbox",)
MACHINES = ("broadcast", "minute")


@dataclass(frozen=True)
class Settings:
    """Every setting, with the name of its variable in docs/settings.md."""

    stage: str = "local"
    region: str = "ap-northeast-1"
    aws_account_id: str = "123456789012"
    line_api_url: str = "https://api.line.me"
    line_data_url: str = "https://api-data.line.me"
    line_timeout_s: float = 10.0
    public_url: str = "http://127.0.0.1:8000"
    timers_drain_early_s: int = 300
    timers_shards: int = 8
    task_timeout_s: int = 300
    life: str = "-"
    log_level: str = "INFO"

    def table(self, name: str) -> str:
        """The DynamoDB table of a name in ``TABLES``."""
        return f"todoku-{self.stage}-{name}"

    def queue(self, name: str) -> str:
        """The SQS queue of a name in ``QUEUES``."""
        return f"todoku-{self.stage}-{name}" + (".fifo" if name in FIFO_QUEUES else "")

    def dead_letters(self, name: str) -> str:
        """The dead-letter queue of a name in ``QUEUES``."""
        return f"todoku-{self.stage}-{name}-dlq" + (".fifo" if name in FIFO_QUEUES else "")

    def machine_arn(self, name: str) -> str:
        """The state machine of a name in ``MACHINES``."""
        return f"arn:aws:states:{self.region}:{self.aws_account_id}:stateMachine:todoku-{self.stage}-{name}"

    @property
    def is_local(self) -> bool:
        """Whether this is a laptop or a test: outgoing calls may then reach private addresses."""
        return self.stage in {"local", "test"}

    @property
    def bucket(self) -> str:
        """The S3 bucket for uploads, exports and message content."""
        return f"todoku-{self.stage}-{self.aws_account_id}-objects"

    def secret_name(self, account_id: str) -> str:
        """The SSM parameter with an account's LINE credentials."""
        return f"/todoku/{self.stage}/{account_id}/line"


def read_settings(env: Mapping[str, str]) -> Settings:
    """Settings from an environment. Raises ValueError naming the variable that is wrong."""
    values: dict[str, object] = {}
    for field in Settings.__dataclass_fields__.values():
        raw = env.get(f"TODOKU_{field.name.upper()}")
        if raw is None and field.name.endswith("_s"):
            raw = env.get(f"TODOKU_{field.name[:-2].upper()}")
        if raw is None or raw == "":
            continue
        kind: Any = type(field.default)
        try:
            values[field.name] = kind(raw)
        except ValueError as error:
            raise ValueError(f"TODOKU_{field.name.upper()}={raw!r} is not a {kind.__name__}") from error
    if "line_api_url" in values and "line_data_url" not in values:
        values["line_data_url"] = values["line_api_url"]
    values.setdefault("region", env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or Settings.region)
    return Settings(**values)  # type: ignore[arg-type]


@functools.cache
def settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)
