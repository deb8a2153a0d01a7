"""Benchmarks: `python -m benchmarks.<name>`. All run against emulators, never against anybody's AWS."""

import os

os.environ.update(
    AWS_ACCESS_KEY_ID="bench",
    AWS_SECRET_ACCESS_KEY="bench",
    AWS_DEFAULT_REGION="ap-northeast-1",
    TODOKU_STAGE="test",
    TODOKU_LEAN_CALLS="0",
    TODOKU_LOG_LEVEL="ERROR",
    POWERTOOLS_TRACE_DISABLED="true",
    TZ="UTC",
)
