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
QUEUES = ("inbox", "bulk", "shards", "sends", "due", "broadcast-tasks", "minute-tasks", "mirror")
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
    line_access_url: str = "https://access.line.me"
    line_liff_url: str = "https://liff.line.me"
    line_me_url: str = "https://line.me"
    liff_sdk_url: str = "https://static.line-scdn.net/liff/edge/2/sdk.js"
    line_timeout_s: float = 10.0
    channel_secret_s: float = 300.0
    tables_prefix: str = "todoku-{stage}-"
    public_url: str = "http://127.0.0.1:8000"
    media_url: str = ""
    media_days: int = 400
    timers_drain_early_s: int = 300
    timers_shards: int = 8
    task_timeout_s: int = 300
    sends_concurrency: int = 16
    line_rate_share: float = 0.95
    audit_days: int = 400
    lean_calls: int = 1
    mirror: int = 1
    life: str = "-"
    log_level: str = "INFO"

    def table(self, name: str) -> str:
        """The DynamoDB table of a name in ``TABLES``."""
        return self.tables_prefix.replace("{stage}", self.stage) + name

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
    def media_origin(self) -> str:
        """Where files for messages are read, without a slash at the end."""
        return self.media_url or self.public_url

    def function(self, name: str) -> str:
        """The Lambda function that others invoke by its short name."""
        return f"todoku-{self.stage}-{name}"

    @property
    def bucket(self) -> str:
        """The S3 bucket for uploads, exports and message content."""
        return f"todoku-{self.stage}-{self.aws_account_id}-objects"

    def secret_name(self, account_id: str) -> str:
        """The SSM parameter with an account's LINE credentials."""
        return f"/todoku/{self.stage}/{account_id}/line"


_BELOW = {
    "line_data_url": "",
    "line_access_url": "",
    "line_me_url": "",
    "line_liff_url": "/liff",
    "liff_sdk_url": "/liff-sdk.js",
}
"""Where another LINE has what LINE has at addresses of their own."""


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
    if "line_api_url" in values:
        for other, below in _BELOW.items():
            values.setdefault(other, f"{values['line_api_url']}{below}")
    values.setdefault("region", env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or Settings.region)
    return Settings(**values)  # type: ignore[arg-type]


def work_in_account(aws_account_id: str) -> None:
    """Let this process, before anything of the rooms is imported, be of this AWS account (operators)."""
    os.environ["TODOKU_AWS_ACCOUNT_ID"] = aws_account_id
    settings.cache_clear()


@functools.cache
def settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)
